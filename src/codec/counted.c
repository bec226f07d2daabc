/* counted.c: a message is whole when as many bytes are there as its head says. A head is read anew
 * each time: it is a few bytes, and nothing must be remembered.
 *
 * Failing: a body over max-message, which is said before any of it has come, so that a number never
 * makes anybody wait for bytes that will not be taken; an end of the stream before the body's. */
#include "codec/counted.h"

enum frame_result counted_wait(struct slice input, enum frame_event event)
{
    return event == FRAME_END && input.size > 0 ? FRAME_UNFINISHED : FRAME_MORE;
}

enum frame_result counted_take(const struct framing *framing, struct slice input,
                               enum frame_event event, struct count count, struct frame_mark *mark)
{
    if (count.body > framing->max_message)
        return FRAME_TOO_LONG;
    size_t around = count.head + count.tail;
    if (input.size < around || input.size - around < count.body)
        return counted_wait(input, event);
    size_t body = (size_t)count.body;
    mark->body = slice_of(input.data + count.head, body);
    mark->raw = slice_of(input.data, around + body);
    mark->consumed = mark->raw.size;
    return FRAME_MESSAGE;
}
