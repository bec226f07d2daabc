/* Workers and the limits that they share: places and memory, exact over all of them. */
#include "serve/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 3
#define KIB     ((size_t)1024)

/* Workers with nothing but limits, and engines that only count how often they are woken. */
struct sleeper {
    struct engine engine;
    unsigned woken;
};

static void count_wake(struct engine *engine)
{
    ((struct sleeper *)(void *)engine)->woken++;
}

static const struct engine_table sleeper_table = {.name = "sleeper", .wake = count_wake};

struct office {
    gt_server server;
    struct worker *workers;
    struct sleeper sleepers[WORKERS];
    struct connection connections[WORKERS]; /* to be in a list of those who have said nothing */
};

static struct office *open_office(unsigned workers, unsigned places, size_t memory)
{
    struct office *office = calloc(1, sizeof *office);
    office->workers = aligned_alloc(CACHE_LINE, workers * sizeof *office->workers);
    office->server.crew.workers = office->workers;
    limits_open(&office->server.limits, workers, places, memory);
    for (unsigned i = 0; i < workers; i++) {
        office->sleepers[i].engine.table = &sleeper_table;
        assert_int_equal(worker_open(&office->workers[i], &office->server,
                                     &office->sleepers[i].engine, NULL, NULL),
                         0);
        office->workers[i].number = office->server.crew.size++;
        list_init(&office->connections[i].link);
    }
    return office;
}

static void close_office(struct office *office)
{
    for (unsigned i = 0; i < office->server.crew.size; i++) {
        worker_leave_limits(&office->workers[i]);
        office->workers[i].memory_bytes = 0;
        worker_leave_limits(&office->workers[i]);
        worker_close(&office->workers[i]);
    }
    assert_int_equal(atomic_load(&office->server.limits.memory_left),
                     office->server.limits.max_memory);
    assert_int_equal(atomic_load(&office->server.limits.memory_wanted), 0);
    assert_int_equal(atomic_load(&office->server.limits.hosts), 0);
    free(office->workers);
    free(office);
}

/* ---- places ---- */

static void places_are_those_of_all(void **state)
{
    (void)state;
    struct office *office = open_office(2, 3, KIB);
    assert_true(worker_take_place(&office->workers[0]));
    assert_true(worker_take_place(&office->workers[1]));
    assert_true(worker_take_place(&office->workers[0]));
    assert_false(worker_take_place(&office->workers[1]));
    assert_false(worker_take_place(&office->workers[0]));
    worker_give_place(&office->workers[0]);
    assert_int_equal(office->sleepers[1].woken, 0); /* nobody waits */
    assert_true(worker_take_place(&office->workers[1]));
    assert_false(worker_take_place(&office->workers[1]));
    close_office(office);
}

static void a_host_is_woken_when_a_place_is_given_back(void **state)
{
    (void)state;
    struct office *office = open_office(3, 1, KIB);
    assert_true(worker_take_place(&office->workers[0]));
    office->workers[1].guest_count = 1;
    worker_wait_for_place(&office->workers[1]);
    assert_int_equal(office->sleepers[0].woken, 1); /* perhaps somebody can give way */
    assert_int_equal(office->sleepers[2].woken, 1);
    assert_false(office->workers[1].more);
    worker_give_place(&office->workers[0]);
    assert_int_equal(office->sleepers[1].woken, 1);
    office->workers[1].guest_count = 0;
    worker_wait_for_place(&office->workers[1]);
    worker_give_place(&office->workers[0]);
    assert_int_equal(office->sleepers[1].woken, 1);
    close_office(office);
}

static void a_place_given_back_a_moment_before_is_seen(void **state)
{
    (void)state;
    struct office *office = open_office(2, 1, KIB);
    office->workers[1].guest_count = 1;
    worker_wait_for_place(&office->workers[1]);
    assert_true(office->workers[1].more);
    close_office(office);
}

static void one_gives_way_for_one_guest(void **state)
{
    (void)state;
    struct office *office = open_office(3, 1, KIB);
    assert_true(worker_take_place(&office->workers[0]));
    list_append(&office->workers[0].fresh, &office->connections[0].link);
    assert_false(worker_gives_way(&office->workers[0])); /* nobody wants a place */
    office->workers[1].guest_count = 1;
    worker_wait_for_place(&office->workers[1]);
    assert_false(worker_gives_way(&office->workers[2])); /* it has nobody */
    assert_true(worker_gives_way(&office->workers[0]));
    assert_false(worker_gives_way(&office->workers[0]));
    worker_wait_for_place(&office->workers[1]); /* somebody else has taken it: once more */
    assert_true(worker_gives_way(&office->workers[0]));
    worker_wait_for_place(&office->workers[1]);
    office->workers[1].guest_count = 0; /* let in, while somebody was still asked to give way */
    worker_wait_for_place(&office->workers[1]);
    assert_false(worker_gives_way(&office->workers[0]));
    unsigned woken = office->sleepers[0].woken;
    office->workers[1].guest_count = 1; /* another one: the others are to know again */
    worker_wait_for_place(&office->workers[1]);
    assert_int_equal(office->sleepers[0].woken, woken + 1);
    list_append(&office->workers[1].fresh, &office->connections[1].link);
    assert_false(worker_gives_way(&office->workers[1])); /* not for its own guest */
    list_remove(&office->connections[1].link);
    list_remove(&office->connections[0].link);
    close_office(office);
}

static void a_worker_alone_knows_when_it_is_full(void **state)
{
    (void)state;
    struct office *office = open_office(1, 1, KIB);
    assert_false(worker_full(&office->workers[0]));
    assert_true(worker_take_place(&office->workers[0]));
    office->workers[0].connection_count = 1;
    assert_true(worker_full(&office->workers[0]));
    list_append(&office->workers[0].fresh, &office->connections[0].link);
    assert_false(worker_full(&office->workers[0]));
    list_remove(&office->connections[0].link);
    close_office(office);
}

#define ROUNDS 20000

static atomic_uint inside, most_inside;

static void *come_and_go(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < ROUNDS; i++) {
        if (!worker_take_place(worker))
            continue;
        unsigned now = atomic_fetch_add(&inside, 1) + 1;
        unsigned most = atomic_load(&most_inside);
        while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
            ;
        atomic_fetch_sub(&inside, 1);
        worker_give_place(worker);
    }
    return NULL;
}

static void places_are_exact_between_threads(void **state)
{
    (void)state;
    struct office *office = open_office(WORKERS, 2, KIB);
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, come_and_go, &office->workers[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(atomic_load(&most_inside), 1, 2);
    assert_int_equal(atomic_load(&office->server.limits.connections), 0);
    close_office(office);
}

/* ---- memory ---- */

static void a_worker_alone_has_all_of_it(void **state)
{
    (void)state;
    struct office *office = open_office(1, 1, 1000 * KIB);
    struct worker *worker = &office->workers[0];
    worker->memory_bytes = 1000 * KIB;
    assert_false(worker_lacks_room(worker));
    assert_true(worker_settle_memory(worker) >= 1000 * KIB);
    worker->memory_bytes++;
    assert_true(worker_lacks_room(worker));
    assert_int_equal(worker_settle_memory(worker), 1000 * KIB);
    close_office(office);
}

static void one_may_use_what_the_others_do_not(void **state)
{
    (void)state;
    struct office *office = open_office(3, 1, 1000 * KIB);
    office->workers[1].memory_bytes = 100 * KIB;
    assert_false(worker_lacks_room(&office->workers[1]));
    office->workers[0].memory_bytes = 700 * KIB;
    assert_false(worker_lacks_room(&office->workers[0]));
    assert_true(worker_settle_memory(&office->workers[0]) >= 700 * KIB);
    close_office(office);
}

/* What is granted to all together is never more than there is. */
static size_t granted(const struct office *office)
{
    size_t sum = 0;
    for (unsigned i = 0; i < office->server.crew.size; i++)
        sum += office->workers[i].memory_granted;
    assert_int_equal(sum + atomic_load(&office->server.limits.memory_left),
                     office->server.limits.max_memory);
    return sum;
}

static void who_has_more_than_a_share_lets_go(void **state)
{
    (void)state;
    struct office *office = open_office(2, 1, 1000 * KIB);
    struct worker *rich = &office->workers[0], *poor = &office->workers[1];
    rich->memory_bytes = 990 * KIB;
    assert_false(worker_lacks_room(rich));
    poor->memory_bytes = 100 * KIB;
    assert_true(worker_lacks_room(poor));
    assert_true(worker_settle_memory(poor) >= 100 * KIB); /* it is within its share: it waits */
    assert_int_equal(office->sleepers[0].woken, 1);
    while (worker_settle_memory(rich) >= rich->memory_bytes) /* first gives what it does not use */
        assert_true(worker_lacks_room(poor));
    rich->memory_bytes -= 200 * KIB; /* a connection of it has ended */
    worker_offer_memory(rich);
    assert_true(office->sleepers[1].woken > 0);
    assert_false(worker_lacks_room(poor));
    assert_true(worker_settle_memory(poor) >= poor->memory_bytes);
    assert_true(worker_settle_memory(rich) >= rich->memory_bytes); /* nobody wants any more */
    assert_true(granted(office) <= 1000 * KIB);
    close_office(office);
}

static void who_has_too_much_and_finds_nothing_left_lets_go_itself(void **state)
{
    (void)state;
    struct office *office = open_office(2, 1, 1000 * KIB);
    office->workers[1].memory_bytes = 400 * KIB;
    assert_false(worker_lacks_room(&office->workers[1]));
    office->workers[0].memory_bytes = 700 * KIB;
    assert_true(worker_lacks_room(&office->workers[0]));
    size_t most = worker_settle_memory(&office->workers[0]);
    assert_in_range(most, 500 * KIB, 600 * KIB);
    close_office(office);
}

static void the_unused_is_given_back(void **state)
{
    (void)state;
    struct office *office = open_office(2, 1, 1000 * KIB);
    office->workers[0].memory_bytes = 900 * KIB;
    assert_false(worker_lacks_room(&office->workers[0]));
    office->workers[0].memory_bytes = 10 * KIB;
    worker_settle_memory(&office->workers[0]);
    assert_true(granted(office) < 200 * KIB);
    close_office(office);
}

static atomic_size_t used_by_all, most_used;

/* Grows and shrinks, as far as there is room; counts what all of them use together. */
static void *grow_and_shrink(void *context)
{
    struct worker *worker = context;
    unsigned seed = worker->number + 1;
    for (int i = 0; i < ROUNDS; i++) {
        size_t before = worker->memory_bytes;
        worker->memory_bytes = (size_t)rand_r(&seed) % (500 * KIB);
        if (worker_lacks_room(worker))
            worker->memory_bytes = before < worker->memory_granted ? before : 0;
        atomic_fetch_add(&used_by_all, worker->memory_bytes);
        size_t now = atomic_load(&used_by_all), most = atomic_load(&most_used);
        while (now > most && !atomic_compare_exchange_weak(&most_used, &most, now))
            ;
        atomic_fetch_sub(&used_by_all, worker->memory_bytes);
        worker_settle_memory(worker);
    }
    return NULL;
}

static void memory_is_exact_between_threads(void **state)
{
    (void)state;
    struct office *office = open_office(WORKERS, 1, 1000 * KIB);
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, grow_and_shrink, &office->workers[i]);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(granted(office) <= 1000 * KIB);
    assert_in_range(atomic_load(&most_used), 1, 1000 * KIB);
    close_office(office);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_those_of_all),
        cmocka_unit_test(a_host_is_woken_when_a_place_is_given_back),
        cmocka_unit_test(a_place_given_back_a_moment_before_is_seen),
        cmocka_unit_test(one_gives_way_for_one_guest),
        cmocka_unit_test(a_worker_alone_knows_when_it_is_full),
        cmocka_unit_test(places_are_exact_between_threads),
        cmocka_unit_test(a_worker_alone_has_all_of_it),
        cmocka_unit_test(one_may_use_what_the_others_do_not),
        cmocka_unit_test(who_has_more_than_a_share_lets_go),
        cmocka_unit_test(who_has_too_much_and_finds_nothing_left_lets_go_itself),
        cmocka_unit_test(the_unused_is_given_back),
        cmocka_unit_test(memory_is_exact_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
