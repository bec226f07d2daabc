/* show_repair.c: judged, repaired in the first bad place, and judged again, until what is left is
 * good, or a tail that the server cuts itself.
 *
 * A segment whose header is lost is renamed. In one whose header is good, the bad bytes are copied
 * to a file of their own, which is on disk before anything else happens; then a GAP is written over
 * them: it says up to which message all is missing, and what follows is good again. When this is
 * cut short the place is as bad as it was, and the copy is there.
 *
 * Refused: while a server has the journal; one segment alone; a segment of another version. */
#include "base/escape.h"
#include "tool/show_check.h"
#include "tool/show_place.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define ASIDE_SIZE  (JOURNAL_NAME_SIZE + 48)
#define ASIDE_TRIES 1000
#define HEAD_SIZE   sizeof(struct journal_frame)

struct repair {
    struct show_place place;
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
    int directory = repair->place.place.directory;
    return fsync(directory) == 0 ? GT_DONE : fail(repair, errno, "sync", "the directory");
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
    int directory = repair->place.place.directory;
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
    int fd; /* the segment, for reading and writing */
    uint64_t id;
    uint64_t from, to; /* the bytes that are bad; to may be from */
    struct bytes gap;  /* what is written there, at least a head */
    uint64_t gap_size; /* of the frame */
    uint64_t gap_sequence;
};

static int write_all(int fd, struct slice bytes, uint64_t offset)
{
    while (bytes.size > 0) {
        ssize_t count = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            bytes = slice_after(bytes, (size_t)count);
            offset += (uint64_t)count;
        }
    }
    return 0;
}

/* Copy the bad bytes into an open file. */
static int copy_bytes(const struct patch *patch, int to)
{
    uint8_t piece[65536];
    uint64_t at = patch->from;
    while (at < patch->to) {
        size_t want = patch->to - at < sizeof piece ? (size_t)(patch->to - at) : sizeof piece;
        ssize_t count = pread(patch->fd, piece, want, (off_t)at);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            break;
        if (count > 0 && write_all(to, slice_of(piece, (size_t)count), at - patch->from) < 0)
            return -errno;
        at += count > 0 ? (uint64_t)count : 0;
    }
    return fsync(to) < 0 ? -errno : 0;
}

static int set_aside(struct repair *repair, const struct patch *patch, char aside[ASIDE_SIZE])
{
    int fd = -1;
    *aside = '\0';
    if (patch->from == patch->to)
        return GT_DONE;
    for (unsigned i = 0; i < ASIDE_TRIES && fd < 0; i++) {
        aside_name(repair, i, aside);
        fd = openat(repair->place.place.directory, aside,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return fail(repair, errno, "make", aside);
    int result = copy_bytes(patch, fd);
    close(fd);
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
    if (make_gap(patch) < 0)
        return error_set(repair->error, GT_FAILED, "out of memory");
    if (set_aside(repair, patch, aside) != GT_DONE)
        return GT_FAILED;
    int result = write_all(patch->fd, bytes_slice(&patch->gap), patch->from);
    if (result < 0 || fsync(patch->fd) < 0)
        return fail(repair, result < 0 ? -result : errno, "write", repair->name);
    return tell(repair, patch->to - patch->from, aside);
}

static int patch_segment(struct repair *repair)
{
    struct journal_reader reader;
    struct patch patch = {
        .fd = openat(repair->place.place.directory, repair->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    enum journal_step opened = journal_reader_open(&reader, &repair->place.place, repair->name);
    int result = patch.fd < 0 ? -errno : 0;
    if (result == 0)
        result = opened == JOURNAL_STEP_FRAME ? measure(repair, &reader, &patch) : -EIO;
    int status = result < 0 ? fail(repair, -result, "repair", repair->name) : apply(repair, &patch);
    journal_reader_close(&reader);
    bytes_free(&patch.gap);
    if (patch.fd >= 0)
        close(patch.fd);
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

/* The lock, held; or -1 with the reason. */
static int take_lock(struct repair *repair)
{
    int64_t holder;
    int fd = openat(repair->place.place.directory, JOURNAL_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC,
                    0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd < 0 || errno != EWOULDBLOCK)
        fail(repair, errno, "lock", "the journal");
    else if ((holder = show_place_holder(&repair->place)) != 0)
        error_set(repair->error, GT_FAILED,
                  "--repair: the journal is in use (by process %" PRId64 "); stop the server first",
                  holder);
    else
        error_set(repair->error, GT_FAILED,
                  "--repair: the journal is in use; stop the server first");
    if (fd >= 0)
        close(fd);
    return -1;
}

static int locked(struct repair *repair)
{
    int lock = take_lock(repair);
    if (lock < 0)
        return GT_FAILED;
    int status = repair_all(repair);
    close(lock);
    return status;
}

int show_repair(const char *path, struct show_output *output, struct error *error)
{
    struct repair repair = {.output = output, .error = error};
    int status = show_place_open(&repair.place, path, error);
    if (status == GT_DONE && repair.place.one)
        status = error_set(error, GT_WRONG, "--repair takes the directory, not one segment of it");
    if (status == GT_DONE)
        status = locked(&repair);
    show_place_close(&repair.place);
    return status;
}
