/* judge.c: what a run that is over has come to: its status, its counters, and that it left nothing
 * behind. What its clients must have got is scenario.c's. */
#include "run_parts.h"

#include <stdio.h>

static void judge_left_behind(struct run *run)
{
    const struct worker *worker = &run->server->crew.workers[0];
    unsigned open = sim_open_count(run->engine);
    if (open != 1)
        scenario_break(&run->scenario, "%u descriptors are left open", open - 1);
    size_t turns = worker->turns.taken - (worker->at_hand != NULL);
    size_t parcels = worker->parcels.taken + worker->stagings.taken + worker->affected.taken;
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

/* The counters as they are told are right. */
static void judge_counters(struct run *run)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "ended-%s", reason_row(i)->word);
        if (run->ended[i] > 0)
            judge_counter(run, name, run->ended[i]);
    }
    judge_counter(run, "connections", run->connected);
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
        !(run->choice.count == 1 && run->server->crew.workers[0].reply_lost))
        scenario_break(scenario, "it reached its goal with status %d: %s", status,
                       gt_error(run->server));
}

/* Whether the time that it had to stop in was lost, or might have been. */
static bool stood_still(const struct run *run)
{
    return run->stopped_ns && sim_lost(run->engine) > run->lost_at_stop_ns;
}

/* Whether accepting may have to pause, for longer than a server that stops waits for descriptors:
 * who is in the queue then may stay there. */
static bool lacks_descriptors(const struct run *run)
{
    const struct sim_faults *faults = sim_faults(run->engine);
    bool hurries =
        run->choice.drain_timeout_ns < SECOND_NS || stood_still(run) || run->choice.plan.crowd;
    return faults->descriptors_most > 0 || faults->accept_refused > (hurries ? 0 : 0.01);
}

void run_judge(struct run *run)
{
    int status = server_finish(run->server);
    const struct worker *worker = &run->server->crew.workers[0];
    bool cut_off = worker->unfinished > 0 || worker->unrecorded;
    bool failed = run->server->failed;
    run_settle(run);
    struct scenario_outcome outcome = {
        .show_failed = failed,
        .cut_off = cut_off,
        .patient = run->choice.drain_timeout_ns >= 30 * SECOND_NS && !stood_still(run),
        .counted = has_goal(run) && status != GT_STOPPED,
        .early = run->early,
        .crowded = run->choice.plan.limits.connections || run->choice.plan.limits.want ||
                   lacks_descriptors(run),
    };
    scenario_finish(&run->scenario, outcome);
    judge_left_behind(run);
    judge_counters(run);
    judge_count(run, status, !failed && !cut_off);
    judge_status(run, status, failed || cut_off);
}
