/* options.c: getopt_long with arrays made from the settings table.
 *
 * The happy path: grammar_make writes the arrays, getopt_long walks argv, each option found is
 * noted with its row of the table, each other word is an address.
 *
 * Of several errors the first is told. One of nc's letters outdoes them all: whoever writes -lvz
 * 8080 is helped by the right command, not by hearing that there is no -z. */
#include "tool/options.h"

#include "base/escape.h"
#include "base/units.h"
#include "tool/grammar.h"
#include "tool/nc.h"
#include "tool/refusal.h"

#include <stdlib.h>
#include <string.h>

/* The rows whose default is the program's, not the library's. */
static const char *const program_defaults[] = {"count", "show"};
#define DEFAULT_COUNT (sizeof program_defaults / sizeof *program_defaults)

static const struct vocabulary listen_vocabulary = {
    .at = gt_setting_at, .help = "goodtalk --help", .others = NC_LETTERS};

struct reading {
    struct options *options;
    struct error *error;
    struct nc nc;
};

/* The first error stands. */
static bool failed_before(const struct reading *reading)
{
    return reading->error->status != GT_DONE;
}

/* getopt_long returned '?'. */
static void refuse_written(struct reading *reading, const char *written)
{
    if (!failed_before(reading))
        refuse_option(reading->error, &listen_vocabulary, optopt, written);
}

/* getopt_long returned ':'. */
static void refuse_missing(struct reading *reading)
{
    const struct gt_setting *setting = grammar_setting(&listen_vocabulary, optopt);
    if (!setting)
        nc_note(&reading->nc, (char)optopt, NULL);
    else if (failed_before(reading))
        return;
    else if (setting->scope == GT_SCOPE_LATER)
        refuse_later(reading->error, setting);
    else
        refuse_missing_value(reading->error, setting);
}

static void set_log_format(struct reading *reading, const char *value)
{
    char word[96];
    struct report *report = &reading->options->report;
    if (strcmp(value, "json") == 0)
        report->json = true;
    else if (strcmp(value, "text") == 0)
        report->json = false;
    else if (!failed_before(reading))
        error_set(reading->error, GT_WRONG, "--log-format %s: not a format; text or json",
                  escape_string(word, sizeof word, slice_of_text(value)));
}

/* The options that the program answers itself; the table says what they mean to people. */
static void take_own(struct reading *reading, const struct gt_setting *setting, const char *value)
{
    struct options *options = reading->options;
    if (strcmp(setting->name, "help") == 0)
        options->action = OPTIONS_HELP;
    else if (strcmp(setting->name, "version") == 0)
        options->action = OPTIONS_VERSION;
    else if (strcmp(setting->name, "verbose") == 0)
        options->report.threshold = GT_DETAIL;
    else if (strcmp(setting->name, "quiet") == 0)
        options->report.threshold = GT_ERROR;
    else
        set_log_format(reading, value);
}

/* What the program has to know of the server's settings. Wrong values are gt_set's to refuse. */
static void look_at(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "keep") == 0)
        options->count = !value || strcmp(value, "on") == 0 ? 0
                         : options->count                   ? options->count
                                                            : 1;
    else if (strcmp(name, "count") == 0)
        units_count(value, INT64_MAX, &options->count);
    else if (strcmp(name, "connections") == 0)
        units_count(value, INT64_MAX, &options->connections);
    else if (strcmp(name, "show") == 0)
        options->shows = strcmp(value, "none") != 0;
    else if (strcmp(name, "ready") == 0)
        options->tells_ready = true;
    else if (strcmp(name, "talk") == 0)
        options->talks = true;
}

static void take_server_option(struct reading *reading, const struct gt_setting *setting,
                               const char *value)
{
    if (strcmp(setting->name, "count") == 0 && nc_note_cluster(&reading->nc, value))
        return;
    struct given *given = &reading->options->given;
    struct given_option *options =
        reallocarray(given->options, given->option_count + 1, sizeof *options);
    if (!options) {
        error_set(reading->error, GT_FAILED, "out of memory");
        return;
    }
    given->options = options;
    given->options[given->option_count++] = (struct given_option){setting, value};
    look_at(reading->options, setting->name, value);
}

static void take_option(struct reading *reading, const struct gt_setting *setting,
                        const char *value)
{
    if (setting->scope == GT_SCOPE_PROGRAM)
        take_own(reading, setting, value);
    else if (setting->scope != GT_SCOPE_LATER)
        take_server_option(reading, setting, value);
    else if (!failed_before(reading))
        refuse_later(reading->error, setting);
}

static void take_address(struct reading *reading, const char *word)
{
    struct given *given = &reading->options->given;
    given->addresses[given->address_count++] = word;
}

static void take_code(struct reading *reading, int code, const char *written)
{
    const struct gt_setting *setting = grammar_setting(&listen_vocabulary, code);
    if (code == GRAMMAR_WORD_CODE)
        take_address(reading, optarg);
    else if (code == ':')
        refuse_missing(reading);
    else if (code == '?')
        refuse_written(reading, written);
    else if (setting)
        take_option(reading, setting, optarg);
    else
        nc_note(&reading->nc, (char)code, optarg);
}

/* --help and --version are answered as soon as they are met. */
static void walk(struct reading *reading, const struct grammar *grammar, int argc, char **argv)
{
    int code = 0;
    optind = 0; /* start anew, glibc's way */
    opterr = 0;
    while (reading->options->action == OPTIONS_SERVE || failed_before(reading)) {
        optopt = 0;
        code = getopt_long(argc, argv, grammar->letters, grammar->longs, NULL);
        if (code == -1)
            break;
        take_code(reading, code, argv[optind - 1]);
    }
    for (; code == -1 && optind < argc; optind++)
        take_address(reading, argv[optind]);
}

/* Connections are counted instead of messages, unless both are asked for. */
static void settle_count(struct options *options)
{
    bool counts = options->connections == 0;
    for (size_t i = 0; !counts && i < options->given.option_count; i++) {
        const char *name = options->given.options[i].setting->name;
        counts = strcmp(name, "count") == 0 || strcmp(name, "keep") == 0;
    }
    if (!counts)
        options->count = 0;
}

static int read_words(struct reading *reading, int argc, char **argv)
{
    struct grammar grammar = {0};
    struct options *options = reading->options;
    options->given.addresses = calloc((size_t)argc + 1, sizeof *options->given.addresses);
    if (!options->given.addresses || grammar_make(&grammar, &listen_vocabulary) != 0)
        error_set(reading->error, GT_FAILED, "out of memory");
    else
        walk(reading, &grammar, argc, argv);
    grammar_free(&grammar);

    bool host_port = !failed_before(reading) && nc_has_host_port(&options->given);
    if (reading->nc.letter || host_port)
        return nc_refuse(&reading->nc, &options->given, reading->error);
    return reading->error->status;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    *options = (struct options){.report = REPORT_DEFAULT};
    error->status = GT_DONE;
    for (size_t i = 0; i < DEFAULT_COUNT; i++)
        look_at(options, program_defaults[i],
                grammar_setting_named(&listen_vocabulary, program_defaults[i])->initial);

    const char *first = argc > 1 ? argv[1] : "";
    int skipped = strcmp(first, "listen") == 0;
    struct reading reading = {options, error, {0}};
    int status = read_words(&reading, argc - skipped, argv + skipped);
    settle_count(options);
    return status;
}

/* ---- setting a server ---- */

static int apply_defaults(const struct options *options, gt_server *server)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < DEFAULT_COUNT; i++) {
        const struct gt_setting *setting =
            grammar_setting_named(&listen_vocabulary, program_defaults[i]);
        status = gt_set(server, setting->name, setting->initial);
    }
    if (status == GT_DONE && options->connections > 0)
        status = gt_set(server, "count", "0");
    return status;
}

/* Which options come when: the command line outdoes the talk file, wherever they stand on it; but
 * what bounds a script is there before the file is read. */
enum order { BOUNDS, TALK, ALL };

static bool comes_in(const char *name, enum order order)
{
    bool talk = strcmp(name, "talk") == 0;
    bool bounds = strncmp(name, "max-script-", 11) == 0 || strcmp(name, "trust") == 0;
    return order == TALK ? talk : order == BOUNDS ? bounds : !talk;
}

static int apply(const struct options *options, gt_server *server, enum order order)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < options->given.option_count; i++) {
        const struct given_option *option = &options->given.options[i];
        if (comes_in(option->setting->name, order))
            status = gt_set(server, option->setting->name, option->value);
    }
    return status;
}

/* What the program has to know, now that a talk file may have set it: whether it, or an option,
 * says how many messages there are. */
static bool look_again(struct options *options, const gt_server *server)
{
    bool counts = false;
    const char *name, *value;
    for (size_t i = 0; gt_given_at(server, i, &name, &value); i++) {
        look_at(options, name, value);
        counts |= strcmp(name, "count") == 0 || strcmp(name, "keep") == 0;
        counts &= strcmp(name, "talk") != 0; /* before it stand the program's defaults */
    }
    return counts;
}

/* As settle_count, of what a talk file says. */
static int settle(struct options *options, gt_server *server)
{
    if (look_again(options, server) || options->connections == 0)
        return GT_DONE;
    options->count = 0;
    return gt_set(server, "count", "0");
}

int options_apply(struct options *options, gt_server *server)
{
    int status = apply_defaults(options, server);
    for (enum order order = BOUNDS; status == GT_DONE && order <= ALL; order++)
        status = apply(options, server, order);
    return status == GT_DONE && options->talks ? settle(options, server) : status;
}

void options_free(struct options *options)
{
    free(options->given.options);
    free(options->given.addresses);
    options->given = (struct given){0};
}
