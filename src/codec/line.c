/* line.c: a line is found by its LF; the CR directly before it is dropped too. At end-of-stream
 * what is left is a line as well.
 *
 * Failing: a line whose body is over max-message. That must not depend on how the stream was cut,
 * so without the LF it is said only when certain: one byte over, if that is a CR, may still be half
 * of a line end. */
#include "codec/line.h"

#include "base/attributes.h"

SELDOM enum frame_result line_begun(const struct framing *framing, struct slice rest)
{
    if (rest.size <= framing->max_message)
        return FRAME_MORE;
    bool certain = rest.size - framing->max_message > 1 || !slice_ends_with(rest, '\r');
    return certain ? FRAME_TOO_LONG : FRAME_MORE;
}

SELDOM enum frame_result line_take_rest(const struct framing *framing, struct slice input,
                                        size_t skip, struct frame_mark *mark)
{
    if (input.size == skip)
        return FRAME_MORE;
    mark->body = mark->raw = slice_after(input, skip);
    mark->consumed = input.size;
    return mark->body.size > framing->max_message ? FRAME_TOO_LONG : FRAME_MESSAGE;
}

bool line_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
               struct frame_wrapping *wrapping)
{
    (void)framing;
    if (kind != FRAME_REPLY_EXACT && !slice_ends_with(reply, '\n'))
        wrapping->tail = slice_of("\n", 1);
    return true;
}

bool line_wrap_default(const struct framing *framing, struct slice reply, enum frame_reply kind,
                       struct frame_wrapping *wrapping)
{
    return kind != FRAME_REPLY_DEFAULT || line_wrap(framing, reply, kind, wrapping);
}

static enum frame_result line_scan(const struct framing *framing, struct frame *frame,
                                   struct slice input, enum frame_event event,
                                   struct frame_mark *mark)
{
    enum frame_result result = line_take(framing, frame, input, 0, mark);
    if (result != FRAME_MORE || event != FRAME_END)
        return result;
    return line_take_rest(framing, input, 0, mark);
}

const struct codec codec_line = {
    .name = "line",
    .scan = line_scan,
    .wrap = line_wrap,
    .lines = true,
    .delimited = true,
};
