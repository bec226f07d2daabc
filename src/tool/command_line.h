/* command_line.h: the command line of a command with a table of its own: goodtalk send, goodtalk
 * bench, goodtalk show.
 *
 * The table is made of rows: an option, and who takes its value. What every such command has (-4,
 * -6, -v, -q, --help) is taken here; the rest is put where the context says. Words that are no
 * options are kept in their order. Of several errors the first is told. */
#ifndef TOOL_COMMAND_LINE_H
#define TOOL_COMMAND_LINE_H

#include "base/address.h"
#include "tool/grammar.h"
#include "tool/report.h"

struct command_line;

/* Take what an option was given; value is NULL where it takes none. */
typedef void command_taker(struct command_line *line, const struct gt_setting *setting,
                           const char *value);

struct command_row {
    struct gt_setting shown;
    command_taker *take;
};

struct command {
    const struct command_row *rows;
    size_t row_count;
    struct vocabulary vocabulary; /* of the same rows */
};

/* One being read. */
struct command_line {
    const struct command *command;
    void *context; /* the takers': where values go */
    struct error *error;
    bool help;                  /* asked for: nothing after it is read */
    struct report report;       /* -v, -q */
    enum address_family family; /* -4, -6 */
    char **words;               /* owned: an array of words, which are argv's; ends with NULL */
    size_t word_count;
};

/* Read it; the caller has filled command, context and error (whose status is GT_DONE), the rest is
 * zeros. The error's status; either way command_line_free frees what it holds; argv has to live as
 * long. */
int command_line_read(struct command_line *line, int argc, char **argv);
void command_line_free(struct command_line *line);

/* Takers of the options that every command has. */
command_taker command_take_family, command_take_loudness, command_take_help;

/* Their rows, the last of a table; those of a command that goes nowhere are the LAST. */
#define COMMAND_COMMON_ROWS                                                                        \
    {{"ipv4", '4', GT_SCOPE_PROGRAM, NULL, NULL, "IPv4 only"}, command_take_family},               \
        {{"ipv6", '6', GT_SCOPE_PROGRAM, NULL, NULL, "IPv6 only"}, command_take_family},           \
        COMMAND_LAST_ROWS
#define COMMAND_LAST_ROWS                                                                          \
    {{"verbose", 'v', GT_SCOPE_PROGRAM, NULL, NULL, "tell more on standard error"},                \
     command_take_loudness},                                                                       \
        {{"quiet", 'q', GT_SCOPE_PROGRAM, NULL, NULL, "tell only errors on standard error"},       \
         command_take_loudness},                                                                   \
    {                                                                                              \
        {"help", 'h', GT_SCOPE_PROGRAM, NULL, NULL, "print this help"}, command_take_help          \
    }

/* For takers. "--wait soon: not a duration" */
void command_refuse(struct command_line *line, const struct gt_setting *setting, const char *value,
                    const char *why);

/* Read a value into what is pointed at, or refuse it. A duration: nanoseconds, "none" is -1, else
 * at least least. */
void command_read_duration(struct command_line *line, const struct gt_setting *setting,
                           const char *value, int64_t least, int64_t *ns);
/* How long to keep trying: "none" is for ever here too. */
void command_read_patience(struct command_line *line, const struct gt_setting *setting,
                           const char *value, int64_t *ns);
void command_read_size(struct command_line *line, const struct gt_setting *setting,
                       const char *value, int64_t least, int64_t *bytes);
void command_read_count(struct command_line *line, const struct gt_setting *setting,
                        const char *value, int64_t least, int64_t most, int64_t *count);

/* ns: a duration is not longer, so that it can still be added to a time. */
#define COMMAND_LONGEST (INT64_MAX / 4)

/* The part of a help that says how values are written. */
#define COMMAND_HELP                                                                               \
    "Options may be shortened, and mixed with messages; -- ends them. A DURATION is\n"             \
    "250ms, 30s, 5min, 1h or seconds; a SIZE is 512, 64KiB, 1MiB or 2GB.\n"

#endif
