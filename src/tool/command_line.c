/* command_line.c: getopt_long finds the options, wherever they stand; each is handed to the taker
 * of its row.
 *
 * Refused: what is in no row, an option without its value, a value that is none. */
#include "tool/command_line.h"

#include "base/escape.h"
#include "base/units.h"
#include "tool/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define GIBIBYTE (INT64_C(1) << 30)

/* ---- values ---- */

void command_refuse(struct command_line *line, const struct gt_setting *setting, const char *value,
                    const char *why)
{
    char shown[128];
    escape_string(shown, sizeof shown, slice_of_text(value));
    error_set(line->error, GT_WRONG, "--%s %s: %s", setting->name, *shown ? shown : "''", why);
}

void command_read_duration(struct command_line *line, const struct gt_setting *setting,
                           const char *value, int64_t least, int64_t *ns)
{
    int64_t given;
    if (!units_duration(value, &given))
        command_refuse(line, setting, value, "not a duration; for example 30s");
    else if (given >= 0 && given < least)
        command_refuse(line, setting, value, "too short; at least 1 ms, or none");
    else if (given > COMMAND_LONGEST)
        command_refuse(line, setting, value, "too long; none is for ever");
    else
        *ns = given;
}

void command_read_patience(struct command_line *line, const struct gt_setting *setting,
                           const char *value, int64_t *ns)
{
    command_read_duration(line, setting, value, 0, ns);
    if (*ns < 0 && line->error->status == GT_DONE)
        *ns = COMMAND_LONGEST;
}

void command_read_size(struct command_line *line, const struct gt_setting *setting,
                       const char *value, int64_t least, int64_t *bytes)
{
    int64_t size;
    if (!units_size(value, &size))
        command_refuse(line, setting, value, "not a size; for example 64KiB");
    else if (size < least || size > GIBIBYTE)
        command_refuse(line, setting, value, least > 0 ? "from 1 byte to 1 GiB" : "at most 1 GiB");
    else
        *bytes = size;
}

void command_read_count(struct command_line *line, const struct gt_setting *setting,
                        const char *value, int64_t least, int64_t most, int64_t *count)
{
    int64_t given;
    char why[96];
    if (units_count(value, most, &given) && given >= least) {
        *count = given;
        return;
    }
    if (most == INT64_MAX)
        snprintf(why, sizeof why, "not a count; a number from %" PRId64 " on", least);
    else
        snprintf(why, sizeof why, "a number from %" PRId64 " to %" PRId64, least, most);
    command_refuse(line, setting, value, why);
}

/* ---- what every command has ---- */

void command_take_family(struct command_line *line, const struct gt_setting *setting,
                         const char *value)
{
    (void)value;
    line->family = setting->letter == '4' ? FAMILY_IPV4 : FAMILY_IPV6;
}

void command_take_loudness(struct command_line *line, const struct gt_setting *setting,
                           const char *value)
{
    (void)value;
    line->report.threshold = setting->letter == 'v' ? GT_DETAIL : GT_ERROR;
}

void command_take_help(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    (void)setting;
    (void)value;
    line->help = true;
}

/* ---- reading ---- */

static void take_option(struct command_line *line, const struct gt_setting *setting)
{
    const struct command *command = line->command;
    for (size_t i = 0; i < command->row_count; i++) {
        if (&command->rows[i].shown == setting)
            command->rows[i].take(line, setting, optarg);
    }
}

static void take_word(struct command_line *line, char *word)
{
    line->words[line->word_count++] = word;
}

/* What nc says with a letter and the address says here; NULL for any other letter. */
static const char *said_by_the_address(int letter)
{
    if (letter == 'u')
        return "UDP is named by the address, for example udp:localhost:9999";
    if (letter == 'U')
        return "a Unix socket is named by its address, for example unix:/run/talk";
    return NULL;
}

static void refuse_written(struct command_line *line, const char *written)
{
    const char *right = said_by_the_address(optopt);
    if (right)
        error_set(line->error, GT_WRONG, "-%c: %s", optopt, right);
    else
        refuse_option(line->error, &line->command->vocabulary, optopt, written);
}

static void take_code(struct command_line *line, int code, char *written)
{
    const struct vocabulary *vocabulary = &line->command->vocabulary;
    if (code == GRAMMAR_WORD_CODE)
        take_word(line, optarg);
    else if (code == ':')
        refuse_missing_value(line->error, grammar_setting(vocabulary, optopt));
    else if (code != '?')
        take_option(line, grammar_setting(vocabulary, code));
    else
        refuse_written(line, written);
}

/* --help is answered as soon as it is met. */
static void walk(struct command_line *line, const struct grammar *grammar, int argc, char **argv)
{
    int code = 0;
    optind = 0; /* start anew, glibc's way */
    opterr = 0;
    while (!line->help && line->error->status == GT_DONE) {
        optopt = 0;
        code = getopt_long(argc, argv, grammar->letters, grammar->longs, NULL);
        if (code == -1)
            break;
        take_code(line, code, argv[optind - 1]);
    }
    for (; code == -1 && optind < argc; optind++)
        take_word(line, argv[optind]);
}

int command_line_read(struct command_line *line, int argc, char **argv)
{
    struct grammar grammar = {0};
    line->report = REPORT_DEFAULT;
    line->words = calloc((size_t)argc + 1, sizeof *line->words);
    if (line->words && grammar_make(&grammar, &line->command->vocabulary) == 0)
        walk(line, &grammar, argc, argv);
    else
        error_set(line->error, GT_FAILED, "out of memory");
    grammar_free(&grammar);
    return line->error->status;
}

void command_line_free(struct command_line *line)
{
    free(line->words);
    line->words = NULL;
    line->word_count = 0;
}
