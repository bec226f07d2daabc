/* chunk.c: what there is when asked is a message: what one receive brought, or several that had to
 * wait. The one framing in which the cuts of a stream matter; it cannot fail: what is over
 * max-message is the next chunk. */
#include "codec/line.h"

static enum frame_result chunk_scan(const struct framing *framing, struct frame *frame,
                                    struct slice input, enum frame_event event,
                                    struct frame_mark *mark)
{
    (void)frame;
    (void)event;
    if (input.size == 0)
        return FRAME_MORE;
    mark->consumed = input.size < framing->max_message ? input.size : framing->max_message;
    mark->body = mark->raw = slice_of(input.data, mark->consumed);
    return FRAME_MESSAGE;
}

const struct codec codec_chunk = {
    .name = "chunk",
    .scan = chunk_scan,
    .wrap = line_wrap_default,
    .unframed = true,
};
