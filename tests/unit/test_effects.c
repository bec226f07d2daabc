/* Replies that something happens to, over the simulated engine: what leaves of them and when, to
 * the byte and the moment; their order; that none leaves before its message is recorded. */
#include "effects_side.h"
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARRIVALS_MOST 4096

/* What one client gets, and when. */
struct arrivals {
    struct sim_server *world;
    struct sim_client *client;
    int64_t begun_ns;
    unsigned count;
    struct {
        int64_t at_ns; /* since the begin */
        size_t total;  /* bytes, so far */
    } list[ARRIVALS_MOST];
};

static struct arrivals arrivals;

static void see(void *context, uint64_t number)
{
    (void)context;
    (void)number;
    struct arrivals *seen = &arrivals;
    sim_client_read(seen->client, SIZE_MAX);
    size_t total = sim_client_received(seen->client).size;
    size_t before = seen->count ? seen->list[seen->count - 1].total : 0;
    if (total == before || seen->count == ARRIVALS_MOST)
        return;
    seen->list[seen->count].at_ns = sim_now(seen->world->engine) - seen->begun_ns;
    seen->list[seen->count++].total = total;
}

static void watch(struct sim_server *world, struct sim_client *client)
{
    arrivals =
        (struct arrivals){.world = world, .client = client, .begun_ns = sim_now(world->engine)};
    sim_client_watch(client, see, NULL, 0);
}

/* A server whose peers are no time away. */
static void prepare(struct sim_server *world)
{
    sim_server_prepare(world, 1);
    sim_faults(world->engine)->latency_ns = (struct sim_range){0, 0};
    world->shown = sim_file(world->engine);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_FILE};
    effects_side_use(world->server);
}

static struct sim_client *start(struct sim_server *world, const char *const *settings)
{
    prepare(world);
    sim_server_begin(world, settings);
    struct sim_client *client = sim_connect(world->engine, world->listener);
    watch(world, client);
    return client;
}

static const char *const lines[] = {"keep", "on", "frame", "line", NULL};

static void finish(struct sim_server *world)
{
    gt_stop(world->server);
    sim_server_finish(world);
    assert_int_equal(world->status, GT_DONE);
}

static void assert_arrival(unsigned index, int64_t at_ns, size_t total)
{
    assert_true(index < arrivals.count);
    assert_int_equal(arrivals.list[index].at_ns, at_ns);
    assert_int_equal(arrivals.list[index].total, total);
}

/* ---- delay and order ---- */

static void a_delay_counts_from_the_message(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "delay=2000:patience\n");
    sim_server_run(&world, 10 * SEC);
    assert_int_equal(arrivals.count, 1);
    assert_arrival(0, 2 * SEC, 9);
    assert_true(sim_client_got(client, "patience\n"));
    finish(&world);
}

static void replies_stay_in_order_whatever_is_delayed(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "delay=1000:a\nb\ndelay=500:c\ndelay=1500:d\ne\n");
    sim_server_run(&world, 10 * SEC);
    assert_int_equal(arrivals.count, 5);
    assert_arrival(0, SEC, 2);
    assert_arrival(2, SEC, 6);
    assert_arrival(3, SEC + SEC / 2, 8);
    assert_arrival(4, SEC + SEC / 2, 10);
    assert_true(sim_client_got(client, "a\nb\nc\nd\ne\n"));
    finish(&world);
}

/* The control: without a delay there is nothing to wait for. */
static void replies_without_effects_leave_at_once(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, ":a\nb\ndelay=0:c\n");
    sim_server_run(&world, 10 * SEC);
    assert_int_equal(arrivals.list[arrivals.count - 1].total, 6);
    for (unsigned i = 0; i < arrivals.count; i++)
        assert_int_equal(arrivals.list[i].at_ns, 0);
    finish(&world);
}

static void what_is_taken_later_is_delayed_from_then(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "delay=1000:a\n");
    sim_server_run(&world, SEC * 9 / 10);
    sim_client_says(client, "delay=1000:b\n");
    sim_server_run(&world, 10 * SEC);
    assert_arrival(0, SEC, 2);
    assert_arrival(1, SEC * 19 / 10, 4);
    finish(&world);
}

static void messages_are_taken_while_one_waits_as_far_as_there_is_room(void **state)
{
    (void)state;
    struct sim_server world;
    const char *const few[] = {"keep", "on", "frame", "line", "max-waiting", "3", NULL};
    struct sim_client *client = start(&world, few);
    sim_client_says(client, "delay=1000:a\nb\nc\nd\ne\n");
    sim_server_run(&world, SEC / 2);
    assert_true(sim_server_shows(
        &world, "The message was: delay=1000:a\nThe message was: b\nThe message was: c\n"));
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "a\nb\nc\nd\ne\n"));
    finish(&world);
}

static void a_delay_without_a_reply_delays_the_next(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "none delay=1000:x\nb\n");
    sim_server_run(&world, 10 * SEC);
    assert_arrival(0, SEC, 2);
    assert_true(sim_client_got(client, "b\n"));
    finish(&world);
}

/* ---- recorded, then replied ---- */

/* Say it to a server whose standard output takes nothing until it is read, five seconds later. */
static struct sim_client *say_to_stuck(struct sim_server *world, const char *text)
{
    sim_server_prepare(world, 1);
    sim_faults(world->engine)->latency_ns = (struct sim_range){0, 0};
    world->shown = sim_stream(world->engine, 1);
    sim_stream_pace(world->engine, world->shown, 0, SEC);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_STREAM};
    effects_side_use(world->server);
    sim_server_begin(world, lines);
    struct sim_client *client = sim_connect(world->engine, world->listener);
    watch(world, client);
    sim_client_says(client, text);
    sim_server_run(world, 5 * SEC);
    return client;
}

static void unstick(struct sim_server *world)
{
    for (int i = 0; i < 200; i++) {
        sim_stream_read(world->engine, world->shown, 1000);
        sim_server_run(world, 10 * MS);
    }
}

static void nothing_leaves_before_its_message_is_recorded(void **state)
{
    (void)state;
    static const char *const effects[] = {"delay=1000",     "drip=10000",       "pieces=1",
                                          "truncate=2",     "truncate=2 reset", "truncate=2 close",
                                          "truncate=2 hang"};
    for (unsigned i = 0; i < sizeof effects / sizeof *effects; i++) {
        struct sim_server world;
        char message[80];
        snprintf(message, sizeof message, "%s:hi\n", effects[i]);
        struct sim_client *client = say_to_stuck(&world, message);
        assert_int_equal(arrivals.count, 0);
        assert_false(sim_client_state(client).reset);
        assert_false(sim_client_state(client).ended);
        unstick(&world);
        assert_true(arrivals.count > 0);
        assert_true(arrivals.list[0].at_ns >= 5 * SEC);
        finish(&world);
    }
}

/* ---- drip ---- */

/* How far what has arrived is from the schedule: at no moment ahead of it, and one step behind. */
static void assert_rate(int64_t rate, size_t size)
{
    int64_t step = rate / 50 + 2;
    for (unsigned i = 0; i < arrivals.count; i++) {
        int64_t scheduled = arrivals.list[i].at_ns / MS * rate / 1000;
        int64_t total = (int64_t)arrivals.list[i].total;
        assert_true(total <= scheduled + 1);
        assert_true(total >= scheduled - step);
    }
    int64_t whole_ns = (int64_t)size * SEC / rate;
    int64_t last_ns = arrivals.list[arrivals.count - 1].at_ns;
    assert_int_equal(arrivals.list[arrivals.count - 1].total, size);
    assert_true(last_ns >= whole_ns && last_ns <= whole_ns + MS);
}

static void drip_of(struct sim_server *world, int64_t rate, size_t size)
{
    char head[80];
    char *text = malloc(size);
    struct sim_client *client = start(world, lines);
    snprintf(head, sizeof head, "drip=%lld:", (long long)rate);
    memset(text, 'x', size - 1);
    text[size - 1] = '\n';
    sim_client_says(client, head);
    assert_true(sim_client_send(client, slice_of(text, size)));
    free(text);
    sim_server_run(world, 1000 * SEC);
}

static void a_drip_keeps_its_rate(void **state)
{
    (void)state;
    static const int64_t rates[] = {1, 7, 49, 50, 51, 100, 1000, 9600, 100000, 1000000};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct sim_server world;
        size_t size = (size_t)rates[i] * 2 + 3;
        drip_of(&world, rates[i], size < 900000 ? size : 900000);
        assert_rate(rates[i], size < 900000 ? size : 900000);
        finish(&world);
    }
}

static void a_fast_drip_takes_large_steps(void **state)
{
    (void)state;
    struct sim_server world;
    drip_of(&world, 500000, 500000);
    assert_true(arrivals.count <= 51 * (1 + 10000 / sim_faults(world.engine)->packet_most));
    finish(&world);
}

static void a_drip_begins_after_its_delay_and_others_follow_it(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "delay=1000 drip=10:abcd\nnext\n");
    sim_server_run(&world, 10 * SEC);
    assert_int_equal(arrivals.count, 6);
    for (unsigned i = 0; i < 5; i++)
        assert_arrival(i, SEC + (i + 1) * SEC / 10, i + 1);
    assert_arrival(5, SEC + SEC / 2, 10);
    assert_true(sim_client_got(client, "abcd\nnext\n"));
    finish(&world);
}

static void stall(void *context, uint64_t number)
{
    (void)number;
    sim_stall(context, 5 * SEC);
}

/* Five seconds behind its schedule it sends what a quarter of a second carries at once, no more. */
static void a_drip_does_not_burst_after_a_stall(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_after(world.engine, SEC / 10, stall, world.engine, 0);
    sim_client_says(client, "drip=100:"
                            "012345678901234567890123456789012345678901234567890123456789"
                            "012345678901234567890123456789012345678901234567890123456789\n");
    sim_server_run(&world, 1000 * SEC);
    for (unsigned i = 1, first = 0; i < arrivals.count; i++) {
        while (arrivals.list[i].at_ns - arrivals.list[first].at_ns > 10 * MS)
            first++;
        assert_true(arrivals.list[i].total - arrivals.list[first].total <= 30);
    }
    assert_true(arrivals.list[arrivals.count - 1].at_ns > 5 * SEC);
    finish(&world);
}

/* ---- pieces ---- */

/* Each send is a packet, and so is each read. */
static struct sim_client *start_packets(struct sim_server *world)
{
    prepare(world);
    for (const char *const *pair = (const char *const[]){"keep", "on", NULL}; *pair; pair += 2)
        assert_int_equal(gt_set(world->server, pair[0], pair[1]), GT_DONE);
    int listener = sim_listen(world->engine);
    assert_int_equal(server_listen_on(world->server, listener, SOCK_SEQPACKET, "unixpacket:sim"),
                     GT_DONE);
    sim_server_begin(world, (const char *const[]){NULL});
    return sim_connect_packets(world->engine, listener);
}

static void assert_packet(struct sim_client *client, const char *text)
{
    size_t before = sim_client_received(client).size;
    sim_client_read(client, SIZE_MAX);
    assert_true(slice_equal(slice_after(sim_client_received(client), before), slice_of_text(text)));
}

static void a_piece_is_a_send_of_its_own(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start_packets(&world);
    sim_client_says(client, "pieces=3:abcdefgh");
    sim_server_run(&world, SEC);
    assert_packet(client, "abc");
    assert_packet(client, "def");
    assert_packet(client, "gh");
    sim_client_says(client, "abcd");
    sim_server_run(&world, SEC);
    assert_packet(client, "abcd");
    finish(&world);
}

static void pieces_drip_at_their_rate(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "pieces=4 drip=8:abcdefghi\n");
    sim_server_run(&world, 10 * SEC);
    assert_int_equal(arrivals.count, 3);
    assert_arrival(0, SEC / 2, 4);
    assert_arrival(1, SEC, 8);
    assert_arrival(2, SEC + SEC / 4, 10);
    finish(&world);
}

/* A share of a pass: others have their turn between. */
static void many_pieces_keep_nobody_waiting(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    static char text[2000];
    memset(text, 'x', sizeof text - 1);
    sim_client_says(client, "pieces=1:");
    sim_client_says(client, text);
    struct sim_client *other = sim_connect(world.engine, world.listener);
    server_step(world.server, 0);
    sim_client_says(client, "\n");
    server_step(world.server, 0);
    sim_client_says(other, "me\n");
    for (int i = 0; i < 4; i++)
        server_step(world.server, MS);
    assert_true(sim_client_got(other, "me\n"));
    see(NULL, 0);
    assert_true(sim_client_received(client).size < sizeof text);
    sim_server_run(&world, SEC);
    assert_int_equal(sim_client_received(client).size, sizeof text);
    finish(&world);
}

/* ---- truncate ---- */

static void a_truncated_reply_ends_at_the_byte(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client = start(&world, lines);
    sim_client_says(client, "truncate=3:hello\ntruncate=0:hello\ntruncate=6:hello\n"
                            "truncate=7:hello\nb\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "helhello\nhello\nb\n"));
    finish(&world);
}

static void what_the_framing_puts_around_a_reply_counts(void **state)
{
    (void)state;
    struct sim_server world;
    struct sim_client *client =
        start(&world, (const char *const[]){"keep", "on", "frame", "netstring", NULL});
    sim_client_says(client, "16:truncate=7:hello,");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "5:hello"));
    finish(&world);
}

/* ---- going in the middle ---- */

static void who_goes_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const effects[] = {
        "delay=1000",      "drip=10",          "drip=10000 pieces=1",  "hang",
        "truncate=2 hang", "delay=1000 reset", "none delay=1000 close"};
    for (unsigned i = 0; i < sizeof effects / sizeof *effects; i++) {
        struct sim_server world;
        char message[80];
        struct sim_client *client = start(&world, lines);
        snprintf(message, sizeof message, "%s:hello\nb\n", effects[i]);
        sim_client_says(client, message);
        sim_server_run(&world, SEC / 4);
        sim_client_reset(client);
        sim_server_run(&world, SEC / 4);
        const struct worker *worker = &world.server->crew.workers[0];
        assert_int_equal(worker->connection_count, 0);
        assert_int_equal(worker->affected.taken, 0);
        assert_int_equal(worker->memory_bytes, 0);
        assert_true(sim_idle(world.engine));
        finish(&world);
    }
}

/* A step is under way, to a peer that does not read, when its connection ends. */
static void a_step_under_way_keeps_its_bytes(void **state)
{
    (void)state;
    struct sim_server world;
    prepare(&world);
    sim_faults(world.engine)->window_to_client = 100;
    sim_faults(world.engine)->send_buffer = 100;
    sim_server_begin(
        &world, (const char *const[]){"keep", "on", "frame", "line", "write-timeout", "5s", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    static char text[3000];
    memset(text, 'x', sizeof text - 1);
    sim_client_says(client, "drip=100000:");
    sim_client_says(client, text);
    sim_client_says(client, "\nb\n");
    sim_server_run(&world, SEC);
    sim_server_run(&world, 10 * SEC);
    assert_true(sim_server_told(&world, "write-timeout"));
    assert_int_equal(world.server->crew.workers[0].affected.taken, 0);
    finish(&world);
}

static void waiting_replies_count_against_max_memory(void **state)
{
    (void)state;
    struct sim_server world;
    static char text[60000];
    struct sim_client *client =
        start(&world, (const char *const[]){"keep", "on", "frame", "line", "max-memory", "100000",
                                            "max-message", "64KiB", NULL});
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 2; i++) {
        sim_client_says(client, "delay=1000:");
        sim_client_says(client, text);
        sim_client_says(client, "\n");
        sim_server_run(&world, SEC / 10);
    }
    assert_true(sim_server_told(&world, "memory"));
    assert_int_equal(world.server->crew.workers[0].memory_bytes, 0);
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_counts_from_the_message),
        cmocka_unit_test(replies_stay_in_order_whatever_is_delayed),
        cmocka_unit_test(replies_without_effects_leave_at_once),
        cmocka_unit_test(what_is_taken_later_is_delayed_from_then),
        cmocka_unit_test(messages_are_taken_while_one_waits_as_far_as_there_is_room),
        cmocka_unit_test(a_delay_without_a_reply_delays_the_next),
        cmocka_unit_test(nothing_leaves_before_its_message_is_recorded),
        cmocka_unit_test(a_drip_keeps_its_rate),
        cmocka_unit_test(a_fast_drip_takes_large_steps),
        cmocka_unit_test(a_drip_begins_after_its_delay_and_others_follow_it),
        cmocka_unit_test(a_drip_does_not_burst_after_a_stall),
        cmocka_unit_test(a_piece_is_a_send_of_its_own),
        cmocka_unit_test(pieces_drip_at_their_rate),
        cmocka_unit_test(many_pieces_keep_nobody_waiting),
        cmocka_unit_test(a_truncated_reply_ends_at_the_byte),
        cmocka_unit_test(what_the_framing_puts_around_a_reply_counts),
        cmocka_unit_test(who_goes_leaves_nothing_behind),
        cmocka_unit_test(a_step_under_way_keeps_its_bytes),
        cmocka_unit_test(waiting_replies_count_against_max_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
