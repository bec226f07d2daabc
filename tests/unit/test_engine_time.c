/* test_engine_time.c: the contract of engine.h about waiting: timers, wake, the clock, waiting
 * elsewhere.
 *
 * It runs in the same worlds as test_engine_contract.c. */
#include "engine_side.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MILLI_NS 1000000

/* ---- timers ---- */

struct alarm {
    struct timer timer;
    struct world *world;
    unsigned fired;
    unsigned order; /* 1: the first to fire */
};

static unsigned fired_so_far;

static void on_alarm(struct timer *timer, int64_t now_ns)
{
    struct alarm *alarm = list_item(timer, struct alarm, timer);
    assert_true(now_ns >= timer->deadline_ns);
    assert_true(now_ns <= alarm->world->engine->now_ns);
    alarm->fired++;
    alarm->order = ++fired_so_far;
}

static void set_alarm(struct alarm *alarm, struct world *world, int64_t in_ns)
{
    *alarm = (struct alarm){.timer.fire = on_alarm, .world = world};
    engine_timer_set(world->engine, &alarm->timer, world->engine->now_ns + in_ns);
}

static void fires_timers_in_order(struct world *world)
{
    struct alarm late, early, middle, never;
    fired_so_far = 0;
    step(world);
    set_alarm(&late, world, 9 * MILLI_NS);
    set_alarm(&early, world, 3 * MILLI_NS);
    set_alarm(&never, world, 4 * MILLI_NS);
    set_alarm(&middle, world, 6 * MILLI_NS);
    engine_timer_stop(world->engine, &never.timer);
    while (late.fired == 0)
        step_patiently(world);
    steps(world, 5);
    assert_int_equal(early.fired, 1);
    assert_int_equal(never.fired, 0);
    assert_int_equal(early.order, 1);
    assert_int_equal(middle.order, 2);
    assert_int_equal(late.order, 3);
}

static void fires_a_timer_of_the_past(struct world *world)
{
    struct alarm alarm;
    step(world);
    set_alarm(&alarm, world, -5 * MILLI_NS);
    step_patiently(world);
    assert_int_equal(alarm.fired, 1);
}

static struct alarm pause_alarm;

static void assert_in_time(struct side *side)
{
    (void)side;
    assert_int_equal(pause_alarm.fired, 0);
}

/* However late the pass runs: what arrived before the timer was due is told first. */
static void tells_what_arrived_before_a_timer(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    side.heard = assert_in_time;
    steps(world, 3);
    set_alarm(&pause_alarm, world, 30 * MILLI_NS);
    assert_int_equal(world->table->client_send(world, client, "just in time", 12), 12);
    for (int i = 0; i < 100 && pause_alarm.fired == 0; i++)
        step_patiently(world);
    assert_int_equal(pause_alarm.fired, 1);
    assert_int_equal(side.bytes.size, 12);
    side_close(&side);
}

/* ---- wake, clock, chance ---- */

static void is_woken_beforehand(struct world *world)
{
    for (int i = 0; i < 20; i++) {
        for (int wakes = 0; wakes <= i % 3; wakes++)
            engine_wake(world->engine);
        step_patiently(world);
        step(world);
    }
}

/* Who was told something may have something to do: a pass that told does not sleep on it. */
static void does_not_sleep_on_news(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    steps(world, 5);
    side_cancel(&side, &side.receive.op);
    while (side.endings == 0)
        step_patiently(world);
    client_says(world, client, "hello", 5);
    side_receive(&side);
    while (side.bytes.size == 0)
        step_patiently(world);
    side_close(&side);
}

static void *wake_from_afar(void *engine)
{
    engine_wake(engine);
    return NULL;
}

static void is_woken_by_another_thread(struct world *world)
{
    if (!world->table->threads)
        return;
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake_from_afar, world->engine), 0);
        step_patiently(world);
        pthread_join(thread, NULL);
        step(world);
    }
}

/* However long an engine polls before it sleeps: timers, wakes and clients end it all the same. */
static void is_as_good_when_it_spins(struct world *world)
{
    world->engine->spin_ns = 3600 * (int64_t)1000 * MILLI_NS;
    fires_timers_in_order(world);
    tells_what_arrived_before_a_timer(world);
    is_woken_beforehand(world);
    does_not_sleep_on_news(world);
    is_woken_by_another_thread(world);
}

static void tells_the_time(struct world *world)
{
    int64_t wall_us = engine_wall_us(world->engine), now_ns = world->engine->now_ns;
    assert_true(wall_us > 0);
    steps(world, 3);
    assert_true(world->engine->now_ns >= now_ns);
    uint64_t chance = engine_random(world->engine);
    assert_true(engine_random(world->engine) != chance);
}

/* ---- waiting elsewhere ---- */

static bool patient(const struct world *world)
{
    return world->engine->table->patience;
}

/* Nothing is to be done, and nobody is told that there is. */
static void assert_quiet(struct world *world)
{
    struct pollfd descriptor = {.fd = engine_descriptor(world->engine), .events = POLLIN};
    assert_int_equal(engine_patience(world->engine), -1);
    if (descriptor.fd >= 0)
        assert_int_equal(poll(&descriptor, 1, 0), 0);
}

/* As somebody's own loop does: passes while there is anything to do now. */
static void settle(struct world *world)
{
    struct pollfd descriptor = {.fd = engine_descriptor(world->engine), .events = POLLIN};
    for (unsigned tries = 0;
         engine_patience(world->engine) == 0 || (descriptor.fd >= 0 && poll(&descriptor, 1, 0) > 0);
         tries++) {
        assert_true(tries < STEPS_MAX);
        assert_int_equal(engine_pass(world->engine, 0), 0);
    }
}

static void is_patient_until_the_next_timer(struct world *world)
{
    struct alarm near, far;
    if (!patient(world))
        return;
    settle(world);
    assert_quiet(world);
    set_alarm(&far, world, 1000000 * (int64_t)MILLI_NS);
    assert_true(engine_patience(world->engine) > 900000 * (int64_t)MILLI_NS);
    assert_true(engine_patience(world->engine) <= 1000000 * (int64_t)MILLI_NS);
    set_alarm(&near, world, -MILLI_NS);
    assert_int_equal(engine_patience(world->engine), 0);
    settle(world);
    assert_int_equal(near.fired, 1);
    assert_true(engine_patience(world->engine) > 900000 * (int64_t)MILLI_NS);
    engine_timer_stop(world->engine, &far.timer);
    assert_quiet(world);
}

static void is_impatient_with_what_is_due(struct world *world)
{
    struct side side;
    if (!patient(world))
        return;
    side_open(&side, world);
    settle(world);
    side_cancel(&side, &side.receive.op);
    assert_int_equal(engine_patience(world->engine), 0);
    settle(world);
    assert_int_equal(side.endings, 1);
    side_close(&side);
}

static void is_quiet_when_all_is_done(struct world *world)
{
    struct side side;
    if (!patient(world))
        return;
    int client = side_open(&side, world);
    uint8_t *said = noise(1000000);
    client_says(world, client, said, 1000000);
    UNTIL(world, side.bytes.size == 1000000);
    side_send(&side, "thank you", 9);
    client_hears(world, client, "thank you", 9);
    steps(world, 10);
    settle(world);
    assert_quiet(world);
    engine_wake(world->engine);
    engine_wake(world->engine);
    steps(world, 2);
    assert_quiet(world);
    world->table->client_close(world, client);
    UNTIL(world, side.endings == 1);
    settle(world);
    assert_quiet(world);
    side_close(&side);
    free(said);
}

static void assert_readable(struct world *world)
{
    struct pollfd descriptor = {.fd = engine_descriptor(world->engine), .events = POLLIN};
    assert_int_equal(poll(&descriptor, 1, 10000), 1);
}

/* A wake is not lost between asking for patience and waiting; the descriptor stays readable until
 * the pass that sees it. */
static void tells_of_a_wake_elsewhere(struct world *world)
{
    if (!patient(world) || engine_descriptor(world->engine) < 0)
        return;
    settle(world);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wake_from_afar, world->engine), 0);
        assert_readable(world);
        pthread_join(thread, NULL);
        assert_readable(world);
        assert_int_equal(engine_pass(world->engine, 0), 0);
        assert_quiet(world);
    }
}

static const struct contract contracts[] = {
    CONTRACT(fires_timers_in_order),
    CONTRACT(fires_a_timer_of_the_past),
    CONTRACT(tells_what_arrived_before_a_timer),
    CONTRACT(is_woken_beforehand),
    CONTRACT(does_not_sleep_on_news),
    CONTRACT(is_woken_by_another_thread),
    CONTRACT(is_as_good_when_it_spins),
    CONTRACT(tells_the_time),
    CONTRACT(is_patient_until_the_next_timer),
    CONTRACT(is_impatient_with_what_is_due),
    CONTRACT(is_quiet_when_all_is_done),
    CONTRACT(tells_of_a_wake_elsewhere),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
