/* delimiter.c: a message is what stands before its delimiter, which is dropped: crlf, nul, and
 * delim, whose delimiter is --frame's parameter. Strict: a CR or an LF alone is a byte like others.
 *
 * A delimiter of several bytes may come in pieces, so a search begins as many bytes before what is
 * new as could be the start of one.
 *
 * Failing: a message over max-message; an end of the stream before the delimiter. The first must
 * not depend on how the stream was cut: it is said when no delimiter can begin soon enough, and the
 * last bytes may be the first of one. */
#include "base/escape.h"
#include "codec/frame.h"
#include "goodtalk.h"

#include <errno.h>

static struct slice delimiter_of(const struct framing *framing)
{
    if (framing->codec == &codec_crlf)
        return slice_of("\r\n", 2);
    if (framing->codec == &codec_nul)
        return slice_of("", 1);
    return slice_of(framing->delimiter.bytes, framing->delimiter.size);
}

/* Where the first delimiter is that was not seen before; NULL when it has not come. */
static const uint8_t *find(const struct frame *frame, struct slice input, struct slice delimiter)
{
    size_t again = delimiter.size - 1;
    size_t from = frame->scanned > again ? frame->scanned - again : 0;
    return memmem(input.data + from, input.size - from, delimiter.data, delimiter.size);
}

/* Whether input, which has no whole delimiter, is over the limit whatever follows: none begins
 * within the limit or just behind it. */
static bool surely_too_long(size_t max_message, struct slice input, struct slice delimiter)
{
    if (input.size <= max_message)
        return false;
    size_t begins = input.size < delimiter.size ? 0 : input.size - delimiter.size + 1;
    for (; begins <= max_message; begins++)
        if (memcmp(input.data + begins, delimiter.data, input.size - begins) == 0)
            return false;
    return true;
}

static enum frame_result delimiter_scan(const struct framing *framing, struct frame *frame,
                                        struct slice input, enum frame_event event,
                                        struct frame_mark *mark)
{
    struct slice delimiter = delimiter_of(framing);
    if (input.size == 0)
        return FRAME_MORE;
    const uint8_t *end = find(frame, input, delimiter);
    if (!end && surely_too_long(framing->max_message, input, delimiter))
        return FRAME_TOO_LONG;
    if (!end)
        return event == FRAME_END ? FRAME_UNFINISHED : FRAME_MORE;
    mark->body = slice_of(input.data, (size_t)(end - input.data));
    mark->raw = slice_of(input.data, mark->body.size + delimiter.size);
    mark->consumed = mark->raw.size;
    return mark->body.size > framing->max_message ? FRAME_TOO_LONG : FRAME_MESSAGE;
}

static bool slice_ends_with_slice(struct slice slice, struct slice end)
{
    return slice.size >= end.size && slice_equal(slice_after(slice, slice.size - end.size), end);
}

static bool delimiter_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                           struct frame_wrapping *wrapping)
{
    struct slice delimiter = delimiter_of(framing);
    if (kind != FRAME_REPLY_EXACT && !slice_ends_with_slice(reply, delimiter))
        wrapping->tail = delimiter;
    return true;
}

/* ---- the parameter ---- */

static int keep_delimiter(struct framing *framing, struct slice delimiter, struct error *error)
{
    if (delimiter.size == 0)
        return error_set(error, GT_WRONG,
                         "delim needs the text that ends a message: delim:TEXT, for example "
                         "\"delim:;\"");
    if (delimiter.size > FRAME_DELIMITER_MAX)
        return error_set(error, GT_WRONG, "the delimiter has %zu bytes; at most %d", delimiter.size,
                         FRAME_DELIMITER_MAX);
    memcpy(framing->delimiter.bytes, delimiter.data, delimiter.size);
    framing->delimiter.size = delimiter.size;
    return GT_DONE;
}

static int delimiter_configure(struct framing *framing, const char *parameter, struct error *error)
{
    struct bytes delimiter = {0};
    size_t wrong = 0;
    int result = unescape(&delimiter, parameter ? parameter : "", &wrong);
    if (result == -EINVAL)
        result = error_set(error, GT_WRONG,
                           "the backslash at byte %zu of the delimiter begins none of \\n \\r \\t "
                           "\\0 \\xHH \\\\",
                           wrong + 1);
    else if (result < 0)
        result = error_set(error, GT_FAILED, "memory is out");
    else
        result = keep_delimiter(framing, bytes_slice(&delimiter), error);
    bytes_free(&delimiter);
    return result;
}

const struct codec codec_crlf = {
    .name = "crlf",
    .scan = delimiter_scan,
    .wrap = delimiter_wrap,
    .lines = true,
    .delimited = true,
};

const struct codec codec_nul = {
    .name = "nul",
    .scan = delimiter_scan,
    .wrap = delimiter_wrap,
    .delimited = true,
};

const struct codec codec_delim = {
    .name = "delim",
    .parameter = "TEXT",
    .configure = delimiter_configure,
    .scan = delimiter_scan,
    .wrap = delimiter_wrap,
    .delimited = true,
};
