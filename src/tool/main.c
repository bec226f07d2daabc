/* main.c: the program, in the order in which things happen.
 *
 * The command line is read before anything is opened; the server is set, then listens, then runs.
 * Whoever fails leaves one sentence; it is said once, here, and the status says whose fault it is
 * (enum gt_status). A run that ended by a signal before it had begun its job ends the process by
 * that signal. */
#include "base/address.h"
#include "tool/bench.h"
#include "tool/check.h"
#include "tool/help.h"
#include "tool/notify.h"
#include "tool/options.h"
#include "tool/report.h"
#include "tool/send.h"
#include "tool/show.h"
#include "tool/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Standard descriptors that are closed become /dev/null, so that no socket takes their place.
 * Returns whether standard output was closed. */
static bool fill_standard_descriptors(void)
{
    bool output_closed = fcntl(STDOUT_FILENO, F_GETFD) < 0;
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    return output_closed;
}

/* Whether the system is asked to choose the port: "0", "localhost:0", "udp:0". */
static bool asks_for_any_port(const char *text)
{
    struct address address;
    return address_parse(&address, text, FAMILY_ANY, NULL) == GT_DONE && address.port == 0 &&
           (address.kind == ADDRESS_TCP || address.kind == ADDRESS_UDP);
}

/* Whether the address listened on is told: to a person who waits for the one message, and where
 * nobody could know it otherwise. */
static bool tells_address(const struct options *options, const char *address)
{
    if (options_one_shot(options) && isatty(STDERR_FILENO))
        return true;
    return asks_for_any_port(address) && !options->tells_ready;
}

/* On the addresses given; where there are none, on those of the talk file, or the usual one. */
static int listen_all(const struct options *options, struct report *report, gt_server *server)
{
    int status = GT_DONE;
    const char *listed;
    const struct given *given = &options->given;
    for (size_t i = 0; status == GT_DONE && i < given->address_count; i++) {
        report->tells_address = tells_address(options, given->addresses[i]);
        status = gt_listen(server, given->addresses[i]);
    }
    if (given->address_count == 0) {
        for (size_t i = 0; (listed = gt_listed_at(server, i)) != NULL; i++)
            report->tells_address |= tells_address(options, listed);
        status = gt_listen(server, NULL);
    }
    report->tells_address = false;
    return status;
}

/* A stop before the count was reached: GT_STOPPED where the process is to end by the signal. */
static int interrupted(const struct options *options, const gt_server *server, struct error *error)
{
    uint64_t messages = gt_message_count(server);
    if (signals_seen() > 1 || (options_one_shot(options) && messages == 0))
        return GT_STOPPED;
    if (options->count > 0)
        return error_set(error, GT_FAILED, "interrupted after %" PRIu64 " of %" PRId64 " message%s",
                         messages, options->count, options->count == 1 ? "" : "s");
    return error_set(error, GT_FAILED, "interrupted before %" PRId64 " connection%s had ended",
                     options->connections, options->connections == 1 ? "" : "s");
}

/* A talk file in the place of an address is an easy slip. */
static void advise(const struct given *given, struct error *error)
{
    static const char ending[] = ".lua";
    for (size_t i = 0; i < given->address_count; i++) {
        const char *word = given->addresses[i];
        size_t length = strlen(word);
        if (length >= strlen(ending) && strcmp(word + length - strlen(ending), ending) == 0 &&
            strncmp(error->text, word, length) == 0)
            error_append(error, "; a talk file is given with -t");
    }
}

static int serve_with(struct options *options, struct report *report, gt_server *server,
                      bool output_closed, struct error *error)
{
    int status = options_apply(options, server);
    if (status == GT_DONE && output_closed && options->shows)
        return error_errno(error, EBADF, "cannot write to standard output");
    if (status == GT_DONE)
        status = listen_all(options, report, server);
    if (status == GT_DONE)
        status = gt_run(server);
    if (status == GT_STOPPED)
        return interrupted(options, server, error);
    if (status == GT_DONE)
        return status;
    error_set(error, status, "%s", gt_error(server));
    if (status == GT_WRONG)
        advise(&options->given, error);
    return status;
}

/* Who hears of events: standard error and the service manager. */
struct audience {
    struct report report;
    struct notify notify;
};

static void hear(const struct gt_event *event, void *context)
{
    struct audience *audience = context;
    struct error error = {0};
    struct gt_event note = {
        .kind = GT_EVENT_NOTE, .level = GT_DETAIL, .name = "note", .text = error.text};
    int number = errno; /* of the library, which has not finished with it */
    report_event(event, &audience->report);
    if (notify_event(&audience->notify, event, &error) != GT_DONE)
        report_event(&note, &audience->report);
    errno = number;
}

static int serve(struct options *options, bool output_closed, struct error *error)
{
    gt_server *server = gt_create();
    if (!server)
        return error_set(error, GT_FAILED, "out of memory");
    struct audience audience = {.report = options->report};
    /* The manager hears of notices also where nobody else does. */
    enum gt_level threshold = audience.report.threshold;
    gt_on_event(server, threshold > GT_NOTICE ? threshold : GT_NOTICE, hear, &audience);
    signals_catch(server);
    int status = serve_with(options, &audience.report, server, output_closed, error);
    report_finish(&audience.report);
    signals_release();
    gt_free(&server);
    return status;
}

static int act(struct options *options, bool output_closed, struct error *error)
{
    if (options->action == OPTIONS_SERVE)
        return serve(options, output_closed, error);
    if (output_closed)
        return error_errno(error, EBADF, "cannot write to standard output");
    return options->action == OPTIONS_HELP ? help_print(&help_listen, error)
                                           : help_print_version(error);
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error = {0};
    bool output_closed = fill_standard_descriptors();
    if (argc > 1 && strcmp(argv[1], "send") == 0)
        return send_command(argc - 1, argv + 1, output_closed);
    if (argc > 1 && strcmp(argv[1], "bench") == 0)
        return bench_command(argc - 1, argv + 1, output_closed);
    if (argc > 1 && strcmp(argv[1], "show") == 0)
        return show_command(argc - 1, argv + 1, output_closed);
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return check_command(argc - 1, argv + 1, output_closed);
    int status = options_parse(&options, argc, argv, &error);
    if (status == GT_DONE)
        status = act(&options, output_closed, &error);
    if (error.status != GT_DONE)
        report_error(&options.report, error.text);
    options_free(&options);
    return status == GT_STOPPED ? signals_end() : status;
}
