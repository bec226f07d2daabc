/* client_wrapped.c: a message is wrapped, then read back as the server will read it, which tells
 * how many messages it is to the server.
 *
 * Ways to fail: the framing cannot say a message: its size does not fit the number (length:1), or
 * what was wrapped reads back as something else (fixed:4, a delimiter that overlaps); a packet or
 * datagram of an impossible size; memory is out. */
#include "tool/client_wrapped.h"

#include "base/escape.h"
#include "engine/engine.h"

#include <errno.h>
#include <goodtalk.h>

#define MESSAGE_MOST ((size_t)1 << 30) /* bytes: no server takes longer ones */
#define UDP_MOST     65527             /* bytes of a datagram over IPv6; IPv4 has 20 fewer */

struct framing wrapped_framing(const struct framing *framing)
{
    struct framing unlimited = *framing;
    unlimited.max_message = MESSAGE_MOST;
    return unlimited;
}

/* ---- what cannot be said ---- */

/* Whether a packet or datagram can be of this size. */
static bool size_fits(const struct target *target, size_t size)
{
    if (target->transport == TRANSPORT_PACKETS && size == 0)
        return false;
    return size <= (target->address.kind == ADDRESS_UDP ? UDP_MOST : PACKET_MAX);
}

static int refuse_packet(const struct target *target, size_t size, struct error *error)
{
    if (size == 0)
        return error_set(error, GT_WRONG,
                         "%s: an empty packet cannot be told from the end of the connection",
                         target->shown);
    return error_set(error, GT_WRONG, "%s: a message of %zu bytes is too long for a %s",
                     target->shown, size,
                     target->transport == TRANSPORT_PACKETS ? "packet" : "datagram");
}

static int refuse(const char *frame, size_t size, struct error *error)
{
    char shown[96];
    return error_set(error, GT_WRONG, "--frame %s: cannot say this message of %zu byte%s",
                     escape_string(shown, sizeof shown, slice_of_text(frame)), size,
                     size == 1 ? "" : "s");
}

/* ---- wrapping ---- */

/* How many messages the server will find in this, and *left: bytes it will not understand. */
static uint64_t count_messages(const struct framing *framing, struct slice wrapped, size_t *left)
{
    struct frame frame = {0};
    struct frame_mark mark;
    uint64_t count = 0;
    enum frame_event event = framing->codec->unframed ? FRAME_END : FRAME_BYTES;
    while (frame_scan(framing, &frame, wrapped, event, &mark) == FRAME_MESSAGE) {
        wrapped = slice_after(wrapped, mark.consumed);
        count++;
    }
    *left = wrapped.size;
    return count;
}

static int append_parts(struct bytes *to, const struct frame_wrapping *wrapping,
                        struct slice message)
{
    size_t size = wrapping->head_size + message.size + wrapping->tail.size;
    if (bytes_reserve(to, size) < 0)
        return -ENOMEM;
    bytes_append(to, slice_of(wrapping->head, wrapping->head_size));
    bytes_append(to, message);
    return bytes_append(to, wrapping->tail);
}

static int append_framed(struct bytes *to, const struct framing *framing, const char *frame,
                         struct slice message, uint64_t *count, struct error *error)
{
    struct frame_wrapping wrapping;
    size_t before = to->size, left;
    if (!frame_wrap(framing, message, FRAME_REPLY_PLAIN, &wrapping))
        return refuse(frame, message.size, error);
    if (append_parts(to, &wrapping, message) < 0)
        return error_set(error, GT_FAILED, "out of memory");
    uint64_t found = count_messages(framing, slice_after(bytes_slice(to), before), &left);
    if (found == 0 || left > 0) {
        to->size = before;
        return refuse(frame, message.size, error);
    }
    *count += found;
    return GT_DONE;
}

int wrapped_append(struct bytes *to, const struct target *target, const struct framing *framing,
                   const char *frame, struct slice message, uint64_t *count, struct error *error)
{
    struct framing unlimited = wrapped_framing(framing);
    if (target->transport == TRANSPORT_STREAM)
        return append_framed(to, &unlimited, frame, message, count, error);
    if (!size_fits(target, message.size))
        return refuse_packet(target, message.size, error);
    if (packet_keep(to, message) < 0)
        return error_set(error, GT_FAILED, "out of memory");
    (*count)++;
    return GT_DONE;
}
