/* bench_replies.h: how many whole replies are in what comes.
 *
 * Most servers say the same again and again. So the first reply becomes the pattern: what comes is
 * compared with the pattern repeated, in the memory where it was received, which costs a few
 * instructions a reply and copies nothing, not even of a reply that is not whole yet. Only where it
 * differs is it scanned as the framing says. */
#ifndef TOOL_BENCH_REPLIES_H
#define TOOL_BENCH_REPLIES_H

#include "codec/frame.h"

/* How replies are told apart; shared by all connections. */
struct bench_pattern {
    struct framing framing;
    size_t expected_bytes;  /* a reply has so many, whatever they are; 0: the framing tells */
    bool learns;            /* the framing is one whose replies can be compared */
    unsigned learned;       /* how often another reply became the pattern */
    size_t begun;           /* connections in the middle of it: it must not change */
    size_t size;            /* of the reply that is the pattern, with its delimiter; 0: none */
    struct bytes repeated;  /* it, as often as is useful */
    unsigned repeated_most; /* replies that can come together */
};

/* What one connection has received of the reply that is not whole yet; all zeros: nothing. */
struct bench_partial {
    size_t matched;     /* it begins as the pattern does, so many bytes */
    struct bytes input; /* else: its bytes, or where expected_bytes says so none */
    struct frame frame;
};

/* Prepare; the framing is copied. expected_bytes: 0 or what each reply has. together: how many
 * replies can come at once. */
void bench_pattern_begin(struct bench_pattern *pattern, const struct framing *framing,
                         size_t expected_bytes, unsigned together);
void bench_pattern_free(struct bench_pattern *pattern);

/* Take what was received: how many replies are whole with it; -EBADMSG: what came is no reply,
 * -ENOMEM. */
int64_t bench_replies_take(struct bench_pattern *pattern, struct bench_partial *partial,
                           struct slice received);

/* The end of the stream: what it makes of the rest, likewise. */
int64_t bench_replies_end(struct bench_pattern *pattern, struct bench_partial *partial);

/* Whether a reply has begun. */
bool bench_partial_begun(const struct bench_partial *partial);

/* Forget what was received: the connection begins anew. Memory is kept; _free gives it back. */
void bench_partial_clear(struct bench_pattern *pattern, struct bench_partial *partial);
void bench_partial_free(struct bench_partial *partial);

#endif
