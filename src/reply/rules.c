/* rules.c: a message goes down the list until a rule matches, and gets that rule's reply.
 *
 * A rule that needs its matches counted, because it is limited or required, or because its replies
 * are taken in turn, shares its count with those of the other workers. A function that declines
 * gives its count back.
 *
 * Ways to fail: a pattern that reaches its limit does not match, and is told; a function's error is
 * told, and the connection closes; where a reply finds no memory, too.
 */
#include "reply/rules.h"

#include "base/attributes.h"
#include "reply/outcome.h"
#include "reply/rules_parts.h"
#include "reply/script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND_US   1000000
#define TOLD_MOST   10 /* of each kind in a second */
#define MORE_SIZE   64
#define FILLED_KEPT 65536 /* more is given back when the next reply is made */

/* What a message met at a rule. */
enum met { MET_NEXT, MET_REPLY, MET_NOTHING, MET_FAILURE, MET_NO_MEMORY };

static const struct effects closing = {.truncate_size = -1, .close = true};

/* ---- chance ---- */

/* splitmix64 (Steele, Lea, Flood, 2014): a state of 64 bits, and any seed will do. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static bool lucky(struct rule *rule)
{
    return rule->chance >= 1 || (double)(random_next(&rule->random) >> 11) * 0x1p-53 < rule->chance;
}

/* ---- preparing ---- */

static int prepare_count(struct rule *rule, const struct reply_host *host, unsigned load,
                         unsigned number)
{
    uint64_t times = rule->times;
    if (rule->once && (times == 0 || times > rule->saying_count))
        times = rule->saying_count;
    if (times == 0 && rule->required == 0 && rule->saying_count < 2)
        return 0;
    struct slice shown = rule->pattern ? pattern_text(rule->pattern) : slice_of_text("function");
    rule->count = outcome_rule(host->outcome, load, number, shown, rule->required, times);
    return rule->count ? 0 : -1;
}

static uint64_t seed_of(uint64_t seed, unsigned worker, unsigned number)
{
    uint64_t state = seed ^ (uint64_t)worker << 32 ^ number;
    return random_next(&state);
}

int rules_prepare(struct rules *rules, const struct reply_host *host, unsigned worker,
                  unsigned load, struct error *error)
{
    rules->host = host;
    rules->matcher = matcher_create(host->match_bytes);
    bool made = rules->matcher;
    for (unsigned i = 0; i < rules->count && made; i++) {
        rules->list[i].random = seed_of(host->seed, worker, i + 1);
        made = prepare_count(&rules->list[i], host, load, i + 1) == 0;
    }
    return made ? GT_DONE : error_set(error, GT_FAILED, "no memory for rules");
}

size_t rules_count(const struct rules *rules)
{
    return rules->count;
}

static void rule_free(struct rule *rule)
{
    for (size_t i = 0; i < rule->saying_count; i++)
        template_destroy(&rule->sayings[i].text);
    free(rule->sayings);
    pattern_destroy(&rule->pattern);
}

void rules_destroy(struct rules **rules)
{
    if (*rules) {
        for (size_t i = 0; i < (*rules)->count; i++)
            rule_free(&(*rules)->list[i]);
        free((*rules)->list);
        free((*rules)->filters);
        matcher_destroy(&(*rules)->matcher);
        bytes_free(&(*rules)->filled);
    }
    free(*rules);
    *rules = NULL;
}

/* ---- telling ---- */

/* Whether to tell it; if so, more says how many were not told, or is empty. */
static bool seldom_tell(struct seldom *seldom, const struct message *message, char more[MORE_SIZE])
{
    int64_t second = message->time_us / SECOND_US;
    if (second != seldom->second) {
        seldom->second = second;
        seldom->told = 0;
    }
    if (seldom->told == TOLD_MOST) {
        seldom->kept++;
        return false;
    }
    more[0] = '\0';
    if (seldom->kept > 0)
        snprintf(more, MORE_SIZE, "; %" PRIu64 " more were not told", seldom->kept);
    seldom->kept = 0;
    seldom->told++;
    return true;
}

static void tell(const struct rules *rules, const struct message *message, const char *text)
{
    rules->host->tell(rules->host->owner, GT_WARNING, message->peer, message->listener, text);
}

static SELDOM void tell_limit(struct rules *rules, const struct rule *rule,
                              const struct message *message)
{
    char text[256], more[MORE_SIZE];
    if (!seldom_tell(&rules->limit, message, more))
        return;
    snprintf(
        text, sizeof text,
        "rule %u: its pattern would take too long for this message, and is taken not to match%s",
        (unsigned)(rule - rules->list) + 1, more);
    tell(rules, message, text);
}

static SELDOM void tell_unmatched(struct rules *rules, const struct message *message)
{
    char text[128], more[MORE_SIZE];
    bool told = seldom_tell(&rules->unmatched, message, more);
    outcome_unmatched(rules->host->outcome, message, told);
    if (!told || !*more)
        return;
    snprintf(text, sizeof text, "messages that no rule matches%s", more);
    tell(rules, message, text);
}

/* ---- answering ---- */

/* The filter of its pattern has let the message pass. */
static bool matches(struct rules *rules, struct rule *rule, const struct message *message,
                    const struct subject *subject)
{
    if (!rule->pattern)
        return true;
    enum pattern_result result = pattern_match_filtered(rules->matcher, rule->pattern, subject);
    if (result == PATTERN_LIMIT)
        tell_limit(rules, rule, message);
    return result == PATTERN_YES;
}

/* Forget the reply that was made last. */
static void clear(struct rules *rules)
{
    if (rules->filled.capacity > FILLED_KEPT)
        bytes_free(&rules->filled);
    bytes_clear(&rules->filled);
}

/* The reply is a text: as it stands where it is fixed, else filled in. */
static enum met say_text(struct rules *rules, const struct rule *rule,
                         const struct template *template, const struct message *message,
                         struct reply *reply)
{
    if (template_fixed(template, &reply->bytes))
        return MET_REPLY;
    clear(rules);
    if (template_fill(template, rule->pattern, message, &rules->filled) < 0)
        return MET_NO_MEMORY;
    reply->bytes = bytes_slice(&rules->filled);
    return MET_REPLY;
}

static enum met say(struct rules *rules, const struct rule *rule, const struct saying *saying,
                    const struct message *message, struct reply *reply)
{
    if (saying->text)
        return say_text(rules, rule, saying->text, message, reply);
    if (saying->function == LUA_NOREF)
        return MET_NOTHING;
    clear(rules);
    enum said said = rules_ask(rules, rule, saying->function, message);
    reply->bytes = bytes_slice(&rules->filled);
    return said == SAID_REPLY      ? MET_REPLY
           : said == SAID_NOTHING  ? MET_NOTHING
           : said == SAID_DECLINED ? MET_NEXT
                                   : MET_FAILURE;
}

/* The rule may match: count it, and take what is to be said. */
static enum met take(struct rules *rules, struct rule *rule, const struct message *message,
                     struct reply *reply)
{
    uint64_t number = 1;
    if (rule->count && (number = outcome_rule_match(rule->count)) == 0)
        return MET_NEXT;
    const struct saying *saying = &rule->sayings[(number - 1) % rule->saying_count];
    enum met met = say(rules, rule, saying, message, reply);
    if (met != MET_NEXT && saying->affected)
        reply->effects = &saying->effects;
    else if (met == MET_NEXT && rule->count)
        outcome_rule_take_back(rule->count);
    return met;
}

static enum met try_rule(struct rules *rules, struct rule *rule, const struct message *message,
                         const struct subject *subject, struct reply *reply)
{
    if (!matches(rules, rule, message, subject))
        return MET_NEXT;
    if (rule->when != LUA_NOREF) {
        enum said said = rules_ask_when(rules, rule, message);
        if (said != SAID_REPLY)
            return said == SAID_FAILED ? MET_FAILURE : MET_NEXT;
    }
    return lucky(rule) ? take(rules, rule, message, reply) : MET_NEXT;
}

enum reply_when rules_answer(struct rules *rules, const struct message *message,
                             struct reply *reply)
{
    struct subject subject;
    subject_of(&subject, rules->matcher, message->body);
    *reply = (struct reply){.shared = false};
    for (size_t i = 0; i < rules->count; i++) {
        if (!filter_passes(&rules->filters[i], &subject))
            continue;
        struct rule *rule = &rules->list[i];
        enum met met = try_rule(rules, rule, message, &subject, reply);
        if (met == MET_NEXT)
            continue;
        if (met == MET_NO_MEMORY) {
            reply->effects = NULL;
            return REPLY_LOST;
        }
        if (met == MET_FAILURE)
            reply->effects = &closing;
        return met == MET_REPLY ? REPLY_NOW : REPLY_NONE;
    }
    tell_unmatched(rules, message);
    return REPLY_NONE;
}
