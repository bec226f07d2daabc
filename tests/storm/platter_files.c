/* platter_files.c: the platter in place of the system's disk. The program is linked so that
 * disk_open and journal_place_open come here. */
#include "platter_parts.h"

#include "engine/disk.h"
#include "record/journal_place.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const char *name)
{
    for (int i = 0; i < PLATTER_FILES; i++)
        if (platter.files[i].there && strcmp(platter.files[i].name, name) == 0)
            return i;
    return -ENOENT;
}

static int create(const char *name)
{
    for (int i = 0; i < PLATTER_FILES; i++) {
        struct platter_file *file = &platter.files[i];
        if (file->used)
            continue;
        *file = (struct platter_file){.used = true, .there = true};
        snprintf(file->name, sizeof file->name, "%s", name);
        return i;
    }
    abort(); /* a storm makes fewer */
}

static int64_t read_bytes(int number, void *to, size_t size, uint64_t offset)
{
    const struct platter_file *file = &platter.files[number];
    if (offset >= file->size)
        return 0;
    size_t left = file->size - (size_t)offset;
    memcpy(to, file->live + offset, size < left ? size : left);
    return (int64_t)(size < left ? size : left);
}

/* ---- the disk ---- */

static int open_file(struct disk *disk, const char *name, enum disk_how how)
{
    (void)disk;
    if (!platter_runs())
        return -EIO;
    if (how == DISK_UPDATE)
        return find(name);
    return find(name) >= 0 ? -EEXIST : create(name);
}

static void close_file(struct disk *disk, int file)
{
    (void)disk;
    (void)file;
}

static int allocate_file(struct disk *disk, int file, uint64_t size)
{
    (void)disk;
    if (!platter_runs())
        return -EIO;
    if (platter.full)
        return -ENOSPC;
    if (platter.files[file].size < size)
        platter_resize(&platter.files[file], (size_t)size);
    return 0;
}

static int truncate_file(struct disk *disk, int file, uint64_t size)
{
    (void)disk;
    if (!platter_runs())
        return -EIO;
    if ((platter.bugs & PLATTER_CUTS_MORE) && size > 3 * PLATTER_SECTOR)
        size -= PLATTER_SECTOR;
    platter_resize(&platter.files[file], (size_t)size);
    return 0;
}

static int64_t read_file(struct disk *disk, int file, void *to, size_t size, uint64_t offset)
{
    (void)disk;
    return platter_runs() ? read_bytes(file, to, size, offset) : -EIO;
}

static int write_file(struct disk *disk, int file, struct slice bytes, uint64_t offset)
{
    (void)disk;
    if (!platter_runs())
        return -EIO;
    platter_write(&platter.files[file], bytes, (size_t)offset);
    return 0;
}

static int sync_file(struct disk *disk, int file)
{
    (void)disk;
    if (!platter_runs())
        return -EIO;
    struct platter_sync sync = platter_sync_begin(file);
    return platter_sync_end(&sync, false);
}

static int unlink_file(struct disk *disk, const char *name)
{
    (void)disk;
    int number = platter_runs() ? find(name) : -EIO;
    if (number < 0)
        return number;
    platter.files[number].there = false;
    return 0;
}

int __wrap_disk_open(struct disk *disk, const char *path, const char *lock, struct error *error);

int __wrap_disk_open(struct disk *disk, const char *path, const char *lock, struct error *error)
{
    static const struct disk_table table = {.open = open_file,
                                            .close = close_file,
                                            .allocate = allocate_file,
                                            .truncate = truncate_file,
                                            .read = read_file,
                                            .write = write_file,
                                            .sync = sync_file,
                                            .unlink = unlink_file};
    (void)path;
    (void)lock;
    (void)error;
    *disk = (struct disk){.table = &table, .directory = PLATTER_DIRECTORY, .lock = -1};
    return GT_DONE;
}

void __wrap_disk_close(struct disk *disk);

void __wrap_disk_close(struct disk *disk)
{
    disk->directory = -1;
}

/* ---- the place that is read ---- */

static int list_place(struct journal_place *place, journal_place_found *found, void *context)
{
    (void)place;
    int result = 0;
    for (int i = 0; result == 0 && i < PLATTER_FILES; i++)
        if (platter.files[i].there)
            result = found(context, platter.files[i].name);
    return result;
}

static int open_in_place(struct journal_place *place, const char *name)
{
    (void)place;
    return find(name);
}

static int64_t size_in_place(struct journal_place *place, int file)
{
    (void)place;
    return (int64_t)platter.files[file].size;
}

static int64_t read_in_place(struct journal_place *place, int file, void *to, size_t size,
                             uint64_t offset)
{
    (void)place;
    return read_bytes(file, to, size, offset);
}

static void close_in_place(struct journal_place *place, int file)
{
    (void)place;
    (void)file;
}

int __wrap_journal_place_open(struct journal_place *place, const char *path, struct error *error);

int __wrap_journal_place_open(struct journal_place *place, const char *path, struct error *error)
{
    static const struct journal_place_table table = {.list = list_place,
                                                     .open = open_in_place,
                                                     .size = size_in_place,
                                                     .read = read_in_place,
                                                     .close = close_in_place};
    (void)path;
    (void)error;
    *place = (struct journal_place){.table = &table, .directory = -1};
    return GT_DONE;
}
