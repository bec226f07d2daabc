/* show.c: the command, in the order in which things happen.
 *
 * Messages come from a source (a journal, a log), pass the filter, and go into the sink; with -n by
 * way of the last N. At the end of what there is everything leaves; who follows then waits until
 * something has changed, and goes on.
 *
 * Damage is told as it is met, by the source; what is good is shown, and the status is 1. A reader
 * who has gone (| head) has seen enough: that ends it quietly. */
#include "tool/show.h"

#include "tool/show_check.h"
#include "tool/show_last.h"
#include "tool/show_sink.h"
#include "tool/show_source.h"

#include <errno.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

struct show {
    struct show_options *options;
    struct show_source *source;
    struct show_output output;
    struct show_sink sink;
    struct show_last last;
    bool keeps; /* messages are kept, not shown yet */
    int inotify;
    struct error *error;
};

/* ---- messages ---- */

static int take(struct show *show, const struct message *message)
{
    struct slice matched;
    if (!show_filter_passes(&show->options->filter, message, &matched))
        return GT_DONE;
    if (!show->keeps)
        return show_sink_take(&show->sink, message, matched, show->error);
    if (show_last_keep(&show->last, message, matched) < 0)
        return error_set(show->error, GT_FAILED, "out of memory");
    return GT_DONE;
}

/* All that there is now. */
static int drain(struct show *show)
{
    struct message message;
    enum show_step step;
    while ((step = show_source_next(show->source, &message, show->error)) == SHOW_STEP_MESSAGE)
        if (take(show, &message) != GT_DONE || show->output.gone)
            return show->error->status;
    return step == SHOW_STEP_FAILED ? GT_FAILED : GT_DONE;
}

/* The last N of what there was; what comes from now on is shown at once. */
static int release(struct show *show)
{
    const struct show_kept *kept;
    for (size_t i = 0; (kept = show_last_at(&show->last, i)) != NULL; i++)
        if (show_sink_take(&show->sink, &kept->message, kept->matched, show->error) != GT_DONE)
            return show->error->status;
    show->keeps = false;
    show_last_free(&show->last);
    return GT_DONE;
}

/* ---- following ---- */

#define LOOK_MS 1000 /* where nobody tells of changes */

/* Wait until something may have changed, or the reader has gone. */
static void wait_for_change(struct show *show)
{
    char events[4096];
    struct pollfd polled[] = {{.fd = show->inotify, .events = POLLIN},
                              {.fd = STDOUT_FILENO, .events = 0}};
    poll(polled, 2, LOOK_MS);
    if (polled[1].revents & (POLLERR | POLLHUP))
        show->output.gone = true;
    while (show->inotify >= 0 && read(show->inotify, events, sizeof events) > 0)
        continue;
}

static void watch(struct show *show)
{
    show->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (show->inotify < 0 || show_source_watch(show->source, show->inotify) < 0)
        report_note(&show->options->report, GT_DETAIL,
                    "changes are not told here (inotify); looking once a second");
}

/* ---- the run ---- */

static int run(struct show *show)
{
    if (show->options->follows)
        watch(show);
    for (;;) {
        int status = drain(show);
        if (status == GT_DONE && show->keeps)
            status = release(show);
        if (status == GT_DONE && show->options->follows)
            status = show_sink_settle(&show->sink, show->error);
        if (status != GT_DONE || show->output.gone || !show->options->follows)
            return status;
        wait_for_change(show);
        if (show->output.gone)
            return GT_DONE;
    }
}

/* What was good is shown also where something has failed. */
static int finish(struct show *show, int status)
{
    struct error later = {0};
    int finished = show_sink_finish(&show->sink, status == GT_DONE ? show->error : &later);
    return status == GT_DONE ? finished : status;
}

static void tell_undecided(struct show *show)
{
    char text[160];
    uint64_t undecided = show->options->filter.undecided;
    if (undecided == 0)
        return;
    snprintf(text, sizeof text,
             "--match: for %" PRIu64 " message%s it took too long to say; left out", undecided,
             undecided == 1 ? "" : "s");
    report_note(&show->options->report, GT_ERROR, text);
}

static int show_messages(struct show *show)
{
    struct show_options *options = show->options;
    show->source = show_source_open(options->path, options->follows, &options->report, show->error);
    if (!show->source)
        return show->error->status;
    int status = show_sink_open(&show->sink, options, &show->output, show->error);
    show->sink.is_log = !show_is_journal(options->path);
    show->keeps = options->last >= 0;
    show->last.most = show->keeps ? (size_t)options->last : 0;
    if (status == GT_DONE)
        status = finish(show, run(show));
    tell_undecided(show);
    bool whole = !show->source->damaged && options->filter.undecided == 0;
    show_sink_close(&show->sink);
    show_last_free(&show->last);
    show_source_destroy(&show->source);
    return status == GT_DONE && !whole ? GT_FAILED : status;
}

static int check(struct show *show)
{
    const char *path = show->options->path;
    struct error later = {0};
    if (!show_is_journal(path))
        return error_set(show->error, GT_WRONG, "--verify and --repair are for a journal");
    int status = show->options->form == SHOW_FORM_VERIFY
                     ? show_verify(path, &show->output, show->error)
                     : show_repair(path, &show->output, show->error);
    int written = show_output_flush(&show->output, status == GT_DONE ? show->error : &later);
    return status == GT_DONE ? written : status;
}

static int act(struct show_options *options, struct error *error)
{
    struct show show = {.options = options, .inotify = -1, .error = error};
    bool checks = options->form == SHOW_FORM_VERIFY || options->form == SHOW_FORM_REPAIR;
    signal(SIGPIPE, SIG_IGN);
    int status = checks ? check(&show) : show_messages(&show);
    show_output_free(&show.output);
    if (show.inotify >= 0)
        close(show.inotify);
    return status;
}

int show_command(int argc, char **argv, bool output_closed)
{
    struct timespec now;
    struct show_options options;
    struct error error = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    int status = show_options_parse(&options, argc, argv, now_us, &error);
    if (status == GT_DONE && output_closed)
        status = error_errno(&error, EBADF, "cannot write to standard output");
    else if (status == GT_DONE)
        status = options.help ? help_print(&help_show, &error) : act(&options, &error);
    if (error.status != GT_DONE)
        report_error(&options.report, error.text);
    show_options_free(&options);
    return status;
}
