/* talk.c: what a person would call a message: a line; or what came before a pause, as long as the
 * connection has not shown that it speaks lines; or what came before the end of the stream.
 *
 * The surprise is the line end that comes after a pause: somebody typed "hello", waited, and
 * pressed return. It belongs to the message that the pause ended, and is dropped; its CR and LF may
 * come apart, so a lone CR is waited upon. Anything else after the pause is the beginning of the
 * next message.
 *
 * Failing: as in line.c, a body over max-message. */
#include "codec/line.h"

/* How many bytes at the start of input end a line: 0 none, or -1: a lone CR, which cannot be told
 * yet. */
static int line_end_size(struct slice input)
{
    if (input.data[0] == '\n')
        return 1;
    if (input.data[0] != '\r')
        return 0;
    if (input.size == 1)
        return -1;
    return input.data[1] == '\n' ? 2 : 0;
}

/* After a pause: drop the line end that comes next. False while that cannot be told yet; else *skip
 * is what to drop. */
static bool drop_line_end(struct frame *frame, struct slice input, size_t *skip)
{
    int size = line_end_size(input);
    if (size < 0)
        return false;
    *skip = (size_t)size;
    frame->after_pause = false;
    if (size > 0)
        frame->lines = true;
    return true;
}

/* No line is whole: whether the event makes what is there a message. */
static enum frame_result end_by_event(const struct framing *framing, struct frame *frame,
                                      struct slice input, size_t skip, enum frame_event event,
                                      struct frame_mark *mark)
{
    bool paused = event == FRAME_PAUSE && !frame->lines;
    if (event != FRAME_END && !paused)
        return FRAME_MORE;
    enum frame_result result = line_take_rest(framing, input, skip, mark);
    if (result == FRAME_MESSAGE)
        frame->after_pause = paused;
    return result;
}

static enum frame_result talk_scan(const struct framing *framing, struct frame *frame,
                                   struct slice input, enum frame_event event,
                                   struct frame_mark *mark)
{
    size_t skip = 0;
    if (input.size == 0)
        return FRAME_MORE;
    bool told = !frame->after_pause || drop_line_end(frame, input, &skip);
    mark->consumed = skip;
    enum frame_result result = FRAME_MORE;
    if (told)
        result = line_take(framing, frame, input, skip, mark);
    if (result == FRAME_MESSAGE)
        frame->lines = true;
    if (result == FRAME_MORE)
        return end_by_event(framing, frame, input, skip, event, mark);
    return result;
}

const struct codec codec_talk = {
    .name = "talk",
    .scan = talk_scan,
    .wrap = line_wrap,
    .pauses = true,
    .lines = true,
    .delimited = true,
};
