/* send_options.c: the options are a table like the server's; each row has who takes its value.
 *
 * getopt_long finds the options, wherever they stand; the first other word is the address, the rest
 * are messages. When all is read, the address is, and the framing, which need to know of others
 * (-4, --max-message).
 *
 * Of several errors the first is told. An address to listen on only (fd:, systemd:, port 0), a
 * value that is none, and what goodtalk send does not know are refused. */
#include "tool/send_options.h"

#include "tool/command_line.h"

#include <stdlib.h>

#define MILLISECOND INT64_C(1000000)

/* A command line being read. */
struct reading {
    struct send_options *options;
    int64_t max_message;
};

/* ---- values ---- */

static struct send_options *options_of(struct command_line *line)
{
    return ((struct reading *)line->context)->options;
}

static void take_pause(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    command_read_duration(line, setting, value, 0, &options_of(line)->pause_ns);
}

static void take_timeout(struct command_line *line, const struct gt_setting *setting,
                         const char *value)
{
    command_read_duration(line, setting, value, MILLISECOND, &options_of(line)->timeout_ns);
}

static void take_wait(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    command_read_patience(line, setting, value, &options_of(line)->wait_ns);
}

static void take_max_message(struct command_line *line, const struct gt_setting *setting,
                             const char *value)
{
    struct reading *reading = line->context;
    command_read_size(line, setting, value, 1, &reading->max_message);
}

static void take_count(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    command_read_count(line, setting, value, 0, INT64_MAX, &options_of(line)->count);
}

static void take_frame(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    (void)setting;
    options_of(line)->frame = value;
}

/* ---- flags ---- */

static void take_no_reply(struct command_line *line, const struct gt_setting *setting,
                          const char *value)
{
    (void)setting;
    (void)value;
    options_of(line)->no_reply = true;
}

/* ---- the table ---- */

#define OWN GT_SCOPE_PROGRAM

/* In the order of the manual. */
/* clang-format off */
static const struct command_row rows[] = {
    {{"frame", 'f', OWN, "FRAMING", "talk", "how messages and replies are told apart: the server's --frame"}, take_frame},
    {{"count", 'n', OWN, "N", NULL, "wait for N replies, whatever is sent; otherwise for one to each message"}, take_count},
    {{"no-reply", 0, OWN, NULL, NULL, "wait for no reply"}, take_no_reply},
    {{"pause", 0, OWN, "DURATION", "250ms", "in talk framing: silence that ends a reply"}, take_pause},
    {{"max-message", 0, OWN, "SIZE", "1MiB", "longest reply taken"}, take_max_message},
    {{"wait", 0, OWN, "DURATION", NULL, "keep trying to connect for so long, until the server is there"}, take_wait},
    {{"timeout", 'w', OWN, "DURATION", NULL, "give up after this long; status 3"}, take_timeout},
    COMMAND_COMMON_ROWS,
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct gt_setting *row_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static const struct command send_command_table = {
    .rows = rows,
    .row_count = ROW_COUNT,
    .vocabulary = {.at = row_at, .help = "goodtalk send --help", .others = ""},
};

const struct help help_send = {
    .beginning = "Usage: goodtalk send [OPTION]... ADDRESS [MESSAGE]...\n"
                 "Send messages to a server and print its replies: one for each message.\n"
                 "Without a MESSAGE standard input is sent: a message a line where the framing\n"
                 "has lines, as one message otherwise. In a terminal that is a conversation.\n"
                 "\n" TARGET_HELP "\n" COMMAND_HELP "\n",
    .at = row_at,
    .ending = "\n"
              "Exit status: 0 done; 1 something failed; 2 the command line is wrong;\n"
              "3 --timeout passed first.\n"
              "\n"
              "Examples:\n"
              "  goodtalk send 9999 'Who is there?'\n"
              "  goodtalk send --wait 5s unix:/tmp/talk hello  the server may come later\n"
              "  goodtalk send -f eof host:8080 < file > reply\n"
              "\n"
              "More: man goodtalk-send\n",
};

/* ---- what needs to know of others ---- */

static int read_target(struct send_options *options, enum address_family family,
                       struct error *error)
{
    if (!options->words[0])
        return error_set(error, GT_WRONG,
                         "no address to send to; for example: goodtalk send localhost:9999 hello");
    return target_read(&options->target, options->words[0], family, "send", error);
}

static int read_framing(struct send_options *options, int64_t max_message, struct error *error)
{
    const struct target *target = &options->target;
    if (target_read_framing(target, options->frame, (size_t)max_message, &options->framing,
                            error) != GT_DONE)
        return error->status;
    if (options->framing.codec == &codec_eof && options->message_count > 1)
        return error_set(error, GT_WRONG,
                         "--frame eof: says one message, which the end of the stream ends; %zu "
                         "were given",
                         options->message_count);
    return GT_DONE;
}

static int settle(struct send_options *options, const struct command_line *line,
                  int64_t max_message)
{
    options->messages = options->words + 1;
    options->message_count = line->word_count > 0 ? line->word_count - 1 : 0;
    options->no_reply |= options->count == 0;
    int status = read_target(options, line->family, line->error);
    return status == GT_DONE ? read_framing(options, max_message, line->error) : status;
}

int send_options_parse(struct send_options *options, int argc, char **argv, struct error *error)
{
    *options = (struct send_options){.frame = "talk",
                                     .count = SEND_COUNT_MESSAGES,
                                     .pause_ns = 250 * MILLISECOND,
                                     .timeout_ns = -1,
                                     .wait_ns = -1};
    error->status = GT_DONE;
    struct reading reading = {.options = options, .max_message = 1024 * 1024};
    struct command_line line = {
        .command = &send_command_table, .context = &reading, .error = error};
    int status = command_line_read(&line, argc, argv);
    options->help = line.help;
    options->report = line.report;
    options->words = line.words;
    if (line.help || status != GT_DONE)
        return status;
    return settle(options, &line, reading.max_message);
}

void send_options_free(struct send_options *options)
{
    free(options->words);
    options->words = NULL;
    options->messages = NULL;
    options->message_count = 0;
}
