/* stopping.c: what brings a run to its end, and the order that the workers get for it.
 *
 * Told to stop once: everybody drains. Twice, or the timeout of a run that has a goal: everything
 * is given up. A failure, the first one stands: what is in hand is finished, and nothing more is
 * taken. All of this is decided on the thread of worker 0. */
#include "base/units.h"
#include "serve/server.h"

#include <inttypes.h>

static const struct event_origin nobody = {.reason = REASON_NONE};

void server_fail(gt_server *server, const struct error *error)
{
    if (server->failed)
        return;
    server->failed = true;
    server->error = *error;
    tell(server, GT_EVENT_FAILED, GT_ERROR, nobody, "%s", error->text);
    crew_give_order(server, ORDER_FINISH);
}

static void drain(gt_server *server)
{
    tell(server, GT_EVENT_STOPPING, GT_NOTICE, nobody, "stopping: finishing what is in hand");
    crew_give_order(server, ORDER_DRAIN);
}

/* Told as of now: what is abandoned will end, too. */
static void note_timeout(gt_server *server)
{
    char time[32];
    struct goal *goal = &server->goal;
    struct error *error = &server->error;
    uint64_t messages = gt_message_count(server);
    units_duration_words(time, sizeof time, server->settings.timeout_ns);
    if (server->failed)
        return;
    server->timed_out = true;
    if (goal->connections > 0)
        error_set(error, GT_TIMED_OUT,
                  "not done within %s: %" PRIu64 " of %" PRIu64 " connection%s had ended", time,
                  (uint64_t)atomic_load(&goal->connections_ended), (uint64_t)goal->connections,
                  goal->connections == 1 ? "" : "s");
    else if (messages == 0)
        error_set(error, GT_TIMED_OUT, "no message within %s", time);
    else
        error_set(error, GT_TIMED_OUT, "not done within %s: %" PRIu64 " message%s", time, messages,
                  messages == 1 ? "" : "s");
}

static void time_is_up(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    gt_server *server = list_item(timer, gt_server, timeout);
    if (!goal_exists(&server->goal)) {
        drain(server);
        return;
    }
    note_timeout(server);
    crew_give_order(server, ORDER_ABANDON);
}

void server_limit_time(gt_server *server, struct engine *engine)
{
    server->timeout.fire = time_is_up;
    if (server->settings.timeout_ns >= 0)
        engine_timer_set(engine, &server->timeout, engine->now_ns + server->settings.timeout_ns);
}

void server_obey_stops(gt_server *server)
{
    unsigned stops = atomic_load(&server->stops);
    if (stops == server->stops_seen || crew_over(server))
        return;
    if (server->stops_seen == 0) {
        server->drained = true;
        drain(server);
    }
    if (stops >= 2) {
        server->abandoned = true;
        crew_give_order(server, ORDER_ABANDON);
    }
    server->stops_seen = stops;
}
