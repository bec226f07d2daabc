/* journal_recorder.c: the recorder behind --record.
 *
 * The happy path: frames gather; commit seals them, and writes all of them with one write at the
 * offset where the segment ends; one sync makes them durable, and only then recorded grows. What
 * comes while a sync runs gathers for the next one. Where syncs are done in an interval, recorded
 * grows with the write, unless a sync is overdue: then nothing more is written until it is done.
 *
 * A batch that does not fit begins a new segment: its header is made durable, and its name, before
 * the first frame is written. What was written to the one before is durable by then.
 *
 * Where the sync runs: within the pass, which gives the most throughput as long as the disk is
 * quick; after one that was slow, apart for a while, so that a disk that stalls does not stall the
 * worker; and always apart where nobody waits for it.
 *
 * Each frame tells what is durable when it is written; when nothing comes for a while a MARK says
 * it of the last ones.
 *
 * Ways to fail. No room, for a new segment or (where disks cannot allocate) a batch: the recorder
 * wants room, is full meanwhile, and tries again ten times a second; a batch is then written anew
 * at the same offset. Anything else is final: a failed sync above all, after which the next would
 * say that all is well. Nothing that was not synced then counts, nothing is written or synced any
 * more, and what was gathered is dropped. */
#include "record/journal_batch.h"
#include "record/journal_parts.h"
#include "record/journal_segment.h"

#include "base/escape.h"
#include "engine/engine.h"
#include "goodtalk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MILLISECOND_NS INT64_C(1000000)
#define RETRY_NS       (100 * MILLISECOND_NS)
#define SLOW_NS        (5 * MILLISECOND_NS)    /* a sync that takes longer is not done in a pass, */
#define SLOW_FOR_NS    (1000 * MILLISECOND_NS) /* and none for so long after it */
#define MARK_NS        (200 * MILLISECOND_NS)

enum syncing { SYNCING_NOTHING, SYNCING_BATCH, SYNCING_HEADER, SYNCING_NAME };

struct journal_recorder {
    struct recorder recorder; /* first: the recorder is what others see */
    struct journal *journal;
    struct engine *engine;
    size_t bound_bytes;
    struct journal_segment segment;
    struct journal_names names;
    struct journal_batch gathering;
    struct journal_batch writing; /* empty unless it is being written, or waits to be */
    struct journal_batch opening; /* what the next write puts before it: a new segment's names */
    struct write_op write;
    struct iovec parts[2 + JOURNAL_ZERO_PARTS];
    size_t zeros_bytes; /* that the write puts behind the batch */
    struct sync_op sync;
    uint8_t syncing;      /* enum syncing: what the sync is for */
    bool sparing;         /* no zeros are written ahead: there was no room for them */
    bool loose;           /* a mark was written that no sync has covered */
    bool stopping;        /* nothing more begins */
    uint64_t written;     /* the last message that was written */
    uint64_t synced;      /* the last one known to be durable */
    uint64_t synced_soon; /* the one that will be, when the sync is done */
    uint64_t marked;      /* up to here the segment says that it is durable */
    int64_t apart_ns;     /* until then no sync in the pass */
    int64_t doubtful_ns;  /* when the oldest batch was written that is not durable; 0: none */
    int64_t unsynced_ns;  /* the same of those that the running sync does not cover */
    struct timer retry;
    struct timer crowd; /* the batch waits for what has happened already */
    struct timer due;   /* a sync, in an interval */
    struct timer mark;
};

static void advance(struct journal_recorder *own);

static struct journal_recorder *own_of(struct recorder *recorder)
{
    return (struct journal_recorder *)(void *)recorder;
}

static int64_t interval_of(const struct journal_recorder *own)
{
    return own->journal->settings.sync_ns;
}

static bool failed(const struct journal_recorder *own)
{
    return own->recorder.failure.status != GT_DONE;
}

/* ---- failing and waiting ---- */

static void stop_timers(struct journal_recorder *own)
{
    engine_timer_stop(own->engine, &own->retry);
    engine_timer_stop(own->engine, &own->crowd);
    engine_timer_stop(own->engine, &own->due);
    engine_timer_stop(own->engine, &own->mark);
}

static void fail(struct journal_recorder *own, int number, const char *what)
{
    char name[JOURNAL_NAME_SIZE];
    if (failed(own))
        return;
    error_errno(&own->recorder.failure, number, "cannot %s %s/%s", what, own->journal->directory,
                journal_segment_name(own->segment.worker, own->segment.number, name));
    own->recorder.want = (struct error){0};
    stop_timers(own);
    journal_batch_free(&own->gathering);
    if (!own->write.send.op.active) {
        journal_batch_free(&own->opening);
        journal_batch_free(&own->writing);
    }
}

/* What can be waited for: room; memory; and descriptors, of which somebody may have taken ours. */
static bool passes(int number)
{
    return number == ENOSPC || number == EDQUOT || number == ENOMEM || number == EMFILE ||
           number == ENFILE;
}

static void fail_or_wait(struct journal_recorder *own, int number, const char *what)
{
    if (!passes(number)) {
        fail(own, number, what);
        return;
    }
    own->sparing = true;
    if (own->recorder.want.status == GT_DONE)
        error_errno(&own->recorder.want, number, "cannot record to %s", own->journal->directory);
    if (!own->stopping)
        engine_timer_set(own->engine, &own->retry, own->engine->now_ns + RETRY_NS);
}

/* ---- syncing ---- */

static bool overdue(const struct journal_recorder *own)
{
    return interval_of(own) > 0 && own->doubtful_ns != 0 &&
           own->engine->now_ns - own->doubtful_ns > interval_of(own);
}

/* Half the interval is left for the sync itself. */
static void expect_sync(struct journal_recorder *own)
{
    if (interval_of(own) > 0 && own->doubtful_ns != 0 && !own->stopping)
        engine_timer_set(own->engine, &own->due, own->doubtful_ns + interval_of(own) / 2);
}

static void expect_mark(struct journal_recorder *own)
{
    if (!timer_is_set(&own->mark) && !own->stopping)
        engine_timer_set(own->engine, &own->mark, own->engine->now_ns + MARK_NS);
}

static void batch_synced(struct journal_recorder *own)
{
    own->synced = own->synced_soon;
    own->doubtful_ns = own->unsynced_ns;
    own->unsynced_ns = 0;
    if (own->recorder.recorded < own->synced)
        own->recorder.recorded = own->synced;
    expect_sync(own);
    expect_mark(own);
}

static bool begin_sync(struct journal_recorder *own, enum syncing what);

/* A sync is over: whether it went well. The name of a new segment follows its header. */
static bool settle_sync(struct journal_recorder *own, int64_t result)
{
    enum syncing what = (enum syncing)own->syncing;
    own->syncing = SYNCING_NOTHING;
    if (own->sync.took_ns > SLOW_NS)
        own->apart_ns = own->engine->now_ns + own->sync.took_ns + SLOW_FOR_NS;
    if (result < 0)
        fail(own, (int)-result, "sync");
    if (failed(own))
        return false;
    if (what == SYNCING_BATCH)
        batch_synced(own);
    return what != SYNCING_HEADER || begin_sync(own, SYNCING_NAME);
}

static bool sync_apart(const struct journal_recorder *own)
{
    return interval_of(own) != JOURNAL_SYNC_ALWAYS || own->sync.took_ns > SLOW_NS ||
           own->engine->now_ns < own->apart_ns;
}

/* Begin to sync: true if it is over already, and went well. */
static bool begin_sync(struct journal_recorder *own, enum syncing what)
{
    own->syncing = (uint8_t)what;
    own->sync.apart = sync_apart(own);
    own->sync.whole = what == SYNCING_NAME;
    if (what == SYNCING_BATCH) {
        own->synced_soon = own->written;
        own->loose = false;
    }
    int fd = what == SYNCING_NAME ? own->journal->disk.directory : own->segment.file;
    if (!engine_sync(own->engine, &own->sync, fd))
        return false;
    return settle_sync(own, own->sync.op.result);
}

/* ---- segments ---- */

static void note_room(struct journal_recorder *own, uint64_t bytes)
{
    struct journal_room room = {.worker = own->segment.worker,
                                .number = own->segment.number,
                                .bytes = bytes,
                                .created_us = engine_wall_us(own->engine)};
    if (own->journal->settings.most_bytes == 0)
        return;
    int result = journal_room_note(own->journal, &room);
    if (result == 0)
        result = journal_room_keep(own->journal);
    if (result < 0 && result != -ENOMEM) /* then it is noted when it is closed */
        fail(own, -result, "keep within --record-size");
}

/* A new segment, the next in its series, with room for so many bytes: 0 or -errno. */
static int make_segment(struct journal_recorder *own, size_t room_bytes)
{
    struct journal_header header = {
        .id = engine_random(own->engine),
        .number = own->segment.number + 1,
        .sequence = own->written,
        .synced_to = own->synced,
        .created_us = engine_wall_us(own->engine),
        .worker = own->segment.worker,
        .size = (uint32_t)own->journal->settings.segment_bytes,
    };
    struct journal_segment made;
    journal_batch_clear(&own->opening);
    int result = journal_batch_declare(&own->opening, &own->names, own->written);
    if (result == 0)
        result = journal_segment_create(&made, &own->journal->disk, &header,
                                        own->opening.bytes.size + room_bytes);
    if (result == 0)
        own->segment = made;
    return result;
}

static void close_segment(struct journal_recorder *own)
{
    if (own->segment.file < 0)
        return;
    note_room(own, own->segment.offset);
    journal_segment_close(&own->segment, &own->journal->disk);
}

/* Go over to a new segment: true if it is there. What was written before is made durable first, a
 * mark too: were it torn, all that follows would seem to stand behind damage. */
static bool roll(struct journal_recorder *own)
{
    if (own->syncing != SYNCING_NOTHING)
        return false;
    if (interval_of(own) != JOURNAL_SYNC_NEVER && (own->doubtful_ns != 0 || own->loose))
        return begin_sync(own, SYNCING_BATCH);
    close_segment(own);
    int result = make_segment(own, own->writing.bytes.size);
    if (result < 0) {
        fail_or_wait(own, -result, "begin a segment after");
        return false;
    }
    note_room(own, own->segment.size);
    own->sparing = false;
    return begin_sync(own, SYNCING_HEADER);
}

/* ---- writing ---- */

static void batch_written(struct journal_recorder *own)
{
    uint64_t last = own->writing.last;
    own->segment.offset += own->opening.bytes.size + own->writing.bytes.size;
    if (own->segment.zeroed < own->segment.offset + own->zeros_bytes)
        own->segment.zeroed = own->segment.offset + own->zeros_bytes;
    own->recorder.want = (struct error){0};
    own->marked = own->synced;
    journal_batch_clear(&own->opening);
    journal_batch_clear(&own->writing);
    own->loose |= last == 0;
    if (last == 0)
        return;
    own->written = last;
    if (interval_of(own) != JOURNAL_SYNC_ALWAYS)
        own->recorder.recorded = last;
    int64_t *since = own->syncing == SYNCING_BATCH ? &own->unsynced_ns : &own->doubtful_ns;
    if (*since == 0)
        *since = own->engine->now_ns > 0 ? own->engine->now_ns : 1;
}

/* A write is over: whether all is done that it needs. */
static bool settle_write(struct journal_recorder *own, int64_t result)
{
    bool kept = own->writing.last != 0;
    if (result < 0 && !failed(own))
        fail_or_wait(own, (int)-result, "write to");
    if (result < 0 && !failed(own) && own->syncing == SYNCING_NOTHING)
        expect_sync(own); /* of what was written before: it may have come due meanwhile */
    if (result < 0 || failed(own))
        return false;
    assert((uint64_t)result ==
           own->opening.bytes.size + own->writing.bytes.size + own->zeros_bytes);
    batch_written(own);
    if (kept && interval_of(own) == JOURNAL_SYNC_ALWAYS)
        return begin_sync(own, SYNCING_BATCH);
    if (own->syncing == SYNCING_NOTHING)
        expect_sync(own);
    return true;
}

static void fill_parts(struct journal_recorder *own)
{
    struct bytes *all[] = {&own->opening.bytes, &own->writing.bytes};
    struct iovec *part = own->parts;
    for (int i = 0; i < 2; i++)
        if (all[i]->size > 0)
            *part++ = (struct iovec){bytes_end(all[i]) - all[i]->size, all[i]->size};
    own->zeros_bytes = 0;
    if (!own->sparing)
        own->zeros_bytes = journal_segment_zeros(&own->segment, all[0]->size + all[1]->size, &part);
    own->write.send.parts = own->parts;
    own->write.send.part_count = (unsigned)(part - own->parts);
}

/* Write the batch: true if that is over already, and all that it needs. */
static bool write_batch(struct journal_recorder *own)
{
    journal_batch_seal(&own->opening, own->segment.id, own->synced);
    journal_batch_seal(&own->writing, own->segment.id, own->synced);
    fill_parts(own);
    own->write.offset = own->segment.offset;
    if (!engine_write(own->engine, &own->write, own->segment.file))
        return false;
    return settle_write(own, own->write.send.op.result);
}

/* ---- going on ---- */

/* Whether something has to be waited for before the next batch. */
static bool waits(const struct journal_recorder *own)
{
    if (failed(own) || own->stopping || own->write.send.op.active || timer_is_set(&own->retry))
        return true;
    if (own->syncing != SYNCING_NOTHING &&
        (own->syncing != SYNCING_BATCH || interval_of(own) == JOURNAL_SYNC_ALWAYS))
        return true;
    return overdue(own);
}

/* The batch to write next: what waits to be written, or else what was gathered. */
static bool next_batch(struct journal_recorder *own)
{
    if (own->writing.bytes.size > 0)
        return true;
    if (own->gathering.bytes.size == 0)
        return false;
    struct journal_batch empty = own->writing;
    own->writing = own->gathering;
    own->gathering = empty;
    return true;
}

/* Do what can be done, until something has to be waited for. */
static void advance(struct journal_recorder *own)
{
    bool goes_on = true;
    while (goes_on && !waits(own) && next_batch(own)) {
        if (journal_segment_fits(&own->segment, own->writing.bytes.size))
            goes_on = write_batch(own);
        else
            goes_on = roll(own);
    }
}

/* From within a pass: something that took its time is over. */
static void go_on(struct journal_recorder *own)
{
    struct recorder *recorder = &own->recorder;
    advance(own);
    if (recorder->changed)
        recorder->changed(recorder->owner);
}

static void on_written(struct op *op, int64_t result)
{
    struct send_op *send = list_item(op, struct send_op, op);
    struct write_op *write = list_item(send, struct write_op, send);
    struct journal_recorder *own = list_item(write, struct journal_recorder, write);
    settle_write(own, result);
    go_on(own);
}

static void on_synced(struct op *op, int64_t result)
{
    struct journal_recorder *own = list_item(op, struct journal_recorder, sync.op);
    settle_sync(own, result);
    go_on(own);
}

static void on_retry(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    go_on(list_item(timer, struct journal_recorder, retry));
}

static void on_crowd(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    go_on(list_item(timer, struct journal_recorder, crowd));
}

static void on_due(struct timer *timer, int64_t now_ns)
{
    struct journal_recorder *own = list_item(timer, struct journal_recorder, due);
    (void)now_ns;
    bool idle = own->syncing == SYNCING_NOTHING && !own->write.send.op.active;
    if (idle && own->doubtful_ns != 0) /* 0: a new segment has come first, or waits for room */
        begin_sync(own, SYNCING_BATCH);
    go_on(own);
}

/* Say what is durable, where no frame has said so. */
static void mark_durable(struct journal_recorder *own)
{
    if (own->marked == own->synced || own->gathering.bytes.size > 0 || own->writing.bytes.size > 0)
        return;
    if (!journal_segment_fits(&own->segment, sizeof(struct journal_frame)))
        return;
    if (journal_batch_mark(&own->gathering, own->written) == 0)
        advance(own);
}

static void on_mark(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    struct journal_recorder *own = list_item(timer, struct journal_recorder, mark);
    mark_durable(own);
}

/* ---- the recorder ---- */

static int journal_take(struct recorder *recorder, const struct message *message)
{
    struct journal_recorder *own = own_of(recorder);
    if (failed(own))
        return 0; /* dropped: it will never count as recorded */
    return journal_batch_take(&own->gathering, &own->names, message);
}

static void journal_take_back(struct recorder *recorder)
{
    if (!failed(own_of(recorder)))
        journal_batch_take_back(&own_of(recorder)->gathering);
}

/* Where more has happened than a pass tells, the batch waits for that too: a timer that is due has
 * the next pass fetch all of it. A sync costs as much as the messages of a pass. */
static bool waits_for_crowd(struct journal_recorder *own)
{
    bool crowded = own->engine->crowded && own->gathering.bytes.size > 0;
    if (!crowded || interval_of(own) != JOURNAL_SYNC_ALWAYS || failed(own) || own->stopping)
        return false;
    if (!timer_is_set(&own->crowd))
        engine_timer_set(own->engine, &own->crowd, own->engine->now_ns);
    return true;
}

static void journal_commit(struct recorder *recorder)
{
    struct journal_recorder *own = own_of(recorder);
    if (!waits_for_crowd(own))
        advance(own);
}

static bool journal_full(const struct recorder *recorder)
{
    const struct journal_recorder *own = (const struct journal_recorder *)(const void *)recorder;
    return recorder->want.status != GT_DONE ||
           own->gathering.bytes.size + own->writing.bytes.size >= own->bound_bytes;
}

/* Nothing more will be taken: what was written but not synced has to be. */
static bool journal_finish(struct recorder *recorder)
{
    struct journal_recorder *own = own_of(recorder);
    if (failed(own))
        return true;
    if (own->write.send.op.active || own->syncing != SYNCING_NOTHING)
        return false;
    if (interval_of(own) > 0 && own->doubtful_ns != 0 && !begin_sync(own, SYNCING_BATCH))
        return failed(own);
    mark_durable(own);
    return !own->write.send.op.active;
}

static bool journal_stop(struct recorder *recorder)
{
    struct journal_recorder *own = own_of(recorder);
    own->stopping = true;
    stop_timers(own);
    engine_cancel(own->engine, &own->write.send.op);
    engine_cancel(own->engine, &own->sync.op);
    return !own->write.send.op.active && !own->sync.op.active;
}

static void journal_destroy(struct recorder *recorder)
{
    struct journal_recorder *own = own_of(recorder);
    assert(!own->write.send.op.active && !own->sync.op.active);
    stop_timers(own);
    if (!failed(own) && own->writing.bytes.size == 0)
        journal_segment_close(&own->segment, &own->journal->disk);
    journal_segment_leave(&own->segment, &own->journal->disk);
    journal_batch_free(&own->gathering);
    journal_batch_free(&own->opening);
    journal_batch_free(&own->writing);
    journal_names_free(&own->names);
    free(own);
}

static const struct recorder_table journal_table = {
    .name = "journal",
    .take = journal_take,
    .take_back = journal_take_back,
    .commit = journal_commit,
    .full = journal_full,
    .finish = journal_finish,
    .stop = journal_stop,
    .destroy = journal_destroy,
};

/* ---- making ---- */

/* Go on where the worker's series ends. */
static void take_up(struct journal_recorder *own, unsigned worker)
{
    const struct journal *journal = own->journal;
    own->segment = (struct journal_segment){.file = -1, .worker = worker};
    for (size_t i = 0; i < journal->end_count; i++) {
        const struct journal_end *end = &journal->ends[i];
        if (end->worker != worker)
            continue;
        own->segment.number = end->number;
        own->recorder.recorded = own->written = end->sequence;
        own->synced = end->synced_to;
        own->marked = end->marked;
    }
}

static int first_segment(struct journal_recorder *own)
{
    struct disk *disk = &own->journal->disk;
    int result = make_segment(own, 0);
    if (result == 0)
        result = disk->table->sync(disk, own->segment.file);
    if (result == 0)
        result = disk->table->sync(disk, disk->directory);
    if (result == 0)
        note_room(own, own->segment.size);
    return result;
}

struct recorder *journal_recorder_create(struct journal *journal, struct engine *engine,
                                         unsigned worker, size_t bound_bytes, struct error *error)
{
    struct journal_recorder *own = calloc(1, sizeof *own);
    if (!own) {
        error_errno(error, ENOMEM, "cannot record to %s", journal->directory);
        return NULL;
    }
    own->recorder.table = &journal_table;
    own->journal = journal;
    own->engine = engine;
    own->bound_bytes = bound_bytes;
    own->write.mode = WRITE_AT;
    own->write.send.op.done = on_written;
    own->sync.op.done = on_synced;
    own->retry.fire = on_retry;
    own->crowd.fire = on_crowd;
    own->due.fire = on_due;
    own->mark.fire = on_mark;
    take_up(own, worker);
    int result = first_segment(own);
    if (result == 0)
        return &own->recorder;
    error_errno(error, -result, "cannot record to %s", journal->directory);
    recorder_destroy(&(struct recorder *){&own->recorder});
    return NULL;
}
