/* outcome_parts.h: what is inside a struct outcome: for outcome*.c and the report. */
#ifndef REPLY_OUTCOME_PARTS_H
#define REPLY_OUTCOME_PARTS_H

#include "reply/outcome.h"

#include <pthread.h>

/* So many failures are kept with their text, so many conversations with their time. */
#define OUTCOME_FAILURES_MAX 100
#define OUTCOME_TIMES_MAX    1000

/* Of a pattern, a message, an error, so many bytes of text are kept; so many stand in a sentence.
 */
#define OUTCOME_KEPT_BYTES  4096
#define OUTCOME_SHOWN_BYTES 240

enum outcome_kind { OUTCOME_EXPECT, OUTCOME_SCRIPT, OUTCOME_STRICT, OUTCOME_KINDS };

/* "expect", "script", "strict". */
extern const char *const outcome_reasons[OUTCOME_KINDS];

/* A failure that is kept. The strings are escaped and owned; NULL where there is none. */
struct outcome_kept {
    enum outcome_kind kind;
    uint64_t conversation;
    int64_t duration_ns; /* of its conversation; -1: that has not ended, or there is none */
    char *text;          /* the sentence, one line */
    char *peer;
    char *listener;
    char *id; /* of the message */
    char *expected;
    char *heard;
    char *error; /* with newlines */
};

/* A conversation that went as expected. */
struct outcome_time {
    uint64_t conversation;
    int64_t duration_ns;
};

struct outcome {
    struct outcome_host host;
    atomic_uint_fast64_t begun;
    atomic_uint_fast64_t ended[OUTCOME_ENDS];
    atomic_uint_fast64_t failed[OUTCOME_KINDS];
    atomic_uint_fast64_t unmatched; /* strict or not */
    atomic_bool expecting;
    atomic_bool strict;
    pthread_mutex_t lock; /* of all that follows */
    char *file;           /* owned; NULL: none is in use yet */
    unsigned load;        /* of that file */
    struct outcome_rule *rules;
    struct outcome_kept kept[OUTCOME_FAILURES_MAX];
    unsigned kept_count;
    struct outcome_time times[OUTCOME_TIMES_MAX];
    unsigned time_count;
};

/* A lock also of what is const otherwise. */
static inline void outcome_lock(const struct outcome *outcome)
{
    pthread_mutex_lock(&((struct outcome *)(uintptr_t)outcome)->lock);
}

static inline void outcome_unlock(const struct outcome *outcome)
{
    pthread_mutex_unlock(&((struct outcome *)(uintptr_t)outcome)->lock);
}

static inline uint64_t outcome_value(const atomic_uint_fast64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* One more. */
static inline void outcome_add(atomic_uint_fast64_t *value)
{
    atomic_fetch_add_explicit(value, 1, memory_order_relaxed);
}

/* Tell, where somebody hears it. */
static inline void outcome_tell(const struct outcome *outcome, const struct outcome_news *news)
{
    if (outcome->host.tell)
        outcome->host.tell(outcome->host.owner, news);
}

/* Whether a rule is asked for `required`, and has matched less often. With the lock. */
static inline bool outcome_rule_asked(const struct outcome *outcome,
                                      const struct outcome_rule *rule)
{
    return rule->load == outcome->load && rule->required > 0;
}

static inline bool outcome_rule_met(const struct outcome_rule *rule)
{
    return outcome_value(&rule->matched) >= rule->required;
}

/* The conversation of this number has ended: kept failures learn how long it took. */
void outcome_keep_duration(struct outcome *outcome, uint64_t conversation, int64_t duration_ns);

/* Free what kept failures own. */
void outcome_forget(struct outcome *outcome);

#endif
