/* test_sim_datagrams.c: the simulated engine's datagrams: what may happen to them, and
 * that a seed repeats it. What every engine holds to is in the contract tests. */
#include "engine/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEARD_MOST  4096
#define PASSES_MOST 200000

/* One datagram as it was received. */
struct heard {
    char text[24];
    size_t size;
    struct place place;
    struct peer peer;
    struct local_address local;
    bool truncated;
};

struct bench {
    struct engine *engine;
    int fd;
    struct receive_datagrams_op receive;
    struct heard heard[HEARD_MOST];
    unsigned heard_count;
    unsigned batches;
    int64_t batch_most;
    int64_t end; /* the result that ended the receive; 1: none */
    struct send_datagrams_op send;
    struct datagram list[DATAGRAMS_MAX];
    int64_t sent; /* the result; -1000: not over */
    bool told;    /* by done */
};

static struct bench *bench_of_receive(struct op *op)
{
    return list_item(op, struct bench, receive.op);
}

static void on_heard(struct op *op, int64_t result)
{
    struct bench *bench = bench_of_receive(op);
    if (result < 0) {
        assert_false(op->active);
        bench->end = result;
        return;
    }
    bench->batches++;
    bench->batch_most = result > bench->batch_most ? result : bench->batch_most;
    for (int64_t i = 0; i < result; i++) {
        const struct datagram *datagram = &bench->receive.list[i];
        struct heard *heard = &bench->heard[bench->heard_count++];
        assert_true(bench->heard_count < HEARD_MOST);
        heard->size = datagram->bytes.size;
        size_t size = heard->size < sizeof heard->text ? heard->size : sizeof heard->text - 1;
        memcpy(heard->text, datagram->bytes.data, size);
        heard->place = datagram->place;
        heard->peer = datagram->peer;
        heard->local = datagram->local;
        heard->truncated = datagram->truncated;
    }
}

static void on_sent(struct op *op, int64_t result)
{
    struct bench *bench = list_item(op, struct bench, send.op);
    assert_false(op->active);
    bench->sent = result;
    bench->told = true;
}

static void receive(struct bench *bench)
{
    bench->end = 1;
    engine_receive_datagrams(bench->engine, &bench->receive, bench->fd);
}

static struct bench *bench_new(uint64_t seed, enum sim_datagrams_kind kind)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->engine = engine_sim_create(seed);
    bench->fd = sim_datagrams(bench->engine, kind);
    bench->receive.op.done = on_heard;
    bench->receive.size_most = 2000;
    bench->send.op.done = on_sent;
    bench->send.list = bench->list;
    receive(bench);
    return bench;
}

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
    engine_cancel(bench->engine, &bench->receive.op);
    engine_cancel(bench->engine, &bench->send.op);
    settle(bench);
    engine_close(bench->engine, bench->fd, false);
    engine_destroy(&bench->engine);
    free(bench);
}

static const struct local_address nowhere;

static bool say(struct sim_correspondent *correspondent, const char *text)
{
    return sim_correspondent_send(correspondent, slice_of_text(text), nowhere);
}

static void write_to(struct bench *bench, unsigned at, struct place place, const char *text)
{
    bench->list[at] = (struct datagram){.bytes = slice_of_text(text), .place = place, .status = 1};
}

/* Send the first count of the list: whether that was over at once. */
static bool post(struct bench *bench, unsigned count)
{
    bench->send.count = count;
    bench->sent = -1000;
    bench->told = false;
    bool over = engine_send_datagrams(bench->engine, &bench->send, bench->fd);
    if (over)
        bench->sent = bench->send.op.result;
    return over;
}

static void assert_reads(struct sim_correspondent *correspondent, const char *text)
{
    struct sim_letter letter;
    assert_true(sim_correspondent_read(correspondent, &letter));
    assert_true(slice_equal(letter.bytes, slice_of_text(text)));
}

static void assert_reads_nothing(struct sim_correspondent *correspondent)
{
    struct sim_letter letter;
    assert_false(sim_correspondent_read(correspondent, &letter));
}

/* ---- datagrams to the engine ---- */

static void a_datagram_says_whence_and_whither(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *near = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct sim_correspondent *far = sim_correspondent(bench->engine, bench->fd, SIM_FAR);
    static const struct local_address ours = {
        .family = AF_INET, .interface = 3, .address = {192, 0, 2, 1}}; /* no byte of it undefined */
    int64_t start_ns = sim_now(bench->engine);
    sim_correspondent_send(far, slice_of("hello", 5), ours);
    engine_pass(bench->engine, -1);
    assert_int_equal(sim_now(bench->engine) - start_ns, 50000);
    assert_int_equal(bench->heard_count, 1);
    struct heard *heard = &bench->heard[0];
    assert_string_equal(heard->text, "hello");
    assert_int_equal(sim_correspondent_arrived(far), 1);
    assert_int_equal(sim_correspondent_arrived(near), 0);
    assert_memory_equal(&heard->local, &ours, sizeof ours);
    struct place place = sim_correspondent_place(far);
    assert_int_equal(heard->place.size, place.size);
    assert_memory_equal(&heard->place.any, &place.any, place.size);
    assert_int_equal(heard->peer.port, sim_correspondent_peer(far).port);
    assert_int_equal(heard->peer.address[0], 198);
    assert_int_equal(sim_correspondent_peer(near).address[0], 127);
    bench_free(bench);
}

static void who_has_no_name_has_no_place(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UNIX);
    struct sim_correspondent *named = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct sim_correspondent *nameless = sim_correspondent(bench->engine, bench->fd, SIM_NAMELESS);
    say(nameless, "a");
    say(named, "b");
    settle(bench);
    assert_int_equal(bench->heard_count, 2);
    assert_int_equal(bench->heard[0].place.size, 0);
    assert_int_equal(bench->heard[0].peer.kind, PEER_UNIX);
    assert_int_equal(bench->heard[1].place.any.sa_family, AF_UNIX);
    assert_int_not_equal(bench->heard[0].peer.credentials.pid,
                         bench->heard[1].peer.credentials.pid);
    write_to(bench, 0, bench->heard[0].place, "to nobody");
    assert_true(post(bench, 1));
    assert_int_equal(bench->list[0].status, -EDESTADDRREQ);
    assert_int_equal(sim_datagrams_stray(bench->engine, bench->fd), 1);
    bench_free(bench);
}

static void the_longer_is_truncated_and_the_empty_is_one(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    engine_cancel(bench->engine, &bench->receive.op);
    settle(bench);
    bench->receive.size_most = 4;
    receive(bench);
    say(correspondent, "12345");
    say(correspondent, "1234");
    say(correspondent, "");
    settle(bench);
    assert_int_equal(bench->heard_count, 3);
    assert_true(bench->heard[0].truncated);
    assert_string_equal(bench->heard[0].text, "1234");
    assert_false(bench->heard[1].truncated);
    assert_int_equal(bench->heard[2].size, 0);
    bench_free(bench);
}

static void many_come_in_batches(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    for (int i = 0; i < 200; i++)
        say(correspondent, "x");
    settle(bench);
    assert_int_equal(bench->heard_count, 200);
    assert_int_equal(bench->batches, 4);
    assert_int_equal(bench->batch_most, DATAGRAMS_MAX);
    sim_faults(bench->engine)->short_receive = 1;
    for (int i = 0; i < 200; i++)
        say(correspondent, "x");
    settle(bench);
    assert_int_equal(bench->heard_count, 400);
    assert_true(bench->batches > 8);
    bench_free(bench);
}

static void faults(struct bench *bench, double lost, double doubled, double late)
{
    struct sim_faults *faults = sim_faults(bench->engine);
    faults->datagram_lost = lost;
    faults->datagram_doubled = doubled;
    faults->datagram_late = late;
    faults->latency_ns = (struct sim_range){1000, 20000};
}

/* A hundred numbered datagrams: how many of each arrive, and how many come after a later one. */
static unsigned hundred(struct bench *bench, unsigned counts[100])
{
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    unsigned overtaken = 0;
    int latest = -1;
    memset(counts, 0, 100 * sizeof *counts);
    bench->heard_count = 0;
    for (int i = 0; i < 100; i++) {
        char text[8] = {(char)('0' + i / 10), (char)('0' + i % 10)};
        say(correspondent, text);
    }
    settle(bench);
    for (unsigned i = 0; i < bench->heard_count; i++) {
        int number = atoi(bench->heard[i].text);
        counts[number]++;
        overtaken += number < latest;
        latest = number > latest ? number : latest;
    }
    return overtaken;
}

static unsigned count_of(const unsigned counts[100], unsigned wanted)
{
    unsigned count = 0;
    for (int i = 0; i < 100; i++)
        count += counts[i] == wanted;
    return count;
}

static void udp_loses_doubles_and_mixes(void **state)
{
    (void)state;
    struct bench *bench = bench_new(5, SIM_UDP);
    unsigned counts[100];
    faults(bench, 0, 0, 0);
    assert_int_equal(hundred(bench, counts), 0);
    assert_int_equal(count_of(counts, 1), 100);
    faults(bench, 0.5, 0, 0);
    assert_int_equal(hundred(bench, counts), 0);
    assert_in_range(count_of(counts, 0), 30, 70);
    assert_int_equal(count_of(counts, 1), 100 - count_of(counts, 0));
    faults(bench, 0, 0.5, 0);
    assert_int_equal(hundred(bench, counts), 0);
    assert_in_range(count_of(counts, 2), 30, 70);
    assert_int_equal(count_of(counts, 1), 100 - count_of(counts, 2));
    faults(bench, 0, 0, 0.5);
    assert_in_range(hundred(bench, counts), 10, 90);
    assert_int_equal(count_of(counts, 1), 100);
    bench_free(bench);
}

static void unix_loses_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new(5, SIM_UNIX);
    unsigned counts[100];
    faults(bench, 0.5, 0.5, 0.5);
    assert_int_equal(hundred(bench, counts), 0);
    assert_int_equal(count_of(counts, 1), 100);
    bench_free(bench);
}

static void a_full_queue_refuses_unix_and_loses_udp(void **state)
{
    (void)state;
    for (int kind = SIM_UDP; kind <= SIM_UNIX; kind++) {
        struct bench *bench = bench_new(1, (enum sim_datagrams_kind)kind);
        struct sim_correspondent *correspondent =
            sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
        engine_cancel(bench->engine, &bench->receive.op);
        settle(bench);
        for (int i = 0; i < 4000; i++)
            assert_true(say(correspondent, "x"));
        assert_int_equal(say(correspondent, "too many"), kind == SIM_UDP);
        settle(bench);
        receive(bench);
        settle(bench);
        assert_int_equal(bench->heard_count, 4000);
        assert_true(say(correspondent, "again"));
        bench_free(bench);
    }
}

static void input_may_come_late(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    sim_faults(bench->engine)->late_input = 1;
    sim_faults(bench->engine)->latency_ns = (struct sim_range){0, 0};
    say(correspondent, "late");
    engine_cancel(bench->engine, &bench->receive.op);
    settle(bench);
    assert_int_equal(bench->heard_count, 1);
    assert_int_equal(bench->end, -ECANCELED);
    bench_free(bench);
}

static void a_receive_may_end_for_want_of_memory(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    sim_faults(bench->engine)->datagrams_refused = 1;
    say(correspondent, "kept");
    settle(bench);
    assert_int_equal(bench->end, -ENOMEM);
    sim_faults(bench->engine)->datagrams_refused = 0;
    receive(bench);
    settle(bench);
    assert_int_equal(bench->heard_count, 1);
    bench_free(bench);
}

/* ---- datagrams from the engine ---- */

static void a_reply_leaves_from_the_address_given(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *first = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct sim_correspondent *second = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct local_address ours = {.family = AF_INET6, .address = {1, 2, 3}};
    write_to(bench, 0, sim_correspondent_place(second), "for the second");
    write_to(bench, 1, sim_correspondent_place(first), "");
    bench->list[0].local = ours;
    assert_true(post(bench, 2));
    assert_int_equal(bench->sent, 2);
    assert_reads_nothing(second);
    settle(bench);
    struct sim_letter letter;
    assert_true(sim_correspondent_read(second, &letter));
    assert_true(slice_equal(letter.bytes, slice_of_text("for the second")));
    assert_memory_equal(&letter.local, &ours, sizeof ours);
    assert_reads(first, "");
    assert_reads_nothing(first);
    assert_int_equal(sim_datagrams_stray(bench->engine, bench->fd), 0);
    bench_free(bench);
}

static void a_full_reader_is_told_of_by_unix_only(void **state)
{
    (void)state;
    for (int kind = SIM_UDP; kind <= SIM_UNIX; kind++) {
        struct bench *bench = bench_new(1, (enum sim_datagrams_kind)kind);
        struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
        sim_correspondent_room(reader, 2);
        for (unsigned i = 0; i < 3; i++)
            write_to(bench, i, sim_correspondent_place(reader), "x");
        assert_true(post(bench, 3));
        assert_int_equal(bench->sent, kind == SIM_UDP ? 3 : 2);
        assert_int_equal(bench->list[2].status, kind == SIM_UDP ? 0 : -EAGAIN);
        settle(bench);
        assert_reads(reader, "x");
        assert_reads(reader, "x");
        assert_reads_nothing(reader);
        bench_free(bench);
    }
}

static void who_has_gone_hears_nothing(void **state)
{
    (void)state;
    for (int kind = SIM_UDP; kind <= SIM_UNIX; kind++) {
        struct bench *bench = bench_new(1, (enum sim_datagrams_kind)kind);
        struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
        sim_correspondent_leave(reader);
        write_to(bench, 0, sim_correspondent_place(reader), "x");
        assert_true(post(bench, 1));
        assert_int_equal(bench->list[0].status, kind == SIM_UDP ? 0 : -ECONNREFUSED);
        settle(bench);
        assert_reads_nothing(reader);
        bench_free(bench);
    }
}

static void what_is_for_nobody_is_counted(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct place place = sim_correspondent_place(reader);
    place.ipv4.sin_addr.s_addr ^= 1;
    write_to(bench, 0, place, "x");
    assert_true(post(bench, 1));
    assert_int_equal(bench->sent, 1);
    assert_int_equal(sim_datagrams_stray(bench->engine, bench->fd), 1);
    bench_free(bench);
}

static void a_failed_datagram_does_not_hold_up_the_next(void **state)
{
    (void)state;
    struct bench *bench = bench_new(3, SIM_UDP);
    struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    sim_faults(bench->engine)->datagram_fails = 0.5;
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++)
        write_to(bench, i, sim_correspondent_place(reader), "x");
    assert_true(post(bench, DATAGRAMS_MAX));
    assert_in_range(bench->sent, 10, 54);
    settle(bench);
    int64_t right = 0, arrived = 0;
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++)
        right += bench->list[i].status == 0;
    for (struct sim_letter letter; sim_correspondent_read(reader, &letter);)
        arrived++;
    assert_int_equal(right, bench->sent);
    assert_int_equal(arrived, bench->sent);
    bench_free(bench);
}

static void a_send_waits_for_our_own_buffer(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    sim_faults(bench->engine)->short_send = 1;
    write_to(bench, 0, sim_correspondent_place(reader), "first");
    write_to(bench, 1, sim_correspondent_place(reader), "second");
    assert_false(post(bench, 2));
    settle(bench);
    assert_true(bench->told);
    assert_int_equal(bench->sent, 2);
    assert_reads(reader, "first");
    assert_reads(reader, "second");
    assert_false(post(bench, 2));
    engine_pass(bench->engine, 50000);
    engine_cancel(bench->engine, &bench->send.op);
    settle(bench);
    assert_int_equal(bench->sent, -ECANCELED);
    assert_int_equal(bench->send.handled, 1);
    assert_reads(reader, "first");
    assert_reads_nothing(reader);
    bench_free(bench);
}

static void a_send_may_be_told_later(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UNIX);
    struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    sim_faults(bench->engine)->send_later = 1;
    write_to(bench, 0, sim_correspondent_place(reader), "x");
    assert_false(post(bench, 1));
    assert_true(bench->send.op.active);
    settle(bench);
    assert_int_equal(bench->sent, 1);
    bench_free(bench);
}

/* ---- waiting elsewhere, and replaying ---- */

static void patience_is_until_the_next_timer(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, SIM_UDP);
    struct sim_correspondent *correspondent = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    struct timer timer = {0};
    assert_int_equal(engine_descriptor(bench->engine), -1);
    assert_int_equal(engine_patience(bench->engine), -1);
    engine_timer_set(bench->engine, &timer, bench->engine->now_ns + 70000);
    assert_int_equal(engine_patience(bench->engine), 70000);
    say(correspondent, "sooner");
    assert_int_equal(engine_patience(bench->engine), 70000);
    bench->engine->now_ns += 50000;
    assert_int_equal(engine_patience(bench->engine), 0);
    engine_timer_stop(bench->engine, &timer);
    settle(bench);
    engine_wake(bench->engine);
    assert_int_equal(engine_patience(bench->engine), 0);
    bench_free(bench);
}

static uint64_t wild_run(uint64_t seed)
{
    struct bench *bench = bench_new(seed, SIM_UDP);
    struct sim_faults *faults = sim_faults(bench->engine);
    faults->short_receive = faults->short_send = faults->datagram_lost = 0.3;
    faults->datagram_doubled = faults->datagram_late = faults->datagram_fails = 0.3;
    faults->latency_ns = (struct sim_range){1, 1000000};
    struct sim_correspondent *reader = sim_correspondent(bench->engine, bench->fd, SIM_NEAR);
    for (unsigned i = 0; i < 20; i++) {
        say(reader, "to you");
        write_to(bench, i, sim_correspondent_place(reader), "to me");
    }
    post(bench, 20);
    settle(bench);
    uint64_t digest = sim_digest(bench->engine);
    bench_free(bench);
    return digest;
}

static void a_seed_replays_datagrams(void **state)
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
        cmocka_unit_test(a_datagram_says_whence_and_whither),
        cmocka_unit_test(who_has_no_name_has_no_place),
        cmocka_unit_test(the_longer_is_truncated_and_the_empty_is_one),
        cmocka_unit_test(many_come_in_batches),
        cmocka_unit_test(udp_loses_doubles_and_mixes),
        cmocka_unit_test(unix_loses_nothing),
        cmocka_unit_test(a_full_queue_refuses_unix_and_loses_udp),
        cmocka_unit_test(input_may_come_late),
        cmocka_unit_test(a_receive_may_end_for_want_of_memory),
        cmocka_unit_test(a_reply_leaves_from_the_address_given),
        cmocka_unit_test(a_full_reader_is_told_of_by_unix_only),
        cmocka_unit_test(who_has_gone_hears_nothing),
        cmocka_unit_test(what_is_for_nobody_is_counted),
        cmocka_unit_test(a_failed_datagram_does_not_hold_up_the_next),
        cmocka_unit_test(a_send_waits_for_our_own_buffer),
        cmocka_unit_test(a_send_may_be_told_later),
        cmocka_unit_test(patience_is_until_the_next_timer),
        cmocka_unit_test(a_seed_replays_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
