/* outcome_summary.c: what it all came to: numbers, the judgement, one line.
 *
 * Workers may still be counting: each number is exact, together they are of slightly different
 * moments. */
#include "base/bytes.h"
#include "reply/outcome_parts.h"
#include "reply/outcome_words.h"

#include <inttypes.h>

/* ---- numbers ---- */

static void count_rules(const struct outcome *outcome, struct outcome_counts *counts)
{
    outcome_lock(outcome);
    for (const struct outcome_rule *rule = outcome->rules; rule; rule = rule->next) {
        if (!outcome_rule_asked(outcome, rule))
            continue;
        counts->required++;
        counts->required_met += outcome_rule_met(rule);
    }
    outcome_unlock(outcome);
}

void outcome_count(const struct outcome *outcome, struct outcome_counts *counts)
{
    *counts =
        (struct outcome_counts){.as_expected = outcome_value(&outcome->ended[OUTCOME_AS_EXPECTED]),
                                .not_as_expected = outcome_value(&outcome->ended[OUTCOME_NOT]),
                                .cut_short = outcome_value(&outcome->ended[OUTCOME_CUT_SHORT]),
                                .begun = outcome_value(&outcome->begun),
                                .expects_failed = outcome_value(&outcome->failed[OUTCOME_EXPECT]),
                                .scripts_failed = outcome_value(&outcome->failed[OUTCOME_SCRIPT]),
                                .unmatched = outcome_value(&outcome->unmatched),
                                .unmatched_strict = outcome_value(&outcome->failed[OUTCOME_STRICT]),
                                .expecting = atomic_load(&outcome->expecting),
                                .strict = atomic_load(&outcome->strict)};
    count_rules(outcome, counts);
}

static bool counts_met(const struct outcome_counts *counts)
{
    return counts->expects_failed == 0 && counts->scripts_failed == 0 &&
           counts->unmatched_strict == 0 && counts->required_met == counts->required;
}

bool outcome_met(const struct outcome *outcome)
{
    struct outcome_counts counts;
    outcome_count(outcome, &counts);
    return counts_met(&counts);
}

/* ---- required rules ---- */

/* The next rule after this one (NULL: the first) that is asked for more than it did. */
static const struct outcome_rule *next_missing(const struct outcome *outcome,
                                               const struct outcome_rule *rule)
{
    outcome_lock(outcome);
    rule = rule ? rule->next : outcome->rules;
    while (rule && (!outcome_rule_asked(outcome, rule) || outcome_rule_met(rule)))
        rule = rule->next;
    outcome_unlock(outcome);
    return rule;
}

void outcome_tell_missing(struct outcome *outcome)
{
    char text[OUTCOME_SHOWN_BYTES + 120];
    for (const struct outcome_rule *rule = NULL; (rule = next_missing(outcome, rule));) {
        outcome_say_rule(text, sizeof text, rule);
        struct outcome_news news = {
            .level = GT_ERROR, .unmet = true, .reason = "required", .text = text};
        outcome_tell(outcome, &news);
    }
}

/* ---- one line ---- */

/* A part of the line: how often something happened, and what; "" between the parts at first. */
static int append_part(struct bytes *to, const char **between, uint64_t count, const char *one,
                       const char *many)
{
    if (count == 0)
        return 0;
    int result = bytes_format(to, "%s%" PRIu64 " %s", *between, count, count == 1 ? one : many);
    *between = ", ";
    return result;
}

static int append_conversations(struct bytes *to, const struct outcome_counts *counts)
{
    const char *between = "";
    if (!counts->expecting && counts->not_as_expected == 0)
        return 0;
    uint64_t ended = counts->as_expected + counts->not_as_expected + counts->cut_short;
    uint64_t open = counts->begun > ended ? counts->begun - ended : 0;
    int result = append_part(to, &between, counts->begun, "conversation", "conversations");
    result |= append_part(to, &between, counts->as_expected, "as expected", "as expected");
    result |= append_part(to, &between, counts->not_as_expected, "not", "not");
    result |= append_part(to, &between, counts->cut_short + open, "cut short", "cut short");
    return result;
}

/* What is not said by the conversations: whatever the rules have met. */
static int append_rules(struct bytes *to, const struct outcome_counts *counts)
{
    const char *between = to->size > 0 ? "; " : "";
    int result = 0;
    if (counts->required > 0) {
        result = bytes_format(
            to, "%s%" PRIu64 " of %" PRIu64 " required rule%s matched often enough", between,
            counts->required_met, counts->required, counts->required == 1 ? "" : "s");
        between = ", ";
    }
    result |= append_part(to, &between, counts->unmatched, "message that no rule matches",
                          "messages that no rule matches");
    result |=
        append_part(to, &between, counts->scripts_failed, "error in a script", "errors in scripts");
    return result;
}

int outcome_summary(const struct outcome *outcome, struct bytes *to)
{
    struct outcome_counts counts;
    size_t before = to->size;
    outcome_count(outcome, &counts);
    int result = append_conversations(to, &counts);
    result |= append_rules(to, &counts);
    if (result != 0)
        to->size = before;
    return result;
}
