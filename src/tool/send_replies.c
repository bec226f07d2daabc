/* send_replies.c: bytes are kept until the framing finds a reply among them; the recorder that
 * shows messages on standard output writes what they say, as it is.
 *
 * In a conversation a pause shows what is there, whatever came before: a person waits for the
 * prompt.
 *
 * Ways to fail: a reply longer than --max-message, one that the framing cannot read, one that the
 * end of the stream cuts off; standard output that takes no more. */
#include "tool/send_replies.h"

#include "base/escape.h"
#include "engine/engine.h"

#include <errno.h>
#include <unistd.h>

/* Replies printed but not yet written: when so many bytes wait, nothing more is received. */
#define PRINT_BOUND_BYTES ((size_t)1024 * 1024)

/* Said before it was asked for: when so much more than a reply waits, likewise. */
#define HEARD_BOUND_BYTES ((size_t)1024 * 1024)

int send_replies_begin(struct send_replies *replies, struct engine *engine,
                       const struct send_options *options, bool conversation, struct error *error)
{
    struct outlet outlet;
    *replies = (struct send_replies){.framing = options->framing, .conversation = conversation};
    if (options->no_reply)
        return GT_DONE;
    replies->terminal = isatty(STDOUT_FILENO);
    if (outlet_open(&outlet, STDOUT_FILENO, error) != GT_DONE)
        return GT_FAILED;
    replies->paper = show_recorder_create(engine, outlet, NULL, SHOW_RAW, PRINT_BOUND_BYTES);
    if (replies->paper)
        return GT_DONE;
    outlet_close(&outlet);
    return error_set(error, GT_FAILED, "out of memory");
}

int send_replies_hear(struct send_replies *replies, struct slice bytes)
{
    return replies->framing.codec == &codec_packet ? packet_keep(&replies->heard, bytes)
                                                   : bytes_append(&replies->heard, bytes);
}

/* ---- printing ---- */

/* As a terminal may see it, on a line of its own: a line end it has is that line's. 0 or -ENOMEM.
 */
static int escape(struct send_replies *replies, struct slice body)
{
    bytes_clear(&replies->shown);
    if (slice_ends_with(body, '\n'))
        body.size--;
    int result = escape_text(&replies->shown, body);
    return result ? result : bytes_append(&replies->shown, slice_of("\n", 1));
}

static int print(struct send_replies *replies, const struct frame_mark *mark)
{
    bool delimited = replies->framing.codec->delimited;
    struct message message = {.sequence = replies->count + 1,
                              .raw = delimited ? mark->raw : mark->body};
    if (replies->terminal && escape(replies, mark->body) < 0)
        return -ENOMEM;
    if (replies->terminal)
        message.raw = bytes_slice(&replies->shown);
    int result = recorder_take(replies->paper, &message);
    replies->count += result == 0;
    return result;
}

/* ---- taking ---- */

static void note_failure(const struct send_replies *replies, struct error *error)
{
    if (error->status == GT_DONE && replies->paper)
        *error = replies->paper->failure;
}

static void refuse(const struct send_replies *replies, enum frame_result result,
                   struct error *error)
{
    unsigned long long number = replies->count + 1;
    if (result == FRAME_TOO_LONG)
        error_set(error, GT_FAILED, "reply %llu is longer than %zu bytes (--max-message)", number,
                  replies->framing.max_message);
    else if (result == FRAME_UNFINISHED)
        error_set(error, GT_FAILED, "the server ended the connection in the middle of reply %llu",
                  number);
    else
        error_set(error, GT_FAILED, "reply %llu is not in the framing %s", number,
                  replies->framing.codec->name);
}

static void take_one(struct send_replies *replies, const struct frame_mark *mark,
                     struct error *error)
{
    if (print(replies, mark) < 0)
        error_set(error, GT_FAILED, "out of memory");
}

void send_replies_take(struct send_replies *replies, enum frame_event event, uint64_t most,
                       struct error *error)
{
    struct frame_mark mark;
    enum frame_result result = FRAME_MESSAGE;
    while (error->status == GT_DONE && result == FRAME_MESSAGE && replies->count < most) {
        if (replies->conversation)
            replies->frame.lines = false;
        result = frame_scan(&replies->framing, &replies->frame, bytes_slice(&replies->heard), event,
                            &mark);
        if (result == FRAME_MESSAGE)
            take_one(replies, &mark, error);
        else if (result != FRAME_MORE)
            refuse(replies, result, error);
        bytes_consume(&replies->heard, mark.consumed);
    }
    if (replies->paper)
        recorder_commit(replies->paper);
    note_failure(replies, error);
}

bool send_replies_pause(const struct send_replies *replies)
{
    struct frame frame = replies->frame;
    frame.lines = frame.lines && !replies->conversation;
    return frame_pauses(&replies->framing, &frame, replies->heard.size);
}

bool send_replies_full(const struct send_replies *replies)
{
    if (replies->paper && recorder_full(replies->paper))
        return true;
    return replies->heard.size > replies->framing.max_message + HEARD_BOUND_BYTES;
}

/* ---- the end ---- */

bool send_replies_written(const struct send_replies *replies, struct error *error)
{
    const struct recorder *paper = replies->paper;
    note_failure(replies, error);
    return !paper || paper->failure.status != GT_DONE || paper->recorded == replies->count;
}

bool send_replies_stop(struct send_replies *replies)
{
    return !replies->paper || recorder_stop(replies->paper);
}

void send_replies_free(struct send_replies *replies)
{
    recorder_destroy(&replies->paper);
    bytes_free(&replies->heard);
    bytes_free(&replies->shown);
}
