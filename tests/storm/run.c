/* run.c: one run: made, let run, stopped, judged.
 *
 * The server is told to stop at a time chosen before, or when its clients have nothing left to do.
 * It must then come to its end within its drain timeout. What is on its way after that still
 * reaches the clients. Then everything is counted: what is broken first is what is told. */
#include "run_parts.h"

#include "plant.h"
#include "tally.h"

#include <stdio.h>

#define PASSES_MOST 3000000
#define PATIENCE_NS (INT64_C(300) * SECOND_NS)

static void told_connected(struct run *run, const struct gt_event *event)
{
    run->connected++;
    scenario_connected(&run->scenario, event->peer);
}

static void told_ended(struct run *run, const struct gt_event *event)
{
    const char *reason = event->reason ? event->reason : "none";
    unsigned i = 0;
    while (i + 1 < REASON_COUNT && strcmp(reason_row(i)->word, reason) != 0)
        i++;
    run->ended[i]++;
    bool not_taken = scenario_ended(&run->scenario, event->peer, reason);
    run->connected += not_taken;
    run->not_taken += not_taken;
}

static void told(const struct gt_event *event, void *context)
{
    struct run *run = context;
    if (run->verbose)
        printf("%9.3f ms  %s: %s\n", (double)sim_now(run->engine) / 1e6 - 1000, event->name,
               event->text);
    if (event->kind == GT_EVENT_CONNECTED)
        told_connected(run, event);
    run->paused |= event->kind == GT_EVENT_PAUSED;
    if (event->kind == GT_EVENT_ENDED)
        told_ended(run, event);
}

/* ---- stopping ---- */

static void stop(struct run *run, bool early)
{
    if (run->stopped_ns || run->over)
        return;
    if (run->verbose)
        printf("%9.3f ms  the server is told to stop\n", (double)sim_now(run->engine) / 1e6 - 1000);
    run->stopped_ns = sim_now(run->engine);
    run->lost_at_stop_ns = sim_lost(run->engine);
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
    bool started = server_start(run->server, run->engine) == GT_DONE;
    want_begin(&run->choice, seed);
    return started;
}

static void let_run(struct run *run)
{
    while (!server_over(run->server) && !run->scenario.broken[0]) {
        server_step(run->server, -1);
        run_watch(run);
        if (run->passes > PASSES_MOST)
            scenario_break(&run->scenario, "the server does not come to an end");
    }
    run->over = true;
    want_end();
    int64_t took_ns =
        sim_now(run->engine) - run->stopped_ns - (sim_lost(run->engine) - run->lost_at_stop_ns);
    if (run->stopped_ns && took_ns > run->choice.drain_timeout_ns + SECOND_NS)
        scenario_break(&run->scenario, "the server took %lld ms to stop",
                       (long long)took_ns / 1000000);
}

void run_settle(struct run *run)
{
    for (unsigned passes = 0; !sim_idle(run->engine); passes++) {
        engine_pass(run->engine, -1);
        if (passes > PASSES_MOST) {
            scenario_break(&run->scenario, "something goes on after the server is over");
            return;
        }
    }
    const char *wrong = sim_check(run->engine);
    if (wrong)
        scenario_break(&run->scenario, "the simulation: %s", wrong);
}

/* ---- the end ---- */

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

static void count_in(struct run *run, struct tally *tally)
{
    const struct scenario_plan *plan = &run->choice.plan;
    uint64_t *events = tally->events;
    tally_clients(tally, &run->scenario);
    events[TALLY_CROWDS] += plan->crowd;
    events[TALLY_APPLICATIONS] += plan->application;
    events[TALLY_LATER] += plan->later_ns > 0;
    events[TALLY_EFFECTS] +=
        counters_value(&run->server->crew.workers[0].counted, COUNTER_REPLIES_AFFECTED) > 0;
    events[TALLY_RATED] += plan->limits.message_every_ns > 0;
    events[TALLY_WALL_SET] += plan->jumps;
    events[TALLY_STOOD_STILL] += sim_lost(run->engine) > 0;
    events[TALLY_ACCEPT_PAUSED] += run->paused;
    events[TALLY_EARLY] += run->early;
    events[TALLY_COUNTED] += goal_reached(&run->server->goal);
    events[TALLY_WANT] += want_was_felt();
    events[TALLY_UNRECORDED] += run->server->crew.workers[0].recording_failed;
}

bool storm_run(uint64_t seed, const char *plant, bool verbose, struct tally *tally,
               char found[STORM_TEXT_SIZE])
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
        run_judge(&run);
    count_in(&run, tally);
    bool fine = !run.scenario.broken[0];
    if (!fine)
        tell_found(&run, found);
    bytes_free(&run.choice.words);
    if (fine || (!plant && force_over(&run))) { /* what a planted bug leaves is past freeing */
        server_finish(run.server);
        run_settle(&run);
        scenario_free(&run.scenario);
        gt_free(&run.server);
    }
    return fine;
}
