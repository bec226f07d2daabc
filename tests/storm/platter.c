/* platter.c: what is written, what is durable, and what a power cut leaves. */
#include "platter_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct platter platter;

uint64_t platter_random(uint64_t below)
{
    uint64_t value = platter.state += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return (value ^ (value >> 31)) % below;
}

static bool happens(unsigned percent)
{
    return platter_random(100) < percent;
}

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ---- files ---- */

static void forget_writes(struct platter_file *file, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(file->writes[i].sectors);
    file->write_count -= count;
    if (file->write_count > 0)
        memmove(file->writes, file->writes + count, file->write_count * sizeof *file->writes);
}

static void forget_file(struct platter_file *file)
{
    forget_writes(file, file->write_count);
    free(file->writes);
    free(file->live);
    free(file->durable);
    *file = (struct platter_file){0};
}

/* Room for so many bytes, which are zero at first. */
static void grow(struct platter_file *file, size_t size)
{
    if (size <= file->capacity)
        return;
    size_t capacity = (size + 0xffff) / 0x10000 * 0x10000;
    file->live = need(realloc(file->live, capacity));
    file->durable = need(realloc(file->durable, capacity));
    memset(file->live + file->capacity, 0, capacity - file->capacity);
    memset(file->durable + file->capacity, 0, capacity - file->capacity);
    file->capacity = capacity;
}

/* The sectors from here to there are not durable as they are. */
static void note_write(struct platter_file *file, size_t from, size_t to)
{
    from = from / PLATTER_SECTOR * PLATTER_SECTOR;
    to = (to + PLATTER_SECTOR - 1) / PLATTER_SECTOR * PLATTER_SECTOR;
    if (file->write_count == file->write_room) {
        file->write_room = file->write_room ? 2 * file->write_room : 16;
        file->writes = need(realloc(file->writes, file->write_room * sizeof *file->writes));
    }
    struct platter_write *write = &file->writes[file->write_count++];
    *write = (struct platter_write){from, to - from, need(malloc(to - from))};
    memcpy(write->sectors, file->live + from, to - from);
}

void platter_write(struct platter_file *file, struct slice bytes, size_t offset)
{
    size_t end = offset + bytes.size;
    if (bytes.size == 0)
        return;
    grow(file, end);
    memcpy(file->live + offset, bytes.data, bytes.size);
    if (file->size < end)
        file->size = end;
    note_write(file, offset, end);
}

void platter_resize(struct platter_file *file, size_t size)
{
    size_t before = file->size;
    grow(file, size);
    file->size = size;
    if (size >= before)
        return;
    memset(file->live + size, 0, before - size);
    note_write(file, size, before);
}

/* ---- syncing ---- */

/* Some of the sectors of a write: so many of a hundred. */
static void save(struct platter_file *file, const struct platter_write *write, unsigned percent)
{
    for (size_t at = 0; at < write->size; at += PLATTER_SECTOR)
        if (percent == 100 || happens(percent))
            memcpy(file->durable + write->offset + at, write->sectors + at, PLATTER_SECTOR);
}

static void save_names(void)
{
    for (size_t i = 0; i < PLATTER_FILES; i++) {
        struct platter_file *file = &platter.files[i];
        if (platter.bugs & PLATTER_FORGETS_NAMES)
            continue;
        file->named = file->naming;
        if (file->used && !file->named && !file->there)
            forget_file(file);
    }
}

struct platter_sync platter_sync_begin(int fd)
{
    struct platter_sync sync = {0};
    if (fd != PLATTER_DIRECTORY) {
        sync.file = &platter.files[fd];
        sync.writes = sync.file->write_count;
        sync.size = sync.file->size;
        platter.asked_again |= sync.file->failed;
        return sync;
    }
    for (size_t i = 0; i < PLATTER_FILES; i++)
        platter.files[i].naming = platter.files[i].there;
    return sync;
}

static bool fails_now(void)
{
    return platter.fail_sync > 0 && --platter.fail_sync == 0;
}

int platter_sync_end(const struct platter_sync *sync, bool may_fail)
{
    struct platter_file *file = sync->file;
    bool fails = may_fail && fails_now();
    bool hides = fails && (platter.bugs & PLATTER_HIDES_FAILURE);
    platter.has_failed |= fails && !hides;
    if (file) {
        file->failed |= fails && !hides;
        for (size_t i = 0; i < sync->writes; i++)
            save(file, &file->writes[i], fails ? 40 : 100);
        if (!fails || happens(50))
            file->durable_size = sync->size;
        forget_writes(file, sync->writes);
    } else if (!fails) {
        save_names();
    }
    return fails && !hides ? -EIO : 0;
}

/* ---- the cut ---- */

static void leave_file(struct platter_file *file, unsigned percent)
{
    if (happens(50))
        file->durable_size = file->size;
    for (size_t i = 0; i < file->write_count; i++)
        save(file, &file->writes[i], percent);
    forget_writes(file, file->write_count);
    file->size = file->durable_size;
    if (file->capacity > 0) {
        memset(file->durable + file->size, 0, file->capacity - file->size);
        memcpy(file->live, file->durable, file->capacity);
    }
    if (file->there != file->named)
        file->there = happens(50);
    file->named = file->there;
    if (!file->there)
        forget_file(file);
}

static void cut_power(void)
{
    static const unsigned percents[] = {0, 5, 50, 90, 100};
    unsigned percent = percents[platter_random(5)];
    for (size_t i = 0; i < PLATTER_FILES; i++)
        if (platter.files[i].used)
            leave_file(&platter.files[i], percent);
}

/* ---- the whole ---- */

bool platter_runs(void)
{
    if (platter.stop_after > 0 && --platter.stop_after == 0)
        platter.stopped = true;
    return !platter.stopped;
}

void platter_begin(uint64_t seed, unsigned bugs)
{
    platter = (struct platter){.state = seed * 0x2545f4914f6cdd1du, .bugs = bugs};
}

void platter_end(void)
{
    for (size_t i = 0; i < PLATTER_FILES; i++)
        if (platter.files[i].used)
            forget_file(&platter.files[i]);
}

void platter_fail_sync(unsigned n)
{
    platter.fail_sync = n;
}

bool platter_has_failed(void)
{
    return platter.has_failed;
}

int64_t platter_failed_ns(void)
{
    return platter.failed_ns;
}

bool platter_was_asked_again(void)
{
    return platter.asked_again;
}

void platter_fill(bool full)
{
    platter.full = full;
}

void platter_stop(unsigned after)
{
    platter.stop_after = after;
    platter.stopped |= after == 0;
}

void platter_restart(bool cut)
{
    if (cut)
        cut_power();
    for (size_t i = 0; i < PLATTER_FILES; i++)
        platter.files[i].failed = false;
    platter.stopped = platter.full = platter.has_failed = platter.asked_again = false;
    platter.stop_after = platter.fail_sync = 0;
}
