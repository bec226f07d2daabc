/* run.c: one run: made, let run, stopped, judged.
 *
 * The server is told to stop at a time chosen before, or when its clients have nothing left to do.
 * It must then come to its end within its drain timeout. What is on its way after that still
 * reaches the clients. Then everything is counted: what is broken first is what is told. */
#include "run.h"

#include "choose.h"
#include "plant.h"
#include "serve/server.h"

#include <stdio.h>

#define PASSES_MOST 3000000
#define SECOND_NS   INT64_C(1000000000)
#define PATIENCE_NS (INT64_C(300) * SECOND_NS)

struct run {
    gt_server *server;
    struct engine *engine; /* the server's */
    struct choice choice;
    struct scenario scenario;
    int shown_fd;
    int64_t stopped_ns; /* when it was told to stop; 0: not yet */
    bool early;
    bool over;
    bool verbose;
};

static void told(const struct gt_event *event, void *context)
{
    struct run *run = context;
    if (run->verbose)
        printf("%9.3f ms  %s: %s\n", (double)sim_now(run->engine) / 1e6 - 1000, event->name,
               event->text);
    if (event->kind == GT_EVENT_CONNECTED)
        scenario_connected(&run->scenario, event->peer);
    if (event->kind == GT_EVENT_ENDED)
        scenario_ended(&run->scenario, event->peer, event->reason ? event->reason : "none");
}

/* ---- stopping ---- */

static void stop(struct run *run, bool early)
{
    if (run->stopped_ns || run->over)
        return;
    if (run->verbose)
        printf("%9.3f ms  the server is told to stop\n", (double)sim_now(run->engine) / 1e6 - 1000);
    run->stopped_ns = sim_now(run->engine);
    run->early = early;
    scenario_stopping(&run->scenario);
    gt_stop(run->server);
}

static void stop_now(void *context, uint64_t number)
{
    (void)number;
    stop(context, true);
}

/* Once a second: stop when the clients are done, or patience is. */
static void see_whether_quiet(void *context, uint64_t number)
{
    struct run *run = context;
    if (run->over || run->stopped_ns)
        return;
    bool patient = (int64_t)number * SECOND_NS < PATIENCE_NS;
    if (scenario_quiet(&run->scenario) || !patient)
        stop(run, !patient);
    else
        sim_after(run->engine, SECOND_NS, see_whether_quiet, run, number + 1);
}

/* ---- running ---- */

static bool begin(struct run *run, uint64_t seed, const char *plant)
{
    run->engine = engine_sim_create(seed);
    run->server = gt_create();
    if (!run->server)
        return false;
    gt_on_event(run->server, GT_DETAIL, told, run);
    choose(&run->choice, run->engine, run->server);
    run->shown_fd = choose_shown(&run->choice, run->engine);
    bool file = run->choice.show == SHOWN_AT_ONCE || run->choice.show == SHOWN_LATER ||
                run->choice.show == SHOWN_ON_FAILING;
    run->server->outlet =
        (struct outlet){.fd = run->shown_fd, .mode = file ? WRITE_FILE : WRITE_STREAM};
    run->scenario.stop = stop_now;
    run->scenario.stop_context = run;
    scenario_begin(&run->scenario, run->engine, run->shown_fd, &run->choice.plan, run->verbose);
    application_install(&run->scenario, run->server);
    choose_pace(&run->choice, run->engine, run->shown_fd, scenario_size(&run->scenario));
    if (run->choice.stop_ns >= 0)
        sim_after(run->engine, run->choice.stop_ns, stop_now, run, 0);
    else
        sim_after(run->engine, SECOND_NS, see_whether_quiet, run, 1);
    if (plant)
        plant_put(run->engine, plant);
    return server_start(run->server, run->engine) == GT_DONE;
}

static void check_world(struct run *run)
{
    const char *wrong = sim_check(run->engine);
    if (wrong)
        scenario_break(&run->scenario, "the simulation: %s", wrong);
}

static void let_run(struct run *run)
{
    unsigned passes = 0;
    while (!server_over(run->server) && !run->scenario.broken[0]) {
        server_step(run->server, -1);
        if (++passes % 256 == 0)
            check_world(run);
        if (passes > PASSES_MOST)
            scenario_break(&run->scenario, "the server does not come to an end");
    }
    run->over = true;
    int64_t took_ns = sim_now(run->engine) - run->stopped_ns;
    if (run->stopped_ns && took_ns > run->choice.drain_timeout_ns + SECOND_NS)
        scenario_break(&run->scenario, "the server took %lld ms to stop",
                       (long long)took_ns / 1000000);
}

/* What is on its way arrives, without the server. */
static void let_settle(struct run *run)
{
    for (unsigned passes = 0; !sim_idle(run->engine); passes++) {
        engine_pass(run->engine, -1);
        if (passes > PASSES_MOST) {
            scenario_break(&run->scenario, "something goes on after the server is over");
            return;
        }
    }
    check_world(run);
}

/* ---- judging ---- */

static void judge_left_behind(struct run *run)
{
    const struct worker *worker = &run->server->worker;
    unsigned open = sim_open_count(run->engine);
    if (open != 1)
        scenario_break(&run->scenario, "%u descriptors are left open", open - 1);
    size_t turns = worker->turns.taken - (worker->at_hand != NULL);
    size_t parcels = worker->parcels.taken + worker->stagings.taken;
    if (worker->connections.taken || turns || worker->outputs.taken || parcels)
        scenario_break(&run->scenario, "%zu connections, %zu turns, %zu outputs, %zu parcels left",
                       worker->connections.taken, turns, worker->outputs.taken, parcels);
    if (worker->memory_bytes)
        scenario_break(&run->scenario, "%zu bytes of memory are counted and not there",
                       worker->memory_bytes);
}

static uint64_t counter(const struct run *run, const char *name)
{
    struct gt_counter counter = {.value = 0};
    for (size_t i = 0; gt_counter_at(run->server, i, &counter); i++)
        if (strcmp(counter.name, name) == 0)
            return counter.value;
    return UINT64_MAX;
}

static void judge_counter(struct run *run, const char *name, uint64_t right)
{
    if (counter(run, name) != right)
        scenario_break(&run->scenario, "the counter %s is %llu, not %llu", name,
                       (unsigned long long)counter(run, name), (unsigned long long)right);
}

/* What was counted is what was told, of each connection and of each reason. */
static void judge_counters(struct run *run)
{
    const struct scenario *scenario = &run->scenario;
    uint64_t connected = 0;
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        const char *reason = scenario->clients[i].reason;
        uint64_t alike = 0;
        char name[64];
        connected += scenario->clients[i].connected_count;
        for (unsigned other = 0; other < scenario->plan.clients; other++)
            alike += strcmp(scenario->clients[other].reason, reason) == 0;
        snprintf(name, sizeof name, "ended-%s", reason);
        if (reason[0])
            judge_counter(run, name, alike);
    }
    judge_counter(run, "connections", connected);
    judge_counter(run, "connections-open", 0);
    judge_counter(run, "messages", gt_message_count(run->server));
}

static void judge_count(struct run *run, int status, bool whole)
{
    const struct scenario_plan *plan = &run->scenario.plan;
    bool none = plan->show == SHOWS_NONE;
    bool unknown = plan->show == SHOWS_RAW && plan->chunks; /* where one chunk ends */
    int64_t counted = (int64_t)gt_message_count(run->server);
    int64_t shown = none || unknown ? counted : (int64_t)run->scenario.shown_count;
    int64_t count = run->choice.count;
    if (count > 0 && shown > count)
        scenario_break(&run->scenario, "%lld messages were shown, of %lld", (long long)shown,
                       (long long)count);
    if (count > 0 && status == GT_DONE && shown != count)
        scenario_break(&run->scenario, "done after %lld messages, of %lld", (long long)shown,
                       (long long)count);
    if (whole && shown != counted)
        scenario_break(&run->scenario, "%lld messages were shown, %lld counted", (long long)shown,
                       (long long)counted);
}

static bool has_goal(const struct run *run)
{
    return run->choice.count > 0 || run->choice.connections > 0;
}

static void judge_status(struct run *run, int status, bool failed)
{
    struct scenario *scenario = &run->scenario;
    if (failed && status != GT_FAILED)
        scenario_break(scenario, "it failed (%s) with status %d", gt_error(run->server), status);
    if (!failed && !has_goal(run) && status != GT_DONE)
        scenario_break(scenario, "it was stopped and drained with status %d: %s", status,
                       gt_error(run->server));
    if (!failed && has_goal(run) && !run->stopped_ns && status != GT_DONE &&
        !(run->choice.count == 1 && run->server->worker.reply_lost))
        scenario_break(scenario, "it reached its goal with status %d: %s", status,
                       gt_error(run->server));
}

static void judge(struct run *run)
{
    int status = server_finish(run->server);
    bool cut_off = run->server->worker.unfinished > 0;
    bool failed = run->server->failed;
    let_settle(run);
    struct scenario_outcome outcome = {
        .show_failed = failed,
        .cut_off = cut_off,
        .patient = run->choice.drain_timeout_ns >= 30 * SECOND_NS,
        .counted = has_goal(run) && status != GT_STOPPED,
        .early = run->early,
        .crowded = run->choice.limited || sim_faults(run->engine)->descriptors_most > 0,
    };
    scenario_finish(&run->scenario, outcome);
    judge_left_behind(run);
    judge_counters(run);
    judge_count(run, status, !failed && !cut_off);
    judge_status(run, status, failed || cut_off);
}

static void tell_found(struct run *run, char found[STORM_TEXT_SIZE])
{
    struct slice words = bytes_slice(&run->choice.words);
    snprintf(found, STORM_TEXT_SIZE, "%s\n  settings:%.*s", run->scenario.broken, (int)words.size,
             (const char *)words.data);
}

/* Stop a server that is broken, however it can be stopped: its memory must be freed. */
static bool force_over(struct run *run)
{
    gt_stop(run->server);
    gt_stop(run->server);
    for (int passes = 0; passes < 10000 && !server_over(run->server); passes++)
        server_step(run->server, 1000000);
    return server_over(run->server);
}

bool storm_run(uint64_t seed, const char *plant, bool verbose, char found[STORM_TEXT_SIZE])
{
    struct run run = {.verbose = verbose};
    if (!begin(&run, seed, plant)) {
        snprintf(found, STORM_TEXT_SIZE, "the server does not start: %s", gt_error(run.server));
        return false;
    }
    if (verbose)
        printf("settings:%.*s\n", (int)run.choice.words.size,
               (const char *)bytes_slice(&run.choice.words).data);
    let_run(&run);
    if (!run.scenario.broken[0])
        judge(&run);
    bool fine = !run.scenario.broken[0];
    if (!fine)
        tell_found(&run, found);
    bytes_free(&run.choice.words);
    if (fine || force_over(&run)) {
        server_finish(run.server);
        let_settle(&run);
        scenario_free(&run.scenario);
        gt_free(&run.server);
    }
    return fine;
}
