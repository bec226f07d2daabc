/* Replies that end their connection, or never come, over the simulated engine; what a stop does to
 * those that wait; what a one-shot makes of them. */
#include "effects_side.h"
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const lines[] = {"keep", "on", "frame", "line", NULL};
static const char *const one_shot[] = {"count", "1", "frame", "line", NULL};

static void prepare(struct sim_server *world)
{
    sim_server_prepare(world, 1);
    world->shown = sim_file(world->engine);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_FILE};
    effects_side_use(world->server);
}

static struct sim_client *start(struct sim_server *world, const char *const *settings,
                                const char *text)
{
    prepare(world);
    sim_server_begin(world, settings);
    struct sim_client *client = sim_connect(world->engine, world->listener);
    sim_client_says(client, text);
    return client;
}

static void finish_with(struct sim_server *world, int status)
{
    sim_server_finish(world);
    assert_int_equal(world->status, status);
}

static void finish(struct sim_server *world)
{
    gt_stop(world->server);
    finish_with(world, GT_DONE);
}

static const struct worker *worker_in(const struct sim_server *world)
{
    return &world->server->crew.workers[0];
}

/* ---- close ---- */

static void a_connection_closes_after_its_reply(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "a\nclose:bye\nc\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "a\nbye\n"));
    assert_true(sim_client_state(client).ended);
    assert_false(sim_client_state(client).reset);
    assert_true(sim_server_shows(&world, "The message was: a\nThe message was: close:bye\n"));
    assert_true(sim_server_told(&world, "replied"));
    finish(&world);
}

static void a_delayed_close_takes_no_more_messages(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "none close delay=1000:x\n");
    sim_server_run(&world, SEC / 2);
    sim_client_says(client, "b\n");
    sim_server_run(&world, SEC / 4);
    assert_false(sim_client_state(client).ended);
    sim_server_run(&world, SEC / 2);
    assert_true(sim_client_state(client).ended);
    assert_true(sim_client_got(client, ""));
    assert_true(sim_server_shows(&world, "The message was: none close delay=1000:x\n"));
    finish(&world);
}

/* ---- reset ---- */

static void a_reset_sends_nothing_by_itself(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "reset:never\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_state(client).reset);
    assert_false(sim_client_state(client).ended);
    assert_true(sim_client_got(client, ""));
    assert_true(sim_server_told(&world, "reset-sent"));
    finish(&world);
}

/* The bytes before it arrive, on a slow way too: a reset overtakes what is on its way. */
static void what_goes_before_a_reset_arrives(void **state)
{
    (void)state;
    struct sim_server world;
    prepare(&world);
    sim_faults(world.engine)->latency_ns = (struct sim_range){SEC, 3 * SEC};
    sim_faults(world.engine)->packet_most = 1;
    sim_server_begin(&world, lines);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a\ntruncate=4 reset:hello\nc\n");
    sim_server_run(&world, 100 * SEC);
    assert_true(sim_client_state(client).reset);
    assert_true(sim_client_got(client, "a\nhell"));
    finish(&world);
}

static void a_reset_waits_for_a_peer_that_reads_late_but_not_for_ever(void **state)
{
    (void)state;
    struct sim_server world;
    prepare(&world);
    sim_faults(world.engine)->window_to_client = 4;
    sim_server_begin(
        &world, (const char *const[]){"keep", "on", "frame", "line", "write-timeout", "5s", NULL});
    struct sim_client *late = sim_connect(world.engine, world.listener);
    struct sim_client *never = sim_connect(world.engine, world.listener);
    sim_client_says(late, "truncate=6 reset:abcdefgh\n");
    sim_client_says(never, "truncate=6 reset:abcdefgh\n");
    sim_server_run(&world, 4 * SEC);
    assert_false(sim_client_state(late).reset);
    assert_true(sim_client_got(late, "abcd"));
    sim_server_run(&world, 4 * SEC);
    assert_true(sim_client_got(late, "abcdef"));
    assert_true(sim_client_state(late).reset);
    assert_true(sim_server_told(&world, "reset-sent"));
    assert_true(sim_server_told(&world, "write-timeout"));
    assert_int_equal(worker_in(&world)->connection_count, 0);
    finish(&world);
}

/* ---- hang ---- */

static void a_reply_that_hangs_never_comes_nor_does_what_is_behind_it(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "a\nhang:never\nb\n");
    sim_server_run(&world, 10000 * SEC);
    assert_true(sim_client_got(client, "a\n"));
    assert_false(sim_client_state(client).ended || sim_client_state(client).reset);
    sim_client_says(client, "c\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "a\n"));
    assert_true(sim_server_shows(&world, "The message was: a\nThe message was: hang:never\n"
                                         "The message was: b\nThe message was: c\n"));
    finish(&world);
}

static void a_truncated_reply_hangs_after_its_bytes(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "truncate=3 hang:hello\nb\n");
    sim_server_run(&world, 10000 * SEC);
    assert_true(sim_client_got(client, "hel"));
    assert_false(sim_client_state(client).ended);
    finish(&world);
}

static void a_hanging_connection_ends_when_its_peer_gives_up(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "hang:never\n");
    sim_server_run(&world, 5 * SEC);
    sim_client_close(client);
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "peer-closed"));
    assert_int_equal(worker_in(&world)->connection_count, 0);
    finish(&world);
}

/* printf | nc -N: it waits, but not for ever. */
static void who_half_closes_with_its_message_waits_for_idle_timeout(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "hang:never\n");
    sim_client_shutdown(client);
    sim_server_run(&world, 299 * SEC);
    assert_false(sim_client_state(client).ended);
    sim_server_run(&world, 2 * SEC);
    assert_true(sim_client_state(client).ended);
    assert_true(sim_server_told(&world, "idle-timeout"));
    finish(&world);
}

/* ---- stopping ---- */

static void stopping_sends_what_waits_and_closes_what_hangs(void **state)
{
    (void)state;
    struct sim_server world;
    prepare(&world);
    sim_server_begin(&world, lines);
    static const char *const said[] = {"delay=100000:late\nb\n",
                                       "drip=1:dripping\n",
                                       "drip=1 pieces=2:pieces\n",
                                       "delay=100000 close:last\n",
                                       "delay=100000 truncate=2 reset:reset\n",
                                       "a\nhang:never\nb\n",
                                       "delay=100000 drip=1:both\n"};
    static const char *const got[] = {"late\nb\n", "dripping\n", "pieces\n", "last\n",
                                      "re",        "a\n",        "both\n"};
    struct sim_client *clients[7];
    for (unsigned i = 0; i < 7; i++) {
        clients[i] = sim_connect(world.engine, world.listener);
        sim_client_says(clients[i], said[i]);
    }
    sim_server_run(&world, 3 * SEC);
    gt_stop(world.server);
    sim_server_run(&world, SEC / 10);
    for (unsigned i = 0; i < 7; i++) {
        assert_true(sim_client_got(clients[i], got[i]));
        assert_int_equal(sim_client_state(clients[i]).reset, i == 4);
        assert_int_equal(sim_client_state(clients[i]).ended, i != 4);
    }
    finish_with(&world, GT_DONE);
}

/* Also what is only taken while it stops. */
static void effects_of_what_arrives_while_stopping_are_hurried_too(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines, "delay=1000:a\nhang:b\nc\n");
    gt_stop(world.server);
    finish_with(&world, GT_DONE);
    (void)client;
}

/* ---- one-shots ---- */

static void reaching_the_goal_hurries_nothing(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, one_shot, "delay=2000 drip=1:a\n");
    sim_server_run(&world, 2 * SEC + SEC / 2);
    assert_true(sim_client_got(client, ""));
    sim_server_run(&world, 2 * SEC);
    assert_true(sim_client_got(client, "a\n"));
    finish_with(&world, GT_DONE);
}

static void a_one_shot_is_done_when_what_was_asked_for_has_happened(void **state)
{
    (void)state;
    static const char *const said[] = {"truncate=2:hello\n", "close:hello\n",
                                       "reset:hello\n",      "truncate=2 reset:hello\n",
                                       "none close:\n",      "pieces=1:hello\n"};
    static const char *const got[] = {"he", "hello\n", "", "he", "", "hello\n"};
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct sim_server world;
        struct sim_client *client = start(&world, one_shot, said[i]);
        sim_server_run(&world, SEC);
        assert_true(sim_client_got(client, got[i]));
        finish_with(&world, GT_DONE);
    }
}

/* It is over when the peer has gone, however it goes. */
static void a_one_shot_that_hangs_is_done_when_its_peer_gives_up(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct sim_server world;
        struct sim_client *client = start(&world, one_shot, "hang:hello\n");
        sim_server_run(&world, 1000 * SEC);
        assert_false(server_over(world.server));
        if (i == 0)
            sim_client_close(client);
        else if (i == 1)
            sim_client_reset(client);
        else
            gt_stop(world.server);
        finish_with(&world, GT_DONE);
    }
}

/* Nor does it matter whether what was sent before it hung has arrived. */
static void a_one_shot_that_hangs_misses_nothing(void **state)
{
    (void)state;
    struct sim_server world;
    prepare(&world);
    sim_faults(world.engine)->window_to_client = 4;
    sim_server_begin(&world, one_shot);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "truncate=6 hang:abcdefgh\n");
    sim_server_run(&world, SEC);
    gt_stop(world.server);
    sim_server_run(&world, SEC);
    assert_false(server_over(world.server));
    sim_client_reset(client);
    finish_with(&world, GT_DONE);
}

/* The control: a reply that was only late is missed. */
static void a_one_shot_whose_peer_does_not_wait_for_a_delayed_reply_fails(void **state)
{
    (void)state;
    static const char *const said[] = {"delay=2000:hello\n", "drip=1:hello\n",
                                       "delay=2000 truncate=2 reset:hello\n"};
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct sim_server world;
        struct sim_client *client = start(&world, one_shot, said[i]);
        sim_server_run(&world, SEC);
        sim_client_reset(client);
        finish_with(&world, GT_FAILED);
    }
}

/* Nothing was due but the end. */
static void a_one_shot_whose_peer_goes_before_a_delayed_end_is_done(void **state)
{
    (void)state;
    static const char *const said[] = {"delay=2000 reset:hello\n", "none delay=2000 close:\n"};
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct sim_server world;
        struct sim_client *client = start(&world, one_shot, said[i]);
        sim_server_run(&world, SEC);
        sim_client_reset(client);
        finish_with(&world, GT_DONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_closes_after_its_reply),
        cmocka_unit_test(a_delayed_close_takes_no_more_messages),
        cmocka_unit_test(a_reset_sends_nothing_by_itself),
        cmocka_unit_test(what_goes_before_a_reset_arrives),
        cmocka_unit_test(a_reset_waits_for_a_peer_that_reads_late_but_not_for_ever),
        cmocka_unit_test(a_reply_that_hangs_never_comes_nor_does_what_is_behind_it),
        cmocka_unit_test(a_truncated_reply_hangs_after_its_bytes),
        cmocka_unit_test(a_hanging_connection_ends_when_its_peer_gives_up),
        cmocka_unit_test(who_half_closes_with_its_message_waits_for_idle_timeout),
        cmocka_unit_test(stopping_sends_what_waits_and_closes_what_hangs),
        cmocka_unit_test(effects_of_what_arrives_while_stopping_are_hurried_too),
        cmocka_unit_test(reaching_the_goal_hurries_nothing),
        cmocka_unit_test(a_one_shot_is_done_when_what_was_asked_for_has_happened),
        cmocka_unit_test(a_one_shot_that_hangs_is_done_when_its_peer_gives_up),
        cmocka_unit_test(a_one_shot_that_hangs_misses_nothing),
        cmocka_unit_test(a_one_shot_whose_peer_does_not_wait_for_a_delayed_reply_fails),
        cmocka_unit_test(a_one_shot_whose_peer_goes_before_a_delayed_end_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
