/* watch.c: what must hold between any two passes of a run.
 *
 * What is shown is read as it grows. Everything the server counts is looked at after each pass;
 * what it holds is walked through in time with how many connections there are, so that a crowd
 * costs no more a pass than a few do. And it must not spin: passes in which no time passes end. */
#include "run_parts.h"

#include "check.h"

/* More than any pass's work is spread over. */
#define STANDSTILL_MOST 20000

/* Connections for which one walk more a pass is saved. */
#define WALK_SHARE 8

static void watch_world(struct run *run)
{
    const char *wrong = sim_check(run->engine);
    if (wrong)
        scenario_break(&run->scenario, "the simulation: %s", wrong);
}

static void watch_clock(struct run *run)
{
    int64_t now_ns = sim_now(run->engine);
    run->standstill = now_ns == run->pass_ns ? run->standstill + 1 : 0;
    run->pass_ns = now_ns;
    if (run->standstill > STANDSTILL_MOST)
        scenario_break(&run->scenario, "the server spins: %u passes without rest", run->standstill);
}

static void watch_shown(struct run *run)
{
    size_t size = sim_content(run->engine, run->shown_fd).size;
    if (size == run->shown_size)
        return;
    scenario_look(&run->scenario);
    run->scenario.active_ns = sim_now(run->engine);
    run->shown_size = size;
}

/* What was counted is what was told, of connections and of each reason. */
static void watch_told(struct run *run)
{
    const struct counters *counters = run->server->crew.workers[0].counters;
    uint64_t connected = counters_value(counters, COUNTER_CONNECTIONS);
    if (connected != run->connected || connected != run->scenario.opened_count + run->not_taken)
        scenario_break(&run->scenario, "%llu connections are counted, %llu were told",
                       (unsigned long long)connected, (unsigned long long)run->connected);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (counters_value(counters, COUNTER_ENDED + i) != run->ended[i])
            scenario_break(&run->scenario, "ended-%s is miscounted", reason_row(i)->word);
}

static void watch_server(struct run *run)
{
    const struct worker *worker = &run->server->crew.workers[0];
    struct check_outside outside = {.open = sim_open_count(run->engine) - 1,
                                    .reply_most = run->scenario.reply_most};
    bool walk = ++run->unwalked * WALK_SHARE > worker->connection_count + worker->exchange_count;
    const char *wrong;
    if (walk) {
        run->unwalked = 0;
        application_awaits(&run->scenario, &outside.awaited, &outside.forsaken);
        wrong = check_all(run->server, &outside);
    } else {
        wrong = check_counts(run->server, &outside);
    }
    if (wrong)
        scenario_break(&run->scenario, "the server: %s", wrong);
}

void run_watch(struct run *run)
{
    watch_clock(run);
    watch_shown(run);
    watch_told(run);
    watch_server(run);
    if (++run->passes % 256 == 0)
        watch_world(run);
}
