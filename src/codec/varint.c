/* varint.c: a length as protobuf writes numbers, then that many bytes. Seven bits a byte, the least
 * significant first; the high bit says that another byte follows.
 *
 * Failing: a number that is not written as short as it can be, that has more than ten bytes or 64
 * bits; a body over max-message; an end of the stream within a message. */
#include "codec/counted.h"

#define BITS      7
#define MORE      0x80u
#define BYTES_MAX 10
#define LAST_MAX  1 /* what of 64 bits is left for the tenth byte */

/* Read the number: FRAME_MESSAGE when it is whole, FRAME_MORE, FRAME_MALFORMED. */
static enum frame_result read_varint(struct slice input, struct count *count)
{
    for (size_t i = 0; i < input.size; i++) {
        uint8_t byte = input.data[i];
        if (i == BYTES_MAX - 1 && byte > LAST_MAX)
            return FRAME_MALFORMED;
        if (i > 0 && byte == 0)
            return FRAME_MALFORMED;
        count->body |= (uint64_t)(byte & ~MORE) << (BITS * i);
        if (!(byte & MORE)) {
            count->head = i + 1;
            return FRAME_MESSAGE;
        }
    }
    return FRAME_MORE;
}

static enum frame_result varint_scan(const struct framing *framing, struct frame *frame,
                                     struct slice input, enum frame_event event,
                                     struct frame_mark *mark)
{
    (void)frame;
    struct count count = {0};
    enum frame_result result = read_varint(input, &count);
    if (result == FRAME_MORE)
        return counted_wait(input, event);
    if (result == FRAME_MALFORMED)
        return result;
    return counted_take(framing, input, event, count, mark);
}

static bool varint_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                        struct frame_wrapping *wrapping)
{
    (void)framing;
    (void)kind;
    uint64_t number = reply.size;
    for (; number >= MORE; number >>= BITS)
        wrapping->head[wrapping->head_size++] = (uint8_t)(number | MORE);
    wrapping->head[wrapping->head_size++] = (uint8_t)number;
    return true;
}

const struct codec codec_varint = {
    .name = "varint",
    .scan = varint_scan,
    .wrap = varint_wrap,
};
