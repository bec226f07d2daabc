/* outcome.c: counting what happens. What goes as expected is counted without a lock; a conversation
 * that went as expected takes it once, to leave its time, as long as there is room.
 *
 * Failing: only for want of memory, and then without a trace. */
#include "reply/outcome.h"

#include "base/escape.h"
#include "reply/outcome_parts.h"

#include <stdlib.h>
#include <string.h>

struct outcome *outcome_create(const struct outcome_host *host)
{
    struct outcome *outcome = calloc(1, sizeof *outcome);
    if (!outcome)
        return NULL;
    outcome->host = *host;
    if (pthread_mutex_init(&outcome->lock, NULL) == 0)
        return outcome;
    free(outcome);
    return NULL;
}

void outcome_destroy(struct outcome **handle)
{
    struct outcome *outcome = *handle;
    *handle = NULL;
    if (!outcome)
        return;
    while (outcome->rules) {
        struct outcome_rule *rule = outcome->rules;
        outcome->rules = rule->next;
        free(rule);
    }
    outcome_forget(outcome);
    free(outcome->file);
    pthread_mutex_destroy(&outcome->lock);
    free(outcome);
}

/* The lock is not needed to read the name: only who calls this writes it. */
int outcome_use(struct outcome *outcome, unsigned load, const char *file, bool strict)
{
    bool same = outcome->file && strcmp(outcome->file, file) == 0;
    char *copy = same ? outcome->file : strdup(file);
    if (!copy)
        return GT_FAILED;
    outcome_lock(outcome);
    if (!same)
        free(outcome->file);
    outcome->file = copy;
    outcome->load = load;
    outcome_unlock(outcome);
    atomic_store(&outcome->strict, strict);
    return GT_DONE;
}

/* ---- rules ---- */

static struct outcome_rule *find_rule(struct outcome *outcome, unsigned load, unsigned number)
{
    struct outcome_rule *rule = outcome->rules;
    while (rule && (rule->load != load || rule->number != number))
        rule = rule->next;
    return rule;
}

static struct outcome_rule *make_rule(unsigned load, unsigned number, struct slice pattern,
                                      uint64_t required, uint64_t times)
{
    struct outcome_rule *rule = calloc(1, sizeof *rule + OUTCOME_SHOWN_BYTES);
    if (!rule)
        return NULL;
    rule->load = load;
    rule->number = number;
    rule->required = required;
    rule->times = times;
    escape_string(rule->pattern, OUTCOME_SHOWN_BYTES, pattern);
    return rule;
}

/* In the order in which they came: that of the file. */
static void add_rule(struct outcome *outcome, struct outcome_rule *rule)
{
    struct outcome_rule **last = &outcome->rules;
    while (*last)
        last = &(*last)->next;
    *last = rule;
}

struct outcome_rule *outcome_rule(struct outcome *outcome, unsigned load, unsigned number,
                                  struct slice pattern, uint64_t required, uint64_t times)
{
    outcome_lock(outcome);
    struct outcome_rule *rule = find_rule(outcome, load, number);
    if (!rule) {
        rule = make_rule(load, number, pattern, required, times);
        if (rule)
            add_rule(outcome, rule);
    }
    outcome_unlock(outcome);
    return rule;
}

uint64_t outcome_rule_match(struct outcome_rule *rule)
{
    if (!rule)
        return 1;
    uint_fast64_t matched = atomic_load_explicit(&rule->matched, memory_order_relaxed);
    do {
        if (rule->times > 0 && matched >= rule->times)
            return 0;
    } while (!atomic_compare_exchange_weak_explicit(&rule->matched, &matched, matched + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return matched + 1;
}

void outcome_rule_take_back(struct outcome_rule *rule)
{
    atomic_fetch_sub_explicit(&rule->matched, 1, memory_order_relaxed);
}

/* ---- conversations ---- */

uint64_t outcome_begin(struct outcome *outcome)
{
    return atomic_fetch_add_explicit(&outcome->begun, 1, memory_order_relaxed) + 1;
}

/* Shared memory is not written to but once. */
void outcome_expecting(struct outcome *outcome)
{
    if (!atomic_load_explicit(&outcome->expecting, memory_order_relaxed))
        atomic_store(&outcome->expecting, true);
}

static void keep_time(struct outcome *outcome, uint64_t conversation, int64_t duration_ns)
{
    if (outcome_value(&outcome->ended[OUTCOME_AS_EXPECTED]) > OUTCOME_TIMES_MAX)
        return;
    outcome_lock(outcome);
    if (outcome->time_count < OUTCOME_TIMES_MAX)
        outcome->times[outcome->time_count++] = (struct outcome_time){conversation, duration_ns};
    outcome_unlock(outcome);
}

void outcome_end(struct outcome *outcome, uint64_t conversation, enum outcome_end how,
                 int64_t duration_ns)
{
    outcome_add(&outcome->ended[how]);
    if (how == OUTCOME_AS_EXPECTED)
        keep_time(outcome, conversation, duration_ns);
    else if (how == OUTCOME_NOT)
        outcome_keep_duration(outcome, conversation, duration_ns);
}
