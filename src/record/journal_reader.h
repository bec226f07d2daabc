/* journal_reader.h: one segment of a journal, read frame by frame.
 *
 * Read as far as it is good; what stands behind damage can be looked for. Every frame is held
 * against its CRC and against the one before it: nothing that is delivered is in doubt. The file
 * may be written meanwhile, cut or removed. */
#ifndef RECORD_JOURNAL_READER_H
#define RECORD_JOURNAL_READER_H

#include "base/turn.h"
#include "record/journal_frame.h"
#include "record/journal_place.h"

enum journal_step {
    JOURNAL_STEP_FRAME, /* a good one */
    JOURNAL_STEP_END,   /* zeros, or the end of the file: nothing here, yet */
    JOURNAL_STEP_BAD,   /* bytes that are no good frame */
    JOURNAL_STEP_FAILED /* it cannot be read: failure is the errno */
};

struct journal_reader {
    struct journal_place *place;
    int file;
    int failure;
    struct journal_header header;
    uint64_t offset;   /* of the next frame, or of what is no frame */
    uint64_t sequence; /* of the last message; at first what the header says came before */

    uint8_t *window; /* bytes of the file, from window_offset on */
    size_t window_capacity;
    size_t window_size;
    uint64_t window_offset;
    char **names; /* of listeners, by their numbers; NULL where there is none */
    size_t name_count;
};

/* Open a segment and read its header: FRAME where that is good; END where nothing was ever written
 * but, perhaps, part of the header; BAD; FAILED. Whichever it was, journal_reader_close frees what
 * the reader holds. */
enum journal_step journal_reader_open(struct journal_reader *reader, struct journal_place *place,
                                      const char *name);
void journal_reader_close(struct journal_reader *reader);

/* The frame at the offset, which then moves behind it. What was found is good until the next call.
 * At END, and where it was BAD because it was being written, another call may find it. */
enum journal_step journal_reader_next(struct journal_reader *reader, struct journal_found *found);

/* The first good frame at from or behind it, whose messages may be any that are not before the
 * last: FRAME (and the offset is behind it; *at is where it begins), END (there is none), FAILED.
 */
enum journal_step journal_reader_find(struct journal_reader *reader, uint64_t from,
                                      struct journal_found *found, uint64_t *at);

/* Forget what was read ahead: the file may have changed. */
void journal_reader_refresh(struct journal_reader *reader);

/* Where the last byte that is not zero ends, from an offset on (where there is none: that offset):
 * 0, or -errno. */
int journal_reader_content(struct journal_reader *reader, uint64_t from, uint64_t *end);

/* A MESSAGE as everybody shows it; good as long as what was found. */
struct message journal_reader_message(const struct journal_reader *reader,
                                      const struct journal_found *found);

#endif
