/* packet.c: a packet is a message; where packets must wait, each does so behind its size.
 *
 * The sizes are our own, so they are asserted. Failing: a packet over max-message. */
#include "codec/line.h"

#include <assert.h>
#include <errno.h>

int packet_keep(struct bytes *input, struct slice packet)
{
    assert(packet.size <= UINT32_MAX);
    uint32_t size = (uint32_t)packet.size;
    if (bytes_reserve(input, sizeof(size) + packet.size) < 0)
        return -ENOMEM;
    bytes_append(input, slice_of(&size, sizeof(size)));
    return bytes_append(input, packet);
}

static enum frame_result packet_scan(const struct framing *framing, struct frame *frame,
                                     struct slice input, enum frame_event event,
                                     struct frame_mark *mark)
{
    (void)frame;
    (void)event;
    uint32_t size;
    if (input.size == 0)
        return FRAME_MORE;
    assert(input.size >= sizeof(size));
    memcpy(&size, input.data, sizeof(size));
    struct slice rest = slice_after(input, sizeof(size));
    assert(rest.size >= size);
    if (size > framing->max_message)
        return FRAME_TOO_LONG;
    mark->body = mark->raw = slice_of(rest.data, size);
    mark->consumed = sizeof(size) + size;
    return FRAME_MESSAGE;
}

const struct codec codec_packet = {
    .name = "packet",
    .scan = packet_scan,
    .wrap = line_wrap_default,
    .unframed = true,
};
