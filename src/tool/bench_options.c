/* bench_options.c: the table of options, and what follows from all of them together.
 *
 * The address is the first word, the message the second. -b makes up a message of a size instead:
 * letters, and what the framing adds, so many bytes in all.
 *
 * Refused besides what each option refuses: a message that is several in the framing, or none; a
 * size that no message of the framing has; a framing that cannot be measured as asked for. */
#include "tool/bench_options.h"

#include "base/escape.h"
#include "tool/client_wrapped.h"
#include "tool/command_line.h"

#include <string.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND      (1000 * MILLISECOND)

#define REQUEST_BYTES  32
#define REFUSALS_MOST  24 /* sizes that a framing cannot say, before the next smaller one it can */
#define IN_FLIGHT_MOST ((int64_t)256 * 1024 * 1024) /* bytes of messages on one connection */

/* A command line being read. */
struct reading {
    struct bench_options *options;
    int64_t max_message;
    int64_t size; /* -b; -1: not given */
};

static struct bench_options *options_of(struct command_line *line)
{
    return ((struct reading *)line->context)->options;
}

/* ---- takers ---- */

static void take_connections(struct command_line *line, const struct gt_setting *setting,
                             const char *value)
{
    command_read_count(line, setting, value, 1, 1000000, &options_of(line)->connections);
}

static void take_depth(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    command_read_count(line, setting, value, 1, 65536, &options_of(line)->depth);
}

static void take_duration(struct command_line *line, const struct gt_setting *setting,
                          const char *value)
{
    command_read_duration(line, setting, value, MILLISECOND, &options_of(line)->duration_ns);
}

static void take_count(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    command_read_count(line, setting, value, 1, INT64_MAX / 2, &options_of(line)->count);
}

static void take_size(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    command_read_size(line, setting, value, 0, &((struct reading *)line->context)->size);
}

static void take_frame(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    (void)setting;
    options_of(line)->frame = value;
}

static void take_expect_bytes(struct command_line *line, const struct gt_setting *setting,
                              const char *value)
{
    command_read_size(line, setting, value, 1, &options_of(line)->expect_bytes);
}

static void take_max_message(struct command_line *line, const struct gt_setting *setting,
                             const char *value)
{
    struct reading *reading = line->context;
    command_read_size(line, setting, value, 1, &reading->max_message);
}

static void take_rate(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    command_read_count(line, setting, value, 1, 1000000000, &options_of(line)->rate);
}

static void take_short(struct command_line *line, const struct gt_setting *setting,
                       const char *value)
{
    (void)setting;
    (void)value;
    options_of(line)->brief = true;
}

static void take_warmup(struct command_line *line, const struct gt_setting *setting,
                        const char *value)
{
    struct bench_options *options = options_of(line);
    command_read_duration(line, setting, value, 0, &options->warmup_ns);
    if (options->warmup_ns < 0)
        options->warmup_ns = 0;
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

static void take_json(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    (void)setting;
    (void)value;
    options_of(line)->json = true;
}

static void take_plot(struct command_line *line, const struct gt_setting *setting,
                      const char *value)
{
    (void)setting;
    options_of(line)->plot = value;
}

static void take_engine(struct command_line *line, const struct gt_setting *setting,
                        const char *value)
{
    (void)setting;
    options_of(line)->engine = value;
}

/* ---- the table ---- */

#define OWN GT_SCOPE_PROGRAM

/* In the order of the manual. */
/* clang-format off */
static const struct command_row rows[] = {
    {{"connections", 'c', OWN, "N", "64", "connections, all open before the first message is sent"}, take_connections},
    {{"depth", 'p', OWN, "N", "1", "messages in flight on each connection (a pipeline)"}, take_depth},
    {{"duration", 'd', OWN, "DURATION", "10s", "how long to measure"}, take_duration},
    {{"count", 'n', OWN, "N", NULL, "measure N messages, however long they take"}, take_count},
    {{"bytes", 'b', OWN, "SIZE", "32", "without a MESSAGE: size of the one made up, with what the framing adds to it"}, take_size},
    {{"frame", 'f', OWN, "FRAMING", "line", "how messages and replies are told apart: the server's --frame"}, take_frame},
    {{"expect-bytes", 0, OWN, "N", NULL, "each reply is N bytes, whatever they are: for replies without a framing"}, take_expect_bytes},
    {{"max-message", 0, OWN, "SIZE", "1MiB", "longest reply taken"}, take_max_message},
    {{"rate", 0, OWN, "N", NULL, "send N messages a second, whether replies have come or not; latency counts from when each was due"}, take_rate},
    {{"short", 0, OWN, NULL, NULL, "a connection for each message"}, take_short},
    {{"warmup", 0, OWN, "DURATION", "0s", "send for so long before measuring"}, take_warmup},
    {{"wait", 0, OWN, "DURATION", NULL, "keep trying to connect for so long, until the server is there"}, take_wait},
    {{"timeout", 'w', OWN, "DURATION", "10s", "how long to wait for a reply; one that takes longer has failed"}, take_timeout},
    {{"json", 0, OWN, NULL, NULL, "print the result as one JSON object"}, take_json},
    {{"plot", 0, OWN, "FILE", NULL, "draw the latencies into FILE, an SVG image"}, take_plot},
    {{"engine", 0, OWN, "NAME", "auto", "what waits for the network: auto, epoll or uring"}, take_engine},
    COMMAND_COMMON_ROWS,
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct gt_setting *row_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static const struct command bench_command_table = {
    .rows = rows,
    .row_count = ROW_COUNT,
    .vocabulary = {.at = row_at, .help = "goodtalk bench --help", .others = ""},
};

const struct help help_bench = {
    .beginning = "Usage: goodtalk bench [OPTION]... ADDRESS [MESSAGE]\n"
                 "Load a server: send it the same message again and again on many connections,\n"
                 "and tell how many replies came a second, and how long each took. MESSAGE is\n"
                 "its text, as it is given; without one it is of letters, as long as -b says.\n"
                 "\n" TARGET_HELP "\n" COMMAND_HELP "\n",
    .at = row_at,
    .ending = "\n"
              "Exit status: 0 every message was replied to; 1 something failed, which is told\n"
              "with the result; 2 the command line is wrong; 3 nothing failed but --timeout.\n"
              "\n"
              "Examples:\n"
              "  goodtalk bench -d 5s 9999\n"
              "  goodtalk bench -c 1000 -p 16 -f crlf localhost:6379 PING\n"
              "  goodtalk bench --rate 20000 --plot latency.svg unix:/tmp/talk\n"
              "\n"
              "More: man goodtalk-bench\n",
};

/* ---- the message ---- */

/* Append so many letters: they are no delimiter of a framing that has its own. */
static int append_letters(struct bytes *to, size_t count)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    if (bytes_reserve(to, count) != 0)
        return -1;
    for (; count > 26; count -= 26)
        bytes_append(to, slice_of(letters, 26));
    return bytes_append(to, slice_of(letters, count));
}

static int check_in_flight(const struct bench_options *options, size_t size, struct error *error)
{
    int64_t in_flight;
    if (__builtin_mul_overflow((int64_t)size, options->depth, &in_flight) ||
        in_flight > IN_FLIGHT_MOST)
        return error_set(error, GT_WRONG,
                         "--bytes, --depth: at most 256 MiB are in flight on a connection");
    return GT_DONE;
}

/* Put the message with this body into options->request. */
static int make_request(struct bench_options *options, struct slice body, struct error *error)
{
    uint64_t count = 0;
    char shown[96];
    bytes_clear(&options->request);
    if (wrapped_append(&options->request, &options->target, &options->framing, options->frame, body,
                       &count, error) != GT_DONE)
        return error->status;
    if (count != 1)
        return error_set(error, GT_WRONG,
                         "--frame %s: the message is %llu messages; bench sends one, again and "
                         "again",
                         escape_string(shown, sizeof shown, slice_of_text(options->frame)),
                         (unsigned long long)count);
    bool packet = options->target.transport != TRANSPORT_STREAM;
    options->request_bytes = packet ? body.size : options->request.size;
    return GT_DONE;
}

/* How many letters to try after body, which was too many: what the framing adds depends on the
 * size, and may be one byte less for the next. */
static size_t fewer_letters(const struct bench_options *options, size_t body, size_t size,
                            bool can_be_said)
{
    size_t excess = can_be_said ? options->request_bytes - size : 1;
    size_t fewer = excess > 1 ? excess - 1 : 1;
    return body - (fewer < body ? fewer : body);
}

/* Make one of letters that has size bytes with what the framing adds. */
static bool try_sizes(struct bench_options *options, struct slice letters, struct error *error)
{
    size_t size = letters.size, body = size, refused = 0;
    while (refused <= REFUSALS_MOST) {
        *error = (struct error){0};
        bool can_be_said = make_request(options, slice_of(letters.data, body), error) == GT_DONE;
        if (can_be_said && options->request_bytes == size)
            return true;
        if (body == 0 || error->status == GT_FAILED ||
            (can_be_said && options->request_bytes < size))
            return false;
        refused += !can_be_said;
        body = fewer_letters(options, body, size, can_be_said);
    }
    return false;
}

static int make_request_of_size(struct bench_options *options, size_t size, struct error *error)
{
    struct bytes letters = {0};
    char shown[96];
    if (check_in_flight(options, size, error) != GT_DONE)
        return error->status;
    if (append_letters(&letters, size) != 0)
        return error_set(error, GT_FAILED, "out of memory");
    bool stream = options->target.transport == TRANSPORT_STREAM;
    bool made = stream ? try_sizes(options, bytes_slice(&letters), error)
                       : make_request(options, bytes_slice(&letters), error) == GT_DONE;
    bytes_free(&letters);
    if (!made && stream && error->status != GT_FAILED)
        error_set(error, GT_WRONG, "--bytes %zu: no message in --frame %s has so many", size,
                  escape_string(shown, sizeof shown, slice_of_text(options->frame)));
    return error->status;
}

static size_t default_size(const struct bench_options *options)
{
    bool fixed = options->framing.codec == &codec_fixed;
    return fixed ? options->framing.fixed : REQUEST_BYTES;
}

static int read_message(struct reading *reading, const struct command_line *line)
{
    struct bench_options *options = reading->options;
    if (line->word_count > 2)
        return error_set(line->error, GT_WRONG, "one MESSAGE at most, again and again; %zu given",
                         line->word_count - 1);
    if (line->word_count == 2 && reading->size >= 0)
        return error_set(line->error, GT_WRONG,
                         "--bytes: makes up a message, and MESSAGE is one: only one of them");
    if (line->word_count == 2)
        return make_request(options, slice_of_text(line->words[1]), line->error);
    size_t size = reading->size >= 0 ? (size_t)reading->size : default_size(options);
    return make_request_of_size(options, size, line->error);
}

/* ---- what needs to know of others ---- */

static int read_target(struct bench_options *options, const struct command_line *line)
{
    if (line->word_count == 0)
        return error_set(line->error, GT_WRONG,
                         "no address to load; for example: goodtalk bench localhost:9999");
    return target_read(&options->target, line->words[0], line->family, "bench", line->error);
}

/* What cannot be measured as it is asked for. */
static int check(const struct bench_options *options, struct error *error)
{
    const struct codec *codec = options->framing.codec;
    if (codec == &codec_eof && !options->brief)
        return error_set(error, GT_WRONG,
                         "--frame eof: a message is a connection's all; add --short");
    if (codec == &codec_chunk && options->expect_bytes == 0 && options->depth > 1)
        return error_set(error, GT_WRONG,
                         "--frame chunk: replies that come together cannot be counted; add "
                         "--expect-bytes, or without --depth");
    if (options->brief && options->depth > 1)
        return error_set(error, GT_WRONG, "--short: one message a connection; without --depth");
    if (options->brief && options->target.transport == TRANSPORT_DATAGRAMS)
        return error_set(error, GT_WRONG, "--short: %s has no connections", options->target.shown);
    return check_in_flight(options, options->request_bytes, error);
}

static int settle(struct reading *reading, const struct command_line *line)
{
    struct bench_options *options = reading->options;
    if (options->duration_ns < 0 && options->count < 0)
        options->duration_ns = 10 * SECOND;
    if (read_target(options, line) != GT_DONE ||
        target_read_framing(&options->target, options->frame, (size_t)reading->max_message,
                            &options->framing, line->error) != GT_DONE ||
        read_message(reading, line) != GT_DONE)
        return line->error->status;
    return check(options, line->error);
}

int bench_options_parse(struct bench_options *options, int argc, char **argv, struct error *error)
{
    *options = (struct bench_options){.connections = 64,
                                      .depth = 1,
                                      .duration_ns = BENCH_NONE,
                                      .count = BENCH_NONE,
                                      .timeout_ns = 10 * SECOND,
                                      .wait_ns = -1,
                                      .frame = "line",
                                      .engine = "auto"};
    *error = (struct error){0};
    struct reading reading = {.options = options, .max_message = 1024 * 1024, .size = -1};
    struct command_line line = {
        .command = &bench_command_table, .context = &reading, .error = error};
    int status = command_line_read(&line, argc, argv);
    options->help = line.help;
    options->report = line.report;
    if (!line.help && status == GT_DONE)
        status = settle(&reading, &line);
    command_line_free(&line);
    return status;
}

void bench_options_free(struct bench_options *options)
{
    bytes_free(&options->request);
}
