/* show_place.c: who holds the lock is looked up, never tried: to take it, be it for a moment, might
 * keep a server from starting. */
#include "tool/show_place.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* ---- opening ---- */

/* If the path is that of a segment: its directory into place->directory. */
static bool is_segment(struct show_place *place, const char *path, unsigned *worker,
                       uint64_t *number)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (!journal_segment_parse(name, worker, number))
        return false;
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    snprintf(place->directory, sizeof place->directory, "%.*s", (int)length, slash ? path : "");
    if (length == 0)
        snprintf(place->directory, sizeof place->directory, "./");
    return true;
}

static int keep_one(struct show_place *place, unsigned worker, uint64_t number, struct error *error)
{
    struct journal_index *index = &place->index;
    char name[JOURNAL_NAME_SIZE];
    size_t kept = 0;
    for (size_t i = 0; i < index->count; i++)
        if (index->entries[i].worker == worker && index->entries[i].number == number)
            index->entries[kept++] = index->entries[i];
    index->count = kept;
    place->one = true;
    if (kept == 0)
        return error_errno(error, ENOENT, "cannot open %s",
                           journal_segment_name(worker, number, name));
    return GT_DONE;
}

int show_place_refresh(struct show_place *place, struct error *error)
{
    char shown[256];
    int result = place->one ? 0 : journal_index_read(&place->index, &place->place);
    if (result < 0)
        return error_errno(error, -result, "cannot list %s",
                           escape_string(shown, sizeof shown, slice_of_text(place->path)));
    return GT_DONE;
}

int show_place_open(struct show_place *place, const char *path, struct error *error)
{
    unsigned worker;
    uint64_t number;
    struct stat status;
    *place = (struct show_place){.path = path};
    place->place.directory = -1;
    bool directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    bool segment = !directory && is_segment(place, path, &worker, &number);
    if (segment)
        place->path = place->directory;
    int result = journal_place_open(&place->place, place->path, error);
    if (result == GT_DONE)
        result = show_place_refresh(place, error);
    return result == GT_DONE && segment ? keep_one(place, worker, number, error) : result;
}

void show_place_close(struct show_place *place)
{
    journal_index_free(&place->index);
    journal_place_close(&place->place);
}

int64_t show_place_worker(const struct show_place *place, int64_t after)
{
    for (size_t i = 0; i < place->index.count; i++)
        if ((int64_t)place->index.entries[i].worker > after)
            return place->index.entries[i].worker;
    return -1;
}

/* ---- who writes ---- */

/* Of a line of /proc/locks, "1: FLOCK  ADVISORY  WRITE 812 08:01:1234 0 EOF": the process, if the
 * lock is on this file. */
static int64_t holder_in(const char *line, const struct stat *status)
{
    int64_t process;
    unsigned major_number;
    unsigned minor_number;
    uint64_t inode;
    if (sscanf(line, "%*u: FLOCK %*s WRITE %" SCNd64 " %x:%x:%" SCNu64, &process, &major_number,
               &minor_number, &inode) != 4)
        return 0;
    bool same = inode == status->st_ino && major_number == major(status->st_dev) &&
                minor_number == minor(status->st_dev);
    return same ? process : 0;
}

int64_t show_place_holder(const struct show_place *place)
{
    char line[256];
    int64_t process = 0;
    struct stat status;
    if (fstatat(place->place.directory, JOURNAL_LOCK_NAME, &status, 0) < 0)
        return 0;
    FILE *locks = fopen("/proc/locks", "re");
    while (locks && process == 0 && fgets(line, sizeof line, locks))
        process = holder_in(line, &status);
    if (locks)
        fclose(locks);
    return process;
}

/* ---- words ---- */

char *show_place_words(const struct show_place *place, unsigned worker,
                       const struct journal_verdict *verdict, char *text, size_t size)
{
    char name[JOURNAL_NAME_SIZE];
    char shown[256];
    escape_string(shown, sizeof shown, slice_of_text(place->path));
    journal_segment_name(worker, verdict->number, name);
    const char *slash = slice_ends_with(slice_of_text(shown), '/') ? "" : "/";
    int length = snprintf(text, size, "%s%s%s, offset %" PRIu64 ": %s", shown, slash, name,
                          verdict->offset, verdict->why);
    if (length < 0 || (size_t)length >= size)
        return text;
    text += length;
    size -= (size_t)length;
    if (verdict->state == JOURNAL_TAIL)
        snprintf(text, size,
                 "; %" PRIu64 " bytes from there on are a tail that no reply depended on, and a "
                 "server cuts it when it starts",
                 verdict->bad_bytes);
    else if (verdict->synced_to > verdict->last_sequence)
        snprintf(text, size,
                 "; what follows message %u-%" PRIu64 " there is left out, though messages up to "
                 "%u-%" PRIu64 " had been on disk (goodtalk show --repair sets the bad part aside)",
                 worker, verdict->last_sequence, worker, verdict->synced_to);
    else
        snprintf(text, size,
                 "; what follows message %u-%" PRIu64
                 " there is left out (goodtalk show --repair sets the bad part aside)",
                 worker, verdict->last_sequence);
    return text - length;
}
