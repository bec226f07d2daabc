/* bench.c: "goodtalk bench", in the order in which things happen.
 *
 * A connection is made, by the connector that goodtalk send has too; then all the others, to the
 * same place. When they are open messages are sent: for the warm-up, then what is measured. At its
 * end nothing more is sent, and what is in flight is waited for: late replies have a latency,
 * though they do not count for the rate. Each is a stage; after each pass of the engine a step sees
 * whether the next one has come. Then everything is closed, and the result told.
 *
 * Ways to fail: before messages are sent, whatever fails is the end, and there is no result.
 * Afterwards failures are counted by name; where nothing but failures has come for --timeout, it is
 * given up. A signal ends what is measured early: the result so far is told, and then the process
 * ends by the signal. */
#include "tool/bench.h"

#include "guard/descriptors.h"
#include "tool/bench_connection.h"
#include "tool/bench_make.h"
#include "tool/bench_pace.h"
#include "tool/bench_plot.h"
#include "tool/bench_progress.h"
#include "tool/bench_result.h"
#include "tool/bench_words.h"
#include "tool/client_connector.h"
#include "tool/signals.h"

#include <errno.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)

#define PROGRESS_NS (200 * MILLISECOND)

/* Connections that are being made at once: no more than the queue of a listener takes. */
#define CONNECTING_MOST 256

/* Descriptors besides those of connections. */
#define OTHER_DESCRIPTORS 16

enum stage {
    STAGE_FINDING,
    STAGE_OPENING,
    STAGE_WARMING,
    STAGE_MEASURING,
    STAGE_DRAINING,
    STAGE_OVER
};

struct bench {
    const struct bench_options *options;
    struct report report;
    struct engine *engine;
    enum stage stage;
    struct connector connector;
    struct bench_load load;
    struct bench_pace pace;
    size_t opened; /* connections that have begun to connect */
    struct timer stage_end;
    bool stage_ended;
    struct timer look; /* for those who have waited too long */
    int64_t began_ns;  /* to measure */
    int64_t cpu_ns;    /* used by then */
    struct timer show; /* the progress */
    struct bench_progress progress;
    int plot_fd; /* -1: no picture is asked for, or it is written */
    struct bench_result result;
    struct error error;
};

static void tell_detail(struct bench *bench, const char *what, const char *where)
{
    char text[400];
    snprintf(text, sizeof text, "%s %s", what, where);
    report_note(&bench->report, GT_DETAIL, text);
}

static int64_t cpu_used_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 * MILLISECOND +
           ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

static void end_stage_in(struct bench *bench, int64_t wait_ns)
{
    bench->stage_ended = false;
    engine_timer_set(bench->engine, &bench->stage_end, bench->engine->now_ns + wait_ns);
}

static void on_stage_end(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    list_item(timer, struct bench, stage_end)->stage_ended = true;
}

/* ---- measuring ---- */

static uint64_t count_limit(const struct bench *bench)
{
    return bench->options->count < 0 ? UINT64_MAX : (uint64_t)bench->options->count;
}

/* What is in flight from the warm-up is part of it. */
static void begin_measuring(struct bench *bench)
{
    struct bench_load *load = &bench->load;
    uint64_t limit = count_limit(bench);
    bench->stage = STAGE_MEASURING;
    bench->stage_ended = false;
    load->tally = (struct bench_tally){0};
    bench->cpu_ns = cpu_used_ns();
    bench->began_ns = load->last_reply_ns = bench->engine->now_ns;
    if (limit < UINT64_MAX) {
        uint64_t begun = load->in_flight + load->owed;
        load->budget = limit > begun ? limit - begun : 0;
        bench->pace.limit = bench->pace.next + load->budget;
    }
    if (bench->options->duration_ns >= 0)
        end_stage_in(bench, bench->options->duration_ns);
}

static void begin_sending(struct bench *bench)
{
    struct bench_load *load = &bench->load;
    bool warms = bench->options->warmup_ns > 0;
    load->started = true;
    load->budget = UINT64_MAX;
    bench->stage = STAGE_WARMING;
    if (warms)
        end_stage_in(bench, bench->options->warmup_ns);
    else
        begin_measuring(bench);
    if (bench->options->rate > 0) {
        load->schedule = (struct bench_schedule){
            bench->engine->now_ns, (uint64_t)bench->options->rate, load->connection_count};
        bench_pace_begin(&bench->pace, load, warms ? UINT64_MAX : count_limit(bench));
        return;
    }
    for (size_t i = 0; i < load->connection_count; i++)
        bench_connection_push(&load->connections[i]);
}

static void end_measuring(struct bench *bench, int64_t end_ns)
{
    struct bench_load *load = &bench->load;
    struct bench_result *result = &bench->result;
    bench->stage = STAGE_DRAINING;
    load->budget = 0;
    bench->stage_ended = false;
    engine_timer_stop(bench->engine, &bench->stage_end);
    if (bench->options->timeout_ns >= 0)
        end_stage_in(bench, bench->options->timeout_ns);
    bench_pace_stop(&bench->pace);
    result->elapsed_ns = end_ns - bench->began_ns;
    result->messages = load->tally.messages;
    result->bytes_sent = load->tally.bytes_sent;
    result->bytes_received = load->tally.bytes_received;
    result->cpu_ns = cpu_used_ns() - bench->cpu_ns;
}

/* Whether as many messages as asked for were sent, and each has come to its end. */
static bool all_are_done(const struct bench *bench)
{
    const struct bench_load *load = &bench->load;
    if (bench->options->count < 0 || load->in_flight > 0)
        return false;
    if (bench->options->rate > 0)
        return bench->pace.next == bench->pace.limit && load->owed == 0;
    return load->budget == 0;
}

/* ---- patience ---- */

static int64_t look_interval(const struct bench *bench)
{
    int64_t interval_ns = bench->options->timeout_ns / 16;
    if (interval_ns > 250 * MILLISECOND)
        return 250 * MILLISECOND;
    return interval_ns < MILLISECOND ? MILLISECOND : interval_ns;
}

static void on_look(struct timer *timer, int64_t now_ns)
{
    struct bench *bench = list_item(timer, struct bench, look);
    struct bench_load *load = &bench->load;
    int64_t before_ns = now_ns - bench->options->timeout_ns;
    for (size_t i = 0; i < load->connection_count; i++)
        bench_connection_expire(&load->connections[i], before_ns);
    if (load->failing_since_ns != 0 && load->failing_since_ns <= before_ns)
        bench->result.given_up = true;
    engine_timer_set(bench->engine, &bench->look, now_ns + look_interval(bench));
}

/* ---- connecting ---- */

static void name_address(struct bench *bench, const struct place *place)
{
    static const char *const kinds[] = {[ADDRESS_TCP] = "tcp",
                                        [ADDRESS_UDP] = "udp",
                                        [ADDRESS_UNIX] = "unix",
                                        [ADDRESS_UNIXGRAM] = "unixgram",
                                        [ADDRESS_UNIXPACKET] = "unixpacket"};
    char name[PEER_NAME_SIZE];
    const struct address *address = &bench->options->target.address;
    struct peer peer = peer_of_sockaddr(&place->any, place->size);
    const char *where = place->any.sa_family == AF_UNIX ? address->path : peer_name(&peer, name);
    snprintf(bench->result.address, sizeof bench->result.address, "%s:%s", kinds[address->kind],
             where);
}

/* Somebody is there: all other connections go to the same place. With --short this one was only to
 * see. */
static void begin_opening(struct bench *bench)
{
    struct bench_load *load = &bench->load;
    struct connector *connector = &bench->connector;
    bench_load_place(load, &connector->connect.to);
    name_address(bench, &load->place);
    tell_detail(bench, "connected to", bench->result.address);
    bench->stage = STAGE_OPENING;
    if (bench->options->brief) {
        connector_stop(connector);
        return;
    }
    bench_connection_adopt(&load->connections[bench->opened++], connector->fd);
    connector->fd = -1;
}

static void find_on(struct bench *bench)
{
    bench->error = bench->connector.error;
    if (bench->connector.connected)
        begin_opening(bench);
}

static void open_on(struct bench *bench)
{
    struct bench_load *load = &bench->load;
    if (bench->options->brief)
        return begin_sending(bench);
    while (load->connecting < CONNECTING_MOST && bench->opened < load->connection_count &&
           load->error.status == GT_DONE)
        bench_connection_open(&load->connections[bench->opened++]);
    bench->error = load->error;
    if (load->open < load->connection_count)
        return;
    tell_detail(bench, "all connections are open to", bench->result.address);
    begin_sending(bench);
}

/* ---- the progress ---- */

static void show_progress(struct bench *bench)
{
    const struct bench_load *load = &bench->load;
    const struct bench_options *options = bench->options;
    int64_t elapsed_ns = bench->engine->now_ns - bench->began_ns;
    uint64_t failed = bench_load_failed(load);
    if (bench->stage <= STAGE_OPENING)
        bench_progress_opening(&bench->progress, load->open, load->connection_count);
    else if (bench->stage == STAGE_WARMING)
        bench_progress_warming(&bench->progress);
    else if (bench->stage == STAGE_MEASURING)
        bench_progress_measuring(&bench->progress, options, elapsed_ns, load->tally.messages,
                                 failed);
    else
        bench_progress_draining(&bench->progress, load->in_flight + load->owed);
}

static void on_progress(struct timer *timer, int64_t now_ns)
{
    struct bench *bench = list_item(timer, struct bench, show);
    show_progress(bench);
    engine_timer_set(bench->engine, timer, now_ns + PROGRESS_NS);
}

/* In a terminal only: elsewhere nobody watches. */
static void begin_progress(struct bench *bench)
{
    bench->show.fire = on_progress;
    if (bench->options->report.threshold >= GT_NOTICE && isatty(STDERR_FILENO))
        engine_timer_set(bench->engine, &bench->show, bench->engine->now_ns + PROGRESS_NS);
}

/* ---- the run ---- */

static void warm_on(struct bench *bench)
{
    if (bench->stage_ended)
        begin_measuring(bench);
}

static void measure_on(struct bench *bench)
{
    if (all_are_done(bench))
        end_measuring(bench, bench->load.last_reply_ns);
    else if (bench->stage_ended || bench->result.given_up || bench->result.interrupted)
        end_measuring(bench, bench->engine->now_ns);
}

/* With a rate, what was due and could not be sent yet is still sent, as long as patience lasts: it
 * is among the latencies. */
static void drain_on(struct bench *bench)
{
    struct bench_load *load = &bench->load;
    bool sent = load->owed == 0 || bench->stage_ended;
    load->over = sent;
    if ((sent && load->in_flight == 0) || bench->result.given_up || bench->result.interrupted)
        bench->stage = STAGE_OVER;
}

static void act(struct bench *bench)
{
    static void (*const stages[])(struct bench *) = {
        [STAGE_FINDING] = find_on,      [STAGE_OPENING] = open_on,   [STAGE_WARMING] = warm_on,
        [STAGE_MEASURING] = measure_on, [STAGE_DRAINING] = drain_on,
    };
    stages[bench->stage](bench);
    if (bench->error.status != GT_DONE || (signals_seen() > 0 && bench->stage < STAGE_MEASURING))
        bench->stage = STAGE_OVER;
}

/* Act until there is nothing to do without another pass. */
static void step(struct bench *bench)
{
    enum stage before;
    bench->result.interrupted = signals_seen() > 0;
    do {
        before = bench->stage;
        act(bench);
    } while (bench->stage != STAGE_OVER && bench->stage != before);
}

/* auto: uring, an eighth less of our CPU for a message, for kept streams where it is allowed. */
static struct engine *make_engine(const struct bench_options *options, struct error *error)
{
    if (strcmp(options->engine, "auto") != 0)
        return engine_create(options->engine, error);
    struct engine *engine = NULL;
    if (options->target.transport == TRANSPORT_STREAM && !options->brief)
        engine = engine_create("uring", NULL);
    return engine ? engine : engine_create("epoll", error);
}

static int begin(struct bench *bench)
{
    const struct bench_options *options = bench->options;
    int64_t descriptors = descriptors_raise();
    if (descriptors < options->connections + OTHER_DESCRIPTORS)
        return error_set(&bench->error, GT_FAILED,
                         "%" PRId64 " connections need as many descriptors, and %" PRId64
                         " are allowed: ulimit -n",
                         options->connections, descriptors);
    if (options->plot && (bench->plot_fd = bench_plot_open(options->plot, &bench->error)) < 0)
        return bench->error.status;
    bench->engine = make_engine(options, &bench->error);
    if (!bench->engine)
        return bench->error.status;
    if (bench_load_begin(&bench->load, bench->engine, options) != 0)
        return error_set(&bench->error, GT_FAILED, "out of memory");
    bench->stage_end.fire = on_stage_end;
    bench->look.fire = on_look;
    if (options->timeout_ns >= 0)
        engine_timer_set(bench->engine, &bench->look, bench->engine->now_ns + look_interval(bench));
    begin_progress(bench);
    connector_begin(&bench->connector, bench->engine, &options->target, options->wait_ns);
    return GT_DONE;
}

static void go_on(struct bench *bench)
{
    for (step(bench); bench->stage != STAGE_OVER; step(bench)) {
        int result = engine_pass(bench->engine, -1);
        if (result < 0)
            error_errno(&bench->error, -result, "cannot wait for events");
    }
}

/* ---- closing ---- */

/* Cancel what is under way: whether nothing is active any more. */
static bool stop(struct bench *bench)
{
    bool stopped = connector_stop(&bench->connector);
    return bench_load_stop(&bench->load) && stopped;
}

static void release(struct bench *bench)
{
    if (bench->engine) {
        engine_timer_stop(bench->engine, &bench->stage_end);
        engine_timer_stop(bench->engine, &bench->look);
        engine_timer_stop(bench->engine, &bench->show);
        bench_pace_stop(&bench->pace);
        while (!stop(bench))
            engine_pass(bench->engine, -1);
    }
    bench_load_free(&bench->load);
    engine_destroy(&bench->engine);
}

/* ---- telling ---- */

static void settle_result(struct bench *bench)
{
    const struct bench_load *load = &bench->load;
    struct bench_result *result = &bench->result;
    result->late = load->tally.messages - result->messages;
    result->failed = bench_load_failed(load);
    memcpy(result->failures, load->failures, sizeof result->failures);
    result->other = load->other;
    result->unsent = load->owed;
    result->latency = &load->tally.latency;
}

static int tell(struct bench *bench)
{
    struct bytes text = {0};
    int failed = bench->options->json ? bench_result_append_json(&text, &bench->result)
                                      : bench_result_append_summary(&text, &bench->result);
    int status = failed ? error_set(&bench->error, GT_FAILED, "out of memory")
                        : help_write(bytes_slice(&text), &bench->error);
    bytes_free(&text);
    return status;
}

static int tell_failures(struct bench *bench)
{
    char words[512], count[BENCH_WORDS_SIZE];
    const struct bench_result *result = &bench->result;
    if (result->failed == 0)
        return GT_DONE;
    return error_set(&bench->error, bench_result_status(result), "%s failure%s: %s",
                     bench_words_count(count, result->failed), result->failed == 1 ? "" : "s",
                     bench_result_failures(result, words, sizeof words));
}

/* A run that ended before anything was measured has nothing to tell. */
static int conclude(struct bench *bench)
{
    int status = bench->error.status;
    if (status == GT_DONE && bench->began_ns > 0) {
        settle_result(bench);
        status = tell(bench);
        if (status == GT_DONE && bench->plot_fd >= 0)
            status = bench_plot_write(bench->plot_fd, &bench->result, &bench->error);
        if (status == GT_DONE)
            status = tell_failures(bench);
    }
    return bench->result.interrupted ? GT_STOPPED : status;
}

static void wake(void *engine)
{
    engine_wake(engine);
}

static int bench_with(const struct bench_options *options, struct error *error)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return error_set(error, GT_FAILED, "out of memory");
    bench->options = bench->result.options = options;
    bench->report = options->report;
    bench->plot_fd = -1;
    prctl(PR_SET_TIMERSLACK, 1UL); /* --rate: messages leave when they are due */
    if (begin(bench) == GT_DONE) {
        signals_catch_stops(wake, bench->engine);
        go_on(bench);
    }
    bench_progress_end(&bench->progress);
    signals_release();
    release(bench);
    int status = conclude(bench);
    *error = bench->error;
    free(bench);
    return status;
}

int bench_command(int argc, char **argv, bool output_closed)
{
    struct bench_options options;
    struct error error = {0};
    int status = bench_options_parse(&options, argc, argv, &error);
    if (status == GT_DONE && output_closed)
        status = error_errno(&error, EBADF, "cannot write to standard output");
    else if (status == GT_DONE)
        status = options.help ? help_print(&help_bench, &error) : bench_with(&options, &error);
    if (error.status != GT_DONE)
        report_error(&options.report, error.text);
    bench_options_free(&options);
    return status == GT_STOPPED ? signals_end() : status;
}
