/* rules_side.h: a script whose reply{...} is read, and what comes of messages: for the tests of
 * rules. */
#ifndef RULES_SIDE_H
#define RULES_SIDE_H

#include "reply/effects.h"
#include "reply/outcome.h"
#include "reply/rules.h"
#include "reply/script.h"

struct rules_side {
    struct script *script;
    struct rules *rules;
    struct outcome *outcome;
    struct reply_host host;
    struct peer peer;
    uint64_t sequence;
    int64_t time_us;
    char told[8192]; /* what the host was told, a line each: "reason: text" */
    char wrong[512]; /* why the script could not be run */
    struct reply reply;
};

/* Run a script, named "mail.lua", and read what it gives to reply. NULL in rules: it was wrong. */
struct rules_side *rules_side_open(const char *source);
/* The same, prepared with this seed, as this worker, beside the one whose outcome it is (or NULL).
 */
struct rules_side *rules_side_open_as(const char *source, uint64_t seed, unsigned worker,
                                      struct rules_side *beside);
void rules_side_close(struct rules_side **side);

/* What is replied to a message; it is in side->reply, too. */
enum reply_when rules_side_answer(struct rules_side *side, struct slice text);

/* Fail unless the reply to text is that; expected NULL: none. */
void rules_side_expect(struct rules_side *side, const char *text, const char *expected);

/* Fail unless a script is refused with this. */
void rules_side_refused(const char *source, const char *sentence);

#endif
