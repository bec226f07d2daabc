/* run.c: gt_run, from the first pass to the exit status; and gt_step, for somebody else's loop.
 *
 * Step: one pass of worker 0, then what was asked from outside, and what the other workers met. The
 * run is over when every worker is. Finish: what the run came to. A failure on the way is kept (the
 * first one stands) and the run ends by itself. */
#include "serve/reload.h"
#include "serve/server.h"
#include "serve/verdict.h"

/* More than it takes to let go of everything. */
#define ABANDON_PASSES_MAX 1000
#define ABANDON_WAIT_NS    10000000

static bool asked_for_something(const gt_server *server)
{
    return atomic_load(&server->stops) != server->stops_seen ||
           atomic_load(&server->counters_asked) != server->counters_told ||
           atomic_load(&server->reloads) != server->crew.workers[0].reloads_seen;
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
    struct worker *first = &server->crew.workers[0];
    int result = crew_pass(first, asked_for_something(server) ? 0 : wait_ns);
    if (atomic_load(&server->crew.failed))
        server_fail(server, crew_failure(server));
    server_obey_stops(server);
    reload_talk(server);
    answer_counters(server);
    return result;
}

bool server_over(const gt_server *server)
{
    const struct crew *crew = &server->crew;
    return crew->size == 0 || (worker_over(&crew->workers[0]) && crew_over(server));
}

/* What is left of a run that was not seen to its end. */
void server_abandon(gt_server *server)
{
    if (server_over(server))
        return;
    crew_give_order(server, ORDER_ABANDON);
    for (int passes = 0; !server_over(server) && passes < ABANDON_PASSES_MAX; passes++)
        crew_pass(&server->crew.workers[0], ABANDON_WAIT_NS); /* for what was killed to end */
    engine_timer_stop(atomic_load(&server->engine), &server->timeout);
}

/* ---- finish ---- */

/* What the workers left undone. */
struct leavings {
    unsigned unfinished;
    bool unrecorded;
    bool reply_lost;
};

static struct leavings leavings_of(const struct crew *crew)
{
    struct leavings left = {0};
    for (unsigned i = 0; i < crew->size; i++) {
        left.unfinished += crew->workers[i].unfinished;
        left.unrecorded |= crew->workers[i].unrecorded;
        left.reply_lost |= crew->workers[i].reply_lost;
    }
    return left;
}

static int judge(gt_server *server)
{
    struct leavings left = leavings_of(&server->crew);
    if (server->failed)
        return GT_FAILED;
    if (server->timed_out)
        return verdict_unmet(server) ? verdict_fail(server) : GT_TIMED_OUT;
    if (server->abandoned)
        return error_set(&server->error, GT_STOPPED, "told to leave at once");
    if (left.unfinished)
        return error_set(&server->error, GT_FAILED,
                         "drain-timeout passed with %u connections unfinished; they were cut off",
                         left.unfinished);
    if (left.unrecorded)
        return error_set(&server->error, GT_FAILED,
                         "drain-timeout passed before all messages were shown; the rest is lost");
    if (server->drained && goal_exists(&server->goal) && !goal_reached(&server->goal))
        return error_set(&server->error, GT_STOPPED, "stopped before its count was reached");
    if (verdict_unmet(server))
        return verdict_fail(server);
    if (server->one_shot && left.reply_lost)
        return error_set(&server->error, GT_FAILED, "the reply could not be delivered");
    return GT_DONE;
}

int server_finish(gt_server *server)
{
    crew_join(server);
    engine_timer_stop(atomic_load(&server->engine), &server->timeout);
    return verdict_give(server, judge(server));
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

/* A loop of one thread drives one worker. */
static int refuse_workers(gt_server *server, const char *call)
{
    if (server->settings.workers == 1)
        return GT_DONE;
    return error_set(&server->error, GT_WRONG,
                     "%s: goes with one worker; --workers are for gt_run, which starts a thread "
                     "for each of the others",
                     call);
}

int gt_step(gt_server *server)
{
    int status = server->begun ? GT_DONE : refuse_workers(server, "gt_step");
    if (status == GT_DONE && !server->begun)
        status = server_start(server, NULL);
    if (status != GT_DONE)
        return status;
    if (!server_over(server))
        server_step(server, 0);
    return server_over(server) ? server_finish(server) : GT_RUNNING;
}

int gt_fd(gt_server *server)
{
    if (refuse_workers(server, "gt_fd") != GT_DONE)
        return -1;
    struct engine *engine = server_need_engine(server);
    int fd = engine ? engine_descriptor(engine) : -1;
    if (engine && fd < 0)
        error_set(&server->error, GT_FAILED, "the %s engine has no descriptor to poll",
                  engine->table->name);
    return fd;
}

int gt_timeout_ms(gt_server *server)
{
    if (!server->begun || server_over(server) || server->crew.workers[0].more ||
        asked_for_something(server))
        return 0;
    int64_t patience_ns = engine_patience(atomic_load(&server->engine));
    if (patience_ns <= 0)
        return (int)patience_ns;
    int64_t rounded_up = (patience_ns + 999999) / 1000000;
    return rounded_up < INT32_MAX ? (int)rounded_up : INT32_MAX;
}
