/* The recorder that shows messages, against an engine that does what the test says; and at the end
 * against the real one. */
#include "engine/engine.h"
#include "goodtalk.h"
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FAKE_FD 77
#define BOUND   1000

/* An engine for one write at a time: it takes a write at once, or holds it until fake_finish. */
struct fake {
    struct engine engine;
    bool holds;
    int64_t fails; /* 0, or the -errno every write meets */
    struct write_op *held;
    struct bytes written; /* all bytes of all writes */
    unsigned writes;
};

static int64_t fake_carry_out(struct fake *fake, struct write_op *op)
{
    if (fake->fails)
        return fake->fails;
    struct iovec *part = op->send.parts;
    assert_int_equal(op->send.part_count, 1);
    assert_int_equal(bytes_append(&fake->written, slice_of(part->iov_base, part->iov_len)), 0);
    op->send.transferred = part->iov_len;
    return (int64_t)part->iov_len;
}

static bool fake_write(struct engine *engine, struct write_op *op, int fd)
{
    struct fake *fake = (struct fake *)(void *)engine;
    fake->writes++;
    assert_null(fake->held);
    assert_int_equal(fd, FAKE_FD);
    assert_int_equal(op->mode, WRITE_STREAM);
    if (fake->holds) {
        fake->held = op;
        op->send.op.active = true;
        return false;
    }
    op->send.op.result = fake_carry_out(fake, op);
    return true;
}

static void fake_complete(struct fake *fake, int64_t result)
{
    struct write_op *op = fake->held;
    assert_non_null(op);
    fake->held = NULL;
    op->send.op.active = false;
    op->send.op.done(&op->send.op, result);
}

/* The held write is carried out. */
static void fake_finish(struct fake *fake)
{
    assert_non_null(fake->held);
    fake_complete(fake, fake_carry_out(fake, fake->held));
}

static void fake_cancel(struct engine *engine, struct op *op)
{
    struct fake *fake = (struct fake *)(void *)engine;
    assert_ptr_equal(&fake->held->send.op, op);
}

static const struct engine_table fake_table = {
    .name = "fake", .write = fake_write, .cancel = fake_cancel};

struct stage {
    struct fake fake;
    struct recorder *recorder;
    unsigned changes; /* how often changed was called */
};

static void count_change(void *owner)
{
    ((struct stage *)owner)->changes++;
}

static void stage_open(struct stage *stage, enum show_format format)
{
    struct outlet outlet = {.fd = FAKE_FD, .mode = WRITE_STREAM};
    *stage = (struct stage){.fake.engine.table = &fake_table};
    stage->recorder = show_recorder_create(&stage->fake.engine, outlet, NULL, format, BOUND);
    assert_non_null(stage->recorder);
    stage->recorder->changed = count_change;
    stage->recorder->owner = stage;
}

static void stage_close(struct stage *stage)
{
    recorder_destroy(&stage->recorder);
    assert_null(stage->recorder);
    bytes_free(&stage->fake.written);
}

static void take_bytes(struct recorder *recorder, uint64_t sequence, struct slice raw)
{
    static const struct peer nobody;
    struct message message = {.body = raw,
                              .raw = raw,
                              .peer = &nobody,
                              .listener = "tcp:[::]:9999",
                              .sequence = sequence};
    assert_int_equal(recorder_take(recorder, &message), 0);
}

static void take(struct stage *stage, uint64_t sequence, const char *raw)
{
    take_bytes(stage->recorder, sequence, slice_of_text(raw));
}

static void assert_written(const struct stage *stage, const char *expected)
{
    assert_true(slice_equal(bytes_slice(&stage->fake.written), slice_of_text(expected)));
}

static void test_batch_is_one_write(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_TALK);
    take(&stage, 1, "one");
    take(&stage, 2, "two");
    assert_int_equal(stage.fake.writes, 0); /* nothing before commit */
    assert_int_equal(stage.recorder->recorded, 0);
    recorder_commit(stage.recorder);
    assert_int_equal(stage.fake.writes, 1);
    assert_int_equal(stage.recorder->recorded, 2);
    assert_written(&stage, "The message was: one\nThe message was: two\n");
    assert_int_equal(stage.changes, 0); /* commit's caller looks for itself */
    stage_close(&stage);
}

static void test_empty_commit_does_nothing(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    recorder_commit(stage.recorder);
    take(&stage, 1, "a");
    recorder_commit(stage.recorder);
    recorder_commit(stage.recorder);
    assert_int_equal(stage.fake.writes, 1);
    assert_int_equal(stage.recorder->recorded, 1);
    stage_close(&stage);
}

static void test_next_batch_gathers_while_one_is_written(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    assert_int_equal(stage.recorder->recorded, 0);
    take(&stage, 2, "two\n");
    take(&stage, 3, "three\n");
    recorder_commit(stage.recorder);
    assert_int_equal(stage.fake.writes, 1);
    fake_finish(&stage.fake);
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.changes, 1);
    assert_int_equal(stage.fake.writes, 2); /* what gathered followed by itself */
    fake_finish(&stage.fake);
    assert_int_equal(stage.recorder->recorded, 3);
    assert_int_equal(stage.changes, 2);
    assert_written(&stage, "one\ntwo\nthree\n");
    stage_close(&stage);
}

static void test_what_gathered_may_follow_at_once(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    take(&stage, 2, "two\n");
    stage.fake.holds = false;
    fake_finish(&stage.fake);
    assert_int_equal(stage.recorder->recorded, 2);
    assert_int_equal(stage.changes, 1);
    stage_close(&stage);
}

static void test_empty_messages_need_no_write(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    take(&stage, 1, "");
    assert_int_equal(stage.recorder->recorded, 0);
    recorder_commit(stage.recorder);
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.fake.writes, 0);
    stage_close(&stage);
}

static void test_empty_messages_wait_for_those_before_them(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    take(&stage, 2, "");
    recorder_commit(stage.recorder);
    assert_int_equal(stage.recorder->recorded, 0);
    fake_finish(&stage.fake);
    assert_int_equal(stage.recorder->recorded, 2);
    assert_int_equal(stage.fake.writes, 1);
    stage_close(&stage);
}

static void test_none_records_without_writing(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_NONE);
    take(&stage, 1, "unseen");
    recorder_commit(stage.recorder);
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.fake.writes, 0);
    assert_false(recorder_full(stage.recorder));
    stage_close(&stage);
}

static void assert_failed(const struct stage *stage, int number, const char *sentence)
{
    assert_int_equal(stage->recorder->failure.status, GT_FAILED);
    assert_int_equal(stage->recorder->failure.number, number);
    assert_string_equal(stage->recorder->failure.text, sentence);
}

static void test_first_failure_is_final(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    take(&stage, 1, "kept\n");
    recorder_commit(stage.recorder);
    stage.fake.fails = -ENOSPC;
    take(&stage, 2, "lost\n");
    recorder_commit(stage.recorder);
    assert_failed(&stage, ENOSPC,
                  "cannot write to standard output: No space left on device (ENOSPC, errno 28)");
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.changes, 0);
    stage.fake.fails = 0; /* room again: too late, a gap would go unseen */
    take(&stage, 3, "late\n");
    recorder_commit(stage.recorder);
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.fake.writes, 2);
    assert_written(&stage, "kept\n");
    stage_close(&stage);
}

static void test_later_failure_is_told(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    take(&stage, 2, "two\n");
    stage.fake.held->send.transferred = 3; /* partly written: it does not count */
    fake_complete(&stage.fake, -EPIPE);
    assert_failed(&stage, EPIPE,
                  "cannot write to standard output: Broken pipe (EPIPE, errno 32); "
                  "its reader has gone");
    assert_int_equal(stage.recorder->recorded, 0);
    assert_int_equal(stage.changes, 1);
    assert_int_equal(stage.fake.writes, 1);
    assert_false(recorder_full(stage.recorder)); /* what it held is dropped */
    stage_close(&stage);
}

static void test_failure_of_what_gathered(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    take(&stage, 2, "two\n");
    stage.fake.holds = false;
    struct write_op *held = stage.fake.held;
    stage.fake.held = NULL;
    stage.fake.fails = -EIO;
    held->send.op.active = false;
    held->send.op.done(&held->send.op, 4);
    assert_int_equal(stage.recorder->recorded, 1);
    assert_int_equal(stage.recorder->failure.number, EIO);
    assert_int_equal(stage.changes, 1);
    stage_close(&stage);
}

static void test_full_counts_both_buffers(void **state)
{
    struct stage stage;
    char raw[BOUND / 2 + 1];
    (void)state;
    memset(raw, 'x', sizeof raw - 1);
    raw[sizeof raw - 1] = '\0';
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, raw);
    recorder_commit(stage.recorder);
    assert_false(recorder_full(stage.recorder));
    take(&stage, 2, raw + 1);
    assert_false(recorder_full(stage.recorder)); /* one byte below the bound */
    take(&stage, 3, "x");
    assert_true(recorder_full(stage.recorder));
    fake_finish(&stage.fake);
    assert_false(recorder_full(stage.recorder));
    fake_finish(&stage.fake);
    stage_close(&stage);
}

static void test_stop_of_an_idle_recorder(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    assert_true(recorder_stop(stage.recorder));
    assert_int_equal(stage.recorder->failure.status, GT_DONE);
    stage_close(&stage);
}

static void test_stop_cancels_a_write(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    assert_false(recorder_stop(stage.recorder));
    assert_false(recorder_stop(stage.recorder));
    fake_complete(&stage.fake, -ECANCELED);
    assert_true(recorder_stop(stage.recorder));
    assert_int_equal(stage.recorder->recorded, 0);
    assert_failed(
        &stage, ECANCELED,
        "cannot write to standard output: its reader had not taken all when the server left");
    stage_close(&stage);
}

static void test_stop_may_come_too_late(void **state)
{
    struct stage stage;
    (void)state;
    stage_open(&stage, SHOW_RAW);
    stage.fake.holds = true;
    take(&stage, 1, "one\n");
    recorder_commit(stage.recorder);
    take(&stage, 2, "two\n");
    assert_false(recorder_stop(stage.recorder));
    fake_finish(&stage.fake); /* the write was quicker */
    assert_int_equal(stage.recorder->recorded, 1);
    assert_true(recorder_stop(stage.recorder)); /* and nothing new was begun */
    stage_close(&stage);
}

/* Bytes allocated and not freed; 0 where the allocator does not tell (sanitizers). */
static size_t memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void test_huge_batches_leave_no_huge_buffers(void **state)
{
    struct stage stage;
    (void)state;
    size_t size = (size_t)8 << 20;
    char *huge = calloc(1, size);
    assert_non_null(huge);
    stage_open(&stage, SHOW_RAW);
    size_t before = memory_in_use();
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        take_bytes(stage.recorder, sequence, slice_of(huge, size));
        recorder_commit(stage.recorder);
        assert_int_equal(stage.recorder->recorded, sequence);
        bytes_free(&stage.fake.written);
    }
    assert_true(memory_in_use() < before + size / 4);
    free(huge);
    stage_close(&stage);
}

/* ---- with the real engine ---- */

struct reality {
    struct engine *engine;
    struct recorder *recorder;
    unsigned changes;
};

static void count_real_change(void *owner)
{
    ((struct reality *)owner)->changes++;
}

static void reality_open(struct reality *reality, int fd)
{
    struct outlet outlet;
    struct error error = {0};
    *reality = (struct reality){.engine = engine_create("epoll", &error)};
    assert_non_null(reality->engine);
    assert_int_equal(outlet_open(&outlet, fd, &error), GT_DONE);
    reality->recorder = show_recorder_create(reality->engine, outlet, NULL, SHOW_RAW, 1 << 20);
    assert_non_null(reality->recorder);
    reality->recorder->changed = count_real_change;
    reality->recorder->owner = reality;
}

static void reality_close(struct reality *reality)
{
    recorder_destroy(&reality->recorder);
    engine_destroy(&reality->engine);
}

static void take_filled(struct recorder *recorder, uint64_t sequence, char letter, size_t size)
{
    char *raw = malloc(size);
    assert_non_null(raw);
    memset(raw, letter, size);
    take_bytes(recorder, sequence, slice_of(raw, size));
    free(raw);
}

/* Read what is there: how many bytes; each must be the letter. */
static size_t read_letters(int fd, char letter, size_t most)
{
    char bytes[4096];
    size_t total = 0;
    while (total < most) {
        size_t left = most - total;
        ssize_t count = read(fd, bytes, left < sizeof bytes ? left : sizeof bytes);
        if (count <= 0)
            break;
        for (ssize_t i = 0; i < count; i++)
            assert_int_equal(bytes[i], letter);
        total += (size_t)count;
    }
    return total;
}

static void test_slow_reader_of_a_real_pipe(void **state)
{
    struct reality reality;
    int ends[2];
    size_t size = 300000, heard = 0;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    reality_open(&reality, ends[1]);
    take_filled(reality.recorder, 1, 'a', size);
    recorder_commit(reality.recorder);
    assert_int_equal(reality.recorder->recorded, 0); /* more than a pipe holds */
    take_filled(reality.recorder, 2, 'b', 10);
    for (int pass = 0; pass < 1000 && heard < size; pass++) {
        heard += read_letters(ends[0], 'a', size - heard);
        assert_int_equal(engine_pass(reality.engine, 0), 0);
    }
    assert_int_equal(heard, size);
    for (int pass = 0; pass < 1000 && reality.recorder->recorded < 2; pass++)
        assert_int_equal(engine_pass(reality.engine, 0), 0);
    assert_int_equal(reality.recorder->recorded, 2);
    assert_true(reality.changes > 0);
    assert_int_equal(read_letters(ends[0], 'b', 100), 10);
    reality_close(&reality);
    close(ends[0]);
    close(ends[1]);
}

static void test_reader_of_a_real_pipe_goes(void **state)
{
    struct reality reality;
    int ends[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reality_open(&reality, ends[1]);
    take_filled(reality.recorder, 1, 'a', 300000);
    recorder_commit(reality.recorder);
    close(ends[0]);
    for (int pass = 0; pass < 1000 && reality.changes == 0; pass++)
        assert_int_equal(engine_pass(reality.engine, 0), 0);
    assert_int_equal(reality.recorder->failure.number, EPIPE);
    assert_int_equal(reality.recorder->recorded, 0);
    reality_close(&reality);
    close(ends[1]);
}

static void test_real_write_is_cancelled(void **state)
{
    struct reality reality;
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reality_open(&reality, ends[1]);
    take_filled(reality.recorder, 1, 'a', 300000);
    recorder_commit(reality.recorder);
    bool stopped = recorder_stop(reality.recorder);
    for (int pass = 0; pass < 1000 && !stopped; pass++) {
        assert_int_equal(engine_pass(reality.engine, 0), 0);
        stopped = recorder_stop(reality.recorder);
    }
    assert_true(stopped);
    assert_int_equal(reality.recorder->failure.number, ECANCELED);
    reality_close(&reality);
    close(ends[0]);
    close(ends[1]);
}

static void test_full_device(void **state)
{
    struct reality reality;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    (void)state;
    assert_true(fd >= 0);
    reality_open(&reality, fd);
    take_filled(reality.recorder, 1, 'a', 10);
    recorder_commit(reality.recorder);
    assert_int_equal(reality.recorder->failure.number, ENOSPC);
    assert_int_equal(reality.recorder->recorded, 0);
    reality_close(&reality);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_is_one_write),
        cmocka_unit_test(test_empty_commit_does_nothing),
        cmocka_unit_test(test_next_batch_gathers_while_one_is_written),
        cmocka_unit_test(test_what_gathered_may_follow_at_once),
        cmocka_unit_test(test_empty_messages_need_no_write),
        cmocka_unit_test(test_empty_messages_wait_for_those_before_them),
        cmocka_unit_test(test_none_records_without_writing),
        cmocka_unit_test(test_first_failure_is_final),
        cmocka_unit_test(test_later_failure_is_told),
        cmocka_unit_test(test_failure_of_what_gathered),
        cmocka_unit_test(test_full_counts_both_buffers),
        cmocka_unit_test(test_stop_of_an_idle_recorder),
        cmocka_unit_test(test_stop_cancels_a_write),
        cmocka_unit_test(test_stop_may_come_too_late),
        cmocka_unit_test(test_huge_batches_leave_no_huge_buffers),
        cmocka_unit_test(test_slow_reader_of_a_real_pipe),
        cmocka_unit_test(test_reader_of_a_real_pipe_goes),
        cmocka_unit_test(test_real_write_is_cancelled),
        cmocka_unit_test(test_full_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
