/* counters.h: what a worker counts, from this one table; the reasons of base/reason.h follow, each
 * as "ended-" and its word.
 *
 * One thread counts, any thread reads: relaxed atomics, no locked instruction. */
#ifndef SERVE_COUNTERS_H
#define SERVE_COUNTERS_H

#include "base/reason.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS(COUNTER)                                                                          \
    COUNTER(CONNECTIONS, "connections") /* accepted */                                             \
    COUNTER(CONNECTIONS_OPEN, "connections-open")                                                  \
    COUNTER(DATAGRAMS, "datagrams")                     /* received */                             \
    COUNTER(DATAGRAMS_REFUSED, "datagrams-refused")     /* framing errors */                       \
    COUNTER(DATAGRAMS_OVER_RATE, "datagrams-over-rate") /* over max-rate: not taken */             \
    COUNTER(MESSAGES, "messages")                       /* recorded */                             \
    COUNTER(REPLIES, "replies")                         /* handed to the system */                 \
    COUNTER(REPLIES_DROPPED, "replies-dropped")   /* to datagrams: undeliverable or too long */    \
    COUNTER(REPLIES_AFFECTED, "replies-affected") /* that effects happened to */                   \
    COUNTER(CONVERSATIONS, "conversations")       /* ended */                                      \
    COUNTER(CONVERSATIONS_FAILED,                                                                  \
            "conversations-failed") /* an expect was not met, or their script failed */            \
    COUNTER(BYTES_RECEIVED, "bytes-received")                                                      \
    COUNTER(BYTES_SENT, "bytes-sent")

enum counter {
#define COUNTER(name, word) COUNTER_##name,
    COUNTERS(COUNTER)
#undef COUNTER
        COUNTER_ENDED /* the first reason; the others follow */
};

#define COUNTER_COUNT (COUNTER_ENDED + REASON_COUNT)

/* What all workers count together, where there is a talk file (reply/outcome.h); they come last. */
#define TALK_COUNTERS(COUNTER)                                                                     \
    COUNTER(EXPECTS_FAILED, "expects-failed", expects_failed)                                      \
    COUNTER(SCRIPTS_FAILED, "scripts-failed", scripts_failed)                                      \
    COUNTER(UNMATCHED, "unmatched", unmatched) /* messages that no rule matches */

enum talk_counter {
#define COUNTER(name, word, member) TALK_COUNTER_##name,
    TALK_COUNTERS(COUNTER)
#undef COUNTER
        TALK_COUNTER_COUNT
};

struct counters {
    atomic_uint_fast64_t values[COUNTER_COUNT];
};

static inline void counters_add(struct counters *counters, unsigned counter, uint64_t count)
{
    atomic_uint_fast64_t *value = &counters->values[counter];
    atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + count,
                          memory_order_relaxed);
}

static inline uint64_t counters_value(const struct counters *counters, unsigned counter)
{
    return atomic_load_explicit(&counters->values[counter], memory_order_relaxed);
}

/* "messages", "ended-idle-timeout": a constant string. counter is below COUNTER_COUNT. */
const char *counters_name(unsigned counter);

#endif
