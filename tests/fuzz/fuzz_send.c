/* Any words as the command line of "goodtalk send", any bytes as its standard input: refused with
 * one sentence, or put into what is sent, in which a server finds as many messages as were counted.
 *
 * The input: [0] whether a person types, [1] how many bytes of standard input are read at once; the
 * words (fuzz_words.h); standard input. */
#include "engine/sim.h"
#include "fuzz_words.h"
#include "tool/send_input.h"

#include <goodtalk.h>

/* ---- standard input, simulated ---- */

static const struct engine_table *real;
static int source;

static void read_source(struct engine *engine, struct receive_op *op, int fd)
{
    (void)fd;
    real->read(engine, op, source);
}

static struct engine *open_engine(struct slice typed)
{
    static struct engine_table table;
    struct engine *engine = engine_sim_create(1);
    real = engine->table;
    table = *real;
    table.read = read_source;
    engine->table = &table;
    source = sim_source(engine);
    sim_source_write(engine, source, typed);
    sim_source_end(engine, source);
    return engine;
}

/* ---- what is sent ---- */

static void require_error(const struct error *error)
{
    if (error->status != GT_DONE)
        require_sentence(error);
}

/* Where the messages of a framing can be told apart again. */
static bool can_be_counted(const struct send_input *input)
{
    const struct codec *codec = input->framing.codec;
    return input->source != SEND_BYTES && codec != &codec_chunk && codec != &codec_eof;
}

static void check_ready(const struct send_input *input)
{
    struct frame frame = {0};
    struct frame_mark mark;
    struct slice rest = bytes_slice(&input->ready);
    uint64_t count = 0;
    if (!can_be_counted(input))
        return;
    while (frame_scan(&input->framing, &frame, rest, FRAME_BYTES, &mark) == FRAME_MESSAGE) {
        rest = slice_after(rest, mark.consumed);
        count++;
    }
    require(rest.size == 0 && count == input->messages);
}

static void say(const struct send_options *options, struct slice typed, bool conversation,
                size_t at_once)
{
    struct send_input input;
    struct engine *engine = open_engine(typed);
    engine->receive_size = at_once;
    send_input_begin(&input, engine, options, conversation);
    while (!input.ended && input.error.status != GT_FAILED) {
        send_input_want(&input, true);
        require_error(&input.error);
        input.error.status = GT_DONE;
        engine_pass(engine, -1);
    }
    require_error(&input.error);
    check_ready(&input);
    while (!send_input_stop(&input))
        engine_pass(engine, -1);
    send_input_free(&input);
    engine_destroy(&engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    bool conversation = next_byte(&input) & 1;
    size_t at_once = next_byte(&input) + (size_t)1;
    struct words words = words_read(&input);
    struct send_options options;
    struct error error = {0};
    if (send_options_parse(&options, words.count, words.list, &error) != GT_DONE)
        require_sentence(&error);
    else if (!options.help)
        say(&options, input, conversation, at_once);
    send_options_free(&options);
    words_free(&words);
    return 0;
}
