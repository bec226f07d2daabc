/* show_recorder.c: the recorder that shows messages on standard output.
 *
 * Two buffers. Messages taken are formatted into the one that gathers; commit swaps the two and
 * writes what was gathered as one batch. A file takes it at once; a pipe may not, and while its
 * write is under way the next batch gathers. When the write is whole, recorded moves to the batch's
 * last sequence, and what gathered meanwhile follows directly.
 *
 * A batch counts only as a whole. Where a write fails after some of its bytes have left, messages
 * at its start may have been seen by the reader, yet recorded covers none of them: they get no
 * reply, and their senders may say them again; never the other way round.
 *
 * Where several recorders write to one outlet, a batch waits for its turn at the lock, gathering
 * more, as it would for a slow reader; and one that fails fails the others, whose next record would
 * stand behind half a one.
 *
 * Ways to fail: the write fails (the reader has gone, the disk is full), or is cancelled as the
 * server leaves. Either is final: failure says why, what is held is dropped, and so is what is
 * taken later. */
#include "record/batch.h"

#include "engine/engine.h"
#include "goodtalk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct show_recorder {
    struct recorder recorder; /* first: the recorder is what others see */
    struct engine *engine;
    struct outlet outlet;
    struct outlet_lock *lock; /* NULL: nobody else writes there */
    struct outlet_user user;
    enum show_format format;
    size_t bound_bytes;
    struct batch gathering;
    struct batch writing; /* empty unless write is active */
    struct write_op write;
    struct iovec part;
    bool stopping;
};

static struct show_recorder *show_of(struct recorder *recorder)
{
    return (struct show_recorder *)(void *)recorder;
}

static int show_take(struct recorder *recorder, const struct message *message)
{
    struct show_recorder *show = show_of(recorder);
    if (recorder->failure.status != GT_DONE)
        return 0; /* dropped: it will never count as recorded */
    return batch_take(&show->gathering, show->format, message);
}

static void show_take_back(struct recorder *recorder)
{
    if (recorder->failure.status == GT_DONE)
        batch_take_back(&show_of(recorder)->gathering);
}

static void show_fail(struct show_recorder *show, int number)
{
    struct error *failure = &show->recorder.failure;
    if (number == ECANCELED) {
        error_set(
            failure, GT_FAILED,
            "cannot write to standard output: its reader had not taken all when the server left");
        failure->number = number;
    } else {
        error_errno(failure, number, "cannot write to standard output");
    }
    if (number == EPIPE)
        error_append(failure, "; its reader has gone");
    batch_free(&show->gathering);
    batch_free(&show->writing);
}

/* The write of a batch is over, one way or the other. */
static void show_settle(struct show_recorder *show, int64_t result)
{
    if (result < 0) {
        if (show->lock)
            outlet_lock_break(show->lock, &show->user, (int)-result);
        show_fail(show, (int)-result);
        return;
    }
    if (show->lock)
        outlet_lock_leave(show->lock, &show->user);
    assert((uint64_t)result == show->writing.bytes.size); /* the engine writes all or fails */
    show->recorder.recorded = show->writing.last;
    batch_clear(&show->writing);
}

/* Write the batch that was gathered, while the next one gathers. */
static void show_write(struct show_recorder *show)
{
    struct batch empty = show->writing;
    show->writing = show->gathering;
    show->gathering = empty;

    struct send_op *send = &show->write.send;
    struct slice bytes = bytes_slice(&show->writing.bytes);
    show->part.iov_base = bytes_end(&show->writing.bytes) - bytes.size;
    show->part.iov_len = bytes.size;
    send->parts = &show->part;
    send->part_count = 1;
    if (engine_write(show->engine, &show->write, show->outlet.fd))
        show_settle(show, send->op.result);
}

/* Write, when it is this recorder's turn. */
static void show_write_in_turn(struct show_recorder *show)
{
    int turn = show->lock ? outlet_lock_take(show->lock, &show->user) : 1;
    if (turn > 0)
        show_write(show);
    else if (turn < 0)
        show_fail(show, -turn);
}

static void show_commit(struct recorder *recorder)
{
    struct show_recorder *show = show_of(recorder);
    struct batch *batch = &show->gathering;
    if (batch->last == 0 || show->write.send.op.active || show->stopping)
        return;
    if (batch->bytes.size > 0) {
        show_write_in_turn(show);
    } else { /* messages that show as nothing need no write */
        recorder->recorded = batch->last;
        batch->last = 0;
    }
}

/* A write that took its time is over. */
static void show_written(struct op *op, int64_t result)
{
    struct send_op *send = list_item(op, struct send_op, op);
    struct write_op *write = list_item(send, struct write_op, send);
    struct show_recorder *show = list_item(write, struct show_recorder, write);
    struct recorder *recorder = &show->recorder;
    show_settle(show, result);
    show_commit(recorder);
    if (recorder->changed)
        recorder->changed(recorder->owner);
}

static bool show_full(const struct recorder *recorder)
{
    const struct show_recorder *show = (const struct show_recorder *)(const void *)recorder;
    /* A batch counts until all of it is written: it is then that its memory is free and changed
     * called. */
    return show->gathering.bytes.size + show->writing.bytes.size >= show->bound_bytes;
}

static bool show_stop(struct recorder *recorder)
{
    struct show_recorder *show = show_of(recorder);
    show->stopping = true;
    engine_cancel(show->engine, &show->write.send.op);
    if (show->lock && !show->write.send.op.active)
        outlet_lock_leave(show->lock, &show->user);
    return !show->write.send.op.active;
}

static void show_destroy(struct recorder *recorder)
{
    struct show_recorder *show = show_of(recorder);
    assert(!show->write.send.op.active);
    batch_free(&show->gathering);
    batch_free(&show->writing);
    outlet_close(&show->outlet);
    free(show);
}

static const struct recorder_table show_table = {
    .name = "show",
    .take = show_take,
    .take_back = show_take_back,
    .commit = show_commit,
    .full = show_full,
    .stop = show_stop,
    .destroy = show_destroy,
};

struct recorder *show_recorder_create(struct engine *engine, struct outlet outlet,
                                      struct outlet_lock *lock, enum show_format format,
                                      size_t bound_bytes)
{
    struct show_recorder *show = calloc(1, sizeof *show);
    if (!show)
        return NULL;
    show->recorder.table = &show_table;
    show->engine = engine;
    show->outlet = outlet;
    show->lock = lock;
    show->user.engine = engine;
    list_init(&show->user.link);
    show->format = format;
    show->bound_bytes = bound_bytes;
    show->write.mode = (enum write_mode)outlet.mode;
    show->write.send.op.done = show_written;
    return &show->recorder;
}
