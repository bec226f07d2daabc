/* bench_replies.c: comparing first, scanning where that fails.
 *
 * The repeated pattern has a period, so a reply that begins in one receive and goes on in the next
 * is compared from where it was left: matched says where, and the bytes need not be kept. Where
 * something else comes, the bytes that matched are those of the pattern, and are put back in front
 * of it.
 *
 * A framing whose scan depends on nothing but the bytes of a message finds the same message in the
 * same bytes; what it makes of the end of a stream is not learned. A pattern that keeps changing is
 * let alone after a few times: building it would cost more than it saves; and it does not change
 * while a connection is in the middle of one.
 *
 * Failing: bytes that the framing does not allow, a reply over --max-message, memory. */
#include "tool/bench_replies.h"

#include <errno.h>

/* The pattern is repeated up to so many bytes, or once where it is longer; one longer than that is
 * not learned. */
#define REPEATED_BYTES ((size_t)64 * 1024)
#define LEARNED_BYTES  ((size_t)16 * 1024 * 1024)
#define LEARNED_TIMES  8

void bench_pattern_begin(struct bench_pattern *pattern, const struct framing *framing,
                         size_t expected_bytes, unsigned together)
{
    const struct codec *codec = framing->codec;
    *pattern = (struct bench_pattern){
        .framing = *framing,
        .expected_bytes = expected_bytes,
        .learns = codec != &codec_eof && codec != &codec_chunk && codec != &codec_packet,
        .repeated_most = together,
    };
}

void bench_pattern_free(struct bench_pattern *pattern)
{
    bytes_free(&pattern->repeated);
}

static void set_matched(struct bench_pattern *pattern, struct bench_partial *partial,
                        size_t matched)
{
    pattern->begun += (size_t)(matched > 0) - (size_t)(partial->matched > 0);
    partial->matched = matched;
}

/* ---- learning ---- */

static bool is_learned(const struct bench_pattern *pattern, struct slice reply)
{
    return pattern->size == reply.size &&
           memcmp(pattern->repeated.data, reply.data, reply.size) == 0;
}

/* Make this reply the pattern. Where memory is out there is none. */
static void learn(struct bench_pattern *pattern, struct slice reply)
{
    size_t times = REPEATED_BYTES / reply.size;
    if (!pattern->learns || pattern->learned >= LEARNED_TIMES || pattern->begun > 0 ||
        reply.size > LEARNED_BYTES)
        return;
    if (times > pattern->repeated_most)
        times = pattern->repeated_most;
    pattern->learned++;
    pattern->size = 0;
    bytes_clear(&pattern->repeated);
    for (size_t i = 0; i == 0 || i < times; i++) {
        if (bytes_append(&pattern->repeated, reply) != 0)
            return;
    }
    pattern->size = reply.size;
}

/* ---- scanning ---- */

/* Forget the consumed part of what was scanned, which is partial->input or still where it was
 * received; what is left of the latter is kept. */
static int keep_rest(struct bench_partial *partial, struct slice rest, size_t consumed)
{
    if (partial->input.size == 0)
        return bytes_append(&partial->input, rest);
    bytes_consume(&partial->input, consumed);
    return 0;
}

static int64_t scan(struct bench_pattern *pattern, struct bench_partial *partial,
                    struct slice input, enum frame_event event)
{
    struct frame_mark mark;
    struct slice rest = input, last = {0};
    enum frame_result result;
    int64_t count = 0;
    while ((result = frame_scan(&pattern->framing, &partial->frame, rest, event, &mark)) ==
           FRAME_MESSAGE) {
        last = mark.raw;
        rest = slice_after(rest, mark.consumed);
        count++;
    }
    if (result != FRAME_MORE)
        return -EBADMSG;
    rest = slice_after(rest, mark.consumed);
    if (event != FRAME_END && last.size > 0 && !is_learned(pattern, last))
        learn(pattern, last);
    return keep_rest(partial, rest, input.size - rest.size) ? -ENOMEM : count;
}

/* Something else than the pattern has come: scan it, after what had matched. */
static int64_t scan_different(struct bench_pattern *pattern, struct bench_partial *partial,
                              struct slice received, enum frame_event event)
{
    struct slice matched = slice_of(pattern->repeated.data, partial->matched);
    set_matched(pattern, partial, 0);
    if (partial->input.size == 0 && matched.size == 0)
        return scan(pattern, partial, received, event);
    if (bytes_append(&partial->input, matched) || bytes_append(&partial->input, received))
        return -ENOMEM;
    return scan(pattern, partial, bytes_slice(&partial->input), event);
}

/* ---- comparing ---- */

/* Compare as much as repeats of the pattern cover: false where it differs, with *received the rest
 * from there on. */
static bool compare(struct bench_pattern *pattern, struct bench_partial *partial,
                    struct slice *received, int64_t *count)
{
    while (received->size > 0) {
        size_t size = pattern->repeated.size - partial->matched;
        if (size > received->size)
            size = received->size;
        if (memcmp(pattern->repeated.data + partial->matched, received->data, size) != 0)
            return false;
        size_t matched = partial->matched + size;
        *received = slice_after(*received, size);
        *count += (int64_t)(matched / pattern->size);
        set_matched(pattern, partial, matched % pattern->size);
    }
    return true;
}

/* Every reply has the same size: nothing is looked at. */
static int64_t count_bytes(const struct bench_pattern *pattern, struct bench_partial *partial,
                           size_t size)
{
    size_t whole = partial->matched + size;
    partial->matched = whole % pattern->expected_bytes;
    return (int64_t)(whole / pattern->expected_bytes);
}

int64_t bench_replies_take(struct bench_pattern *pattern, struct bench_partial *partial,
                           struct slice received)
{
    int64_t count = 0;
    if (pattern->expected_bytes > 0)
        return count_bytes(pattern, partial, received.size);
    if (pattern->size > 0 && partial->input.size == 0 &&
        compare(pattern, partial, &received, &count))
        return count;
    int64_t others = scan_different(pattern, partial, received, FRAME_BYTES);
    return others < 0 ? others : count + others;
}

int64_t bench_replies_end(struct bench_pattern *pattern, struct bench_partial *partial)
{
    if (pattern->expected_bytes > 0)
        return partial->matched > 0 ? -EBADMSG : 0;
    return scan_different(pattern, partial, slice_of(NULL, 0), FRAME_END);
}

bool bench_partial_begun(const struct bench_partial *partial)
{
    return partial->matched > 0 || partial->input.size > 0;
}

void bench_partial_clear(struct bench_pattern *pattern, struct bench_partial *partial)
{
    set_matched(pattern, partial, 0);
    partial->frame = (struct frame){0};
    bytes_clear(&partial->input);
}

void bench_partial_free(struct bench_partial *partial)
{
    bytes_free(&partial->input);
}
