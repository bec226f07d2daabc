/* run.c: gt_run, from the first accept to the exit status.
 *
 * Start: an engine, a recorder where messages are shown, a worker; then readiness is told. Step:
 * one pass of the worker, then what was asked from outside: stop once (drain), twice (leave at
 * once). Finish: what the run came to. A failure on the way is kept (the first one stands) and the
 * run ends by itself. */
#include "base/units.h"
#include "guard/descriptors.h"
#include "guard/ready.h"
#include "serve/engine_choice.h"
#include "serve/pass.h"
#include "serve/server.h"

#include <stdio.h>
#include <string.h>

/* Messages shown but not yet written: when so many bytes wait, the intake pauses. */
#define SHOW_BOUND_BYTES ((size_t)1024 * 1024)

/* Descriptors that are neither connections nor listeners: standard ones, engine, the outlet, a few
 * to spare. */
#define DESCRIPTORS_KEPT 32

#define MOST_CONNECTIONS 10000

/* More than it takes to let go of everything. */
#define ABANDON_PASSES_MAX 1000

static const struct event_origin nobody = {.reason = REASON_NONE};

static void server_fail(gt_server *server, const struct error *error)
{
    if (server->failed)
        return;
    server->failed = true;
    server->error = *error;
    tell(server, GT_EVENT_FAILED, GT_ERROR, nobody, "%s", error->text);
    pass_limit_drain(&server->worker);
    pass_finish(&server->worker, REASON_DRAINED);
}

/* ---- start ---- */

static void drain(gt_server *server)
{
    tell(server, GT_EVENT_STOPPING, GT_NOTICE, nobody, "stopping: finishing what is in hand");
    pass_drain(&server->worker);
}

static void time_is_up(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    gt_server *server = list_item(timer, gt_server, timeout);
    if (!goal_exists(&server->goal)) {
        drain(server);
        return;
    }
    server->timed_out = true;
    pass_abandon(&server->worker, REASON_ABANDONED);
}

static void take_goal(gt_server *server)
{
    server->goal.messages = server->settings.count;
    server->goal.connections = server->settings.connections;
    server->one_shot = server->goal.messages == 1 && server->goal.connections == 0;
}

/* What the limit of open files leaves for connections; at least one. */
static int64_t descriptors_left(const gt_server *server)
{
    int64_t left = descriptors_raise() - DESCRIPTORS_KEPT;
    const struct list *listeners = &server->listeners;
    for (const struct list *link = listeners->next; link != listeners; link = link->next)
        left--;
    return left > 1 ? left : 1;
}

/* How many connections there may be: what was asked for, if the descriptors suffice. */
static int limit_connections(gt_server *server, bool simulated)
{
    int64_t asked = server->settings.max_connections;
    int64_t most = simulated ? MOST_CONNECTIONS : descriptors_left(server);
    if (asked > most)
        return error_set(&server->error, GT_FAILED,
                         "--max-connections %lld: the limit of open files allows %lld; raise it "
                         "with ulimit -n",
                         (long long)asked, (long long)most);
    if (asked == 0)
        asked = most < MOST_CONNECTIONS ? most : MOST_CONNECTIONS;
    server->worker.max_connections = (unsigned)asked;
    server->worker.max_memory = (size_t)server->settings.max_memory;
    return GT_DONE;
}

/* The recorder that shows messages; NULL without an error when nothing is shown. */
static int make_recorder(gt_server *server, struct engine *engine, struct recorder **recorder)
{
    *recorder = NULL;
    enum show_format format = (enum show_format)server->settings.show;
    if (format == SHOW_NONE)
        return GT_DONE;
    if (server->outlet.fd < 0 && outlet_open(&server->outlet, 1, &server->error) != GT_DONE)
        return GT_FAILED;
    *recorder = show_recorder_create(engine, server->outlet, format, SHOW_BOUND_BYTES);
    if (!*recorder)
        return error_set(&server->error, GT_FAILED, "cannot show messages: out of memory");
    return GT_DONE;
}

static int open_worker(gt_server *server, struct engine *engine)
{
    struct recorder *recorder = NULL;
    int status = make_recorder(server, engine, &recorder);
    if (status != GT_DONE)
        return status;
    status = worker_open(&server->worker, server, engine, recorder, &server->error);
    server->opened = true;
    return status;
}

static int tell_ready(gt_server *server)
{
    if (!server->settings.ready)
        return GT_DONE;
    struct bytes names = {0};
    int result = 0;
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        result |= bytes_format(&names, "%s\n", list_item(link, struct listener, link)->socket.name);
    int status = result < 0
                     ? error_set(&server->error, GT_FAILED, "--ready: out of memory")
                     : ready_tell(server->settings.ready, bytes_slice(&names), &server->error);
    bytes_free(&names);
    return status;
}

static void tell_limits(gt_server *server)
{
    const struct worker *worker = &server->worker;
    char messages[32];
    char connections[32];
    size_t each = sizeof(struct connection) + sizeof(struct output);
    units_size_words(messages, sizeof messages, (int64_t)worker->max_memory);
    units_size_words(connections, sizeof connections, (int64_t)(each * worker->max_connections));
    tell(server, GT_EVENT_NOTE, GT_DETAIL, nobody,
         "engine %s; at most %u connections, %s for them, and %s for unfinished messages and "
         "waiting "
         "replies",
         worker->engine->table->name, worker->max_connections, connections, messages);
}

/* The server's engine, made when there is none; NULL with the reason in its error. */
static struct engine *need_engine(gt_server *server)
{
    struct engine *engine = atomic_load(&server->engine);
    if (!engine)
        engine = engine_choose(server, &server->error);
    if (engine)
        engine->spin_ns = server->settings.spin_ns;
    atomic_store(&server->engine, engine);
    return engine;
}

/* Whether a run may begin. */
static int check_start(gt_server *server)
{
    bool connects = false;
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        connects |= !list_item(link, struct listener, link)->post;
    if (server->begun)
        return error_set(&server->error, GT_WRONG, "a server runs once");
    if (list_empty(listeners))
        return error_set(&server->error, GT_WRONG,
                         "no address to listen on: gt_listen comes first");
    if (server->settings.connections > 0 && !connects)
        return error_set(&server->error, GT_WRONG,
                         "--connections: datagrams have none; --count counts messages");
    return GT_DONE;
}

int server_start(gt_server *server, struct engine *engine)
{
    bool simulated = engine != NULL;
    if (check_start(server) != GT_DONE)
        return server->error.status;
    if (simulated)
        atomic_store(&server->engine, engine);
    engine = need_engine(server);
    if (!engine)
        return GT_FAILED;
    server->begun = true;
    take_goal(server);
    int status = open_worker(server, engine);
    if (status == GT_DONE)
        status = limit_connections(server, simulated);
    if (status != GT_DONE) {
        server->failed = true;
        server->worker.phase = WORKER_OVER;
        return status;
    }
    server->timeout.fire = time_is_up;
    if (server->settings.timeout_ns >= 0)
        engine_timer_set(engine, &server->timeout, engine->now_ns + server->settings.timeout_ns);
    pass_begin(&server->worker);
    tell_limits(server);
    status = tell_ready(server);
    if (status == GT_DONE)
        tell(server, GT_EVENT_READY, GT_NOTICE, nobody, "ready");
    else
        server_fail(server, &server->error);
    return GT_DONE;
}

/* ---- step ---- */

static void obey_stops(gt_server *server)
{
    unsigned stops = atomic_load(&server->stops);
    if (stops == server->stops_seen || worker_over(&server->worker))
        return;
    if (server->stops_seen == 0) {
        server->drained = true;
        drain(server);
    }
    if (stops >= 2) {
        server->abandoned = true;
        pass_abandon(&server->worker, REASON_ABANDONED);
    }
    server->stops_seen = stops;
}

static bool asked_for_something(const gt_server *server)
{
    return atomic_load(&server->stops) != server->stops_seen ||
           atomic_load(&server->counters_asked) != server->counters_told;
}

static void answer_counters(gt_server *server)
{
    unsigned asked = atomic_load(&server->counters_asked);
    if (asked != server->counters_told)
        counters_tell(server);
    server->counters_told = asked;
}

int server_step(gt_server *server, int64_t wait_ns)
{
    int result = pass_run(&server->worker, asked_for_something(server) ? 0 : wait_ns);
    if (result < 0) {
        struct error error = {0};
        error_errno(&error, -result, "the %s engine failed",
                    atomic_load(&server->engine)->table->name);
        server_fail(server, &error);
        pass_abandon(&server->worker, REASON_ABANDONED);
    }
    if (server->worker.recording_failed)
        server_fail(server, &server->worker.recorder->failure);
    obey_stops(server);
    answer_counters(server);
    return result;
}

/* What is left of a run that was not seen to its end. */
void server_abandon(gt_server *server)
{
    if (server_over(server))
        return;
    pass_abandon(&server->worker, REASON_ABANDONED);
    for (int passes = 0; !server_over(server) && passes < ABANDON_PASSES_MAX; passes++)
        pass_run(&server->worker, 0);
    engine_timer_stop(atomic_load(&server->engine), &server->timeout);
}

bool server_over(const gt_server *server)
{
    return worker_over(&server->worker);
}

/* ---- finish ---- */

static int fail_at_timeout(gt_server *server)
{
    char time[32];
    units_duration_words(time, sizeof time, server->settings.timeout_ns);
    uint64_t messages = gt_message_count(server);
    if (messages == 0)
        return error_set(&server->error, GT_TIMED_OUT, "no message within %s", time);
    return error_set(&server->error, GT_TIMED_OUT, "not done within %s: %llu message%s", time,
                     (unsigned long long)messages, messages == 1 ? "" : "s");
}

static int judge(gt_server *server)
{
    if (server->failed)
        return GT_FAILED;
    if (server->timed_out)
        return fail_at_timeout(server);
    if (server->abandoned)
        return error_set(&server->error, GT_STOPPED, "told to leave at once");
    if (server->worker.unfinished)
        return error_set(&server->error, GT_FAILED,
                         "drain-timeout passed with %u connections unfinished; they were cut off",
                         server->worker.unfinished);
    if (server->one_shot && server->worker.reply_lost)
        return error_set(&server->error, GT_FAILED, "the reply could not be delivered");
    if (server->drained && goal_exists(&server->goal) && !goal_reached(&server->goal))
        return error_set(&server->error, GT_STOPPED, "stopped before its count was reached");
    return GT_DONE;
}

int server_finish(gt_server *server)
{
    engine_timer_stop(atomic_load(&server->engine), &server->timeout);
    return judge(server);
}

int gt_run(gt_server *server)
{
    int status = server_start(server, NULL);
    if (status != GT_DONE)
        return status;
    while (!server_over(server))
        server_step(server, -1);
    return server_finish(server);
}

/* ---- somebody else's loop ---- */

int gt_step(gt_server *server)
{
    int status = server->begun ? GT_DONE : server_start(server, NULL);
    if (status != GT_DONE)
        return status;
    if (!server_over(server))
        server_step(server, 0);
    return server_over(server) ? server_finish(server) : GT_RUNNING;
}

int gt_fd(gt_server *server)
{
    struct engine *engine = need_engine(server);
    return engine ? engine_descriptor(engine) : -1;
}

int gt_timeout_ms(gt_server *server)
{
    if (!server->begun || server->worker.more || server_over(server) || asked_for_something(server))
        return 0;
    int64_t patience_ns = engine_patience(atomic_load(&server->engine));
    if (patience_ns <= 0)
        return (int)patience_ns;
    int64_t rounded_up = (patience_ns + 999999) / 1000000;
    return rounded_up < INT32_MAX ? (int)rounded_up : INT32_MAX;
}
