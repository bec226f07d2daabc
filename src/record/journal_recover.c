/* journal_recover.c: what a former run has left is made a good beginning for this one.
 *
 * The series is judged (journal_judge.h). Damage below what was durable is refused: somebody has to
 * know. Else what stands behind the good part goes: later segments, the last one first, then the
 * rest of the one in which it ends. What is good but was not known to be durable may be so only in
 * memory: after a sync that failed the system has it there, and takes it for written. So it is
 * written once more, and synced.
 *
 * Whenever that is interrupted, the next start judges the same. */
#include "record/journal_judge.h"
#include "record/journal_parts.h"

#include <errno.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <time.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define MEBIBYTE    ((uint64_t)1 << 20)

struct recovery {
    struct journal *journal;
    const struct journal_index *index;
    struct journal_place place;
    struct journal_verdict verdict;
    unsigned worker;
    time_t told; /* when progress was told last */
};

/* ---- telling ---- */

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void tell_progress(void *context, uint64_t read_bytes)
{
    struct recovery *recovery = context;
    time_t now = seconds();
    if (now <= recovery->told + 1)
        return;
    recovery->told = now;
    journal_say(recovery->journal, false,
                "reading the journal %s of worker %u: %" PRIu64 " MiB so far",
                recovery->journal->directory, recovery->worker, read_bytes / MEBIBYTE);
}

static void tell_cut(const struct recovery *recovery)
{
    char name[JOURNAL_NAME_SIZE];
    const struct journal_verdict *verdict = &recovery->verdict;
    journal_say(recovery->journal, true,
                "%s/%s: cut off at offset %" PRIu64 ": %" PRIu64
                " bytes that were never wholly on disk, and never replied to",
                recovery->journal->directory,
                journal_segment_name(recovery->worker, verdict->number, name), verdict->offset,
                verdict->bad_bytes);
}

static int refuse(const struct recovery *recovery, struct error *error)
{
    char name[JOURNAL_NAME_SIZE];
    const char *directory = recovery->journal->directory;
    const struct journal_verdict *verdict = &recovery->verdict;
    error_set(error, GT_FAILED,
              "%s/%s is damaged at offset %" PRIu64 " (%s): messages up to %u-%" PRIu64
              " were recorded, and may have been replied to, but only those up to %u-%" PRIu64
              " are whole",
              directory, journal_segment_name(recovery->worker, verdict->number, name),
              verdict->offset, verdict->why, recovery->worker, verdict->synced_to, recovery->worker,
              verdict->last_sequence);
    error_append(error,
                 "; goodtalk show --verify %s tells more, goodtalk show --repair %s sets aside "
                 "what is damaged",
                 directory, directory);
    return GT_FAILED;
}

/* ---- cutting ---- */

/* The segments behind the good part, and the one it ends in if that has no header. */
static int remove_later(const struct recovery *recovery)
{
    char name[JOURNAL_NAME_SIZE];
    struct disk *disk = &recovery->journal->disk;
    uint64_t last_kept = recovery->verdict.number - (recovery->verdict.offset == 0);
    int result = 0;
    for (size_t i = recovery->index->count; result == 0 && i-- > 0;) {
        const struct journal_index_entry *entry = &recovery->index->entries[i];
        if (entry->worker != recovery->worker || entry->number <= last_kept)
            continue;
        result =
            disk->table->unlink(disk, journal_segment_name(entry->worker, entry->number, name));
    }
    return result;
}

/* The frames of a segment that were not known to be durable: from where to where. 0 or -errno. */
static int find_doubtful(struct recovery *recovery, uint64_t number, uint64_t *from, uint64_t *to)
{
    char name[JOURNAL_NAME_SIZE];
    struct journal_reader reader;
    struct journal_found found;
    enum journal_step step = journal_reader_open(
        &reader, &recovery->place, journal_segment_name(recovery->worker, number, name));
    *from = *to = JOURNAL_HEADER_BYTES;
    while (step == JOURNAL_STEP_FRAME &&
           (step = journal_reader_next(&reader, &found)) == JOURNAL_STEP_FRAME) {
        *to = reader.offset;
        if (found.head.kind == JOURNAL_MESSAGE && reader.sequence <= recovery->verdict.synced_to)
            *from = *to;
    }
    int result = step == JOURNAL_STEP_FAILED ? -reader.failure : 0;
    journal_reader_close(&reader);
    return result;
}

/* Write these bytes of a file once more. */
static int write_again(struct disk *disk, int file, uint64_t from, uint64_t to)
{
    uint8_t piece[PIECE_BYTES];
    int result = 0;
    while (result == 0 && from < to) {
        size_t size = to - from < PIECE_BYTES ? (size_t)(to - from) : PIECE_BYTES;
        int64_t got = disk->table->read(disk, file, piece, size, from);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
        result = disk->table->write(disk, file, slice_of(piece, (size_t)got), from);
        from += (uint64_t)got;
    }
    return result;
}

/* A segment of the good part, which is durable afterwards. */
static int settle_file(struct recovery *recovery, int file, uint64_t number)
{
    struct disk *disk = &recovery->journal->disk;
    const struct journal_verdict *verdict = &recovery->verdict;
    uint64_t from = 0, to = 0;
    int result = 0;
    if (number == verdict->number)
        result = disk->table->truncate(disk, file, verdict->offset);
    if (result == 0 && verdict->synced_to < verdict->last_sequence)
        result = find_doubtful(recovery, number, &from, &to);
    if (result == 0)
        result = write_again(disk, file, from, to);
    return result < 0 ? result : disk->table->sync(disk, file);
}

/* What came before a segment, by its header: all of that is durable if it was durable when the
 * header was made, or later. */
static int64_t sequence_before(struct disk *disk, int file)
{
    struct journal_header header;
    int64_t got = disk->table->read(disk, file, &header, sizeof header, 0);
    if (got < 0)
        return got;
    return got == sizeof header && header.sequence <= INT64_MAX ? (int64_t)header.sequence : 0;
}

/* One segment: 1 when those before it need nothing. */
static int settle_segment(struct recovery *recovery, uint64_t number)
{
    char name[JOURNAL_NAME_SIZE];
    struct disk *disk = &recovery->journal->disk;
    int file =
        disk->table->open(disk, journal_segment_name(recovery->worker, number, name), DISK_UPDATE);
    if (file < 0)
        return file;
    int result = settle_file(recovery, file, number);
    int64_t before = result < 0 ? result : sequence_before(disk, file);
    disk->table->close(disk, file);
    if (before < 0)
        return (int)before;
    return (uint64_t)before <= recovery->verdict.synced_to;
}

/* The last segment first. */
static int settle(struct recovery *recovery)
{
    const struct journal_index *index = recovery->index;
    uint64_t last = recovery->verdict.number - (recovery->verdict.offset == 0);
    int result = remove_later(recovery);
    for (size_t i = index->count; result == 0 && i-- > 0;)
        if (index->entries[i].worker == recovery->worker && index->entries[i].number <= last)
            result = settle_segment(recovery, index->entries[i].number);
    struct disk *disk = &recovery->journal->disk;
    return result < 0 ? result : disk->table->sync(disk, disk->directory);
}

/* ---- the whole ---- */

static int recover(struct recovery *recovery, struct error *error)
{
    struct journal_verdict *verdict = &recovery->verdict;
    int status = journal_judge(verdict, &recovery->place, recovery->index, recovery->worker,
                               tell_progress, recovery, error);
    if (status != GT_DONE)
        return error_prefix(error, "%s", recovery->journal->directory);
    if (verdict->state == JOURNAL_CORRUPT)
        return refuse(recovery, error);
    int result = settle(recovery);
    if (result < 0)
        return error_errno(error, -result, "cannot make the journal %s fit to go on with",
                           recovery->journal->directory);
    if (verdict->bad_bytes > 0)
        tell_cut(recovery);
    return GT_DONE;
}

int journal_recover(struct journal *journal, const struct journal_index *index,
                    struct journal_end *end, struct error *error)
{
    struct recovery recovery = {
        .journal = journal, .index = index, .worker = end->worker, .told = seconds()};
    int status = journal_place_open(&recovery.place, journal->settings.directory, error);
    if (status != GT_DONE)
        return status;
    status = recover(&recovery, error);
    journal_place_close(&recovery.place);
    end->number = recovery.verdict.last_number;
    end->sequence = end->synced_to = recovery.verdict.last_sequence;
    end->marked = recovery.verdict.synced_to;
    return status;
}
