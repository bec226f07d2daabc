/* send.c: "goodtalk send", in the order in which things happen.
 *
 * The messages of the command line are wrapped, or standard input is read where it is one message;
 * then a connection is made, and the talk takes place; what was printed is waited for. Each is a
 * stage; after each pass of the engine a step sees whether the next one has come. Then all that is
 * still under way is cancelled, and what was opened is closed.
 *
 * Whoever fails leaves one sentence; it is said once, at the end. --timeout ends every stage, but
 * the polite end of a talk that has had its replies. A datagram that nobody took leads back to
 * connecting. */
#include "tool/send.h"

#include "base/units.h"
#include "tool/client_connector.h"
#include "tool/send_datagrams.h"
#include "tool/send_talk.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum stage { STAGE_READING, STAGE_CONNECTING, STAGE_TALKING, STAGE_PRINTING, STAGE_OVER };

struct sending {
    struct send_run run;
    struct report report;
    enum stage stage;
    struct connector connector;
    struct send_talk talk;
    struct send_datagrams datagrams;
    int told_number; /* the errno that -v told last: why there is no connection yet */
    struct timer timeout;
    bool timed_out;
};

static bool failed(const struct sending *sending)
{
    return sending->run.error.status != GT_DONE;
}

static bool uses_datagrams(const struct sending *sending)
{
    return sending->run.options->target.transport == TRANSPORT_DATAGRAMS;
}

/* Something worth a line besides errors. */
static void tell(struct sending *sending, enum gt_level level, const char *text)
{
    report_note(&sending->report, level, text);
}

/* ---- reading and connecting ---- */

static void begin_connecting(struct sending *sending)
{
    sending->stage = STAGE_CONNECTING;
    connector_begin(&sending->connector, sending->run.engine, &sending->run.options->target,
                    sending->run.options->wait_ns);
    sending->run.error = sending->connector.error;
}

/* Standard input is one message: it has to be whole. */
static void read_on(struct sending *sending)
{
    if (sending->run.input.ended)
        begin_connecting(sending);
    else
        send_input_want(&sending->run.input, true);
}

static void begin_talking(struct sending *sending)
{
    char text[400], where[300];
    struct connector *connector = &sending->connector;
    snprintf(text, sizeof text, "connected to %s",
             connector_describe(connector, where, sizeof where));
    tell(sending, GT_DETAIL, text);
    sending->stage = STAGE_TALKING;
    if (uses_datagrams(sending))
        send_datagrams_begin(&sending->datagrams, &sending->run, connector->fd,
                             connector_can_go_on(connector));
    else
        send_talk_begin(&sending->talk, &sending->run, connector->fd);
}

/* Whoever waits is told once for what. */
static void tell_trouble(struct sending *sending)
{
    char text[900], where[300], reason[128];
    const struct connector *connector = &sending->connector;
    if (connector->number == 0 || connector->number == sending->told_number)
        return;
    sending->told_number = connector->number;
    snprintf(text, sizeof text, "not connected to %s yet: %s",
             connector_describe(connector, where, sizeof where),
             connector_reason(connector, reason, sizeof reason));
    tell(sending, GT_DETAIL, text);
}

static void connect_on(struct sending *sending)
{
    sending->run.error = sending->connector.error;
    if (sending->connector.connected)
        begin_talking(sending);
    else if (!failed(sending))
        tell_trouble(sending);
}

/* ---- talking ---- */

/* Nobody took the datagram: try elsewhere, or later. */
static void connect_again(struct sending *sending)
{
    if (!send_datagrams_stop(&sending->datagrams))
        return;
    sending->stage = STAGE_CONNECTING;
    connector_refused(&sending->connector, sending->datagrams.failure);
    sending->run.error = sending->connector.error;
}

static enum send_state exchange_datagrams(struct sending *sending)
{
    struct send_datagrams *datagrams = &sending->datagrams;
    if (datagrams->state != SEND_REFUSED)
        send_datagrams_step(datagrams);
    if (datagrams->state == SEND_REFUSED)
        connect_again(sending);
    return datagrams->state;
}

static enum send_state talk(struct sending *sending)
{
    send_talk_step(&sending->talk);
    return sending->talk.state;
}

static void talk_on(struct sending *sending)
{
    enum send_state state = uses_datagrams(sending) ? exchange_datagrams(sending) : talk(sending);
    if (state == SEND_OVER)
        sending->stage = STAGE_PRINTING;
}

/* ---- ending ---- */

static void print_on(struct sending *sending)
{
    if (send_replies_written(&sending->run.replies, &sending->run.error))
        sending->stage = STAGE_OVER;
}

static void on_timeout(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct sending, timeout)->timed_out = true;
}

static void tell_timeout(struct sending *sending)
{
    char time[32], where[300], reason[128];
    struct send_run *run = &sending->run;
    struct error *error = &run->error;
    const struct connector *connector = &sending->connector;
    int number = connector->number;
    units_duration_words(time, sizeof time, run->options->timeout_ns);
    if (sending->stage == STAGE_READING)
        error_set(error, GT_TIMED_OUT, "standard input has not ended within %s", time);
    else if (sending->stage == STAGE_CONNECTING)
        error_set(error, GT_TIMED_OUT, "not connected to %s within %s%s%s",
                  connector_describe(connector, where, sizeof where), time, number ? ": " : "",
                  number ? connector_reason(connector, reason, sizeof reason) : "");
    else if (send_run_is_open(run) || run->options->no_reply)
        error_set(error, GT_TIMED_OUT, "not done within %s", time);
    else
        error_set(error, GT_TIMED_OUT, "not done within %s: %" PRIu64 " of %" PRIu64 " repl%s",
                  time, run->replies.count, send_run_replies_due(run),
                  send_run_replies_due(run) == 1 ? "y" : "ies");
}

/* Time is up; but a talk that has had its replies is done. */
static void end_in_time(struct sending *sending)
{
    bool has_all = sending->talk.state == SEND_CLOSING && !sending->run.options->no_reply;
    bool waits = !send_replies_written(&sending->run.replies, &sending->run.error);
    if (!failed(sending) && (!has_all || waits))
        tell_timeout(sending);
    sending->stage = STAGE_OVER;
}

/* ---- the run ---- */

/* A person is told what cannot be said, and goes on. */
static void look_at_input(struct sending *sending)
{
    struct send_run *run = &sending->run;
    struct error *error = &run->input.error;
    if (run->conversation && error->status == GT_WRONG) {
        tell(sending, GT_WARNING, error->text);
        *error = (struct error){0};
    }
    if (!failed(sending))
        run->error = *error;
}

static void act(struct sending *sending)
{
    static void (*const stages[])(struct sending *) = {[STAGE_READING] = read_on,
                                                       [STAGE_CONNECTING] = connect_on,
                                                       [STAGE_TALKING] = talk_on,
                                                       [STAGE_PRINTING] = print_on};
    if (failed(sending))
        sending->stage = STAGE_PRINTING;
    stages[sending->stage](sending);
}

/* Act until there is nothing to do without another pass. */
static void step(struct sending *sending)
{
    enum stage before;
    look_at_input(sending);
    do {
        before = sending->stage;
        act(sending);
    } while (sending->stage != STAGE_OVER &&
             (sending->stage != before || (failed(sending) && before != STAGE_PRINTING)));
    if (sending->timed_out && sending->stage != STAGE_OVER)
        end_in_time(sending);
}

static int begin(struct sending *sending)
{
    struct send_run *run = &sending->run;
    const struct send_options *options = run->options;
    run->conversation = options->message_count == 0 && isatty(STDIN_FILENO);
    run->engine = engine_create("epoll", &run->error);
    if (!run->engine)
        return run->error.status;
    send_input_begin(&run->input, run->engine, options, run->conversation);
    run->error = run->input.error;
    if (failed(sending) || send_replies_begin(&run->replies, run->engine, options,
                                              run->conversation, &run->error) != GT_DONE)
        return run->error.status;
    sending->timeout.fire = on_timeout;
    if (options->timeout_ns >= 0)
        engine_timer_set(run->engine, &sending->timeout, run->engine->now_ns + options->timeout_ns);
    if (run->input.source != SEND_WHOLE)
        begin_connecting(sending);
    return GT_DONE;
}

/* Wait for what happens, and act on it, until it is over. */
static void go_on(struct sending *sending)
{
    for (step(sending); sending->stage != STAGE_OVER; step(sending)) {
        int result = engine_pass(sending->run.engine, -1);
        if (result < 0)
            error_errno(&sending->run.error, -result, "cannot wait for events");
    }
}

/* ---- closing ---- */

/* Cancel what is under way: whether nothing is active any more. */
static bool stop(struct sending *sending)
{
    bool stopped = send_input_stop(&sending->run.input);
    stopped &= send_replies_stop(&sending->run.replies);
    stopped &= send_talk_stop(&sending->talk);
    stopped &= send_datagrams_stop(&sending->datagrams);
    return stopped && connector_stop(&sending->connector);
}

static void release(struct sending *sending)
{
    struct send_run *run = &sending->run;
    if (run->engine) {
        engine_timer_stop(run->engine, &sending->timeout);
        while (!stop(sending))
            engine_pass(run->engine, -1);
    }
    send_talk_free(&sending->talk);
    send_datagrams_free(&sending->datagrams);
    send_replies_free(&run->replies);
    send_input_free(&run->input);
    engine_destroy(&run->engine);
}

static int send_with(const struct send_options *options, bool output_closed, struct error *error)
{
    struct sending sending = {.run.options = options, .report = options->report};
    if (output_closed && !options->no_reply)
        return error_errno(error, EBADF, "cannot write to standard output");
    signal(SIGPIPE, SIG_IGN);
    if (begin(&sending) == GT_DONE)
        go_on(&sending);
    release(&sending);
    *error = sending.run.error;
    return error->status;
}

int send_command(int argc, char **argv, bool output_closed)
{
    struct send_options options;
    struct error error = {0};
    int status = send_options_parse(&options, argc, argv, &error);
    if (status == GT_DONE && options.help)
        status = output_closed ? error_errno(&error, EBADF, "cannot write to standard output")
                               : help_print(&help_send, &error);
    else if (status == GT_DONE)
        status = send_with(&options, output_closed, &error);
    if (status != GT_DONE)
        report_error(&options.report, error.text);
    send_options_free(&options);
    return status;
}
