/* line.c: a line is found by its LF; the CR directly before it is dropped too. At end-of-stream
 * what is left is a line as well.
 *
 * Failing: a line whose body is over max-message. That must not depend on how the stream was cut,
 * so without the LF it is said only when certain: one byte over, if that is a CR, may still be half
 * of a line end. */
#include "codec/line.h"

/* Where the LF of the line that begins at skip is; input.size when it has not come. What was
 * scanned before is not searched again. */
static size_t find_line_end(const struct frame *frame, struct slice input, size_t skip)
{
    size_t from = frame->scanned > skip ? frame->scanned : skip;
    if (from >= input.size)
        return input.size;
    const uint8_t *end = memchr(input.data + from, '\n', input.size - from);
    return end ? (size_t)(end - input.data) : input.size;
}

/* Whether a line that begins with rest, without its LF yet, is over the limit whatever follows. */
static bool surely_too_long(size_t max_message, struct slice rest)
{
    if (rest.size <= max_message)
        return false;
    return rest.size - max_message > 1 || !slice_ends_with(rest, '\r');
}

enum frame_result line_take(const struct framing *framing, const struct frame *frame,
                            struct slice input, size_t skip, struct frame_mark *mark)
{
    if (input.size == skip)
        return FRAME_MORE;
    size_t end = find_line_end(frame, input, skip);
    struct slice body = slice_of(input.data + skip, end - skip);
    if (end == input.size)
        return surely_too_long(framing->max_message, body) ? FRAME_TOO_LONG : FRAME_MORE;
    mark->raw = slice_of(body.data, body.size + 1);
    if (slice_ends_with(body, '\r'))
        body.size--;
    mark->body = body;
    mark->consumed = end + 1;
    return body.size > framing->max_message ? FRAME_TOO_LONG : FRAME_MESSAGE;
}

enum frame_result line_take_rest(const struct framing *framing, struct slice input, size_t skip,
                                 struct frame_mark *mark)
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
    if (result == FRAME_MORE && event == FRAME_END)
        return line_take_rest(framing, input, 0, mark);
    return result;
}

const struct codec codec_line = {
    .name = "line",
    .scan = line_scan,
    .wrap = line_wrap,
    .lines = true,
    .delimited = true,
};
