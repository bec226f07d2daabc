/* Deadlines fire in order, stopped ones never; held against a plain array. */
#include "base/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 200

/* What fired, in order, and what firing does besides. */
static struct timer *fired[4 * COUNT];
static unsigned fired_count;
static struct timers heap;

static void note(struct timer *timer, int64_t now_ns)
{
    assert_false(timer_is_set(timer));
    assert_true(timer->deadline_ns <= now_ns);
    assert_true(fired_count < sizeof(fired) / sizeof(fired[0]));
    fired[fired_count++] = timer;
}

static int begin(void **state)
{
    (void)state;
    memset(&heap, 0, sizeof(heap));
    fired_count = 0;
    return 0;
}

static void an_empty_heap_has_no_deadline(void **state)
{
    (void)state;
    assert_true(timers_next(&heap) == INT64_MAX);
    assert_int_equal(timers_run(&heap, INT64_MAX), 0);
}

static void the_earliest_fires_first(void **state)
{
    (void)state;
    struct timer timers[4] = {{.fire = note}, {.fire = note}, {.fire = note}, {.fire = note}};
    static const int64_t deadlines[] = {30, 10, 40, 20};
    for (int i = 0; i < 4; i++)
        timer_set(&heap, &timers[i], deadlines[i]);
    assert_int_equal(timers_next(&heap), 10);
    assert_int_equal(timers_run(&heap, 9), 0);
    assert_int_equal(timers_run(&heap, 30), 3);
    assert_ptr_equal(fired[0], &timers[1]);
    assert_ptr_equal(fired[1], &timers[3]);
    assert_ptr_equal(fired[2], &timers[0]);
    assert_int_equal(timers_next(&heap), 40);
    timer_stop(&heap, &timers[2]);
    timer_stop(&heap, &timers[2]);
    assert_false(timer_is_set(&timers[2]));
    assert_int_equal(timers_run(&heap, 100), 0);
}

static void setting_anew_moves_the_deadline(void **state)
{
    (void)state;
    struct timer timer = {.fire = note};
    struct timer other = {.fire = note};
    timer_set(&heap, &timer, 10);
    timer_set(&heap, &other, 20);
    timer_set(&heap, &timer, 30);
    assert_int_equal(timers_next(&heap), 20);
    timer_set(&heap, &timer, 5);
    assert_int_equal(timers_next(&heap), 5);
    assert_int_equal(timers_run(&heap, 100), 2);
}

/* ---- from within a fire ---- */

static struct timer *victim;
static int64_t set_to;

static void set_itself_again(struct timer *timer, int64_t now_ns)
{
    note(timer, now_ns);
    timer_set(&heap, timer, set_to);
}

static void stop_another(struct timer *timer, int64_t now_ns)
{
    note(timer, now_ns);
    timer_stop(&heap, victim);
}

static void set_another(struct timer *timer, int64_t now_ns)
{
    note(timer, now_ns);
    timer_set(&heap, victim, set_to);
}

static void a_timer_set_for_now_waits_for_the_next_call(void **state)
{
    (void)state;
    struct timer timer = {.fire = set_itself_again};
    set_to = 10;
    timer_set(&heap, &timer, 10);
    for (unsigned call = 1; call <= 3; call++) {
        assert_int_equal(timers_run(&heap, 10), 1);
        assert_true(timer_is_set(&timer));
        assert_int_equal(timers_next(&heap), 10);
    }
    timer_stop(&heap, &timer);
    assert_true(timers_next(&heap) == INT64_MAX);
}

static void a_timer_stopped_by_another_does_not_fire(void **state)
{
    (void)state;
    struct timer first = {.fire = stop_another};
    struct timer second = {.fire = note};
    victim = &second;
    timer_set(&heap, &first, 10);
    timer_set(&heap, &second, 10);
    timer_set(&heap, &first, 9);
    assert_int_equal(timers_run(&heap, 100), 1);
    assert_false(timer_is_set(&second));
}

/* A due timer that is set anew while its elders fire leaves the run, whether for later or for now.
 */
static void a_due_timer_set_anew_waits(void **state)
{
    (void)state;
    static const int64_t times[] = {5, 1000};
    for (int i = 0; i < 2; i++) {
        struct timer first = {.fire = set_another};
        struct timer second = {.fire = note};
        victim = &second;
        set_to = times[i];
        timer_set(&heap, &first, 10);
        timer_set(&heap, &second, 11);
        assert_int_equal(timers_run(&heap, 100), 1);
        assert_int_equal(timers_next(&heap), times[i]);
        timer_stop(&heap, &second);
    }
}

static struct timer *late_one;

static void set_then_stop(struct timer *timer, int64_t now_ns)
{
    note(timer, now_ns);
    timer_set(&heap, victim, 1);
    timer_set(&heap, late_one, 2);
    timer_stop(&heap, victim);
}

static void a_waiting_timer_can_be_stopped(void **state)
{
    (void)state;
    struct timer first = {.fire = set_then_stop};
    struct timer second = {.fire = note};
    struct timer third = {.fire = note};
    victim = &second;
    late_one = &third;
    timer_set(&heap, &first, 10);
    assert_int_equal(timers_run(&heap, 10), 1);
    assert_false(timer_is_set(&second));
    assert_int_equal(timers_run(&heap, 10), 1);
    assert_ptr_equal(fired[1], &third);
}

/* ---- against a model ---- */

static int64_t earliest(const struct timer *timers)
{
    int64_t least = INT64_MAX;
    for (int i = 0; i < COUNT; i++)
        if (timer_is_set(&timers[i]) && timers[i].deadline_ns < least)
            least = timers[i].deadline_ns;
    return least;
}

static unsigned due(const struct timer *timers, int64_t now)
{
    unsigned count = 0;
    for (int i = 0; i < COUNT; i++)
        count += timer_is_set(&timers[i]) && timers[i].deadline_ns <= now;
    return count;
}

static void run_and_compare(const struct timer *timers, int64_t now)
{
    unsigned expected = due(timers, now);
    fired_count = 0;
    assert_int_equal(timers_run(&heap, now), expected);
    assert_int_equal(fired_count, expected);
    for (unsigned i = 1; i < fired_count; i++)
        assert_true(fired[i - 1]->deadline_ns <= fired[i]->deadline_ns);
    assert_int_equal(due(timers, now), 0);
}

static void random_work_agrees_with_the_model(void **state)
{
    (void)state;
    static struct timer timers[COUNT];
    unsigned seed = 42;
    int64_t now = 0;
    memset(timers, 0, sizeof(timers));
    for (int i = 0; i < COUNT; i++)
        timers[i].fire = note;
    for (int step = 0; step < 30000; step++) {
        struct timer *timer = &timers[rand_r(&seed) % COUNT];
        int choice = rand_r(&seed) % 100;
        if (choice < 65)
            timer_set(&heap, timer, now + rand_r(&seed) % 500);
        else if (choice < 90)
            timer_stop(&heap, timer);
        else
            run_and_compare(timers, now += rand_r(&seed) % 50);
        assert_true(timers_next(&heap) == earliest(timers));
    }
    run_and_compare(timers, INT64_MAX);
}

/* ---- many ---- */

#define MANY 1000000

static int64_t last_deadline;

static void in_order(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    assert_true(timer->deadline_ns >= last_deadline);
    last_deadline = timer->deadline_ns;
}

/* Set from the last to the first they are a chain a million deep, the other way a million siblings.
 */
static void a_million_timers_do_not_need_a_deep_stack(void **state)
{
    (void)state;
    struct timer *timers = calloc(MANY, sizeof(*timers));
    assert_non_null(timers);
    for (int backwards = 0; backwards < 2; backwards++) {
        last_deadline = 0;
        for (int i = 0; i < MANY; i++) {
            timers[i].fire = in_order;
            timer_set(&heap, &timers[i], backwards ? MANY - i : i);
        }
        for (int i = 0; i < MANY; i += 3)
            timer_stop(&heap, &timers[i]);
        assert_int_equal(timers_run(&heap, MANY), MANY - (MANY + 2) / 3);
    }
    free(timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_heap_has_no_deadline, begin),
        cmocka_unit_test_setup(the_earliest_fires_first, begin),
        cmocka_unit_test_setup(setting_anew_moves_the_deadline, begin),
        cmocka_unit_test_setup(a_timer_set_for_now_waits_for_the_next_call, begin),
        cmocka_unit_test_setup(a_timer_stopped_by_another_does_not_fire, begin),
        cmocka_unit_test_setup(a_due_timer_set_anew_waits, begin),
        cmocka_unit_test_setup(a_waiting_timer_can_be_stopped, begin),
        cmocka_unit_test_setup(random_work_agrees_with_the_model, begin),
        cmocka_unit_test_setup(a_million_timers_do_not_need_a_deep_stack, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
