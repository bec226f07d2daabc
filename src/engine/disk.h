/* disk.h: a directory and the files in it, as somebody needs it who must not lose anything: the
 * part of the disk that blocks. What is written and synced while a server serves goes through its
 * engine, with the descriptors from here.
 *
 * Every function waits for the disk. A failure is -errno. */
#ifndef ENGINE_DISK_H
#define ENGINE_DISK_H

#include "base/error.h"
#include "base/slice.h"

struct disk;

enum disk_how {
    DISK_UPDATE, /* a file that is there, to read and write */
    DISK_CREATE  /* one that is not there yet */
};

struct disk_table {
    /* A descriptor; regular files only. */
    int (*open)(struct disk *disk, const char *name, enum disk_how how);
    void (*close)(struct disk *disk, int file);
    /* Have room for a file of this size, which then reads as zeros; on failure it is as it was.
     * -EOPNOTSUPP: there is no such thing on this disk. */
    int (*allocate)(struct disk *disk, int file, uint64_t size);
    int (*truncate)(struct disk *disk, int file, uint64_t size);
    /* How many bytes: fewer only at the end of the file. */
    int64_t (*read)(struct disk *disk, int file, void *to, size_t size, uint64_t offset);
    /* All of it: 0. */
    int (*write)(struct disk *disk, int file, struct slice bytes, uint64_t offset);
    /* Make durable what was written to a file; or, of disk->directory, which names there are. */
    int (*sync)(struct disk *disk, int file);
    int (*unlink)(struct disk *disk, const char *name);
};

struct disk {
    const struct disk_table *table;
    int directory; /* a descriptor */
    int lock;      /* a descriptor; -1: not locked */
};

/* The system's: open a directory, made (mode 0700) where there is none, and lock it for this
 * process by a file of that name in it. GT_DONE; GT_FAILED with the reason: who has it, where that
 * is known. disk_close unlocks it. */
int disk_open(struct disk *disk, const char *path, const char *lock_name, struct error *error);
void disk_close(struct disk *disk);

#endif
