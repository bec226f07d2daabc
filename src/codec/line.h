/* line.h: what talk and line share: finding a line, taking what is left as one; and ending a reply
 * with LF, always or only the default one. */
#ifndef CODEC_LINE_H
#define CODEC_LINE_H

#include "codec/frame.h"

/* Look for the line that begins at input.data + skip: FRAME_MESSAGE with mark filled, FRAME_MORE,
 * or FRAME_TOO_LONG as soon as no continuation could make it fit. */
enum frame_result line_take(const struct framing *framing, const struct frame *frame,
                            struct slice input, size_t skip, struct frame_mark *mark);

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
