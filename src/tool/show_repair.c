/* show_repair.c: judged, repaired in the first bad place, and judged again, until what is left is
 * good, or a tail that the server cuts itself.
 *
 * A segment whose header is lost is renamed. In one whose header is good, the bad bytes are copied
 * to a file of their own, which is on disk before anything else happens; then a GAP is written over
 * them: it says up to which message all is missing, and what follows is good again. When this is
 * cut short the place is as bad as it was, and the copy is there.
 *
 * Refused: while a server has the journal; one segment alone; a segment of another version. */
#include "engine/disk.h"
#include "tool/show_check.h"
#include "tool/show_place.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define ASIDE_SIZE  (JOURNAL_NAME_SIZE + 48)
#define ASIDE_TRIES 1000
#define HEAD_SIZE   sizeof(struct journal_frame)

struct repair {
    struct show_place place;
    struct disk disk;
    struct show_output *output;
    struct error *error;
    unsigned worker;
    struct journal_verdict verdict;
    char name[JOURNAL_NAME_SIZE]; /* of the segment with the bad place */
    uint64_t done;                /* places repaired */
};

static int fail(struct repair *repair, int number, const char *what, const char *name)
{
    return error_errno(repair->error, number, "cannot %s %s", what, name);
}

static int sync_directory(struct repair *repair)
{
    int result = repair->disk.table->sync(&repair->disk, repair->disk.directory);
    return result == 0 ? GT_DONE : fail(repair, -result, "sync", "the directory");
}

static int tell(struct repair *repair, uint64_t bytes, const char *aside)
{
    struct bytes *to = &repair->output->text;
    int result = bytes_format(to, "%s, offset %" PRIu64 ": %s; ", repair->name,
                              repair->verdict.offset, repair->verdict.why);
    if (result == 0 && *aside)
        result = bytes_format(to, "%" PRIu64 " bytes set aside in %s\n", bytes, aside);
    else if (result == 0)
        result = bytes_format(to, "noted; there were no bytes to set aside\n");
    repair->done++;
    return result < 0 ? error_set(repair->error, GT_FAILED, "out of memory") : GT_DONE;
}

/* ---- a lost header ---- */

static int refuse_other_version(struct repair *repair)
{
    struct journal_reader reader;
    journal_reader_open(&reader, &repair->place.place, repair->name);
    bool other = memcmp(reader.header.magic, JOURNAL_MAGIC, sizeof reader.header.magic) == 0 &&
                 reader.header.version != JOURNAL_VERSION;
    uint32_t version = reader.header.version;
    journal_reader_close(&reader);
    return other ? error_set(repair->error, GT_FAILED,
                             "%s: its format is that of version %" PRIu32
                             ", which this goodtalk does not know",
                             repair->name, version)
                 : GT_DONE;
}

/* The i-th name for what is set aside. */
static void aside_name(const struct repair *repair, unsigned i, char aside[ASIDE_SIZE])
{
    char again[16] = "";
    if (i > 0)
        snprintf(again, sizeof again, "-%u", i + 1);
    if (repair->verdict.offset > 0)
        snprintf(aside, ASIDE_SIZE, "%s.damaged-%" PRIu64 "%s", repair->name,
                 repair->verdict.offset, again);
    else
        snprintf(aside, ASIDE_SIZE, "%s.damaged%s", repair->name, again);
}

static int rename_segment(struct repair *repair)
{
    char aside[ASIDE_SIZE];
    int directory = repair->disk.directory;
    int result = -1;
    if (refuse_other_version(repair) != GT_DONE)
        return GT_FAILED;
    for (unsigned i = 0; i < ASIDE_TRIES && result < 0; i++) {
        aside_name(repair, i, aside);
        result = renameat2(directory, repair->name, directory, aside, RENAME_NOREPLACE);
        if (result < 0 && errno != EEXIST)
            break;
    }
    if (result < 0)
        return fail(repair, errno, "rename", repair->name);
    return sync_directory(repair) == GT_DONE ? tell(repair, repair->verdict.bad_bytes, aside)
                                             : GT_FAILED;
}

/* ---- a bad place ---- */

/* What is replaced: where it is, and by what. */
struct patch {
    int file; /* the segment, for reading and writing */
    uint64_t id;
    uint64_t from, to; /* the bytes that are bad; to may be from */
    struct bytes gap;  /* what is written there, at least a head */
    uint64_t gap_size; /* of the frame */
    uint64_t gap_sequence;
};

/* Copy the bad bytes into a file. */
static int copy_bytes(struct disk *disk, const struct patch *patch, int to)
{
    uint8_t piece[65536];
    int result = 0;
    for (uint64_t at = patch->from; result == 0 && at < patch->to; at += sizeof piece) {
        size_t want = patch->to - at < sizeof piece ? (size_t)(patch->to - at) : sizeof piece;
        int64_t count = disk->table->read(disk, patch->file, piece, want, at);
        result = count < 0 ? (int)count
                           : disk->table->write(disk, to, slice_of(piece, (size_t)count),
                                                at - patch->from);
    }
    return result == 0 ? disk->table->sync(disk, to) : result;
}

static int set_aside(struct repair *repair, const struct patch *patch, char aside[ASIDE_SIZE])
{
    struct disk *disk = &repair->disk;
    int file = -EEXIST;
    *aside = '\0';
    if (patch->from == patch->to)
        return GT_DONE;
    for (unsigned i = 0; i < ASIDE_TRIES && file == -EEXIST; i++) {
        aside_name(repair, i, aside);
        file = disk->table->open(disk, aside, DISK_CREATE);
    }
    if (file < 0)
        return fail(repair, -file, "make", aside);
    int result = copy_bytes(disk, patch, file);
    disk->table->close(disk, file);
    return result < 0 ? fail(repair, -result, "write", aside) : sync_directory(repair);
}

/* Where the bad bytes end, and what stands there instead. */
static int measure(struct repair *repair, struct journal_reader *reader, struct patch *patch)
{
    const struct journal_verdict *verdict = &repair->verdict;
    uint64_t known =
        verdict->synced_to > verdict->last_sequence ? verdict->synced_to : verdict->last_sequence;
    patch->id = reader->header.id;
    patch->from = patch->to = verdict->offset;
    patch->gap_size = HEAD_SIZE;
    patch->gap_sequence =
        verdict->next_offset > 0 || verdict->next_number > 0 ? verdict->next_before : known;
    if (patch->gap_sequence < verdict->last_sequence)
        patch->gap_sequence = verdict->last_sequence;
    if (verdict->next_offset > 0) {
        patch->to = verdict->next_offset;
        patch->gap_size = patch->to - patch->from;
        return patch->gap_size >= HEAD_SIZE && patch->gap_size <= UINT32_MAX ? 0 : -EOVERFLOW;
    }
    return journal_reader_content(reader, patch->from, &patch->to);
}

static int make_gap(struct patch *patch)
{
    struct timespec now;
    size_t size = (size_t)(patch->to - patch->from);
    if (size < patch->gap_size)
        size = (size_t)patch->gap_size;
    clock_gettime(CLOCK_REALTIME, &now);
    struct journal_frame head = {
        .size = (uint32_t)patch->gap_size,
        .id = patch->id,
        .sequence = patch->gap_sequence,
        .synced_to = patch->gap_sequence,
        .time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000,
        .kind = JOURNAL_GAP,
    };
    if (bytes_reserve(&patch->gap, size) < 0)
        return -ENOMEM;
    memset(bytes_end(&patch->gap), 0, size);
    memcpy(bytes_end(&patch->gap), &head, sizeof head);
    journal_frame_seal(bytes_end(&patch->gap));
    patch->gap.size = size;
    return 0;
}

static int apply(struct repair *repair, struct patch *patch)
{
    char aside[ASIDE_SIZE];
    struct disk *disk = &repair->disk;
    if (make_gap(patch) < 0)
        return error_set(repair->error, GT_FAILED, "out of memory");
    if (set_aside(repair, patch, aside) != GT_DONE)
        return GT_FAILED;
    int result = disk->table->write(disk, patch->file, bytes_slice(&patch->gap), patch->from);
    if (result == 0)
        result = disk->table->sync(disk, patch->file);
    return result < 0 ? fail(repair, -result, "write", repair->name)
                      : tell(repair, patch->to - patch->from, aside);
}

static int patch_segment(struct repair *repair)
{
    struct journal_reader reader;
    struct disk *disk = &repair->disk;
    struct patch patch = {.file = disk->table->open(disk, repair->name, DISK_UPDATE)};
    enum journal_step opened = journal_reader_open(&reader, &repair->place.place, repair->name);
    int result = patch.file < 0 ? patch.file : -EIO;
    if (patch.file >= 0 && opened == JOURNAL_STEP_FRAME)
        result = measure(repair, &reader, &patch);
    int status = result < 0 ? fail(repair, -result, "repair", repair->name) : apply(repair, &patch);
    journal_reader_close(&reader);
    bytes_free(&patch.gap);
    if (patch.file >= 0)
        disk->table->close(disk, patch.file);
    return status;
}

/* ---- a journal ---- */

static int judge(struct repair *repair)
{
    if (show_place_refresh(&repair->place, repair->error) != GT_DONE)
        return GT_FAILED;
    int status = journal_judge(&repair->verdict, &repair->place.place, &repair->place.index,
                               repair->worker, NULL, NULL, repair->error);
    journal_segment_name(repair->worker, repair->verdict.number, repair->name);
    return status;
}

static int repair_series(struct repair *repair)
{
    int status;
    uint64_t number = 0;
    uint64_t offset = 0;
    while ((status = judge(repair)) == GT_DONE && repair->verdict.state == JOURNAL_CORRUPT) {
        if (repair->verdict.number == number && repair->verdict.offset == offset)
            return error_set(repair->error, GT_FAILED,
                             "%s: what is bad at offset %" PRIu64 " is still there", repair->name,
                             offset);
        number = repair->verdict.number;
        offset = repair->verdict.offset;
        status = repair->verdict.offset == 0 ? rename_segment(repair) : patch_segment(repair);
        if (status != GT_DONE)
            break;
    }
    return status;
}

static int repair_all(struct repair *repair)
{
    int64_t worker = -1;
    int status = GT_DONE;
    while (status == GT_DONE && (worker = show_place_worker(&repair->place, worker)) >= 0) {
        repair->worker = (unsigned)worker;
        status = repair_series(repair);
    }
    if (status == GT_DONE && repair->done == 0 &&
        bytes_format(&repair->output->text, "nothing to repair\n") < 0)
        return error_set(repair->error, GT_FAILED, "out of memory");
    return status;
}

int show_repair(const char *path, struct show_output *output, struct error *error)
{
    struct repair repair = {.output = output, .error = error};
    int status = show_place_open(&repair.place, path, error);
    if (status == GT_DONE && repair.place.one)
        status = error_set(error, GT_WRONG, "--repair takes the directory, not one segment of it");
    if (status == GT_DONE)
        status = disk_open(&repair.disk, path, JOURNAL_LOCK_NAME, error);
    if (status == GT_DONE) {
        status = repair_all(&repair);
        disk_close(&repair.disk);
    }
    show_place_close(&repair.place);
    return status;
}
