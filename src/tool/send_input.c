/* send_input.c: each message is put into what is ready to be sent, as it goes over the wire.
 *
 * Lines of standard input are told apart as the framing "line" does; their ends are the framing's
 * own afterwards. A person's lines are sent with their ends where the framing has none.
 *
 * Ways to fail: a message that cannot be said (client_wrapped.h); standard input cannot be read;
 * memory is out. */
#include "tool/send_input.h"

#include "tool/client_wrapped.h"

#include <errno.h>
#include <unistd.h>

#define MESSAGE_MOST ((size_t)1 << 30) /* bytes: no server takes longer ones */

static const struct framing lines = {.codec = &codec_line, .max_message = MESSAGE_MOST};

static int out_of_memory(struct send_input *input)
{
    return error_set(&input->error, GT_FAILED, "out of memory");
}

/* Put a message into ready. */
static int add(struct send_input *input, struct slice message)
{
    const struct send_options *options = input->options;
    return wrapped_append(&input->ready, &options->target, &options->framing, options->frame,
                          message, &input->messages, &input->error);
}

/* ---- standard input ---- */

static void take_lines(struct send_input *input, enum frame_event event)
{
    struct frame_mark mark;
    enum frame_result result;
    while ((result = frame_scan(&lines, &input->line, bytes_slice(&input->typed), event, &mark)) ==
           FRAME_MESSAGE) {
        add(input, mark.body);
        bytes_consume(&input->typed, mark.consumed);
    }
    if (result != FRAME_MORE)
        error_set(&input->error, GT_FAILED, "standard input: a line of more than 1 GiB");
}

static void take_bytes(struct send_input *input, struct slice bytes)
{
    if (bytes_append(&input->ready, bytes) < 0)
        out_of_memory(input);
    input->messages = 1; /* a stream is one; and nobody counts the chunks of a conversation */
}

static void take_typed(struct send_input *input, struct slice bytes)
{
    if (input->source == SEND_BYTES)
        take_bytes(input, bytes);
    else if (input->typed.size + bytes.size > MESSAGE_MOST + input->engine->receive_size)
        error_set(&input->error, GT_FAILED, "standard input: more than 1 GiB in one message");
    else if (bytes_append(&input->typed, bytes) < 0)
        out_of_memory(input);
    else if (input->source == SEND_LINES)
        take_lines(input, FRAME_BYTES);
}

/* Nothing at all is an empty message, where the framing has such. */
static void take_end(struct send_input *input)
{
    input->ended = true;
    if (input->source == SEND_LINES)
        take_lines(input, FRAME_END);
    else if (input->source == SEND_WHOLE)
        add(input, bytes_slice(&input->typed));
}

static void on_read(struct op *op, int64_t result)
{
    struct receive_op *reading = list_item(op, struct receive_op, op);
    struct send_input *input = list_item(reading, struct send_input, reading);
    if (result > 0)
        take_typed(input, slice_of(reading->data, (size_t)result));
    else if (result == 0)
        take_end(input);
    else if (result != -ECANCELED)
        error_errno(&input->error, (int)-result, "cannot read standard input");
}

/* ---- what others call ---- */

static enum send_source source_of(const struct send_options *options, bool conversation)
{
    const struct codec *codec = options->framing.codec;
    bool stream = options->target.transport == TRANSPORT_STREAM;
    if (options->message_count > 0)
        return SEND_ARGUMENTS;
    if (stream && (codec == &codec_eof || (conversation && codec->unframed)))
        return SEND_BYTES;
    return conversation || codec->lines ? SEND_LINES : SEND_WHOLE;
}

void send_input_begin(struct send_input *input, struct engine *engine,
                      const struct send_options *options, bool conversation)
{
    *input = (struct send_input){
        .engine = engine,
        .options = options,
        .framing = wrapped_framing(&options->framing),
        .source = source_of(options, conversation),
        .reading.op.done = on_read,
    };
    if (input->source != SEND_ARGUMENTS)
        return;
    for (size_t i = 0; input->error.status == GT_DONE && i < options->message_count; i++)
        add(input, slice_of_text(options->messages[i]));
    input->ended = true;
}

void send_input_want(struct send_input *input, bool wanted)
{
    struct op *op = &input->reading.op;
    if (!wanted)
        engine_cancel(input->engine, op);
    else if (!op->active && !input->ended)
        engine_read(input->engine, &input->reading, STDIN_FILENO);
}

bool send_input_stop(struct send_input *input)
{
    if (input->engine)
        send_input_want(input, false);
    return !input->reading.op.active;
}

void send_input_free(struct send_input *input)
{
    bytes_free(&input->typed);
    bytes_free(&input->ready);
}
