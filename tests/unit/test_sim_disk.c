/* test_sim_disk.c: the simulated engine's files and pipes, and how they fail. */
#include "engine/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PASSES_MOST 200000

/* An engine, and one write and one sync. */
struct bench {
    struct engine *engine;
    struct write_op write;
    struct sync_op sync;
    struct iovec part;
    int64_t write_result; /* 1: not yet */
    int64_t sync_result;
};

static void on_write(struct op *op, int64_t result)
{
    list_item(op, struct bench, write.send.op)->write_result = result;
}

static void on_sync(struct op *op, int64_t result)
{
    list_item(op, struct bench, sync)->sync_result = result;
}

static struct bench *bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    bench->engine = engine_sim_create(seed);
    bench->write.send.op.done = on_write;
    bench->sync.op.done = on_sync;
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
    settle(bench);
    engine_destroy(&bench->engine);
    free(bench);
}

static bool note(struct bench *bench, int fd, const void *bytes, size_t size)
{
    bench->part = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    bench->write.send.parts = &bench->part;
    bench->write.send.part_count = 1;
    bench->write.mode = WRITE_STREAM;
    bench->write_result = 1;
    bool done = engine_write(bench->engine, &bench->write, fd);
    if (done)
        bench->write_result = bench->write.send.op.result;
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

static void a_sync_makes_durable_what_was_written_before(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    sim_faults(bench->engine)->sync_later = 1;
    int file = sim_file(bench->engine);
    assert_true(note(bench, file, "one", 3));
    assert_int_equal(sim_file_durable(bench->engine, file).size, 0);
    bench->sync_result = 1;
    assert_false(engine_sync(bench->engine, &bench->sync, file));
    settle(bench);
    assert_int_equal(bench->sync_result, 0);
    assert_true(note(bench, file, "two", 3));
    assert_int_equal(sim_file_durable(bench->engine, file).size, 3);
    assert_true(slice_equal(sim_content(bench->engine, file), slice_of("onetwo", 6)));
    engine_close(bench->engine, file, false);
    bench_free(bench);
}

static void after_a_failed_sync_the_next_one_lies(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    sim_faults(bench->engine)->fail_sync_at = 1;
    int file = sim_file(bench->engine);
    note(bench, file, "gone", 4);
    assert_true(engine_sync(bench->engine, &bench->sync, file));
    assert_int_equal(bench->sync.op.result, -EIO);
    assert_true(engine_sync(bench->engine, &bench->sync, file));
    assert_int_equal(bench->sync.op.result, 0);
    assert_int_equal(sim_file_durable(bench->engine, file).size, 0);
    engine_close(bench->engine, file, false);
    bench_free(bench);
}

static void the_third_write_fails_and_may_be_torn(void **state)
{
    (void)state;
    unsigned torn = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct bench *bench = bench_new(seed);
        sim_faults(bench->engine)->fail_write_at = 3;
        sim_faults(bench->engine)->fail_write_with = ENOSPC;
        int file = sim_file(bench->engine);
        note(bench, file, "aaaa", 4);
        note(bench, file, "bbbb", 4);
        assert_int_equal(bench->write_result, 4);
        note(bench, file, "cccc", 4);
        assert_int_equal(bench->write_result, -ENOSPC);
        size_t size = sim_content(bench->engine, file).size;
        assert_in_range(size, 8, 12);
        torn += size > 8 && size < 12;
        engine_close(bench->engine, file, false);
        bench_free(bench);
    }
    assert_true(torn > 0);
}

static void a_slow_reader_makes_writes_wait(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    int stream = sim_stream(bench->engine, 100);
    sim_stream_pace(bench->engine, stream, 10, 1000000);
    uint8_t *bytes = pattern(150);
    int64_t start_ns = sim_now(bench->engine);
    assert_false(note(bench, stream, bytes, 150));
    settle(bench);
    assert_int_equal(bench->write_result, 150);
    assert_int_equal(sim_stream_read_size(bench->engine, stream), 150);
    assert_int_equal(sim_now(bench->engine) - start_ns, 15 * 1000000);
    assert_true(slice_equal(sim_content(bench->engine, stream), slice_of(bytes, 150)));
    free(bytes);
    engine_close(bench->engine, stream, false);
    bench_free(bench);
}

static void a_stopped_reader_that_leaves_ends_the_write(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    int stream = sim_stream(bench->engine, 4);
    sim_stream_pace(bench->engine, stream, 0, 0);
    assert_false(note(bench, stream, "too long", 8));
    settle(bench);
    assert_int_equal(bench->write_result, 1);
    sim_stream_leave(bench->engine, stream);
    settle(bench);
    assert_int_equal(bench->write_result, -EPIPE);
    assert_int_equal(bench->write.send.transferred, 4);
    engine_close(bench->engine, stream, false);
    bench_free(bench);
}

static void a_write_in_two_goes_is_whole_in_the_end(void **state)
{
    (void)state;
    struct bench *bench = bench_new(3);
    sim_faults(bench->engine)->write_short = 0.5;
    sim_faults(bench->engine)->write_later = 0.5;
    int file = sim_file(bench->engine);
    unsigned later = 0;
    for (int i = 0; i < 50; i++) {
        later += !note(bench, file, "0123456789", 10);
        settle(bench);
        assert_int_equal(bench->write_result, 10);
    }
    assert_in_range(later, 10, 49);
    assert_int_equal(sim_content(bench->engine, file).size, 500);
    engine_close(bench->engine, file, false);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sync_makes_durable_what_was_written_before),
        cmocka_unit_test(after_a_failed_sync_the_next_one_lies),
        cmocka_unit_test(the_third_write_fails_and_may_be_torn),
        cmocka_unit_test(a_slow_reader_makes_writes_wait),
        cmocka_unit_test(a_stopped_reader_that_leaves_ends_the_write),
        cmocka_unit_test(a_write_in_two_goes_is_whole_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
