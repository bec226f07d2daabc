/* decimal.c: a length in decimal digits, then that many bytes: netstring ("5:hello,") and octet
 * ("5 hello", RFC 6587's octet counting).
 *
 * Failing: whatever is no number as it must be written: no digit, a sign, a space, a leading zero
 * (in octet any zero at the start: a count begins with 1 to 9), another separator; a netstring
 * without its comma. A number over max-message is too long at the digit that makes it so. And an
 * end of the stream within a message. */
#include "codec/counted.h"

#include <stdio.h>

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Put a digit behind the number: false when that exceeds the maximum. */
static bool append_digit(uint64_t *number, uint8_t byte, uint64_t maximum)
{
    uint64_t digit = byte - (uint64_t)'0';
    if (__builtin_mul_overflow(*number, 10, number) ||
        __builtin_add_overflow(*number, digit, number))
        return false;
    return *number <= maximum;
}

/* Read the number and its separator: FRAME_MESSAGE when they are whole, FRAME_MORE, or an error. */
static enum frame_result read_decimal(const struct framing *framing, struct slice input,
                                      uint8_t separator, struct count *count)
{
    size_t at = 0;
    for (; at < input.size && is_digit(input.data[at]); at++) {
        if (at == 1 && input.data[0] == '0')
            return FRAME_MALFORMED;
        if (!append_digit(&count->body, input.data[at], framing->max_message))
            return FRAME_TOO_LONG;
    }
    if (at == input.size)
        return FRAME_MORE;
    count->head = at + 1;
    return at > 0 && input.data[at] == separator ? FRAME_MESSAGE : FRAME_MALFORMED;
}

static enum frame_result decimal_take(const struct framing *framing, struct slice input,
                                      enum frame_event event, uint8_t separator, size_t tail,
                                      struct frame_mark *mark)
{
    struct count count = {.tail = tail};
    enum frame_result result = read_decimal(framing, input, separator, &count);
    if (result == FRAME_MORE)
        return counted_wait(input, event);
    if (result != FRAME_MESSAGE)
        return result;
    return counted_take(framing, input, event, count, mark);
}

static void write_decimal(struct slice reply, char separator, struct frame_wrapping *wrapping)
{
    wrapping->head_size = (size_t)snprintf((char *)wrapping->head, sizeof(wrapping->head), "%zu%c",
                                           reply.size, separator);
}

/* ---- netstring ---- */

static enum frame_result netstring_scan(const struct framing *framing, struct frame *frame,
                                        struct slice input, enum frame_event event,
                                        struct frame_mark *mark)
{
    (void)frame;
    enum frame_result result = decimal_take(framing, input, event, ':', 1, mark);
    if (result == FRAME_MESSAGE && !slice_ends_with(mark->raw, ','))
        return FRAME_MALFORMED;
    return result;
}

static bool netstring_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                           struct frame_wrapping *wrapping)
{
    (void)framing;
    (void)kind;
    write_decimal(reply, ':', wrapping);
    wrapping->tail = slice_of(",", 1);
    return true;
}

/* ---- octet ---- */

static enum frame_result octet_scan(const struct framing *framing, struct frame *frame,
                                    struct slice input, enum frame_event event,
                                    struct frame_mark *mark)
{
    (void)frame;
    if (input.size > 0 && input.data[0] == '0')
        return FRAME_MALFORMED;
    return decimal_take(framing, input, event, ' ', 0, mark);
}

/* An empty message cannot be said: its count would begin with a zero. */
static bool octet_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                       struct frame_wrapping *wrapping)
{
    (void)framing;
    (void)kind;
    if (reply.size == 0)
        return false;
    write_decimal(reply, ' ', wrapping);
    return true;
}

const struct codec codec_netstring = {
    .name = "netstring",
    .scan = netstring_scan,
    .wrap = netstring_wrap,
};

const struct codec codec_octet = {
    .name = "octet",
    .scan = octet_scan,
    .wrap = octet_wrap,
};
