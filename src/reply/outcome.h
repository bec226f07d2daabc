/* outcome.h: what talks came to: whether everybody said what the talk file expected.
 *
 * One for a server, shared by all its workers; every call is safe from any thread. Who runs a talk
 * file tells it what happened: that a conversation began and ended, that an `expect` failed, that a
 * script did, that a message came which no rule matches, that a rule matched. At the end it is
 * asked whether all went as expected (serve/run.c makes status 4 of it), for a summary, and for a
 * report (report.h).
 *
 * Bounded: so many failures are kept with what was expected and heard, so many conversations with
 * their time; the rest is counted.
 *
 * Cheap where it matters: what happens as expected costs an atomic addition, and a rule without
 * `required` and `times` nothing. */
#ifndef REPLY_OUTCOME_H
#define REPLY_OUTCOME_H

#include "base/error.h"
#include "base/slice.h"
#include "base/turn.h"

#include <goodtalk.h>
#include <stdatomic.h>

struct outcome;

/* ---- who hears of it as it happens ---- */

/* Something to tell; valid during the call. Strings are escaped, one line each, and may be NULL
 * but for text and reason. */
struct outcome_news {
    enum gt_level level;
    bool unmet;         /* something went otherwise than expected; else a note */
    const char *reason; /* "expect", "script", "strict", "required"; of notes "unmatched", "log" */
    const char *text;   /* a sentence that has it all */
    const struct peer *peer;
    const char *listener;
    const char *expected;
    const char *heard;
};

struct outcome_host {
    void *owner;
    void (*tell)(void *owner, const struct outcome_news *news);
};

/* NULL: memory is out. The host is copied; a tell of NULL: nobody hears (goodtalk check). */
struct outcome *outcome_create(const struct outcome_host *host);
void outcome_destroy(struct outcome **outcome);

/* The talk file in use from now on: its name as it is shown, and whether a message that no rule
 * matches is a failure. load: which loading it is, as whoever loads counts them; rules of others
 * are not asked for `required`. Called when a file has proven right: at the start, and after each
 * reload. GT_DONE, or GT_FAILED when memory is out (and all stays as it was); never where the name
 * is the one it was. */
int outcome_use(struct outcome *outcome, unsigned load, const char *file, bool strict);

/* ---- rules ---- */

/* A rule that counts its matches, for all workers together. */
struct outcome_rule {
    struct outcome_rule *next; /* the outcome's */
    unsigned load;
    unsigned number;   /* in the order of the file, from 1 */
    uint64_t required; /* it is to match so often at least; 0: nothing is asked */
    uint64_t times;    /* it may match so often; 0: without a limit */
    atomic_uint_fast64_t matched;
    char pattern[]; /* as shown: escaped, perhaps cut */
};

/* The rule of this number in this load, made when it is asked for the first time: each worker gets
 * the same one. Only for rules with required or times; others need none. It lives as long as the
 * outcome. NULL: memory is out. */
struct outcome_rule *outcome_rule(struct outcome *outcome, unsigned load, unsigned number,
                                  struct slice pattern, uint64_t required, uint64_t times);

/* The rule matches once more: how often it has, with this one; 0: it may not any more.
 * rule may be NULL: it may. */
uint64_t outcome_rule_match(struct outcome_rule *rule);
/* It did not match after all. */
void outcome_rule_take_back(struct outcome_rule *rule);

/* A message came that no rule matches: counted, and a failure where the file in use is strict.
 * told: whether to tell it, too. */
void outcome_unmatched(struct outcome *outcome, const struct message *message, bool told);

/* ---- conversations ---- */

/* One begins: its number, from 1. */
uint64_t outcome_begin(struct outcome *outcome);

/* A conversation expects something: what they come to is worth a line. */
void outcome_expecting(struct outcome *outcome);

enum outcome_end {
    OUTCOME_AS_EXPECTED,
    OUTCOME_NOT,       /* an expect failed, or the script did: outcome_failed has told it */
    OUTCOME_CUT_SHORT, /* the server stopped in the middle of it: nobody's fault */
    OUTCOME_ENDS
};

/* It has ended, after so long. */
void outcome_end(struct outcome *outcome, uint64_t conversation, enum outcome_end how,
                 int64_t duration_ns);

/* ---- failures ---- */

enum outcome_heard {
    OUTCOME_MESSAGE, /* something else */
    OUTCOME_STREAM_ENDED,
    OUTCOME_TIMEOUT
};

/* What failed; valid during the call. */
struct outcome_failure {
    uint64_t conversation;   /* its number; 0: it was in none */
    const struct peer *peer; /* or NULL */
    const char *listener;    /* or NULL */
    const char *where; /* "mail.lua:12", escaped, or NULL. Of a script's failure: NULL, its text has
                          it */
    unsigned worker;   /* with sequence: the id of the message that was heard */
    uint64_t sequence; /* 0: none */
    enum outcome_heard heard_what;
    struct slice expected; /* the pattern as written */
    struct slice heard;    /* the message, any bytes */
    const char *error;     /* a script's failure: the message, with a traceback ('\n' between
                              lines); NULL: an expect's */
};

/* An expect was not met, or a script failed. Told at once, counted, kept for the report. */
void outcome_failed(struct outcome *outcome, const struct outcome_failure *failure);

/* ---- a script's own lines ---- */

/* Tell a line that a script wrote; it is escaped already. */
void outcome_log(struct outcome *outcome, const char *line);

/* ---- at the end ---- */

/* Numbers of what has happened so far. */
struct outcome_counts {
    uint64_t begun, as_expected, not_as_expected, cut_short; /* conversations */
    uint64_t expects_failed, scripts_failed;
    uint64_t unmatched_strict;       /* of them: those that came while the file was strict */
    uint64_t unmatched;              /* messages that no rule matches */
    uint64_t required, required_met; /* rules of the file in use */
    bool expecting;                  /* something was expected in a conversation */
    bool strict;
};

void outcome_count(const struct outcome *outcome, struct outcome_counts *counts);

/* Whether all went as expected: no expect failed, no script did, every required rule matched often
 * enough, and, where the file is strict, each message matched a rule. */
bool outcome_met(const struct outcome *outcome);

/* Tell the required rules that did not match often enough: once, when the run has ended. */
void outcome_tell_missing(struct outcome *outcome);

/* Append the summary: "12 conversations: 11 as expected, 1 not; ...". Nothing where nothing was
 * expected and nothing went wrong. 0 or -ENOMEM. */
int outcome_summary(const struct outcome *outcome, struct bytes *to);

#endif
