/* eof.c: all that comes until the sender ends its stream is one message; a stream without a byte
 * holds none.
 *
 * Failing: more than max-message bytes. */
#include "codec/frame.h"

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

/* The default reply is a sentence for people and gets its LF; other bytes stay as they are. */
static bool eof_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                     struct frame_wrapping *wrapping)
{
    (void)framing;
    if (kind == FRAME_REPLY_DEFAULT && !slice_ends_with(reply, '\n'))
        wrapping->tail = slice_of("\n", 1);
    return true;
}

const struct codec codec_eof = {
    .name = "eof",
    .scan = eof_scan,
    .wrap = eof_wrap,
    .unframed = true,
};
