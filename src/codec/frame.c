/* frame.c: what is the same for every framing, besides the scan (frame.h). */
#include "codec/frame.h"

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
