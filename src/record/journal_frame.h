/* journal_frame.h: one header, one frame of a journal, in memory: made, checked and taken apart.
 *
 * journal_format.h says what the bytes are. Nothing here trusts a size that it has not checked:
 * whatever the bytes, what is found good lies within them. */
#ifndef RECORD_JOURNAL_FRAME_H
#define RECORD_JOURNAL_FRAME_H

#include "base/peer.h"
#include "base/slice.h"
#include "record/journal_format.h"

/* The bytes that a frame of this size takes, with the zeros that round it up. */
static inline uint64_t journal_frame_room(uint32_t size)
{
    return ((uint64_t)size + JOURNAL_ALIGNMENT - 1) / JOURNAL_ALIGNMENT * JOURNAL_ALIGNMENT;
}

/* For who writes: fill in the CRC, as the last thing. The head of a frame says how long it is. */
void journal_header_seal(struct journal_header *header);
void journal_frame_seal(uint8_t *frame);

/* Whether this is a header that this version reads; it is copied. */
bool journal_header_read(struct journal_header *header, const uint8_t *bytes);

/* Whether these sizeof(struct journal_frame) bytes look like the head of a frame of this segment;
 * it is copied. What it says then fits together; whether it is true the CRC says. */
bool journal_head_read(struct journal_frame *head, uint64_t segment_id, const uint8_t *bytes);

/* Whether the head->size bytes of the frame are what its CRC says. */
bool journal_frame_whole(const struct journal_frame *head, const uint8_t *frame);

/* A good frame, taken apart: slices of its bytes. */
struct journal_found {
    struct journal_frame head;
    struct slice name; /* LISTENER */
    struct slice raw;  /* MESSAGE */
    struct slice body; /* MESSAGE: part of raw */
    struct peer peer;  /* MESSAGE */
};

void journal_frame_open(struct journal_found *found, const struct journal_frame *head,
                        const uint8_t *frame);

#endif
