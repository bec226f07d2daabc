/* counted.h: what the framings share that count bytes instead of looking for an end. */
#ifndef CODEC_COUNTED_H
#define CODEC_COUNTED_H

#include "codec/frame.h"

/* What a head says, and a message is made of. */
struct count {
    size_t head;   /* bytes before the body */
    uint64_t body; /* bytes of the body, as the peer said it: any number */
    size_t tail;   /* bytes after the body */
};

/* The message is not whole: FRAME_MORE, or FRAME_UNFINISHED where no more comes and something is
 * there. */
enum frame_result counted_wait(struct slice input, enum frame_event event);

/* The message at the start of input, whose head is whole: FRAME_MESSAGE with mark filled,
 * FRAME_TOO_LONG without waiting for the body, or as counted_wait. */
enum frame_result counted_take(const struct framing *framing, struct slice input,
                               enum frame_event event, struct count count, struct frame_mark *mark);

#endif
