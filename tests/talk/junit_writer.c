/* junit_writer: a report about what standard input says, to standard output: for test_44_report.py.
 *
 * A line is a word and texts in hex: "file NAME", "expect EXPECTED HEARD", "script ERROR",
 * "strict HEARD", "rule PATTERN", "error TEXT" (of the run itself), "good". */
#include "reply/junit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 20000

/* The texts of a line, each ended by a NUL that is not part of it. */
struct text {
    size_t size;
    char bytes[TEXT_MAX];
};

static struct text first, second, file, run_error;

static void read_hex(struct text *text, const char *hex)
{
    unsigned byte;
    for (text->size = 0; text->size + 1 < TEXT_MAX && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        text->bytes[text->size++] = (char)byte;
    text->bytes[text->size] = '\0';
}

static struct slice slice_of_hex(const struct text *text)
{
    return slice_of(text->bytes, text->size);
}

static void fail(struct outcome *outcome, const char *word)
{
    struct outcome_failure failure = {.conversation = outcome_begin(outcome),
                                      .where = "a.lua:1",
                                      .expected = slice_of_hex(&first),
                                      .heard = slice_of_hex(&second)};
    if (strcmp(word, "script") == 0)
        failure.error = first.bytes;
    outcome_failed(outcome, &failure);
    outcome_end(outcome, failure.conversation, OUTCOME_NOT, 1000000);
}

static void obey(struct outcome *outcome, const char *word)
{
    static unsigned rules;
    struct message message = {.body = slice_of_hex(&first), .sequence = 1};
    if (strcmp(word, "file") == 0)
        file = first;
    else if (strcmp(word, "error") == 0)
        run_error = first;
    else if (strcmp(word, "strict") == 0)
        outcome_unmatched(outcome, &message, true);
    else if (strcmp(word, "rule") == 0)
        outcome_rule(outcome, 1, ++rules, slice_of_hex(&first), 1, 0);
    else if (strcmp(word, "good") == 0)
        outcome_end(outcome, outcome_begin(outcome), OUTCOME_AS_EXPECTED, 1000000);
    else
        fail(outcome, word);
}

static int write_report(struct outcome *outcome)
{
    struct bytes document = {0};
    struct junit_run run = {.error = run_error.size ? run_error.bytes : NULL, .type = "failed"};
    if (outcome_use(outcome, 1, file.bytes, false) != GT_DONE)
        return 1;
    if (junit_append(&document, outcome, &run) != 0)
        return 1;
    struct slice text = bytes_slice(&document);
    bool written = fwrite(text.data, 1, text.size, stdout) == text.size;
    bytes_free(&document);
    return written ? 0 : 1;
}

int main(void)
{
    static char line[4 * TEXT_MAX];
    struct outcome_host host = {0};
    struct outcome *outcome = outcome_create(&host);
    if (!outcome || outcome_use(outcome, 1, "", true) != GT_DONE)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line;
        const char *word = strsep(&rest, " \n");
        read_hex(&first, rest ? strsep(&rest, " \n") : "");
        read_hex(&second, rest ? strsep(&rest, " \n") : "");
        obey(outcome, word);
    }
    int result = write_report(outcome);
    outcome_destroy(&outcome);
    return result;
}
