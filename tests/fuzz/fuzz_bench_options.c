/* Any words as the command line of "goodtalk bench": refused with one sentence, or a request that
 * is one message, as long as it is said to be. The input: see fuzz_words.h. */
#include "fuzz_words.h"
#include "tool/bench_options.h"
#include "tool/client_wrapped.h"

#include <goodtalk.h>

/* A message of many megabytes may be asked for, and would be made again and again. */
static bool asks_for_much(const struct words *words)
{
    for (int i = 1; i < words->count; i++)
        for (const char *at = words->list[i]; *at; at++) {
            size_t digits = strspn(at, "0123456789");
            if (digits > 4 || (digits > 0 && at[digits] && strchr("kKMGTPE", at[digits])))
                return true;
        }
    return false;
}

static void check_request(const struct bench_options *options)
{
    struct framing framing = wrapped_framing(&options->framing);
    struct frame frame = {0};
    struct frame_mark mark;
    struct slice request = bytes_slice(&options->request);
    enum frame_event event = framing.codec->unframed ? FRAME_END : FRAME_BYTES;
    bool stream = options->target.transport == TRANSPORT_STREAM;
    require(!stream || options->request_bytes == request.size);
    require(options->connections >= 1 && options->depth >= 1);
    require(options->duration_ns >= 0 || options->count >= 1);
    require(frame_scan(&framing, &frame, request, event, &mark) == FRAME_MESSAGE);
    require(mark.consumed == request.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct words words = words_read(&input);
    struct bench_options options;
    struct error error = {0};
    if (asks_for_much(&words)) {
        words_free(&words);
        return 0;
    }
    if (bench_options_parse(&options, words.count, words.list, &error) != GT_DONE)
        require_sentence(&error);
    else if (!options.help)
        check_request(&options);
    bench_options_free(&options);
    words_free(&words);
    return 0;
}
