/* show_options.c: a table of its own, as those of send and bench. What is shown, and how, is read
 * here; the expression of --match is compiled, so that a wrong one is told before anything is
 * opened.
 *
 * Refused: two ways of showing at once, following what has no end with what needs one. */
#include "tool/show_options.h"

#include "base/escape.h"
#include "tool/command_line.h"
#include "tool/show_time.h"

#include <stdio.h>

/* A command line being read. */
struct reading {
    struct show_options *options;
    const char *form; /* the option that chose the form, or NULL */
    int64_t now_us;
};

static struct show_options *options_of(struct command_line *line)
{
    return ((struct reading *)line->context)->options;
}

/* ---- how ---- */

static void take_form(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    static const struct {
        const char *name;
        enum show_form form;
    } forms[] = {{"json", SHOW_FORM_JSON},     {"raw", SHOW_FORM_RAW},
                 {"hex", SHOW_FORM_HEX},       {"count", SHOW_FORM_COUNT},
                 {"sqlite", SHOW_FORM_SQLITE}, {"verify", SHOW_FORM_VERIFY},
                 {"repair", SHOW_FORM_REPAIR}};
    struct reading *reading = line->context;
    if (reading->form && strcmp(reading->form, setting->name) != 0) {
        error_set(line->error, GT_WRONG, "--%s and --%s: one of them", reading->form,
                  setting->name);
        return;
    }
    reading->form = setting->name;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, setting->name) == 0)
            reading->options->form = forms[i].form;
    if (reading->options->form == SHOW_FORM_SQLITE)
        reading->options->sqlite = value;
    if (value && !*value)
        command_refuse(line, setting, value, "not a file");
}

static void take_follow(struct command_line *line, const struct gt_setting *setting,
                        const char *value)
{
    (void)setting;
    (void)value;
    options_of(line)->follows = true;
}

static void take_colour(struct command_line *line, const struct gt_setting *setting,
                        const char *value)
{
    if (strcmp(value, "auto") == 0)
        options_of(line)->colour = SHOW_COLOUR_AUTO;
    else if (strcmp(value, "always") == 0)
        options_of(line)->colour = SHOW_COLOUR_ALWAYS;
    else if (strcmp(value, "never") == 0)
        options_of(line)->colour = SHOW_COLOUR_NEVER;
    else
        command_refuse(line, setting, value, "auto, always or never");
}

/* ---- which ---- */

static void take_last(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    command_read_count(line, setting, value, 0, INT32_MAX, &options_of(line)->last);
}

static void take_match(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    struct show_filter *filter = &options_of(line)->filter;
    (void)setting;
    show_match_free(&filter->match);
    filter->match = show_match_create(value, line->error);
}

static void take_peer(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    struct show_filter *filter = &options_of(line)->filter;
    filter->by_peer = true;
    if (!show_peer_parse(&filter->peer, value))
        command_refuse(line, setting, value,
                       "not a peer; for example 127.0.0.1, 10.0.0.0/8, [::1]:40312, unix, uid:33");
}

static void take_listener(struct command_line *line, const struct gt_setting *setting,
                          const char *value)
{
    (void)setting;
    options_of(line)->filter.listener = value;
}

static void take_time(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    struct show_filter *filter = &options_of(line)->filter;
    int64_t *time_us = strcmp(setting->name, "since") == 0 ? &filter->since_us : &filter->until_us;
    if (!show_time_parse(value, ((struct reading *)line->context)->now_us, time_us))
        command_refuse(line, setting, value,
                       "not a time; for example 10min (ago), 12:00, 2026-01-31, "
                       "\"2026-01-31 12:00:00\", 2026-01-31T12:00:00Z");
}

/* ---- the table ---- */

#define OWN GT_SCOPE_PROGRAM

/* In the order of the manual. */
/* clang-format off */
static const struct command_row rows[] = {
    {{"follow", 'F', OWN, NULL, NULL, "go on: show messages as they are recorded"}, take_follow},
    {{"last", 'n', OWN, "N", NULL, "only the last N of them"}, take_last},
    {{"match", 0, OWN, "REGEX", NULL, "only messages that this matches (PCRE2)"}, take_match},
    {{"peer", 0, OWN, "PEER", NULL, "only those of an address, ADDRESS:PORT, a network (10.0.0.0/8), unix, uid:N, pid:N"}, take_peer},
    {{"listener", 0, OWN, "NAME", NULL, "only those to a listener, or its beginning or end (udp, 9999)"}, take_listener},
    {{"since", 0, OWN, "TIME", NULL, "only from then on: 10min (ago), 12:00, 2026-01-31, 2026-01-31T12:00:00Z"}, take_time},
    {{"until", 0, OWN, "TIME", NULL, "only before then"}, take_time},
    {{"json", 0, OWN, NULL, NULL, "as the log: a JSON object a line"}, take_form},
    {{"raw", 0, OWN, NULL, NULL, "the bytes as they came, and nothing else"}, take_form},
    {{"hex", 0, OWN, NULL, NULL, "as hexdump -C"}, take_form},
    {{"count", 0, OWN, NULL, NULL, "only how many there are"}, take_form},
    {{"sqlite", 0, OWN, "FILE", NULL, "into the table messages of an SQLite database"}, take_form},
    {{"verify", 0, OWN, NULL, NULL, "check all of a journal, and tell what is there"}, take_form},
    {{"repair", 0, OWN, NULL, NULL, "set what is damaged in a journal aside, into files of its own"}, take_form},
    {{"color", 0, OWN, "WHEN", "auto", "colour: auto, always, never"}, take_colour},
    COMMAND_LAST_ROWS,
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct gt_setting *row_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static const struct command show_command_table = {
    .rows = rows,
    .row_count = ROW_COUNT,
    .vocabulary = {.at = row_at, .help = "goodtalk show --help", .others = ""},
};

const struct help help_show = {
    .beginning = "Usage: goodtalk show [OPTION]... RECORD\n"
                 "Look at what was recorded: RECORD is the directory of a journal (goodtalk -d),\n"
                 "one segment of it, or a log of JSON lines (--log, -s json; - is standard\n"
                 "input). Shown is a table: time, peer, size, message.\n"
                 "\n"
                 "Options may be shortened, and stand behind the record; -- ends them.\n"
                 "\n",
    .at = row_at,
    .ending = "\n"
              "Exit status: 0 done; 1 something failed, or the record is damaged (what is good\n"
              "of it is shown); 2 the command line is wrong.\n"
              "\n"
              "Examples:\n"
              "  goodtalk show -F /var/lib/talk            as it comes in\n"
              "  goodtalk show --since 10min --match '(?i)error' /var/lib/talk\n"
              "  goodtalk show --json --peer 10.0.0.0/8 messages.log | jq .text\n"
              "\n"
              "More: man goodtalk-show\n",
};

/* ---- what needs to know of others ---- */

static bool needs_an_end(enum show_form form)
{
    return form == SHOW_FORM_COUNT || form == SHOW_FORM_VERIFY || form == SHOW_FORM_REPAIR;
}

static int settle(struct show_options *options, const struct command_line *line,
                  const struct reading *reading)
{
    if (line->word_count == 0)
        return error_set(line->error, GT_WRONG,
                         "no record to show; for example: goodtalk show /var/lib/talk");
    if (line->word_count > 1)
        return error_set(line->error, GT_WRONG, "one record at a time; %zu were given",
                         line->word_count);
    if (options->follows && needs_an_end(options->form))
        return error_set(line->error, GT_WRONG, "--follow has no end, and --%s needs one",
                         reading->form);
    bool checks = options->form == SHOW_FORM_VERIFY || options->form == SHOW_FORM_REPAIR;
    if (checks && (options->last >= 0 || !show_filter_is_open(&options->filter)))
        return error_set(line->error, GT_WRONG, "--%s takes all of a journal, and no choice of it",
                         reading->form);
    options->path = line->words[0];
    return GT_DONE;
}

int show_options_parse(struct show_options *options, int argc, char **argv, int64_t now_us,
                       struct error *error)
{
    *options = (struct show_options){.last = -1, .filter = SHOW_FILTER_ALL};
    error->status = GT_DONE;
    struct reading reading = {.options = options, .now_us = now_us};
    struct command_line line = {
        .command = &show_command_table, .context = &reading, .error = error};
    int status = command_line_read(&line, argc, argv);
    options->help = line.help;
    options->report = line.report;
    if (!line.help && status == GT_DONE)
        status = settle(options, &line, &reading);
    command_line_free(&line);
    return status;
}

void show_options_free(struct show_options *options)
{
    show_match_free(&options->filter.match);
}
