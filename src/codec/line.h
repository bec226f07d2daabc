/* line.h: what talk and line share: finding a line, taking what is left as one; and ending a reply
 * with LF, always or only the default one. */
#ifndef CODEC_LINE_H
#define CODEC_LINE_H

#include "codec/frame.h"

/* A line that begins with rest, without its LF yet: FRAME_MORE, or FRAME_TOO_LONG as soon as no
 * continuation could make it fit. */
enum frame_result line_begun(const struct framing *framing, struct slice rest);

/* Look for the line that begins at input.data + skip: FRAME_MESSAGE with mark filled, or as
 * line_begun. What was scanned before is not searched again. */
static inline enum frame_result line_take(const struct framing *framing, const struct frame *frame,
                                          struct slice input, size_t skip, struct frame_mark *mark)
{
    if (input.size == skip)
        return FRAME_MORE;
    const uint8_t *start = input.data + skip;
    size_t from = frame->scanned > skip ? frame->scanned : skip;
    const uint8_t *end = NULL;
    if (from < input.size)
        end = (const uint8_t *)memchr(input.data + from, '\n', input.size - from);
    if (!end)
        return line_begun(framing, slice_after(input, skip));
    size_t size = (size_t)(end - start);
    mark->raw = slice_of(start, size + 1);
    mark->consumed = skip + size + 1;
    if (size > 0 && end[-1] == '\r')
        size--;
    mark->body = slice_of(start, size);
    return size > framing->max_message ? FRAME_TOO_LONG : FRAME_MESSAGE;
}

/* Take all of input after skip, which has no line end in it, as a message; FRAME_MORE when that is
 * nothing. */
enum frame_result line_take_rest(const struct framing *framing, struct slice input, size_t skip,
                                 struct frame_mark *mark);

/* LF, where the reply does not end with one, unless it is exact. */
bool line_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
               struct frame_wrapping *wrapping);

/* LF, for the default reply only, where it does not end with one: it is a sentence for people;
 * other bytes stay as they are. */
bool line_wrap_default(const struct framing *framing, struct slice reply, enum frame_reply kind,
                       struct frame_wrapping *wrapping);

#endif
