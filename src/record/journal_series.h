/* journal_series.h: what one worker has recorded: its segments, one after the other.
 *
 * An index says which segments there are; a series goes through those of a worker, and stops at the
 * first place that is not good. */
#ifndef RECORD_JOURNAL_SERIES_H
#define RECORD_JOURNAL_SERIES_H

#include "record/journal_reader.h"

#define JOURNAL_NAME_SIZE 48

/* "0-0000000001.journal". Returns name. */
char *journal_segment_name(unsigned worker, uint64_t number, char name[JOURNAL_NAME_SIZE]);

/* Whether this is the name of a segment: exactly as journal_segment_name writes it. */
bool journal_segment_parse(const char *name, unsigned *worker, uint64_t *number);

struct journal_index {
    struct journal_index_entry {
        unsigned worker;
        uint64_t number;
    } * entries; /* owned; by worker, then by number */
    size_t count;
    size_t capacity;
};

/* Which segments there are: 0 or -errno. journal_index_free frees it, also then. */
int journal_index_read(struct journal_index *index, struct journal_place *place);
void journal_index_free(struct journal_index *index);

struct journal_series {
    struct journal_place *place;
    unsigned worker;
    uint64_t number; /* of the segment being read; 0: none yet */
    struct journal_reader reader;
    enum journal_step opened; /* what opening that segment came to */
    uint64_t sequence;        /* of the last message; at first: before */
    uint64_t before;          /* what came before the series */
    uint64_t synced_to;       /* the highest of the headers read */
    uint64_t read_bytes;      /* in the segments before this one */
    bool started;             /* a segment with a good header has been opened */
    bool skips;               /* segments were dropped while they were to be read */
    const char *why;          /* BAD: in a few words */
};

/* Begin with a worker's segments; nothing is opened yet. With a number: only from that on. */
void journal_series_begin(struct journal_series *series, struct journal_place *place,
                          unsigned worker, uint64_t from_number);
void journal_series_end(struct journal_series *series);

/* The next frame, from whichever segment: as journal_reader_next. END: the last segment of the
 * index has no more; when there may be, ask again, with a newer index or the same. BAD: at
 * reader.offset of segment number something is wrong, and why; that does not change. */
enum journal_step journal_series_next(struct journal_series *series,
                                      const struct journal_index *index,
                                      struct journal_found *found);

/* At the END of the last segment: whether nothing good stands behind what looks like its end. END,
 * BAD, FAILED; FRAME: it was being written meanwhile, and has not ended. */
enum journal_step journal_series_settle(struct journal_series *series, struct journal_found *found);

#endif
