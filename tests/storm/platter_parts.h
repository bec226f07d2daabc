/* platter_parts.h: what the files of the platter share; nobody else includes it. */
#ifndef STORM_PLATTER_PARTS_H
#define STORM_PLATTER_PARTS_H

#include "platter.h"

#include "base/slice.h"

#define PLATTER_FILES     256 /* at a time, those included whose removal is not durable */
#define PLATTER_DIRECTORY 900 /* its descriptor; a file's is its place in the list */
#define PLATTER_SECTOR    ((size_t)512)

/* Whole sectors, as they were after a write. */
struct platter_write {
    size_t offset, size;
    uint8_t *sectors; /* owned */
};

struct platter_file {
    char name[48];
    bool used;  /* the place in the list is */
    bool there; /* it has its name, */
    bool named; /* and that is durable */
    bool naming;
    bool failed; /* a sync of it has */
    size_t size, durable_size;
    uint8_t *live, *durable; /* owned; zeros behind the size */
    size_t capacity;
    struct platter_write *writes; /* that are not durable, the oldest first; owned */
    size_t write_count, write_room;
};

struct platter {
    struct platter_file files[PLATTER_FILES];
    uint64_t state; /* of its chance */
    unsigned bugs;
    unsigned fail_sync;
    bool has_failed, asked_again;
    int64_t failed_ns;
    bool full;
    bool stopped;
    unsigned stop_after; /* operations; 0: never */
};

extern struct platter platter;

/* Whether the operation that begins can do anything. */
bool platter_runs(void);

/* Write, or cut: what becomes durable only later. */
void platter_write(struct platter_file *file, struct slice bytes, size_t offset);
void platter_resize(struct platter_file *file, size_t size);

/* A sync in two steps: what it covers, of a file or (NULL) the names; and that it has done so, or
 * failed. */
struct platter_sync {
    struct platter_file *file;
    size_t writes, size;
};

struct platter_sync platter_sync_begin(int fd);
int platter_sync_end(const struct platter_sync *sync, bool may_fail);

#endif
