/* eof.c: all that comes until the sender ends its stream is one message; a stream without a byte
 * holds none.
 *
 * Failing: more than max-message bytes. */
#include "codec/line.h"

static enum frame_result eof_scan(const struct framing *framing, struct frame *frame,
                                  struct slice input, enum frame_event event,
                                  struct frame_mark *mark)
{
    (void)frame;
    if (input.size > framing->max_message)
        return FRAME_TOO_LONG;
    if (event != FRAME_END || input.size == 0)
        return FRAME_MORE;
    mark->body = mark->raw = input;
    mark->consumed = input.size;
    return FRAME_MESSAGE;
}

const struct codec codec_eof = {
    .name = "eof",
    .scan = eof_scan,
    .wrap = line_wrap_default,
    .unframed = true,
};
