/* journal_segment.h: the segment that a worker appends to.
 *
 * Making one and closing one wait for the disk; what is appended goes through an engine, by whoever
 * has the segment. */
#ifndef RECORD_JOURNAL_SEGMENT_H
#define RECORD_JOURNAL_SEGMENT_H

#include "engine/disk.h"
#include "record/journal_format.h"

#include <stdbool.h>
#include <sys/uio.h>

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

/* Make a new one: its header is written, but nothing is durable yet, and no frame may be written
 * before it is. The header says worker, number, sequence, synced_to, created_us, and as size how
 * many bytes it should have; room_bytes it must have for frames at least. Where there is less room
 * than wished it is smaller, as long as it is large enough. 0 or -errno: there is none. */
int journal_segment_create(struct journal_segment *segment, struct disk *disk,
                           const struct journal_header *header, uint64_t room_bytes);

/* Close it; the room it has left is given back. One without frames is removed. */
void journal_segment_close(struct journal_segment *segment, struct disk *disk);

/* Close it as it is: after a failure. */
void journal_segment_leave(struct journal_segment *segment, struct disk *disk);

/* Zeros that should be written behind what is appended now, size bytes, so that what comes next
 * needs no new blocks of the disk: how many (none, mostly); they are put at *part, which then is
 * behind them: at most JOURNAL_ZERO_PARTS. */
#define JOURNAL_ZERO_PARTS 4
size_t journal_segment_zeros(const struct journal_segment *segment, size_t size,
                             struct iovec **part);

static inline bool journal_segment_fits(const struct journal_segment *segment, size_t size)
{
    return segment->file >= 0 && segment->size - segment->offset >= size;
}

#endif
