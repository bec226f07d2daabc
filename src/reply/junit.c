/* junit.c: what talks came to, case by case. Conversations stand in their order, so that the case
 * "conversation 3" is the third of every run.
 *
 * Failing: for want of memory only; then nothing of it is to be used. */
#include "reply/junit.h"

#include "base/escape.h"
#include "reply/junit_document.h"
#include "reply/outcome_parts.h"
#include "reply/outcome_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- conversations ---- */

/* A failure, or a conversation that went as expected. */
struct entry {
    uint64_t conversation;
    int64_t duration_ns;
    const struct outcome_kept *kept; /* NULL: as expected */
};

static int compare_entries(const void *first, const void *second)
{
    const struct entry *a = first;
    const struct entry *b = second;
    return (a->conversation > b->conversation) - (a->conversation < b->conversation);
}

static void add_kept(struct junit_document *document, const struct outcome_kept *kept)
{
    const char *element = kept->kind == OUTCOME_SCRIPT ? "error" : "failure";
    const char *message = kept->text ? kept->text : "";
    junit_begin_bad(document, element, message, outcome_reasons[kept->kind]);
    junit_line(document, "\nexpected: ", kept->expected);
    junit_line(document, "heard:    ", kept->heard);
    junit_line(document, "\n", kept->error);
    junit_line(document, "message:  ", kept->id);
    junit_line(document, "peer:     ", kept->peer);
    junit_line(document, "listener: ", kept->listener);
    junit_end_bad(document, element);
}

static void add_entry(struct junit_document *document, const struct entry *entry)
{
    char name[48] = "script";
    if (entry->conversation > 0)
        snprintf(name, sizeof name, "conversation %" PRIu64, entry->conversation);
    junit_begin(document, name, entry->duration_ns);
    if (entry->kept)
        add_kept(document, entry->kept);
    else
        junit_pass(document);
}

/* Messages without a rule have no cases of their own: they are in that of strictness. */
static unsigned gather(const struct outcome *outcome, struct entry *entries)
{
    unsigned count = 0;
    for (unsigned i = 0; i < outcome->kept_count; i++) {
        const struct outcome_kept *kept = &outcome->kept[i];
        if (kept->kind != OUTCOME_STRICT)
            entries[count++] = (struct entry){kept->conversation, kept->duration_ns, kept};
    }
    for (unsigned i = 0; i < outcome->time_count; i++) {
        const struct outcome_time *took = &outcome->times[i];
        entries[count++] = (struct entry){took->conversation, took->duration_ns, NULL};
    }
    return count;
}

static void add_entries(struct junit_document *document, const struct outcome *outcome)
{
    size_t most = (size_t)outcome->kept_count + outcome->time_count + 1;
    struct entry *entries = malloc(most * sizeof *entries);
    if (!entries) {
        document->result = -ENOMEM;
        return;
    }
    unsigned count = gather(outcome, entries);
    qsort(entries, count, sizeof *entries, compare_entries);
    for (unsigned i = 0; i < count; i++)
        add_entry(document, &entries[i]);
    free(entries);
}

/* ---- those that were only counted ---- */

static unsigned kept_of(const struct outcome *outcome, enum outcome_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < outcome->kept_count; i++)
        count += outcome->kept[i].kind == kind;
    return count;
}

/* Their texts, or times, are lost. */
static void add_further(struct junit_document *document, const struct outcome *outcome,
                        const struct outcome_counts *counts)
{
    char text[128];
    uint64_t failed = counts->expects_failed + counts->scripts_failed;
    uint64_t kept = kept_of(outcome, OUTCOME_EXPECT) + kept_of(outcome, OUTCOME_SCRIPT);
    if (counts->as_expected > outcome->time_count) {
        snprintf(text, sizeof text, "further conversations (%" PRIu64 ")",
                 counts->as_expected - outcome->time_count);
        junit_begin(document, text, -1);
        junit_pass(document);
    }
    if (failed > kept) {
        snprintf(text, sizeof text, "%" PRIu64 " more; the texts of no more than %d are kept",
                 failed - kept, OUTCOME_FAILURES_MAX);
        junit_begin(document, "further failures", -1);
        junit_bad(document, "failure", text, "further");
    }
}

static void add_cut_short(struct junit_document *document, const struct outcome_counts *counts)
{
    char text[128];
    uint64_t whole = counts->as_expected + counts->not_as_expected;
    if (counts->begun <= whole)
        return;
    snprintf(text, sizeof text, "%" PRIu64 " cut short by the end of the run",
             counts->begun - whole);
    junit_begin(document, "unfinished conversations", -1);
    junit_skip(document, text);
}

/* ---- rules ---- */

static void add_rule(struct junit_document *document, const struct outcome_rule *rule)
{
    char text[OUTCOME_SHOWN_BYTES + 120];
    snprintf(text, sizeof text, "rule %u: %s", rule->number, rule->pattern);
    junit_begin(document, text, -1);
    outcome_say_rule(text, sizeof text, rule);
    if (outcome_rule_met(rule))
        junit_pass(document);
    else
        junit_bad(document, "failure", text, "required");
}

static void add_strictness(struct junit_document *document, const struct outcome *outcome,
                           const struct outcome_counts *counts)
{
    char text[128];
    uint64_t count = counts->unmatched_strict;
    if (!counts->strict && count == 0)
        return;
    junit_begin(document, "every message matches a rule", -1);
    if (count == 0) {
        junit_pass(document);
        return;
    }
    snprintf(text, sizeof text, "%" PRIu64 " message%s that no rule matches", count,
             count == 1 ? "" : "s");
    junit_begin_bad(document, "failure", text, "strict");
    for (unsigned i = 0; i < outcome->kept_count; i++)
        if (outcome->kept[i].kind == OUTCOME_STRICT)
            junit_line(document, i ? "" : "\n", outcome->kept[i].text);
    junit_end_bad(document, "failure");
}

/* ---- the document ---- */

/* "talks/mail.lua" becomes "mail": readers take a dot for the end of a package. */
static void name_class(struct junit_document *document, const char *file)
{
    const char *slash = strrchr(file, '/');
    snprintf(document->class_name, sizeof document->class_name, "%s", slash ? slash + 1 : file);
    char *end = strrchr(document->class_name, '.');
    if (end && end > document->class_name)
        *end = '\0';
    for (char *dot = document->class_name; (dot = strchr(dot, '.'));)
        *dot = '_';
}

static void add_run(struct junit_document *document, const struct junit_run *run)
{
    junit_begin(document, "run", run->duration_ns);
    if (run->error)
        junit_bad(document, "error", run->error, run->type);
    else
        junit_pass(document);
}

static void add_cases(struct junit_document *document, const struct outcome *outcome,
                      const struct outcome_counts *counts)
{
    add_entries(document, outcome);
    add_further(document, outcome, counts);
    add_cut_short(document, counts);
    for (const struct outcome_rule *rule = outcome->rules; rule; rule = rule->next)
        if (outcome_rule_asked(outcome, rule))
            add_rule(document, rule);
    add_strictness(document, outcome, counts);
}

/* tests="5" failures="1" errors="0" time="1.250" */
static int append_numbers(struct bytes *to, const struct junit_document *document,
                          const struct junit_run *run)
{
    int64_t ms = run->duration_ns / 1000000;
    return bytes_format(
        to, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%" PRId64 ".%03d\"",
        document->tests, document->failures, document->errors, document->skipped, ms / 1000,
        (int)(ms % 1000));
}

static int append_document(struct bytes *to, const struct junit_document *document,
                           const char *file, const struct junit_run *run)
{
    char started[32];
    time_t seconds = (time_t)(run->started_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc); /* cannot fail: of this century */
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%S", &utc);
    int result = bytes_format(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                  "<testsuites name=\"goodtalk\"");
    result |= append_numbers(to, document, run);
    result |= bytes_format(to, ">\n  <testsuite name=\"");
    result |= escape_xml(to, slice_of_text(file), true);
    result |= bytes_format(to, "\"");
    result |= append_numbers(to, document, run);
    result |= bytes_format(to, " timestamp=\"%s\">\n", started);
    result |= bytes_append(to, bytes_slice(&document->cases));
    result |= bytes_format(to, "  </testsuite>\n</testsuites>\n");
    return result;
}

int junit_append(struct bytes *to, const struct outcome *outcome, const struct junit_run *run)
{
    struct junit_document document = {0};
    struct outcome_counts counts;
    size_t before = to->size;
    outcome_count(outcome, &counts);
    outcome_lock(outcome);
    const char *file = outcome->file ? outcome->file : "";
    name_class(&document, file);
    add_run(&document, run);
    add_cases(&document, outcome, &counts);
    int result = document.result ? -ENOMEM : append_document(to, &document, file, run);
    outcome_unlock(outcome);
    bytes_free(&document.cases);
    if (result != 0)
        to->size = before;
    return result ? -ENOMEM : 0;
}
