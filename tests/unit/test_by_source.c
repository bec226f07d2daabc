/* The limits by source in the whole server, over the simulated engine: how many connections, how
 * many messages, and that nothing is lost by waiting. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define REPLY "Good talking to you\n"

static void come_from(struct sim_server *world, uint8_t last)
{
    sim_come_from(world->engine, (struct peer){.kind = PEER_IPV4, .address = {192, 0, 2, last}});
}

static struct sim_client *connect_from(struct sim_server *world, uint8_t last)
{
    come_from(world, last);
    return sim_connect(world->engine, world->listener);
}

static unsigned counted(const struct sim_server *world, unsigned counter)
{
    return (unsigned)counters_value(&world->server->crew.workers[0].counted, counter);
}

static unsigned shown_lines(const struct sim_server *world)
{
    unsigned lines = 0;
    struct slice shown = sim_content(world->engine, world->shown);
    for (size_t i = 0; i < shown.size; i++)
        lines += shown.data[i] == '\n';
    return lines;
}

static void finish(struct sim_server *world)
{
    gt_stop(world->server);
    sim_server_finish(world);
    assert_int_equal(world->status, 0);
}

/* ---- how many connections ---- */

static void one_over_the_limit_is_closed_at_once(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "max-per-source", "2", NULL});
    struct sim_client *clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = connect_from(&world, 1);
    struct sim_client *other = connect_from(&world, 2);
    sim_client_says(clients[0], "a\n");
    sim_client_says(other, "b\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(clients[2], ""));
    assert_true(sim_client_state(clients[2]).ended);
    assert_true(sim_client_got(clients[0], REPLY));
    assert_false(sim_client_state(clients[1]).ended);
    assert_true(sim_client_got(other, REPLY));
    assert_true(sim_server_told(&world, "per-source"));
    assert_int_equal(counted(&world, COUNTER_ENDED + REASON_PER_SOURCE), 1);
    assert_int_equal(counted(&world, COUNTER_CONNECTIONS), 4);
    assert_int_equal(counted(&world, COUNTER_CONNECTIONS_OPEN), 3);
    sim_client_close(clients[1]); /* there is room again */
    sim_server_run(&world, SEC);
    struct sim_client *next = connect_from(&world, 1);
    sim_client_says(next, "c\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(next, REPLY));
    finish(&world);
}

/* At max-connections too: a flood from one source makes nobody give way. */
static void a_flood_from_one_source_evicts_nobody(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(
        &world, 1,
        (const char *const[]){"keep", "on", "max-connections", "4", "max-per-source", "3", NULL});
    struct sim_client *quiet = connect_from(&world, 1);
    sim_server_run(&world, SEC);
    for (int i = 0; i < 50; i++)
        connect_from(&world, 2);
    sim_server_run(&world, SEC);
    sim_client_says(quiet, "still here\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(quiet, REPLY));
    assert_int_equal(counted(&world, COUNTER_ENDED + REASON_GAVE_WAY), 0);
    assert_int_equal(counted(&world, COUNTER_ENDED + REASON_PER_SOURCE), 47);
    finish(&world);
}

static void without_the_limit_the_flood_evicts(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "max-connections", "4", NULL});
    struct sim_client *quiet = connect_from(&world, 1);
    sim_server_run(&world, SEC);
    for (int i = 0; i < 50; i++)
        connect_from(&world, 2);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(quiet, ""));
    assert_true(sim_client_state(quiet).ended);
    finish(&world);
}

/* ---- how many messages ---- */

static const char *const rated[] = {
    "keep",         "on",  "frame",           "line", "max-rate", "5/s",
    "idle-timeout", "20s", "message-timeout", "1s",   NULL};

static void say_numbers(struct sim_client *client, int count)
{
    char text[2000];
    int length = 0;
    for (int i = 0; i < count; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%d\n", i);
    sim_client_says(client, text);
}

/* Whether the client has had so many replies. */
static bool has_replies(struct sim_client *client, size_t count)
{
    while (sim_client_read(client, SIZE_MAX) > 0)
        ;
    return sim_client_received(client).size == count * (sizeof REPLY - 1);
}

/* A second's worth at once, then a fifth of a second each; far longer than message-timeout. */
static void a_stream_over_its_rate_waits_and_loses_nothing(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    struct sim_client *client = connect_from(&world, 1);
    say_numbers(client, 40);
    sim_server_run(&world, 100 * MS);
    assert_true(has_replies(client, 5)); /* replies that are due leave */
    sim_server_run(&world, SEC);
    assert_true(has_replies(client, 10));
    sim_server_run(&world, 6 * SEC + 100 * MS);
    assert_true(has_replies(client, 40));
    const char *shown = (const char *)sim_content(world.engine, world.shown).data;
    for (int i = 0; i < 40; i++) { /* in order, each once */
        char line[40];
        int length = snprintf(line, sizeof line, "The message was: %d\n", i);
        assert_memory_equal(shown, line, length);
        shown += length;
    }
    assert_false(sim_client_state(client).ended);
    finish(&world);
}

static void it_is_not_read_meanwhile(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_prepare(&world, 1);
    sim_faults(world.engine)->window_to_server = 1000;
    world.shown = sim_file(world.engine);
    world.server->outlet = (struct outlet){.fd = world.shown, .mode = WRITE_FILE};
    sim_server_begin(&world, (const char *const[]){"keep", "on", "max-rate", "1/h", NULL});
    struct sim_client *client = connect_from(&world, 1);
    for (int i = 0; i < 100; i++)
        sim_client_says(client, "a line, and the next one, and the next one, and the next one\n");
    sim_server_run(&world, 60 * SEC);
    assert_true(has_replies(client, 1));
    assert_in_range(sim_client_state(client).unacknowledged, 3000, 6000);
    finish(&world);
}

/* Others do not notice; those from the same address share its rate, each in its turn. */
static void the_rate_is_the_source_s(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    struct sim_client *first = connect_from(&world, 1), *second = connect_from(&world, 1);
    struct sim_client *other = connect_from(&world, 2);
    say_numbers(first, 30);
    say_numbers(second, 30);
    sim_server_run(&world, 4 * SEC);
    say_numbers(other, 5);
    sim_server_run(&world, 100 * MS);
    assert_true(has_replies(other, 5));
    assert_in_range(shown_lines(&world), 29, 31);
    size_t of_first = (sim_client_read(first, SIZE_MAX), sim_client_received(first).size);
    size_t of_second = (sim_client_read(second, SIZE_MAX), sim_client_received(second).size);
    assert_in_range(of_first / (sizeof REPLY - 1), 12, 18);
    assert_in_range(of_second / (sizeof REPLY - 1), 8, 13);
    finish(&world);
}

/* Coming back does not help; nor does saying only a part of a message and going. */
static void a_new_connection_has_no_new_bucket(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    for (int i = 0; i < 20; i++) {
        struct sim_client *client = connect_from(&world, 1);
        sim_client_says(client, "hello\n");
        sim_server_run(&world, MS);
    }
    assert_int_equal(shown_lines(&world), 5);
    finish(&world);
}

static void what_is_paid_and_not_said_is_refunded(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    for (int i = 0; i < 20; i++) {
        struct sim_client *client = connect_from(&world, 1);
        sim_client_says(client, "half a mess");
        sim_server_run(&world, MS);
        sim_client_reset(client);
        sim_server_run(&world, MS);
    }
    struct sim_client *client = connect_from(&world, 1);
    say_numbers(client, 5);
    sim_server_run(&world, MS);
    assert_true(has_replies(client, 5));
    finish(&world);
}

/* The message that was waited for has its whole time. */
static void message_timeout_runs_from_when_it_is_due(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    struct sim_client *client = connect_from(&world, 1);
    say_numbers(client, 15);
    sim_client_says(client, "and a piece");
    sim_server_run(&world, 2100 * MS); /* the 15 are taken at 2 s, the piece is due at 2.2 s */
    assert_true(has_replies(client, 15));
    sim_server_run(&world, 1000 * MS);
    assert_false(sim_client_state(client).ended);
    sim_server_run(&world, 400 * MS); /* 2.2 s + 1 s */
    assert_true(sim_server_told(&world, "message-timeout"));
    finish(&world);
}

/* The end of a stream is nothing that is paid for. */
static void an_end_costs_nothing(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, rated);
    for (int i = 0; i < 5; i++) {
        struct sim_client *client = connect_from(&world, 1);
        sim_client_says(client, "hello\n");
        sim_client_shutdown(client);
        sim_server_run(&world, MS);
        assert_true(sim_client_got(client, REPLY));
        assert_true(sim_client_state(client).ended);
    }
    finish(&world);
}

/* Whoever has said something before a drain is heard, however fast it was said. */
static void a_drain_does_not_wait_for_the_rate(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, (const char *const[]){"keep", "on", "max-rate", "1/h", NULL});
    struct sim_client *client = connect_from(&world, 1);
    say_numbers(client, 40);
    sim_server_run(&world, SEC);
    assert_true(has_replies(client, 1));
    int64_t before = sim_now(world.engine);
    gt_stop(world.server);
    sim_server_run(&world, SEC);
    assert_true(has_replies(client, 40));
    sim_client_close(client);
    sim_server_finish(&world);
    assert_int_equal(world.status, 0);
    (void)before;
}

static void a_limit_of_zero_is_none(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(
        &world, 1,
        (const char *const[]){"keep", "on", "max-rate", "0", "max-per-source", "0", NULL});
    assert_null(world.server->limits.sources);
    finish(&world);
}

/* ---- datagrams ---- */

static void datagrams_over_the_rate_are_dropped_and_told(void **state)
{
    (void)state;
    struct sim_server world;
    static const struct local_address asked = {.family = AF_INET, .address = {127, 0, 0, 2}};
    sim_server_prepare(&world, 1);
    world.shown = sim_file(world.engine);
    world.server->outlet = (struct outlet){.fd = world.shown, .mode = WRITE_FILE};
    assert_int_equal(gt_set(world.server, "max-rate", "5/s"), GT_DONE);
    assert_int_equal(gt_set(world.server, "keep", "on"), GT_DONE);
    int socket = sim_datagrams(world.engine, SIM_UDP);
    assert_int_equal(server_listen_on(world.server, socket, SOCK_DGRAM, "udp:sim"), GT_DONE);
    sim_server_begin(&world, (const char *const[]){NULL});
    struct sim_correspondent *loud = sim_correspondent(world.engine, socket, SIM_FAR);
    struct sim_correspondent *modest = sim_correspondent(world.engine, socket, SIM_NEAR);
    for (int i = 0; i < 20; i++)
        assert_true(sim_correspondent_send(loud, slice_of_text("loud"), asked));
    assert_true(sim_correspondent_send(modest, slice_of_text("modest"), asked));
    sim_server_run(&world, 10 * MS);
    struct sim_letter letter;
    unsigned replies = 0;
    while (sim_correspondent_read(loud, &letter))
        replies++;
    assert_int_equal(replies, 5);
    assert_true(sim_correspondent_read(modest, &letter));
    assert_int_equal(counted(&world, COUNTER_DATAGRAMS_OVER_RATE), 15);
    assert_int_equal(counted(&world, COUNTER_DATAGRAMS), 21);
    assert_int_equal(counted(&world, COUNTER_DATAGRAMS_REFUSED), 0);
    sim_server_run(&world, SEC);
    assert_true(sim_correspondent_send(loud, slice_of_text("again"), asked));
    sim_server_run(&world, SEC);
    assert_true(sim_correspondent_read(loud, &letter));
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_over_the_limit_is_closed_at_once),
        cmocka_unit_test(a_flood_from_one_source_evicts_nobody),
        cmocka_unit_test(without_the_limit_the_flood_evicts),
        cmocka_unit_test(a_stream_over_its_rate_waits_and_loses_nothing),
        cmocka_unit_test(it_is_not_read_meanwhile),
        cmocka_unit_test(the_rate_is_the_source_s),
        cmocka_unit_test(a_new_connection_has_no_new_bucket),
        cmocka_unit_test(what_is_paid_and_not_said_is_refunded),
        cmocka_unit_test(message_timeout_runs_from_when_it_is_due),
        cmocka_unit_test(an_end_costs_nothing),
        cmocka_unit_test(a_drain_does_not_wait_for_the_rate),
        cmocka_unit_test(a_limit_of_zero_is_none),
        cmocka_unit_test(datagrams_over_the_rate_are_dropped_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
