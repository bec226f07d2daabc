/* Whole conversations over the simulated engine: order, time, ends. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const one_shot[] = {"count", "1", NULL};
static const char *const kept[] = {"keep", "on", NULL};

/* A client that does not read holds its replies up after two thousand bytes. */
static void start_with_narrow_windows(struct sim_server *world, const char *const *settings)
{
    sim_server_prepare(world, 1);
    sim_faults(world->engine)->window_to_client = 1000;
    sim_faults(world->engine)->send_buffer = 1000;
    world->shown = sim_file(world->engine);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_FILE};
    sim_server_begin(world, settings);
}

static void a_message_is_shown_and_replied_to(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, one_shot);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "Who is there?\r\n");
    sim_server_run(&world, SEC / 10);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    assert_true(sim_client_state(client).ended);
    assert_true(sim_server_shows(&world, "The message was: Who is there?\n"));
    sim_client_close(client);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_probe_does_not_use_it_up(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, one_shot);
    struct sim_client *probe = sim_connect(world.engine, world.listener);
    sim_server_run(&world, SEC / 10);
    sim_client_close(probe);
    sim_server_run(&world, SEC / 10);
    assert_false(server_over(world.server));
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "x\n");
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_pause_ends_a_message_until_the_first_line(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "hello");
    sim_server_run(&world, 200 * MS);
    assert_true(sim_server_shows(&world, ""));
    sim_server_run(&world, 100 * MS);
    assert_true(sim_server_shows(&world, "The message was: hello\n"));
    sim_client_says(client, "\r\nline");
    sim_server_run(&world, SEC);
    assert_true(sim_server_shows(&world, "The message was: hello\n"));
    sim_client_says(client, "s\n");
    sim_server_run(&world, SEC);
    assert_true(sim_server_shows(&world, "The message was: hello\nThe message was: lines\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_silent_connection_ends_after_idle_timeout(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "idle-timeout", "2s", NULL});
    struct sim_client *silent = sim_connect(world.engine, world.listener);
    struct sim_client *talker = sim_connect(world.engine, world.listener);
    for (int i = 0; i < 3; i++) {
        sim_client_says(talker, "x\n");
        sim_server_run(&world, SEC);
    }
    sim_client_read(silent, 100);
    assert_true(sim_client_state(silent).ended);
    assert_true(sim_server_told(&world, "idle-timeout"));
    assert_false(sim_client_state(talker).ended);
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_byte_a_second_does_not_keep_a_message_alive(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(
        &world, 1,
        (const char *const[]){"keep", "on", "frame", "line", "message-timeout", "5s", NULL});
    struct sim_client *slow = sim_connect(world.engine, world.listener);
    for (int i = 0; i < 5; i++) {
        sim_client_says(slow, "x");
        sim_server_run(&world, SEC);
        assert_false(sim_server_told(&world, "message-timeout"));
    }
    sim_server_run(&world, SEC / 2);
    assert_true(sim_server_told(&world, "message-timeout"));
    assert_true(sim_server_shows(&world, ""));
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void a_peer_that_never_reads_ends_after_write_timeout(void **state)
{
    (void)state;
    struct sim_server world;
    start_with_narrow_windows(
        &world, (const char *const[]){"keep", "on", "echo", "on", "write-timeout", "10s", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    char line[4000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    sim_client_send(client, slice_of(line, sizeof line));
    sim_server_run(&world, 9 * SEC);
    assert_false(sim_server_told(&world, "write-timeout"));
    sim_server_run(&world, 3 * SEC);
    assert_true(sim_server_told(&world, "write-timeout"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void a_one_shot_fails_when_the_reply_cannot_arrive(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, one_shot);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "x\n");
    sim_client_close(client);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_FAILED);
}

static void unread_input_does_not_destroy_the_reply(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_prepare(&world, 1);
    sim_faults(world.engine)->reset_destroys = 1;
    world.shown = sim_file(world.engine);
    world.server->outlet = (struct outlet){.fd = world.shown, .mode = WRITE_FILE};
    sim_server_begin(&world, one_shot);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "x\n");
    for (int i = 0; i < 1000; i++)
        sim_client_says(client, "more that nobody asked for\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    assert_false(sim_client_state(client).reset);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void what_cannot_be_shown_is_not_replied_to(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_prepare(&world, 1);
    sim_faults(world.engine)->fail_write_at = 1;
    sim_faults(world.engine)->fail_write_with = 28; /* ENOSPC */
    world.shown = sim_file(world.engine);
    world.server->outlet = (struct outlet){.fd = world.shown, .mode = WRITE_FILE};
    sim_server_begin(&world, kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "x\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, ""));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_FAILED);
}

static void a_slow_reader_of_what_is_shown_holds_replies_back(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 40, kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "one message that fills the pipe\n");
    sim_client_says(client, "two\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, ""));
    sim_stream_read(world.engine, world.shown, 1000);
    sim_server_run(&world, SEC);
    sim_stream_read(world.engine, world.shown, 1000);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "Good talking to you\nGood talking to you\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void no_message_beyond_the_count_is_taken(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"count", "3", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "1\n2\n3\n4\n5\n");
    sim_server_run(&world, SEC);
    assert_true(
        sim_server_shows(&world, "The message was: 1\nThe message was: 2\nThe message was: 3\n"));
    assert_true(
        sim_client_got(client, "Good talking to you\nGood talking to you\nGood talking to you\n"));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void the_count_of_connections_ends_a_run(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1,
                     (const char *const[]){"connections", "1", "frame", "eof", "show", "raw",
                                           "silent", "on", NULL});
    struct sim_client *probe = sim_connect(world.engine, world.listener);
    struct sim_client *first = sim_connect(world.engine, world.listener);
    sim_client_says(first, "abc");
    sim_server_run(&world, SEC);
    struct sim_client *second = sim_connect(world.engine, world.listener);
    sim_client_says(second, "not heard");
    sim_client_shutdown(second);
    sim_client_close(probe);
    sim_server_run(&world, SEC);
    assert_true(sim_server_shows(&world, ""));
    sim_client_says(first, "def");
    sim_client_shutdown(first);
    sim_server_run(&world, SEC);
    assert_true(sim_server_shows(&world, "abcdef"));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void the_timeout_of_a_run(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"count", "1", "timeout", "3s", NULL});
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_TIMED_OUT);
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "timeout", "3s", NULL});
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_drain_accepts_the_queue_and_finishes_what_has_come(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, kept);
    sim_faults(world.engine)->latency_ns = (struct sim_range){0, 0};
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "in the queue\n");
    gt_stop(world.server);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "Good talking to you\n"));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void the_one_that_never_said_anything_gives_way(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "max-connections", "2", NULL});
    struct sim_client *talker = sim_connect(world.engine, world.listener);
    sim_client_says(talker, "x\n");
    sim_server_run(&world, SEC);
    struct sim_client *silent = sim_connect(world.engine, world.listener);
    sim_server_run(&world, SEC);
    struct sim_client *third = sim_connect(world.engine, world.listener);
    sim_client_says(third, "y\n");
    sim_server_run(&world, SEC);
    sim_client_read(silent, 100);
    assert_true(sim_client_state(silent).ended);
    assert_true(sim_client_got(third, "Good talking to you\n"));
    struct sim_client *fourth = sim_connect(world.engine, world.listener);
    sim_client_says(fourth, "z\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(fourth, ""));
    sim_client_close(talker);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(fourth, "Good talking to you\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void the_holder_of_most_memory_gives_way(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1,
                     (const char *const[]){"keep", "on", "max-memory", "40KiB", "max-message",
                                           "30KiB", "frame", "line", NULL});
    struct sim_client *clients[4];
    static char bytes[20000];
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 4; i++) {
        clients[i] = sim_connect(world.engine, world.listener);
        sim_client_send(clients[i], slice_of(bytes, i == 2 ? 20000 : 9000));
        sim_server_run(&world, SEC);
    }
    sim_client_says(clients[0], "\n");
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "memory"));
    assert_true(sim_client_got(clients[0], "Good talking to you\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

/* Many times what is taken in one go: all of it is still taken when the server is told to stop. */
static void a_drain_takes_all_that_has_been_received(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "silent", "on", NULL});
    sim_faults(world.engine)->latency_ns = (struct sim_range){0, 0};
    static char lines[20000];
    memset(lines, '\n', sizeof lines);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_send(client, slice_of(lines, sizeof lines));
    gt_stop(world.server);
    sim_server_run(&world, SEC);
    assert_int_equal(gt_message_count(world.server), sizeof lines);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

/* Two bytes in, twenty out, and none of them read: what waits counts. */
static void replies_that_are_not_read_count_as_memory(void **state)
{
    (void)state;
    struct sim_server world;
    start_with_narrow_windows(&world, (const char *const[]){"keep", "on", "max-memory", "72KiB",
                                                            "max-message", "1KiB", NULL});
    static char lines[60000];
    memset(lines, '\n', sizeof lines);
    struct sim_client *hostile = sim_connect(world.engine, world.listener);
    struct sim_client *honest = sim_connect(world.engine, world.listener);
    sim_client_send(hostile, slice_of(lines, sizeof lines));
    sim_client_says(honest, "x\n");
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "memory"));
    assert_true(world.server->crew.workers[0].memory_bytes < 1000);
    assert_true(sim_client_got(honest, "Good talking to you\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

/* A peer that does not read is not read from once so many of its replies wait. */
static void no_more_replies_wait_than_may(void **state)
{
    (void)state;
    static const struct {
        const char *setting;
        unsigned waiting;
    } cases[] = {{"7", 7}, {"512", 512}};
    for (int i = 0; i < 2; i++) {
        struct sim_server world;
        start_with_narrow_windows(
            &world, (const char *const[]){"keep", "on", "max-waiting", cases[i].setting, NULL});
        static char lines[20000];
        memset(lines, '\n', sizeof lines);
        struct sim_client *client = sim_connect(world.engine, world.listener);
        sim_client_send(client, slice_of(lines, sizeof lines));
        sim_server_run(&world, SEC);
        struct worker *worker = &world.server->crew.workers[0];
        struct connection *connection = list_item(worker->proven.next, struct connection, link);
        assert_non_null(connection->output);
        assert_int_equal(connection->output->waiting_turns, cases[i].waiting);
        assert_true(connection->starved);
        while (sim_client_received(client).size < sizeof lines * strlen("Good talking to you\n")) {
            sim_client_read(client, SIZE_MAX); /* nothing is lost */
            sim_server_run(&world, 10 * MS);
        }
        gt_stop(world.server);
        sim_server_finish(&world);
    }
}

/* A large reply on its way is given back only when its send is over: nobody else pays meanwhile. */
static void only_the_holder_of_most_memory_gives_way(void **state)
{
    (void)state;
    struct sim_server world;
    start_with_narrow_windows(&world, (const char *const[]){"keep", "on", "echo", "on", "frame",
                                                            "line", "max-memory", "84KiB",
                                                            "max-message", "80KiB", NULL});
    static char bytes[70000];
    memset(bytes, 'x', sizeof bytes);
    struct sim_client *hostile = sim_connect(world.engine, world.listener);
    struct sim_client *honest = sim_connect(world.engine, world.listener);
    sim_client_send(hostile, slice_of(bytes, sizeof bytes - 1000));
    sim_client_says(hostile, "\n");
    sim_server_run(&world, SEC);
    sim_client_send(honest, slice_of(bytes, 20000));
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "memory"));
    assert_int_equal(world.server->crew.workers[0].connection_count, 1);
    sim_client_says(honest, "\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_read(honest, 1) == 1);
    sim_client_reset(honest);
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void descriptors_running_out_pause_the_intake(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, kept);
    struct sim_client *first = sim_connect(world.engine, world.listener);
    sim_client_says(first, "a\n");
    sim_server_run(&world, SEC);
    sim_faults(world.engine)->descriptors_most = sim_open_count(world.engine);
    struct sim_client *second = sim_connect(world.engine, world.listener);
    sim_client_says(second, "b\n");
    sim_server_run(&world, 2 * SEC);
    assert_true(sim_server_told(&world, "paused"));
    assert_true(sim_client_got(second, ""));
    sim_client_close(first);
    sim_server_run(&world, 2 * SEC);
    assert_true(sim_server_told(&world, "resumed"));
    assert_true(sim_client_got(second, "Good talking to you\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void a_greeting_comes_first(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(
        &world, 1,
        (const char *const[]){"keep", "on", "greeting", "hi\\r\\n", "close", "on", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "hi\r\n"));
    sim_client_says(client, "x\ny\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "hi\r\nGood talking to you\n"));
    assert_true(sim_client_state(client).ended);
    gt_stop(world.server);
    sim_server_finish(&world);
}

static gt_turn *later;

static void reply_later(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    if (message->size == 1 && *(const char *)message->bytes == '1')
        later = turn;
    else
        gt_reply(turn, message->bytes, message->size);
}

static void replies_keep_the_order_of_their_messages(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_prepare(&world, 1);
    world.shown = sim_file(world.engine);
    world.server->outlet = (struct outlet){.fd = world.shown, .mode = WRITE_FILE};
    gt_on_message(world.server, reply_later, NULL);
    sim_server_begin(&world, kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "1\n2\n3\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, ""));
    gt_reply(later, "first", 5);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "first\n2\n3\n"));
    sim_client_says(client, "1\n");
    sim_server_run(&world, SEC);
    sim_client_reset(client);
    sim_server_run(&world, SEC);
    assert_int_equal(gt_reply(later, "nobody", 6), GT_DONE);
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void a_second_stop_leaves_at_once(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 10, kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "more than ten bytes\n");
    sim_server_run(&world, SEC);
    gt_stop(world.server);
    sim_server_run(&world, SEC);
    assert_false(server_over(world.server));
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_STOPPED);
}

static void a_drain_that_takes_too_long_fails(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start_piped(&world, 10,
                           (const char *const[]){"keep", "on", "drain-timeout", "5s", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "more than ten bytes\n");
    sim_server_run(&world, SEC);
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_shown_and_replied_to),
        cmocka_unit_test(a_probe_does_not_use_it_up),
        cmocka_unit_test(a_pause_ends_a_message_until_the_first_line),
        cmocka_unit_test(a_silent_connection_ends_after_idle_timeout),
        cmocka_unit_test(a_byte_a_second_does_not_keep_a_message_alive),
        cmocka_unit_test(a_peer_that_never_reads_ends_after_write_timeout),
        cmocka_unit_test(a_one_shot_fails_when_the_reply_cannot_arrive),
        cmocka_unit_test(unread_input_does_not_destroy_the_reply),
        cmocka_unit_test(what_cannot_be_shown_is_not_replied_to),
        cmocka_unit_test(a_slow_reader_of_what_is_shown_holds_replies_back),
        cmocka_unit_test(no_message_beyond_the_count_is_taken),
        cmocka_unit_test(the_count_of_connections_ends_a_run),
        cmocka_unit_test(the_timeout_of_a_run),
        cmocka_unit_test(a_drain_accepts_the_queue_and_finishes_what_has_come),
        cmocka_unit_test(the_one_that_never_said_anything_gives_way),
        cmocka_unit_test(the_holder_of_most_memory_gives_way),
        cmocka_unit_test(a_drain_takes_all_that_has_been_received),
        cmocka_unit_test(replies_that_are_not_read_count_as_memory),
        cmocka_unit_test(no_more_replies_wait_than_may),
        cmocka_unit_test(only_the_holder_of_most_memory_gives_way),
        cmocka_unit_test(descriptors_running_out_pause_the_intake),
        cmocka_unit_test(a_greeting_comes_first),
        cmocka_unit_test(replies_keep_the_order_of_their_messages),
        cmocka_unit_test(a_second_stop_leaves_at_once),
        cmocka_unit_test(a_drain_that_takes_too_long_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
