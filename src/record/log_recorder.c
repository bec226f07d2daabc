/* log_recorder.c: the recorder behind --log: JSON lines, appended to a file.
 *
 * Two buffers, as in show_recorder.c: one gathers, commit writes the other, in one write. Where
 * several workers write to one file each has it open for itself, and writes in turn.
 *
 * Ways to fail: the disk is full (ENOSPC, EDQUOT). What was written of the batch is taken off
 * again, so that the file ends with a whole line, and the recorder wants room: it is full, so
 * intake pauses, and the batch is tried again ten times a second, holding its turn. Anything else,
 * or a piece that cannot be taken off, is final. Being reopened never loses a line: what is not
 * written yet goes to the new file. */
#include "record/batch.h"
#include "record/log_file.h"

#include "engine/engine.h"
#include "goodtalk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_NS INT64_C(100000000)

struct log_recorder {
    struct recorder recorder; /* first: the recorder is what others see */
    struct engine *engine;
    const char *path;
    int fd;
    struct outlet_lock *lock; /* NULL: nobody else writes there */
    struct outlet_user user;
    size_t bound_bytes;
    struct batch gathering;
    struct batch writing; /* empty unless it is being written or waits for room */
    struct write_op write;
    struct iovec part;
    struct timer retry;
    bool stopping;
};

static struct log_recorder *log_of(struct recorder *recorder)
{
    return (struct log_recorder *)(void *)recorder;
}

static int log_take(struct recorder *recorder, const struct message *message)
{
    if (recorder->failure.status != GT_DONE)
        return 0; /* dropped: it will never count as recorded */
    return batch_take(&log_of(recorder)->gathering, SHOW_JSON, message);
}

static void log_take_back(struct recorder *recorder)
{
    if (recorder->failure.status == GT_DONE)
        batch_take_back(&log_of(recorder)->gathering);
}

/* ---- failing ---- */

static void log_fail(struct log_recorder *log, int number)
{
    struct error *failure = &log->recorder.failure;
    if (log->lock)
        outlet_lock_leave(log->lock, &log->user);
    error_errno(failure, number, "cannot write to the log %s", log->path);
    log->recorder.want = (struct error){0};
    batch_free(&log->gathering);
    batch_free(&log->writing);
}

static void want_room(struct log_recorder *log, int number)
{
    struct recorder *recorder = &log->recorder;
    if (recorder->want.status == 0)
        error_errno(&recorder->want, number, "cannot write to the log %s", log->path);
    if (!log->stopping)
        engine_timer_set(log->engine, &log->retry, log->engine->now_ns + RETRY_NS);
}

/* ---- writing ---- */

static void log_settle(struct log_recorder *log, int64_t result)
{
    struct recorder *recorder = &log->recorder;
    int undone = result < 0 ? log_undo(log->fd, log->write.send.transferred) : 0;
    if (undone < 0) {
        log_fail(log, -undone);
    } else if (result == -ENOSPC || result == -EDQUOT) {
        want_room(log, (int)-result);
    } else if (result < 0) {
        log_fail(log, (int)-result);
    } else {
        if (log->lock)
            outlet_lock_leave(log->lock, &log->user);
        recorder->recorded = log->writing.last;
        recorder->want = (struct error){0};
        batch_clear(&log->writing);
    }
}

static void log_write(struct log_recorder *log)
{
    struct send_op *send = &log->write.send;
    struct slice bytes = bytes_slice(&log->writing.bytes);
    log->part.iov_base = bytes_end(&log->writing.bytes) - bytes.size;
    log->part.iov_len = bytes.size;
    send->parts = &log->part;
    send->part_count = 1;
    if (engine_write(log->engine, &log->write, log->fd))
        log_settle(log, send->op.result);
}

static void log_commit(struct recorder *recorder)
{
    struct log_recorder *log = log_of(recorder);
    if (log->gathering.last == 0 || log->writing.last != 0 || log->stopping)
        return;
    int turn = log->lock ? outlet_lock_take(log->lock, &log->user) : 1;
    if (turn <= 0)
        return;
    struct batch empty = log->writing;
    log->writing = log->gathering;
    log->gathering = empty;
    log_write(log);
}

static void tell_change(struct recorder *recorder)
{
    log_commit(recorder);
    if (recorder->changed)
        recorder->changed(recorder->owner);
}

/* A write that took its time is over. */
static void log_written(struct op *op, int64_t result)
{
    struct send_op *send = list_item(op, struct send_op, op);
    struct write_op *write = list_item(send, struct write_op, send);
    struct log_recorder *log = list_item(write, struct log_recorder, write);
    log_settle(log, result);
    tell_change(&log->recorder);
}

static void log_retry(struct timer *timer, int64_t now_ns)
{
    struct log_recorder *log = list_item(timer, struct log_recorder, retry);
    (void)now_ns;
    log_write(log);
    tell_change(&log->recorder);
}

/* ---- the rest ---- */

static bool log_full(const struct recorder *recorder)
{
    const struct log_recorder *log = (const struct log_recorder *)(const void *)recorder;
    return recorder->want.status != 0 ||
           log->gathering.bytes.size + log->writing.bytes.size >= log->bound_bytes;
}

static bool log_stop(struct recorder *recorder)
{
    struct log_recorder *log = log_of(recorder);
    log->stopping = true;
    engine_timer_stop(log->engine, &log->retry);
    engine_cancel(log->engine, &log->write.send.op);
    if (log->lock && !log->write.send.op.active)
        outlet_lock_leave(log->lock, &log->user);
    return !log->write.send.op.active;
}

static int log_reopen(struct recorder *recorder, struct error *error)
{
    struct log_recorder *log = log_of(recorder);
    int fd = log_open(log->path, error);
    if (fd < 0)
        return GT_FAILED;
    if (dup3(fd, log->fd, O_CLOEXEC) < 0) /* a write under way keeps its descriptor */
        return error_errno(error, errno, "cannot reopen the log %s", log->path);
    close(fd);
    return GT_DONE;
}

static void log_destroy(struct recorder *recorder)
{
    struct log_recorder *log = log_of(recorder);
    assert(!log->write.send.op.active);
    engine_timer_stop(log->engine, &log->retry);
    batch_free(&log->gathering);
    batch_free(&log->writing);
    close(log->fd);
    free(log);
}

static const struct recorder_table log_table = {
    .name = "log",
    .take = log_take,
    .take_back = log_take_back,
    .commit = log_commit,
    .full = log_full,
    .stop = log_stop,
    .reopen = log_reopen,
    .destroy = log_destroy,
};

struct recorder *log_recorder_create(struct engine *engine, const char *path,
                                     struct outlet_lock *lock, size_t bound_bytes,
                                     struct error *error)
{
    struct log_recorder *log = calloc(1, sizeof *log);
    if (!log) {
        error_set(error, GT_FAILED, "cannot open the log %s: out of memory", path);
        return NULL;
    }
    log->fd = log_open(path, error);
    if (log->fd < 0) {
        free(log);
        return NULL;
    }
    log->recorder.table = &log_table;
    log->engine = engine;
    log->path = path;
    log->lock = lock;
    log->user.engine = engine;
    list_init(&log->user.link);
    log->bound_bytes = bound_bytes;
    log->retry.fire = log_retry;
    log->write.mode = WRITE_FILE;
    log->write.send.op.done = log_written;
    return &log->recorder;
}
