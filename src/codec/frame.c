/* frame.c: what every framing needs around its scan: a clean mark before, and afterwards a note of
 * how far the bytes that stay have been searched, so that no byte is searched twice however the
 * stream is cut. */
#include "codec/frame.h"

#include <assert.h>

enum frame_result frame_scan(const struct framing *framing, struct frame *frame, struct slice input,
                             enum frame_event event, struct frame_mark *mark)
{
    assert(frame->scanned <= input.size);
    *mark = (struct frame_mark){0};
    enum frame_result result = framing->codec->scan(framing, frame, input, event, mark);
    frame->scanned = result == FRAME_MORE ? input.size - mark->consumed : 0;
    return result;
}

bool frame_pauses(const struct framing *framing, const struct frame *frame, size_t input_size)
{
    return framing->codec->pauses && !frame->lines && input_size > 0;
}

void frame_change(struct frame *frame)
{
    *frame = (struct frame){0};
}

bool frame_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                struct frame_wrapping *wrapping)
{
    *wrapping = (struct frame_wrapping){0};
    return framing->codec->wrap(framing, reply, kind, wrapping);
}
