/* check.c: a talk file is read as goodtalk -t would, and nothing is opened.
 *
 * What is right is said on standard output, in one line; what is wrong on standard error, as a
 * start would say it, with status 2. */
#include "tool/check.h"

#include "tool/command_line.h"
#include "tool/options.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>

static void take_trust(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    bool *trusted = line->context;
    (void)setting, (void)value;
    *trusted = true;
}

static const struct command_row rows[] = {
    {{"trust", 0, GT_SCOPE_PROGRAM, NULL, NULL, "read it as goodtalk --trust does"}, take_trust},
    COMMAND_LAST_ROWS};

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct gt_setting *row_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static const struct command check_command_table = {
    .rows = rows,
    .row_count = ROW_COUNT,
    .vocabulary = {.at = row_at, .help = "goodtalk check --help", .others = ""},
};

const struct help help_check = {
    .beginning =
        "Usage: goodtalk check [OPTION]... FILE\n"
        "Is this talk file right? Its settings, addresses, rules and conversation are read as\n"
        "goodtalk -t FILE reads them; nothing is opened.\n"
        "\n",
    .at = row_at,
    .ending = "\n"
              "Exit status: 0 it is right, which one line on standard output says; 2 it is\n"
              "wrong, or cannot be read; 1 something else failed.\n"
              "\n"
              "Example:\n"
              "  goodtalk check mail.lua && kill -HUP \"$server\"\n"
              "\n"
              "More: man goodtalk-talk\n",
};

/* ---- checking ---- */

/* Events are one line each; of what is right there is one. */
static void hear(const struct gt_event *event, void *context)
{
    struct bytes *said = context;
    bytes_format(said, "%s\n", event->text);
}

/* As goodtalk -t FILE would set it. */
static int set_as_run(gt_server *server, char *path, bool trusted, struct error *error)
{
    struct options options;
    char name[] = "goodtalk", option[] = "--talk", trust[] = "--trust", end[] = "--";
    char *argv[] = {name, option, path, trusted ? trust : end, NULL};
    int status = options_parse(&options, 4, argv, error);
    if (status == GT_DONE && (status = options_apply(&options, server)) != GT_DONE)
        error_set(error, status, "%s", gt_error(server));
    options_free(&options);
    return status;
}

static int check(char *path, bool trusted, bool quiet, struct error *error)
{
    struct bytes said = {0};
    gt_server *server = gt_create();
    if (!server)
        return error_set(error, GT_FAILED, "out of memory");
    gt_on_event(server, GT_NOTICE, hear, &said);
    int status = set_as_run(server, path, trusted, error);
    if (status == GT_DONE && (status = gt_check(server)) != GT_DONE)
        error_set(error, status, "%s", gt_error(server));
    if (status == GT_DONE && !quiet)
        status = help_write(bytes_slice(&said), error);
    gt_free(&server);
    bytes_free(&said);
    return status;
}

/* ---- the command ---- */

static int read_words(struct command_line *line, int argc, char **argv)
{
    int status = command_line_read(line, argc, argv);
    if (status != GT_DONE || line->help)
        return status;
    if (line->word_count == 0)
        return error_set(line->error, GT_WRONG,
                         "no talk file to check; for example: goodtalk check mail.lua");
    if (line->word_count > 1)
        return error_set(line->error, GT_WRONG, "one talk file at a time; %zu were given",
                         line->word_count);
    return GT_DONE;
}

int check_command(int argc, char **argv, bool output_closed)
{
    struct error error = {0};
    bool trusted = false;
    struct command_line line = {
        .command = &check_command_table, .context = &trusted, .error = &error};
    int status = read_words(&line, argc, argv);
    if (status == GT_DONE && output_closed)
        status = error_errno(&error, EBADF, "cannot write to standard output");
    else if (status == GT_DONE)
        status = line.help
                     ? help_print(&help_check, &error)
                     : check(line.words[0], trusted, line.report.threshold < GT_NOTICE, &error);
    if (error.status != GT_DONE)
        report_error(&line.report, error.text);
    command_line_free(&line);
    return status;
}
