/* fixed.c: every message has as many bytes as --frame's parameter says. Nothing is put around a
 * reply: who sends fixed messages knows their size.
 *
 * Failing: an end of the stream within a message. Too long is no message: a size over max-message
 * is refused as a setting. */
#include "base/units.h"
#include "codec/counted.h"
#include "goodtalk.h"

static enum frame_result fixed_scan(const struct framing *framing, struct frame *frame,
                                    struct slice input, enum frame_event event,
                                    struct frame_mark *mark)
{
    (void)frame;
    return counted_take(framing, input, event, (struct count){.body = framing->fixed}, mark);
}

static bool fixed_wrap(const struct framing *framing, struct slice reply, enum frame_reply kind,
                       struct frame_wrapping *wrapping)
{
    (void)framing;
    (void)reply;
    (void)kind;
    (void)wrapping;
    return true;
}

static int fixed_configure(struct framing *framing, const char *parameter, struct error *error)
{
    int64_t size = 0;
    if (!parameter || !units_count(parameter, INT64_MAX, &size) || size == 0)
        return error_set(error, GT_WRONG,
                         "fixed needs how many bytes a message has, 1 or more: fixed:N, for "
                         "example fixed:188");
    if ((uint64_t)size > framing->max_message)
        return error_set(error, GT_WRONG,
                         "a message in fixed:%lld has more bytes than --max-message %zu",
                         (long long)size, framing->max_message);
    framing->fixed = (size_t)size;
    return GT_DONE;
}

const struct codec codec_fixed = {
    .name = "fixed",
    .parameter = "N",
    .configure = fixed_configure,
    .scan = fixed_scan,
    .wrap = fixed_wrap,
};
