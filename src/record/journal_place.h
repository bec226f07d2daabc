/* journal_place.h: where the files of a journal are read from: a directory, or what a test puts in
 * its place.
 *
 * Files are only read. They may grow, shrink and go while they are: a read then brings fewer bytes,
 * and nothing worse happens. */
#ifndef RECORD_JOURNAL_PLACE_H
#define RECORD_JOURNAL_PLACE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct journal_place;

/* A name in the directory: 0 to go on, anything else ends the list and is its result. */
typedef int journal_place_found(void *context, const char *name);

/* A failure is -errno. */
struct journal_place_table {
    int (*list)(struct journal_place *place, journal_place_found *found, void *context);
    int (*open)(struct journal_place *place, const char *name); /* a file's number, from 0 */
    int64_t (*size)(struct journal_place *place, int file);
    int64_t (*read)(struct journal_place *place, int file, void *to, size_t size, uint64_t offset);
    void (*close)(struct journal_place *place, int file);
};

struct journal_place {
    const struct journal_place_table *table;
    int directory; /* a descriptor; whoever fills in another table may have his own use for it */
};

/* The place that is a directory: GT_DONE; GT_FAILED with the reason. */
int journal_place_open(struct journal_place *place, const char *path, struct error *error);
void journal_place_close(struct journal_place *place);

#endif
