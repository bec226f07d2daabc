/* Replies counted by comparing are those that scanning alone would count, whatever comes, however
 * it is cut, on two connections that take turns.
 *
 * The input: [0] the framing, then pieces, each behind a byte: its lowest bit is the connection,
 * the next one whether the piece before is said again, the others its size. */
#include "fuzz.h"
#include "tool/bench_replies.h"

#define SIDES        2
#define MAX_MESSAGE  100
#define STREAM_BYTES 4096

/* "4": each reply has so many bytes. */
static const char *const framings[] = {
    "line",     "crlf",           "nul",     "delim:ab", "talk",  "netstring", "octet", "varint",
    "length:1", "length:2le@1+3", "fixed:3", "eof",      "chunk", "4",
};

struct side {
    struct bytes stream; /* all that came */
    struct bench_partial partial;
    int64_t count; /* or -errno */
};

static void take(struct bench_pattern *pattern, struct side *side, struct slice piece)
{
    if (side->count < 0 || piece.size == 0 || side->stream.size + piece.size > STREAM_BYTES)
        return;
    require(bytes_append(&side->stream, piece) == 0);
    char *copy = text_of(piece);
    int64_t count = bench_replies_take(pattern, &side->partial, slice_of(copy, piece.size));
    side->count = count < 0 ? count : side->count + count;
    free(copy);
}

/* How many replies a scan finds, or -1; *frame is where it is afterwards. */
static int64_t scan(const struct framing *framing, struct frame *frame, struct slice *rest,
                    enum frame_event event)
{
    struct frame_mark mark;
    enum frame_result result;
    int64_t count = 0;
    while ((result = frame_scan(framing, frame, *rest, event, &mark)) == FRAME_MESSAGE) {
        *rest = slice_after(*rest, mark.consumed);
        count++;
    }
    *rest = slice_after(*rest, mark.consumed);
    return result == FRAME_MORE ? count : -1;
}

static void check_scanned(struct bench_pattern *pattern, struct side *side)
{
    struct frame frame = {0};
    struct slice rest = bytes_slice(&side->stream);
    int64_t count = scan(&pattern->framing, &frame, &rest, FRAME_BYTES);
    require((side->count < 0) == (count < 0));
    if (count < 0)
        return;
    require(side->count == count);
    require(bench_partial_begun(&side->partial) == (rest.size > 0));
    int64_t last = scan(&pattern->framing, &frame, &rest, FRAME_END);
    int64_t ended = bench_replies_end(pattern, &side->partial);
    require(last < 0 ? ended < 0 : ended == last);
}

static void check(struct bench_pattern *pattern, struct side *side)
{
    bool chunks = pattern->framing.codec == &codec_chunk; /* as many as were received */
    if (pattern->expected_bytes > 0)
        require(side->count == (int64_t)(side->stream.size / pattern->expected_bytes));
    else if (!chunks)
        check_scanned(pattern, side);
    bench_partial_clear(pattern, &side->partial);
    bench_partial_free(&side->partial);
    bytes_free(&side->stream);
}

static void run(struct bench_pattern *pattern, struct slice input)
{
    struct side sides[SIDES] = {{.count = 0}};
    struct slice piece = {NULL, 0};
    while (input.size > 0) {
        uint8_t order = next_byte(&input);
        if (!(order & 2))
            piece = next_bytes(&input, order >> 2);
        take(pattern, &sides[order & 1], piece);
    }
    for (size_t i = 0; i < SIDES; i++)
        check(pattern, &sides[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct framing framing;
    struct bench_pattern pattern;
    const char *name = framings[next_byte(&input) % (sizeof framings / sizeof *framings)];
    bool counted = *name == '4';
    require(framing_parse(&framing, counted ? "chunk" : name, MAX_MESSAGE, NULL) == 0);
    bench_pattern_begin(&pattern, &framing, counted ? 4 : 0, 16);
    run(&pattern, input);
    bench_pattern_free(&pattern);
    return 0;
}
