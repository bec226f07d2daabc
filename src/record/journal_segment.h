/* journal_segment.h: the segment that a worker appends to.
 *
 * Making one and closing one wait for the disk; what is appended goes through an engine, by whoever
 * has the segment. */
#ifndef RECORD_JOURNAL_SEGMENT_H
#define RECORD_JOURNAL_SEGMENT_H

#include "base/slice.h"
#include "engine/disk.h"
#include "record/journal_format.h"

struct journal_segment {
    int file; /* a descriptor; -1: there is none */
    unsigned worker;
    uint64_t number;
    uint64_t id;
    uint64_t size;   /* bytes it may have */
    uint64_t offset; /* where the next frame goes */
    uint64_t
        first_offset; /* where the first one went: nothing was appended yet where it is equal */
    uint64_t zeroed;  /* up to here it was written, if only with zeros */
};

/* What is asked of a new segment. */
struct journal_wish {
    const struct journal_header *header; /* worker, number, sequence, synced_to, created_us and
                                            size: bytes it should have */
    struct slice names;  /* the frames it begins with; they are sealed with the header's id */
    uint64_t room_bytes; /* that it must have for frames at least, behind those */
};

/* Make a new one: header and first frames are written, but nothing is durable yet. Where there is
 * less room than wished it is smaller, as long as it is large enough. 0 or -errno: there is none.
 */
int journal_segment_create(struct journal_segment *segment, struct disk *disk,
                           const struct journal_wish *wish);

/* Close it; the room it has left is given back. One in which nothing was written since it was made
 * is removed. */
void journal_segment_close(struct journal_segment *segment, struct disk *disk);

/* Close it as it is: after a failure. */
void journal_segment_leave(struct journal_segment *segment, struct disk *disk);

static inline bool journal_segment_fits(const struct journal_segment *segment, size_t size)
{
    return segment->file >= 0 && segment->size - segment->offset >= size;
}

#endif
