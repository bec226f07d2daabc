/* start.c: how a run begins.
 *
 * The happy path: the settings fit together, there is an engine, the limits are what the process
 * can bear, the workers are opened and their threads started; then they accept, and readiness is
 * told. Nothing has been accepted before all that can fail is done but telling that it is ready.
 * Whatever fails before that leaves a run that is over. */
#include "base/units.h"
#include "guard/descriptors.h"
#include "guard/ready.h"
#include "record/journal.h"
#include "reply/command.h"
#include "reply/talk.h"
#include "serve/budget.h"
#include "serve/engine_choice.h"
#include "serve/host.h"
#include "serve/reload.h"
#include "serve/server.h"
#include "serve/sources.h"
#include "serve/verdict.h"

/* Descriptors of a worker that are neither connections nor listeners: its engine, guests, who has
 * just given way; of the first also the standard ones, the outlet, a few to spare. */
#define DESCRIPTORS_KEPT 32

#define MOST_CONNECTIONS 10000

static const struct event_origin nobody = {.reason = REASON_NONE};

/* ---- what is asked for ---- */

/* Whether commands are run at this one. */
static bool runs_commands(const struct listener *listener)
{
    return listener->settings->connection_plan ||
           listener->settings->reply_source == REPLY_FROM_COMMAND;
}

/* Whether its connections can be handed to commands. */
static int check_handing(gt_server *server, const struct listener *listener)
{
    const char *why = NULL;
    if (listener->post)
        return error_set(&server->error, GT_WRONG,
                         "--exec-connection: %s has datagrams, and no connections; --exec runs a "
                         "command for each",
                         listener->socket.name);
    if (server->settings.log)
        why = "log";
    if (server->settings.record)
        why = "record";
    if (!why)
        return GT_DONE;
    return error_set(&server->error, GT_WRONG,
                     "--exec-connection: what the command and its peer say is not seen, and cannot "
                     "be recorded; leave out --%s",
                     why);
}

/* Whether a run may begin. */
static int check_start(gt_server *server)
{
    bool connects = false;
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        const struct listener *listener = list_item(link, struct listener, link);
        connects |= !listener->post;
        server->runs_commands |= runs_commands(listener);
        server->hands_over |= listener->settings->connection_plan != NULL;
        if (listener->settings->connection_plan && check_handing(server, listener) != GT_DONE)
            return server->error.status;
    }
    if (server->begun)
        return error_set(&server->error, GT_WRONG, "a server runs once");
    if (server->callback.heard && server->talk && server->talk->words.kind != TALK_OF_SETTINGS)
        return error_set(&server->error, GT_WRONG,
                         "%s replies, and so would the message callback: one of them",
                         server->talk->name);
    if (list_empty(listeners))
        return error_set(&server->error, GT_WRONG,
                         "no address to listen on: gt_listen comes first");
    if (server->settings.connections > 0 && !connects)
        return error_set(&server->error, GT_WRONG,
                         "--connections: datagrams have none; --count counts messages");
    return GT_DONE;
}

/* Whether connections hold conversations: then the count is one of those. */
static bool converses(gt_server *server)
{
    bool found = false;
    struct list *listeners = &server->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        const struct listener *listener = list_item(link, struct listener, link);
        found |= !listener->post && listener->settings->replier->converses;
    }
    return found;
}

/* A conversation has a connection, and ends with it. */
static void take_goal(gt_server *server)
{
    const struct settings *settings = &server->settings;
    bool by_conversation = (server->hands_over || converses(server)) && settings->connections == 0;
    server->goal.messages = by_conversation ? 0 : settings->count;
    server->goal.connections = by_conversation ? settings->count : settings->connections;
    server->one_shot = settings->count == 1 && settings->connections == 0;
}

struct engine *server_need_engine(gt_server *server)
{
    struct engine *engine = atomic_load(&server->engine);
    if (!engine)
        engine = engine_choose(server, &server->error);
    if (engine)
        engine->spin_ns = server->settings.spin_ns;
    atomic_store(&server->engine, engine);
    return engine;
}

/* A simulated world has one worker, and as many descriptors as it likes. */
static unsigned count_workers(const gt_server *server, bool simulated)
{
    if (simulated)
        return 1;
    return server->settings.workers == 0 ? crew_size_auto() : (unsigned)server->settings.workers;
}

static unsigned count_listeners(const gt_server *server)
{
    unsigned count = 0;
    const struct list *listeners = &server->listeners;
    for (const struct list *link = listeners->next; link != listeners; link = link->next)
        count++;
    return count;
}

/* Of commands: while one begins it needs more than while it runs. */
static int64_t descriptors_of_commands(const gt_server *server, unsigned workers)
{
    if (!server->runs_commands)
        return 0;
    return server->settings.exec_max * COMMAND_DESCRIPTORS + workers * COMMAND_STARTING;
}

/* What the limit of open files leaves for connections; at least one. */
static int64_t descriptors_left(const gt_server *server, unsigned workers)
{
    bool keeps = server->settings.record != NULL;
    int64_t kept_each =
        DESCRIPTORS_KEPT + count_listeners(server) + (keeps ? JOURNAL_DESCRIPTORS_EACH : 0);
    int64_t left = descriptors_raise() - kept_each * workers - (keeps ? JOURNAL_DESCRIPTORS : 0) -
                   descriptors_of_commands(server, workers);
    return left > 1 ? left : 1;
}

/* Count by source, if that is asked for: connections that have a place, and of each worker those
 * that have none yet, one being accepted and a guest of each listener. */
static int limit_sources(gt_server *server)
{
    struct limits *limits = &server->limits;
    struct sources_bounds bounds = {.connections = (unsigned)server->settings.max_per_source,
                                    .interval_ns = server->settings.rate_interval_ns};
    if (bounds.connections == 0 && bounds.interval_ns == 0)
        return GT_DONE;
    size_t newcomers = (size_t)limits->workers * (1 + count_listeners(server));
    size_t connections = limits->max_connections + newcomers;
    uint64_t seed = engine_random(atomic_load(&server->engine));
    limits->sources = sources_create(bounds, connections, seed);
    if (!limits->sources)
        return error_set(&server->error, GT_FAILED,
                         "no memory to count what %zu connections do, by their sources",
                         connections);
    return GT_DONE;
}

/* How many connections there may be: what was asked for, if descriptors and memory suffice. */
static int limit(gt_server *server, unsigned workers, bool simulated, struct budget *budget)
{
    int64_t asked = server->settings.max_connections;
    int64_t most = simulated ? MOST_CONNECTIONS : descriptors_left(server, workers);
    if (asked > most)
        return error_set(&server->error, GT_FAILED,
                         "--max-connections %lld: the limit of open files allows %lld; raise it "
                         "with ulimit -n",
                         (long long)asked, (long long)most);
    if (asked == 0)
        asked = most < MOST_CONNECTIONS ? most : MOST_CONNECTIONS;
    int status = budget_make(server, workers, asked, simulated, budget);
    if (status != GT_DONE)
        return status;
    limits_open(&server->limits, workers, (unsigned)budget->connections, (size_t)budget->messages);
    return limit_sources(server);
}

/* ---- what is told ---- */

static int tell_ready(gt_server *server)
{
    if (!server->settings.ready)
        return GT_DONE;
    struct bytes names = {0};
    int result = 0;
    struct list *listeners = &server->crew.workers[0].listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        result |= bytes_format(&names, "%s\n", list_item(link, struct listener, link)->socket.name);
    int status = result < 0
                     ? error_set(&server->error, GT_FAILED, "--ready: out of memory")
                     : ready_tell(server->settings.ready, bytes_slice(&names), &server->error);
    bytes_free(&names);
    return status;
}

static void tell_limits(gt_server *server, const struct budget *budget)
{
    const struct limits *limits = &server->limits;
    tell(server, GT_EVENT_NOTE, GT_DETAIL, nobody, "%u worker%s, engine %s; at most %u connections",
         limits->workers, limits->workers == 1 ? "" : "s",
         server->crew.workers[0].engine->table->name, limits->max_connections);
    budget_tell(server, budget);
}

/* ---- starting ---- */

static int open_crew(gt_server *server, struct engine *engine, bool simulated,
                     struct budget *budget)
{
    unsigned workers = count_workers(server, simulated);
    int status = limit(server, workers, simulated, budget);
    if (status == GT_DONE)
        status = crew_open(server, workers, engine);
    if (status == GT_DONE)
        status = host_open(server);
    if (status == GT_DONE)
        status = host_prepare_all(server);
    if (status == GT_DONE)
        status = crew_start(server);
    return status;
}

int server_start(gt_server *server, struct engine *engine)
{
    bool simulated = engine != NULL;
    if (check_start(server) != GT_DONE)
        return server->error.status;
    if (simulated)
        atomic_store(&server->engine, engine);
    engine = server_need_engine(server);
    if (!engine)
        return GT_FAILED;
    if (verdict_open(server) != GT_DONE)
        return server->error.status;
    server->begun = true;
    take_goal(server);
    atomic_store(&server->reloadable, server->settings.log || server->talk);
    struct budget budget;
    int status = reload_open(server);
    if (status == GT_DONE)
        status = open_crew(server, engine, simulated, &budget);
    server->failed = status != GT_DONE;
    if (status != GT_DONE)
        return status;
    server_limit_time(server, engine);
    server->begun_ns = engine->now_ns;
    server->begun_us = engine_wall_us(engine);
    crew_go(server);
    tell_limits(server, &budget);
    status = tell_ready(server);
    if (status == GT_DONE)
        tell(server, GT_EVENT_READY, GT_NOTICE, nobody, "ready");
    else
        server_fail(server, &server->error);
    return GT_DONE;
}
