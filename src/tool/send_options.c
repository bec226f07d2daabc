/* send_options.c: the options are a table like the server's; each row has who takes its value.
 *
 * getopt_long finds the options, wherever they stand; the first other word is the address, the rest
 * are messages. When all is read, the address is, and the framing, which need to know of others
 * (-4, --max-message).
 *
 * Of several errors the first is told. An address to listen on only (fd:, systemd:, port 0), a
 * value that is none, and what goodtalk send does not know are refused. */
#include "tool/send_options.h"

#include "base/escape.h"
#include "base/units.h"
#include "tool/grammar.h"
#include "tool/refusal.h"

#include <stdlib.h>
#include <string.h>

#define MILLISECOND INT64_C(1000000)
#define LONGEST     (INT64_MAX / 4) /* ns: a deadline that far away can still be added up */
#define GIBIBYTE    (INT64_C(1) << 30)

/* A command line being read. */
struct reading {
    struct send_options *options;
    struct error *error;
    size_t word_count;
    enum address_family family;
    int64_t max_message;
};

/* Take what an option was given; value is NULL where it takes none. */
typedef void value_taker(struct reading *reading, const struct gt_setting *setting,
                         const char *value);

struct option_row {
    struct gt_setting shown;
    value_taker *take;
};

/* ---- values ---- */

/* "--wait soon: not a duration" */
static void refuse(struct reading *reading, const struct gt_setting *setting, const char *value,
                   const char *why)
{
    char shown[128];
    escape_string(shown, sizeof shown, slice_of_text(value));
    error_set(reading->error, GT_WRONG, "--%s %s: %s", setting->name, *shown ? shown : "''", why);
}

static void read_duration(struct reading *reading, const struct gt_setting *setting,
                          const char *value, int64_t least, int64_t *ns)
{
    int64_t given;
    if (!units_duration(value, &given))
        refuse(reading, setting, value, "not a duration; for example 30s");
    else if (given >= 0 && given < least)
        refuse(reading, setting, value, "too short; at least 1 ms, or none");
    else if (given > LONGEST)
        refuse(reading, setting, value, "too long; none is for ever");
    else
        *ns = given;
}

static void take_pause(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    read_duration(reading, setting, value, 0, &reading->options->pause_ns);
}

static void take_timeout(struct reading *reading, const struct gt_setting *setting,
                         const char *value)
{
    read_duration(reading, setting, value, MILLISECOND, &reading->options->timeout_ns);
}

/* "none" is no limit here too: for ever. */
static void take_wait(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    int64_t *wait_ns = &reading->options->wait_ns;
    read_duration(reading, setting, value, 0, wait_ns);
    if (*wait_ns < 0)
        *wait_ns = LONGEST;
}

static void take_max_message(struct reading *reading, const struct gt_setting *setting,
                             const char *value)
{
    int64_t size;
    if (!units_size(value, &size))
        refuse(reading, setting, value, "not a size; for example 64KiB");
    else if (size < 1 || size > GIBIBYTE)
        refuse(reading, setting, value, "from 1 byte to 1 GiB");
    else
        reading->max_message = size;
}

static void take_count(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    if (!units_count(value, INT64_MAX, &reading->options->count))
        refuse(reading, setting, value, "not a count; a number from 0 on");
}

static void take_frame(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    (void)setting;
    reading->options->frame = value;
}

/* ---- flags ---- */

static void take_no_reply(struct reading *reading, const struct gt_setting *setting,
                          const char *value)
{
    (void)setting;
    (void)value;
    reading->options->no_reply = true;
}

static void take_family(struct reading *reading, const struct gt_setting *setting,
                        const char *value)
{
    (void)value;
    reading->family = setting->letter == '4' ? FAMILY_IPV4 : FAMILY_IPV6;
}

static void take_loudness(struct reading *reading, const struct gt_setting *setting,
                          const char *value)
{
    (void)value;
    reading->options->report.threshold = setting->letter == 'v' ? GT_DETAIL : GT_ERROR;
}

static void take_help(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    (void)setting;
    (void)value;
    reading->options->help = true;
}

/* ---- the table ---- */

#define OWN GT_SCOPE_PROGRAM

/* In the order of the manual. */
/* clang-format off */
static const struct option_row rows[] = {
    {{"frame", 'f', OWN, "FRAMING", "talk", "how messages and replies are told apart: the server's --frame"}, take_frame},
    {{"count", 'n', OWN, "N", NULL, "wait for N replies, whatever is sent; otherwise for one to each message"}, take_count},
    {{"no-reply", 0, OWN, NULL, NULL, "wait for no reply"}, take_no_reply},
    {{"pause", 0, OWN, "DURATION", "250ms", "in talk framing: silence that ends a reply"}, take_pause},
    {{"max-message", 0, OWN, "SIZE", "1MiB", "longest reply taken"}, take_max_message},
    {{"wait", 0, OWN, "DURATION", NULL, "keep trying to connect for so long, until the server is there"}, take_wait},
    {{"timeout", 'w', OWN, "DURATION", NULL, "give up after this long; status 3"}, take_timeout},
    {{"ipv4", '4', OWN, NULL, NULL, "IPv4 only"}, take_family},
    {{"ipv6", '6', OWN, NULL, NULL, "IPv6 only"}, take_family},
    {{"verbose", 'v', OWN, NULL, NULL, "tell more on standard error"}, take_loudness},
    {{"quiet", 'q', OWN, NULL, NULL, "tell only errors on standard error"}, take_loudness},
    {{"help", 'h', OWN, NULL, NULL, "print this help"}, take_help},
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof *rows)

static const struct gt_setting *row_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index].shown : NULL;
}

static const struct vocabulary send_vocabulary = {
    .at = row_at, .help = "goodtalk send --help", .others = ""};

const struct help help_send = {
    .beginning = "Usage: goodtalk send [OPTION]... ADDRESS [MESSAGE]...\n"
                 "Send messages to a server and print its replies: one for each message.\n"
                 "Without a MESSAGE standard input is sent: a message a line where the framing\n"
                 "has lines, as one message otherwise. In a terminal that is a conversation.\n"
                 "\n"
                 "ADDRESS:\n"
                 "  PORT, HOST:PORT, [V6]:PORT  TCP; tcp4:... and tcp6:... on that protocol alone\n"
                 "  udp:..., udp4:..., udp6:... a datagram for each message\n"
                 "  unix:PATH                   a Unix socket; unix:@NAME an abstract one\n"
                 "  unixpacket:PATH             with a packet for each message\n"
                 "  unixgram:PATH               with a datagram for each message\n"
                 "\n"
                 "Options may be shortened, and mixed with messages; -- ends them. A DURATION is\n"
                 "250ms, 30s, 5min, 1h or seconds; a SIZE is 512, 64KiB, 1MiB or 2GB.\n"
                 "\n",
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

/* ---- reading ---- */

static bool failed_before(const struct reading *reading)
{
    return reading->error->status != GT_DONE;
}

static void take_option(struct reading *reading, const struct gt_setting *setting)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (&rows[i].shown == setting)
            rows[i].take(reading, setting, optarg);
    }
}

static void take_word(struct reading *reading, char *word)
{
    reading->options->words[reading->word_count++] = word;
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

static void refuse_written(struct reading *reading, const char *written)
{
    const char *right = said_by_the_address(optopt);
    if (right)
        error_set(reading->error, GT_WRONG, "-%c: %s", optopt, right);
    else
        refuse_option(reading->error, &send_vocabulary, optopt, written);
}

static void take_code(struct reading *reading, int code, char *written)
{
    if (code == GRAMMAR_WORD_CODE)
        take_word(reading, optarg);
    else if (code == ':')
        refuse_missing_value(reading->error, grammar_setting(&send_vocabulary, optopt));
    else if (code != '?')
        take_option(reading, grammar_setting(&send_vocabulary, code));
    else
        refuse_written(reading, written);
}

/* --help is answered as soon as it is met. */
static void walk(struct reading *reading, const struct grammar *grammar, int argc, char **argv)
{
    int code = 0;
    optind = 0; /* start anew, glibc's way */
    opterr = 0;
    while (!reading->options->help && !failed_before(reading)) {
        optopt = 0;
        code = getopt_long(argc, argv, grammar->letters, grammar->longs, NULL);
        if (code == -1)
            break;
        take_code(reading, code, argv[optind - 1]);
    }
    for (; code == -1 && optind < argc; optind++)
        take_word(reading, argv[optind]);
}

static void read_words(struct reading *reading, int argc, char **argv)
{
    struct grammar grammar = {0};
    if (grammar_make(&grammar, &send_vocabulary) == 0)
        walk(reading, &grammar, argc, argv);
    else
        error_set(reading->error, GT_FAILED, "out of memory");
    grammar_free(&grammar);
}

/* ---- what needs to know of others ---- */

static enum send_transport transport_of(enum address_kind kind)
{
    if (kind == ADDRESS_UDP || kind == ADDRESS_UNIXGRAM)
        return SEND_DATAGRAMS;
    return kind == ADDRESS_UNIXPACKET ? SEND_PACKETS : SEND_STREAM;
}

/* Whether the address is one that only a listener can have. */
static const char *why_not(const struct address *address)
{
    bool has_port = address->kind == ADDRESS_TCP || address->kind == ADDRESS_UDP;
    if (address->kind == ADDRESS_DESCRIPTOR || address->kind == ADDRESS_SYSTEMD)
        return "for listening only; send connects to an address, for example localhost:9999";
    if (has_port && address->port == 0)
        return "port 0 is for listening only; send needs the port of the server";
    return NULL;
}

static int read_address(struct reading *reading)
{
    struct send_options *options = reading->options;
    struct address *address = &options->address;
    if (!options->to)
        return error_set(reading->error, GT_WRONG,
                         "no address to send to; for example: goodtalk send localhost:9999 hello");
    if (address_parse(address, options->to, reading->family, reading->error) != GT_DONE)
        return reading->error->status;
    options->transport = transport_of(address->kind);
    if (!why_not(address))
        return GT_DONE;
    return error_set(reading->error, GT_WRONG, "%s: %s", options->shown_to, why_not(address));
}

static int read_framing(struct reading *reading)
{
    struct send_options *options = reading->options;
    size_t most = (size_t)reading->max_message;
    if (framing_parse(&options->framing, options->frame, most, reading->error) != GT_DONE)
        return error_prefix(reading->error, "--frame %s", options->shown_frame);
    if (options->transport != SEND_STREAM)
        options->framing = (struct framing){.codec = &codec_packet, .max_message = most};
    else if (options->framing.codec == &codec_eof && options->message_count > 1)
        return error_set(reading->error, GT_WRONG,
                         "--frame eof: says one message, which the end of the stream ends; %zu "
                         "were given",
                         options->message_count);
    return GT_DONE;
}

static int settle(struct reading *reading)
{
    struct send_options *options = reading->options;
    options->to = options->words[0];
    options->messages = options->words + 1;
    options->message_count = reading->word_count > 0 ? reading->word_count - 1 : 0;
    options->no_reply |= options->count == 0;
    escape_string(options->shown_to, sizeof options->shown_to,
                  slice_of_text(options->to ? options->to : ""));
    escape_string(options->shown_frame, sizeof options->shown_frame, slice_of_text(options->frame));
    int status = read_address(reading);
    return status == GT_DONE ? read_framing(reading) : status;
}

int send_options_parse(struct send_options *options, int argc, char **argv, struct error *error)
{
    *options = (struct send_options){.report = REPORT_DEFAULT,
                                     .frame = "talk",
                                     .count = SEND_COUNT_MESSAGES,
                                     .pause_ns = 250 * MILLISECOND,
                                     .timeout_ns = -1,
                                     .wait_ns = -1};
    error->status = GT_DONE;
    struct reading reading = {.options = options, .error = error, .max_message = 1024 * 1024};
    options->words = calloc((size_t)argc + 1, sizeof *options->words);
    if (!options->words)
        return error_set(error, GT_FAILED, "out of memory");
    read_words(&reading, argc, argv);
    if (options->help || failed_before(&reading))
        return error->status;
    return settle(&reading);
}

void send_options_free(struct send_options *options)
{
    free(options->words);
    options->words = NULL;
    options->messages = NULL;
    options->message_count = 0;
}
