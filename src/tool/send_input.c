/* send_input.c: a message is wrapped, then read back as the server will read it, which tells how
 * many messages it is to the server: "a\nb" is two lines.
 *
 * Lines of standard input are told apart as the framing "line" does; their ends are the framing's
 * own afterwards. A person's lines are sent with their ends where the framing has none.
 *
 * Ways to fail: the framing cannot say a message: its size does not fit the number (length:1), or
 * what was wrapped reads back as something else (fixed:4, a delimiter that overlaps); a packet or
 * datagram of an impossible size; standard input cannot be read; memory is out. */
#include "tool/send_input.h"

#include <errno.h>
#include <unistd.h>

#define MESSAGE_MOST ((size_t)1 << 30) /* bytes: no server takes longer ones */
#define UDP_MOST     65527             /* bytes of a datagram over IPv6; IPv4 has 20 fewer */

static const struct framing lines = {.codec = &codec_line, .max_message = MESSAGE_MOST};

/* ---- what can be said ---- */

/* Whether a packet or datagram can be of this size. */
static bool size_fits(const struct send_input *input, size_t size)
{
    if (input->options->transport == SEND_PACKETS && size == 0)
        return false;
    return size <= (input->options->address.kind == ADDRESS_UDP ? UDP_MOST : PACKET_MAX);
}

static int refuse(struct send_input *input, struct slice message)
{
    const struct send_options *options = input->options;
    const char *plural = message.size == 1 ? "" : "s";
    if (options->transport == SEND_STREAM)
        return error_set(&input->error, GT_WRONG,
                         "--frame %s: cannot say this message of %zu byte%s", options->shown_frame,
                         message.size, plural);
    if (message.size == 0)
        return error_set(&input->error, GT_WRONG,
                         "%s: an empty packet cannot be told from the end of the connection",
                         options->shown_to);
    return error_set(&input->error, GT_WRONG, "%s: a message of %zu bytes is too long for a %s",
                     options->shown_to, message.size,
                     options->transport == SEND_PACKETS ? "packet" : "datagram");
}

static int out_of_memory(struct send_input *input)
{
    return error_set(&input->error, GT_FAILED, "out of memory");
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

static int append_wrapped(struct bytes *to, const struct frame_wrapping *wrapping,
                          struct slice message)
{
    size_t size = wrapping->head_size + message.size + wrapping->tail.size;
    if (bytes_reserve(to, size) < 0)
        return -ENOMEM;
    bytes_append(to, slice_of(wrapping->head, wrapping->head_size));
    bytes_append(to, message);
    return bytes_append(to, wrapping->tail);
}

static int add_wrapped(struct send_input *input, struct slice message)
{
    struct frame_wrapping wrapping;
    size_t before = input->ready.size, left;
    if (!frame_wrap(&input->framing, message, FRAME_REPLY_PLAIN, &wrapping))
        return refuse(input, message);
    if (append_wrapped(&input->ready, &wrapping, message) < 0)
        return out_of_memory(input);
    struct slice wrapped = slice_after(bytes_slice(&input->ready), before);
    uint64_t count = count_messages(&input->framing, wrapped, &left);
    if (count == 0 || left > 0) {
        input->ready.size = before;
        return refuse(input, message);
    }
    input->messages += count;
    return GT_DONE;
}

/* Put a message into ready. */
static int add(struct send_input *input, struct slice message)
{
    if (input->options->transport == SEND_STREAM)
        return add_wrapped(input, message);
    if (!size_fits(input, message.size))
        return refuse(input, message);
    if (packet_keep(&input->ready, message) < 0)
        return out_of_memory(input);
    input->messages++;
    return GT_DONE;
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
    bool stream = options->transport == SEND_STREAM;
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
        .framing = options->framing,
        .source = source_of(options, conversation),
        .reading.op.done = on_read,
    };
    input->framing.max_message = MESSAGE_MOST;
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
