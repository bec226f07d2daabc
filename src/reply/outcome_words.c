/* outcome_words.c: see outcome_words.h. A message stands in quotes; what came instead of one does
 * not. */
#include "reply/outcome_words.h"

#include "base/escape.h"
#include "reply/outcome_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *outcome_join_lines(char *to, size_t size, const char *error, const char *between)
{
    size_t used = 0;
    to[0] = '\0';
    while (*error && used + strlen(between) + 1 < size) {
        if (used > 0)
            used += (size_t)snprintf(to + used, size - used, "%s", between);
        error += strspn(error, " \t");
        size_t length = strcspn(error, "\n");
        escape_string(to + used, size - used, slice_of(error, length));
        used += strlen(to + used);
        error += length + (error[length] == '\n');
    }
    return to;
}

char *outcome_heard_words(char *to, size_t size, const struct outcome_failure *failure)
{
    if (failure->heard_what == OUTCOME_MESSAGE)
        return escape_string(to, size, failure->heard);
    snprintf(to, size, "%s",
             failure->heard_what == OUTCOME_STREAM_ENDED ? "end of the stream" : "timeout");
    return to;
}

/* "QUIT" (message 0-7), or: end of the stream. */
static void append_heard(char *text, size_t size, const struct outcome_failure *failure)
{
    char heard[OUTCOME_SHOWN_BYTES];
    size_t used = strlen(text);
    const char *quote = failure->heard_what == OUTCOME_MESSAGE ? "\"" : "";
    outcome_heard_words(heard, sizeof heard, failure);
    used += (size_t)snprintf(text + used, size - used, "%s%s%s", quote, heard, quote);
    if (failure->sequence > 0 && used < size)
        snprintf(text + used, size - used, " (message %u-%" PRIu64 ")", failure->worker,
                 failure->sequence);
}

void outcome_say_expect(char *to, size_t size, const struct outcome_failure *failure)
{
    char expected[OUTCOME_SHOWN_BYTES];
    escape_string(expected, sizeof expected, failure->expected);
    snprintf(to, size, "%s%sexpected \"%s\", heard ", failure->where ? failure->where : "",
             failure->where ? ": " : "", expected);
    append_heard(to, size, failure);
}

void outcome_say_script(char *to, size_t size, const struct outcome_failure *failure)
{
    outcome_join_lines(to, size, failure->error, " | ");
}

void outcome_say_unmatched(char *to, size_t size, const struct outcome_failure *failure)
{
    snprintf(to, size, "no rule matches ");
    append_heard(to, size, failure);
}

void outcome_say_rule(char *to, size_t size, const struct outcome_rule *rule)
{
    snprintf(to, size, "rule %u, \"%s\": required %" PRIu64 " time%s, matched %" PRIu64,
             rule->number, rule->pattern, rule->required, rule->required == 1 ? "" : "s",
             outcome_value(&rule->matched));
}
