/* journal_side.h: a journal in memory, for tests: written frame by frame, then damaged at will. */
#ifndef TESTS_JOURNAL_SIDE_H
#define TESTS_JOURNAL_SIDE_H

#include "base/bytes.h"
#include "record/journal_series.h"

#define JOURNAL_SIDE_FILES 8

struct journal_side {
    struct journal_place place; /* give this to who reads; first, so that it leads back here */
    struct journal_side_file {
        char name[JOURNAL_NAME_SIZE];
        struct bytes content;
        bool gone;
    } files[JOURNAL_SIDE_FILES];
    size_t count;

    /* Of the segment being written. */
    struct journal_header header;
    uint64_t sequence;
    int fail_read; /* an errno that every read fails with; 0: none */
};

void journal_side_begin(struct journal_side *side);
void journal_side_free(struct journal_side *side);

/* Begin a segment: its header, after the messages so far. Returns its file's number. */
size_t journal_side_segment(struct journal_side *side, unsigned worker, uint64_t number,
                            uint64_t synced_to);

/* Append a frame; each returns the offset at which it begins. A message is text and a newline, and
 * comes to listener 0 from 127.0.0.1:40312 at sequence seconds after 1970. */
uint64_t journal_side_listener(struct journal_side *side, uint16_t number, const char *name);
uint64_t journal_side_message(struct journal_side *side, const char *text, uint64_t synced_to);
uint64_t journal_side_mark(struct journal_side *side, uint64_t synced_to);
uint64_t journal_side_gap(struct journal_side *side, uint64_t sequence, size_t size);

/* Room that is left: zeros. */
void journal_side_room(struct journal_side *side, size_t size);

/* Bytes under a name. Returns the file's number. */
size_t journal_side_file(struct journal_side *side, const char *name, struct slice content);

#endif
