/* test_sim.c: what the simulated engine adds to the contract: faults, time, and being repeatable.
 */
#include "engine/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PASSES_MOST 200000

/* One end of a connection as a server would hold it, and what became of it. */
struct end {
    struct receive_op receive;
    struct send_op send;
    struct iovec part;
    uint8_t *heard;
    size_t heard_size;
    size_t pieces;
    int64_t receive_result; /* the last, once it is over; 1: not yet */
    int64_t send_result;    /* 1: not yet */
    unsigned sends_told;
};

struct bench {
    struct engine *engine;
    struct accept_op accept;
    int listener;
    int accepted; /* the last descriptor or error, 0: none */
    unsigned accepts;
    struct end end;
};

static void on_accept(struct op *op, int64_t result)
{
    struct bench *bench = list_item(op, struct bench, accept);
    bench->accepted = (int)result;
    bench->accepts += result >= 0;
}

static void on_receive(struct op *op, int64_t result)
{
    struct end *end = list_item(op, struct end, receive);
    if (result <= 0) {
        end->receive_result = result;
        return;
    }
    end->heard = realloc(end->heard, end->heard_size + (size_t)result);
    assert_non_null(end->heard);
    memcpy(end->heard + end->heard_size, end->receive.data, (size_t)result);
    end->heard_size += (size_t)result;
    end->pieces++;
}

static void on_send(struct op *op, int64_t result)
{
    struct end *end = list_item(op, struct end, send);
    end->send_result = result;
    end->sends_told++;
}

static struct bench *bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->engine = engine_sim_create(seed);
    bench->listener = sim_listen(bench->engine);
    bench->accept.op.done = on_accept;
    bench->end.receive.op.done = on_receive;
    bench->end.send.op.done = on_send;
    engine_accept(bench->engine, &bench->accept, bench->listener);
    return bench;
}

/* Pass until nothing is left to happen. */
static void settle(struct bench *bench)
{
    for (int i = 0; i < PASSES_MOST && !sim_idle(bench->engine); i++) {
        assert_int_equal(engine_pass(bench->engine, -1), 0);
        assert_null(sim_check(bench->engine));
    }
    assert_true(sim_idle(bench->engine));
}

static void bench_free(struct bench *bench)
{
    engine_cancel(bench->engine, &bench->accept.op);
    engine_cancel(bench->engine, &bench->end.receive.op);
    engine_cancel(bench->engine, &bench->end.send.op);
    settle(bench);
    engine_destroy(&bench->engine);
    free(bench->end.heard);
    free(bench);
}

/* A client whose connection is accepted, and receives. */
static struct sim_client *meet(struct bench *bench)
{
    struct sim_client *client = sim_connect(bench->engine, bench->listener);
    settle(bench);
    assert_true(bench->accepted >= SIM_FIRST_DESCRIPTOR);
    bench->end.receive_result = 1;
    engine_receive(bench->engine, &bench->end.receive, bench->accepted);
    return client;
}

static bool say(struct bench *bench, const void *bytes, size_t size)
{
    struct end *end = &bench->end;
    end->part = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    end->send.parts = &end->part;
    end->send.part_count = 1;
    end->send_result = 1;
    bool done = engine_send(bench->engine, &end->send, bench->accepted);
    if (done)
        end->send_result = end->send.op.result;
    return done;
}

static uint8_t *pattern(size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    return bytes;
}

static void close_end(struct bench *bench, bool reset)
{
    engine_cancel(bench->engine, &bench->end.receive.op);
    engine_cancel(bench->engine, &bench->end.send.op);
    while (bench->end.receive.op.active || bench->end.send.op.active)
        engine_pass(bench->engine, 0);
    engine_close(bench->engine, bench->accepted, reset);
}

/* ---- time ---- */

static void fired(struct timer *timer, int64_t now_ns)
{
    (void)timer;
    (void)now_ns;
}

static void the_clock_moves_to_the_next_timer_and_not_past_the_wait(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct timer timer = {.fire = fired};
    int64_t start_ns = sim_now(bench->engine);
    int64_t start_us = engine_wall_us(bench->engine);
    engine_timer_set(bench->engine, &timer, start_ns + 5000000);
    engine_pass(bench->engine, 1000000);
    assert_int_equal(sim_now(bench->engine) - start_ns, 1000000);
    assert_true(timer_is_set(&timer));
    engine_pass(bench->engine, -1);
    assert_int_equal(sim_now(bench->engine) - start_ns, 5000000);
    assert_false(timer_is_set(&timer));
    assert_int_equal(engine_wall_us(bench->engine) - start_us, 5000);
    bench_free(bench);
}

static void an_endless_wait_for_nothing_returns(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    int64_t start_ns = sim_now(bench->engine);
    engine_pass(bench->engine, -1);
    assert_true(sim_idle(bench->engine));
    assert_int_equal(sim_now(bench->engine), start_ns);
    engine_wake(bench->engine);
    assert_false(sim_idle(bench->engine));
    engine_pass(bench->engine, 1000000);
    assert_int_equal(sim_now(bench->engine), start_ns); /* woken: it did not wait */
    bench_free(bench);
}

static void an_act(void *context, uint64_t number)
{
    uint64_t *sum = context;
    *sum = *sum * 10 + number;
}

static void acts_happen_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    uint64_t sum = 0;
    sim_after(bench->engine, 3000, an_act, &sum, 3);
    sim_after(bench->engine, 1000, an_act, &sum, 1);
    sim_after(bench->engine, 3000, an_act, &sum, 4);
    sim_after(bench->engine, 2000, an_act, &sum, 2);
    settle(bench);
    assert_int_equal(sum, 1234);
    bench_free(bench);
}

/* ---- the network ---- */

static void bytes_arrive_after_the_latency(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_client *client = meet(bench);
    int64_t start_ns = sim_now(bench->engine);
    sim_client_send(client, slice_of("hello", 5));
    assert_int_equal(sim_client_state(client).unacknowledged, 5);
    engine_pass(bench->engine, -1);
    assert_int_equal(sim_now(bench->engine) - start_ns, 50000);
    assert_int_equal(bench->end.heard_size, 5);
    assert_int_equal(sim_client_state(client).unacknowledged, 5);
    settle(bench);
    assert_int_equal(sim_client_state(client).unacknowledged, 0);
    close_end(bench, false);
    bench_free(bench);
}

static void cuts_change_nothing_but_the_pieces(void **state)
{
    (void)state;
    const size_t size = 300000;
    uint8_t *bytes = pattern(size);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct bench *bench = bench_new(seed);
        struct sim_faults *faults = sim_faults(bench->engine);
        faults->short_receive = faults->short_send = faults->send_later = 0.5;
        faults->tiny_packet = 0.1;
        faults->shuffle = 0.5;
        faults->latency_ns = (struct sim_range){1000, 900000};
        faults->window_to_server = faults->send_buffer = 10000;
        struct sim_client *client = meet(bench);
        sim_client_send(client, slice_of(bytes, size));
        sim_client_shutdown(client);
        say(bench, bytes, size);
        for (int i = 0; i < PASSES_MOST && !sim_idle(bench->engine); i++) {
            engine_pass(bench->engine, -1);
            sim_client_read(client, (size_t)sim_random(bench->engine, 1, 70000));
        }
        sim_client_read(client, size);
        assert_int_equal(bench->end.receive_result, 0);
        assert_int_equal(bench->end.send_result, size);
        assert_true(bench->end.pieces > 30);
        assert_true(
            slice_equal(slice_of(bench->end.heard, bench->end.heard_size), slice_of(bytes, size)));
        assert_true(slice_equal(sim_client_received(client), slice_of(bytes, size)));
        close_end(bench, false);
        bench_free(bench);
    }
    free(bytes);
}

static void a_client_that_does_not_read_stops_the_flow(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_faults *faults = sim_faults(bench->engine);
    faults->window_to_client = 3000;
    faults->send_buffer = 5000;
    struct sim_client *client = meet(bench);
    uint8_t *bytes = pattern(20000);
    assert_false(say(bench, bytes, 20000));
    settle(bench);
    assert_int_equal(bench->end.send_result, 1);
    assert_int_equal(bench->end.send.transferred, 8000); /* read by nobody, and unacknowledged */
    assert_int_equal(engine_unacknowledged(bench->engine, bench->accepted), 5000);
    assert_int_equal(sim_client_state(client).readable, 3000);
    while (sim_client_read(client, 100000) > 0)
        settle(bench);
    assert_int_equal(bench->end.send_result, 20000);
    assert_int_equal(engine_unacknowledged(bench->engine, bench->accepted), 0);
    assert_true(slice_equal(sim_client_received(client), slice_of(bytes, 20000)));
    free(bytes);
    close_end(bench, false);
    bench_free(bench);
}

static void a_fin_counts_as_one_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_client *client = meet(bench);
    assert_true(say(bench, "bye", 3));
    assert_int_equal(engine_shutdown(bench->engine, bench->accepted), 0);
    assert_int_equal(engine_unacknowledged(bench->engine, bench->accepted), 4);
    settle(bench);
    assert_int_equal(engine_unacknowledged(bench->engine, bench->accepted), 0);
    assert_false(sim_client_state(client).ended);
    sim_client_read(client, 3);
    assert_true(sim_client_state(client).ended);
    assert_true(say(bench, "more", 4));
    assert_int_equal(bench->end.send_result, -EPIPE);
    close_end(bench, false);
    bench_free(bench);
}

static void a_reset_keeps_what_had_arrived_and_is_told_once(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_client *client = meet(bench);
    engine_cancel(bench->engine, &bench->end.receive.op);
    settle(bench);
    sim_client_send(client, slice_of("kept", 4));
    settle(bench);
    sim_client_send(client, slice_of("lost", 4));
    sim_faults(bench->engine)->latency_ns = (struct sim_range){10, 10}; /* it overtakes */
    sim_client_reset(client);
    settle(bench);
    assert_int_equal(engine_unacknowledged(bench->engine, bench->accepted), -ECONNRESET);
    engine_receive(bench->engine, &bench->end.receive, bench->accepted);
    settle(bench);
    assert_int_equal(bench->end.heard_size, 4);
    assert_int_equal(bench->end.receive_result, -ECONNRESET);
    assert_true(say(bench, "x", 1));
    assert_int_equal(bench->end.send_result, -EPIPE);
    engine_receive(bench->engine, &bench->end.receive, bench->accepted);
    settle(bench);
    assert_int_equal(bench->end.receive_result, 0);
    close_end(bench, false);
    bench_free(bench);
}

static void closing_with_unread_input_is_a_reset_that_destroys(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    sim_faults(bench->engine)->reset_destroys = 1;
    struct sim_client *client = meet(bench);
    engine_cancel(bench->engine, &bench->end.receive.op);
    settle(bench);
    sim_client_send(client, slice_of("never read", 10));
    settle(bench);
    uint8_t *bytes = pattern(200000);
    say(bench, bytes, 200000);
    settle(bench);
    close_end(bench, false);
    settle(bench);
    struct sim_client_state seen = sim_client_state(client);
    assert_true(seen.reset);
    assert_false(seen.ended);
    assert_true(seen.readable < 200000);
    free(bytes);
    bench_free(bench);
}

static void input_after_a_close_is_a_reset(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_client *client = meet(bench);
    assert_true(say(bench, "bye", 3));
    close_end(bench, false);
    settle(bench);
    assert_false(sim_client_state(client).reset);
    assert_int_equal(sim_client_read(client, 10), 3);
    assert_true(sim_client_state(client).ended);
    assert_true(sim_client_send(client, slice_of("late", 4)));
    settle(bench);
    assert_true(sim_client_state(client).reset);
    bench_free(bench);
}

static void a_client_that_closed_resets_who_sends_to_it(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct sim_client *client = meet(bench);
    sim_client_close(client);
    settle(bench);
    assert_int_equal(bench->end.receive_result, 0);
    assert_true(say(bench, "anyone?", 7));
    assert_int_equal(bench->end.send_result, 7);
    settle(bench);
    assert_true(say(bench, "no", 2));
    assert_int_equal(bench->end.send_result, -EPIPE);
    close_end(bench, false);
    bench_free(bench);
}

static void nobody_listens_any_more(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    engine_cancel(bench->engine, &bench->accept.op);
    settle(bench);
    struct sim_client *queued = sim_connect(bench->engine, bench->listener);
    settle(bench);
    assert_int_equal(sim_listen_waiting(bench->engine, bench->listener), 1);
    engine_close(bench->engine, bench->listener, false);
    struct sim_client *late = sim_connect(bench->engine, bench->listener);
    settle(bench);
    assert_true(sim_client_state(queued).reset);
    assert_true(sim_client_state(late).refused);
    assert_false(sim_client_send(late, slice_of("x", 1)));
    assert_int_equal(sim_open_count(bench->engine), 0);
    bench_free(bench);
}

static void accept_fails_when_descriptors_are_out(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    sim_faults(bench->engine)->descriptors_most = 2; /* the listener and one more */
    sim_connect(bench->engine, bench->listener);
    sim_connect(bench->engine, bench->listener);
    settle(bench);
    assert_int_equal(bench->accepts, 1);
    assert_int_equal(bench->accepted, -EMFILE);
    assert_false(bench->accept.op.active);
    assert_int_equal(sim_listen_waiting(bench->engine, bench->listener), 1);
    engine_close(bench->engine, SIM_FIRST_DESCRIPTOR + 1, false);
    engine_accept(bench->engine, &bench->accept, bench->listener);
    settle(bench);
    assert_int_equal(bench->accepted, SIM_FIRST_DESCRIPTOR + 2); /* numbers are not used again */
    engine_close(bench->engine, bench->accepted, true);
    bench_free(bench);
}

static void connections_that_die_in_the_queue_are_skipped(void **state)
{
    (void)state;
    struct bench *bench = bench_new(7);
    sim_faults(bench->engine)->accept_aborted = 0.5;
    for (int i = 0; i < 100; i++)
        sim_connect(bench->engine, bench->listener);
    settle(bench);
    assert_in_range(bench->accepts, 20, 80);
    assert_int_equal(sim_open_count(bench->engine), bench->accepts + 1);
    assert_true(bench->accept.op.active);
    bench_free(bench);
}

/* ---- a seed replays ---- */

static uint64_t wild_run(uint64_t seed)
{
    struct bench *bench = bench_new(seed);
    struct sim_faults *faults = sim_faults(bench->engine);
    faults->short_receive = faults->short_send = faults->tiny_packet = faults->shuffle = 0.3;
    faults->latency_ns = (struct sim_range){1, 1000000};
    faults->pass_ns = (struct sim_range){0, 5000};
    struct sim_client *client = meet(bench);
    uint8_t *bytes = pattern(5000);
    sim_client_send(client, slice_of(bytes, 5000));
    say(bench, bytes, 5000);
    settle(bench);
    sim_client_reset(client);
    settle(bench);
    close_end(bench, false);
    uint64_t digest = sim_digest(bench->engine) ^ engine_random(bench->engine);
    free(bytes);
    bench_free(bench);
    return digest;
}

static void a_seed_replays_a_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t digest = wild_run(seed);
        assert_true(digest == wild_run(seed));
        assert_true(digest != wild_run(seed + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_moves_to_the_next_timer_and_not_past_the_wait),
        cmocka_unit_test(an_endless_wait_for_nothing_returns),
        cmocka_unit_test(acts_happen_in_the_order_of_their_times),
        cmocka_unit_test(bytes_arrive_after_the_latency),
        cmocka_unit_test(cuts_change_nothing_but_the_pieces),
        cmocka_unit_test(a_client_that_does_not_read_stops_the_flow),
        cmocka_unit_test(a_fin_counts_as_one_until_it_is_acknowledged),
        cmocka_unit_test(a_reset_keeps_what_had_arrived_and_is_told_once),
        cmocka_unit_test(closing_with_unread_input_is_a_reset_that_destroys),
        cmocka_unit_test(input_after_a_close_is_a_reset),
        cmocka_unit_test(a_client_that_closed_resets_who_sends_to_it),
        cmocka_unit_test(nobody_listens_any_more),
        cmocka_unit_test(accept_fails_when_descriptors_are_out),
        cmocka_unit_test(connections_that_die_in_the_queue_are_skipped),
        cmocka_unit_test(a_seed_replays_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
