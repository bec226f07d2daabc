/* test_waiting.c: a server that must wait, for a slow reader of what it shows or because it was
 * stopped itself: what waits with it loses nothing by that. */
#include "sim_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_US INT64_C(3600000000)

/* More than the recorder gathers. */
#define MUCH ((size_t)1500 * 1024)

static const char *const impatient[] = {"keep", "on",    "idle-timeout", "2s", "message-timeout",
                                        "3s",   "frame", "line",         NULL};

/* One who says so much that the intake pauses until somebody reads what is shown. */
static void fill(struct sim_server *world)
{
    struct sim_client *flood = sim_connect(world->engine, world->listener);
    char *line = malloc(MUCH);
    assert_non_null(line);
    for (size_t i = 0; i < MUCH; i++)
        line[i] = i % 4000 == 3999 ? '\n' : 'x';
    assert_true(sim_client_send(flood, slice_of(line, MUCH)));
    free(line);
}

static void read_on(struct sim_server *world)
{
    sim_stream_pace(world->engine, world->shown, SIZE_MAX, MS);
    sim_server_run(world, SEC);
}

static void stop(struct sim_server *world)
{
    gt_stop(world->server);
    sim_server_finish(world);
}

/* Nobody is idle whom the server does not read from. */
static void a_paused_intake_makes_nobody_idle(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 64 * 1024, impatient);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_server_run(&world, SEC / 2);
    fill(&world);
    sim_server_run(&world, SEC / 2);
    sim_client_says(client, "here I am\n");
    sim_server_run(&world, 10 * SEC);
    assert_false(sim_server_told(&world, "idle-timeout"));
    read_on(&world);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    stop(&world);
}

/* Nor late with the rest of a message that nobody reads; its time goes on afterwards. */
static void a_paused_intake_makes_nobody_late(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 64 * 1024, impatient);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    struct sim_client *late = sim_connect(world.engine, world.listener);
    sim_client_says(client, "here ");
    sim_client_says(late, "here ");
    sim_server_run(&world, SEC / 2);
    fill(&world);
    sim_server_run(&world, SEC / 2);
    sim_client_says(client, "I am\n");
    sim_server_run(&world, 10 * SEC);
    assert_false(sim_server_told(&world, "message-timeout"));
    read_on(&world);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    assert_false(sim_server_told(&world, "message-timeout"));
    sim_server_run(&world, 2 * SEC);
    assert_true(sim_server_told(&world, "message-timeout"));
    stop(&world);
}

/* What a stopping server took and could not show is a failure, also where nobody waits for a reply
 * any more. */
static void a_drain_that_cuts_off_what_is_shown_fails(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 10,
                           (const char *const[]){"keep", "on", "drain-timeout", "5s", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "more than ten bytes\n");
    sim_server_run(&world, SEC);
    sim_client_reset(client);
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "undelivered"));
    stop(&world);
    assert_int_equal(world.status, GT_FAILED);
}

/* ---- clocks ---- */

static void set_clock(void *engine, uint64_t number)
{
    sim_set_wall(engine, number ? HOUR_US : -HOUR_US);
}

static void stand_still(void *engine, uint64_t number)
{
    sim_stall(engine, (int64_t)number);
}

static void leap(void *engine, uint64_t number)
{
    sim_leap(engine, (int64_t)number);
}

/* The wall clock is set either way: a silent connection ends when it should. */
static void a_clock_that_is_set_moves_no_deadline(void **state)
{
    (void)state;
    for (uint64_t forward = 0; forward < 2; forward++) {
        struct sim_server world;
        sim_server_start(&world, 1, impatient);
        sim_connect(world.engine, world.listener);
        sim_after(world.engine, SEC, set_clock, world.engine, forward);
        sim_server_run(&world, 2 * SEC - 10 * MS);
        assert_false(sim_server_told(&world, "idle-timeout"));
        sim_server_run(&world, SEC);
        assert_true(sim_server_told(&world, "idle-timeout"));
        stop(&world);
    }
}

/* A process that is stopped and goes on finds what has come meanwhile, before it finds what is
 * late. */
static void a_stall_makes_nobody_late(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, impatient);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    struct sim_client *silent = sim_connect(world.engine, world.listener);
    sim_client_says(client, "here ");
    sim_server_run(&world, SEC);
    sim_after(world.engine, 0, stand_still, world.engine, (uint64_t)(100 * SEC));
    sim_client_says(client, "I am\n");
    sim_server_run(&world, 101 * SEC);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    assert_false(sim_server_told(&world, "message-timeout"));
    assert_true(sim_server_told(&world, "idle-timeout"));
    assert_true(sim_client_state(silent).ended);
    stop(&world);
}

/* Where the clock leaps everything that is due by then fires at once, and nothing breaks. */
static void a_leap_fires_what_is_due(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *clients[50];
    sim_server_start(&world, 1, impatient);
    for (unsigned i = 0; i < 50; i++) {
        clients[i] = sim_connect(world.engine, world.listener);
        if (i % 2)
            sim_client_says(clients[i], "unfinished");
    }
    sim_server_run(&world, SEC);
    sim_after(world.engine, 0, leap, world.engine, (uint64_t)(3600 * SEC));
    sim_server_run(&world, 3601 * SEC + 500 * MS);
    for (unsigned i = 0; i < 50; i++)
        assert_true(sim_client_state(clients[i]).ended);
    assert_true(sim_server_told(&world, "message-timeout"));
    assert_true(sim_server_told(&world, "idle-timeout"));
    stop(&world);
    assert_int_equal(world.status, GT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paused_intake_makes_nobody_idle),
        cmocka_unit_test(a_paused_intake_makes_nobody_late),
        cmocka_unit_test(a_drain_that_cuts_off_what_is_shown_fails),
        cmocka_unit_test(a_clock_that_is_set_moves_no_deadline),
        cmocka_unit_test(a_stall_makes_nobody_late),
        cmocka_unit_test(a_leap_fires_what_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
