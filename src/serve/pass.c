/* pass.c: what a worker does at the end of each pass, and how it comes to an end.
 *
 * The order at the end of a pass is promise 1: first the recorder commits what the pass has taken,
 * then the connections whose turns are recorded send. Where room is lacking (a slow recorder,
 * spent memory), nothing is taken or read until there is some. When the recorder fails, no
 * connection that waits for it gets a reply: they end, and whoever runs the worker sees
 * recording_failed.
 *
 * Coming to an end: a worker that has accepted its queues empty waits until all have, serving what
 * still comes, since what a listener that closes leaves unaccepted is lost, and what comes later
 * goes to those that are left. */
#include "serve/pass.h"

#include "reply/command.h"
#include "serve/answer.h"
#include "serve/post.h"
#include "serve/recording.h"
#include "serve/server.h"
#include "serve/talker.h"

#include <time.h>

/* Draining: how long what is in the queues waits for memory or descriptors: several retries. */
#define WANT_PATIENCE_NS INT64_C(500000000)

static void drain_timeout(struct timer *timer, int64_t now_ns);
static void adjust_listeners(struct worker *worker);

void pass_begin(struct worker *worker)
{
    worker->phase = WORKER_SERVING;
    worker->mailbox.thread = pthread_self();
    worker->drain_timer.fire = drain_timeout;
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        listener_start(list_item(link, struct listener, link), worker);
}

/* ---- room ---- */

/* Whichever holds more: most, or one in the list. */
static struct connection *greatest(struct connection *most, struct list *list)
{
    for (struct list *link = list->next; link != list; link = link->next) {
        struct connection *connection = list_item(link, struct connection, link);
        if (!most || connection_memory(connection) > connection_memory(most))
            most = connection;
    }
    return most;
}

/* What connections that have ended hold until the engine lets go of their sends. */
static size_t leaving_bytes(const struct worker *worker)
{
    size_t bytes = 0;
    for (struct list *link = worker->ended.next; link != &worker->ended; link = link->next)
        bytes += connection_memory(list_item(link, struct connection, link));
    return bytes;
}

static struct exchange *greatest_exchange(struct worker *worker)
{
    struct exchange *most = NULL;
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->post)
            most = post_greatest(listener->post, most);
    }
    return most;
}

/* Whoever holds most ends; false: nobody does. A datagram whose reply waits is one among others, so
 * that those of its kind, many as they may be, cost no connection that holds less; one that leaves
 * by itself is waited for. */
static bool relieve_of_greatest(struct worker *worker, size_t *leaving)
{
    struct connection *most = greatest(greatest(NULL, &worker->fresh), &worker->proven);
    struct exchange *exchange = greatest_exchange(worker);
    size_t bytes = most ? connection_memory(most) : 0;
    if (exchange && exchange_held(exchange) > bytes) {
        bool waits = exchange_waits(exchange);
        if (waits)
            exchange_relieve(exchange);
        return waits;
    }
    if (bytes == 0)
        return false;
    connection_end(most, REASON_MEMORY);
    *leaving += connection_memory(most);
    return true;
}

/* Over max-memory: whoever holds most of it ends. What is on its way back is not asked of others.
 */
static void relieve_memory(struct worker *worker)
{
    if (worker->alone && worker->memory_bytes <= worker->memory_granted)
        return;
    size_t most_allowed = worker_settle_memory(worker);
    if (worker->memory_bytes <= most_allowed)
        return;
    size_t leaving = leaving_bytes(worker);
    bool relieved = true;
    while (relieved && worker->memory_bytes - leaving > most_allowed)
        relieved = relieve_of_greatest(worker, &leaving);
}

static void reap(struct worker *worker)
{
    struct list waiting;
    list_init(&waiting);
    list_splice(&waiting, &worker->ended);
    for (struct list *link = list_take(&waiting); link; link = list_take(&waiting)) {
        struct connection *connection = list_item(link, struct connection, link);
        list_append(&worker->ended, link);
        if (connection->talks)
            talker_close(connection);
        connection_reap(connection);
    }
}

/* ---- recording ---- */

static void release_turn(struct worker *worker, struct gt_turn *turn)
{
    struct exchange *exchange = turn->exchange;
    list_remove(&turn->held);
    if (turn->connection)
        worker_mark_dirty(worker, ((struct connection *)turn->connection)->output);
    worker_move_turn(worker, turn, TURN_RECORDED);
    if (exchange)
        exchange_settle(exchange);
}

/* What the recorder has kept may be replied to. */
static void release_recorded(struct worker *worker)
{
    uint64_t recorded = worker->recorder->recorded;
    while (!list_empty(&worker->held)) {
        struct gt_turn *turn = list_item(worker->held.next, struct gt_turn, held);
        if (turn->sequence > recorded)
            break;
        release_turn(worker, turn);
    }
    while (!list_empty(&worker->held_parcels)) {
        struct parcel *parcel = list_item(worker->held_parcels.next, struct parcel, held);
        if (parcel->sequence > recorded)
            break;
        list_remove(&parcel->held);
        worker_mark_dirty(worker, parcel->output);
    }
}

/* What is held will never be recorded: it is not replied to. */
static void fail_recording(struct worker *worker)
{
    worker->recording_failed = true;
    for (struct list *link = list_take(&worker->held); link; link = list_take(&worker->held)) {
        struct gt_turn *turn = list_item(link, struct gt_turn, held);
        if (turn->connection)
            connection_end(turn->connection, REASON_UNRECORDED);
        if (turn->exchange)
            exchange_abandon(turn->exchange);
        worker_move_turn(worker, turn, TURN_RECORDED);
    }
    while (!list_empty(&worker->held_parcels)) {
        struct parcel *parcel = list_item(worker->held_parcels.next, struct parcel, held);
        connection_end(parcel->output->connection, REASON_UNRECORDED);
    }
}

static void commit(struct worker *worker)
{
    struct recorder *recorder = worker->recorder;
    if (!recorder || worker->abandoned)
        return;
    if (!worker->recording_failed) {
        worker->committed = worker->sequence;
        recorder_commit(recorder);
        release_recorded(worker);
    }
    recording_tell(worker);
    if (recorder->failure.status) /* what was taken after the failure, too */
        fail_recording(worker);
}

static void resume_connection(struct connection *connection)
{
    deadlines_resume(connection);
    connection_go_on(connection);
}

/* Take messages again when there is room; read no more when there stays none. */
static void adapt_intake(struct worker *worker)
{
    if (!worker->intake_paused)
        return;
    if (!worker_lacks_room(worker)) {
        worker->intake_paused = worker->reading_paused = false;
        worker_each(worker, resume_connection);
    } else if (!worker->reading_paused) {
        worker->reading_paused = true;
        worker_each(worker, connection_update_reading);
    }
}

/* ---- phases ---- */

static void finish_connection(struct connection *connection)
{
    connection_close(connection, worker_of(connection)->finish_reason);
    connection_go_on(connection);
}

void pass_finish(struct worker *worker, enum reason reason)
{
    if (worker->phase >= WORKER_FINISHING)
        return;
    worker->phase = WORKER_FINISHING;
    worker->more = true;
    worker->finish_reason = reason;
    worker_each(worker, finish_connection);
}

static void each_post(struct worker *worker, void (*visit)(struct post *post))
{
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->post)
            visit(listener->post);
    }
}

static void abandon_connection(struct connection *connection)
{
    connection_end(connection, worker_of(connection)->finish_reason);
}

void pass_abandon(struct worker *worker, enum reason reason)
{
    if (worker->phase == WORKER_OVER)
        return;
    worker->phase = WORKER_FINISHING;
    worker->more = true;
    worker->abandoned = true;
    worker->finish_reason = reason;
    worker_each(worker, abandon_connection);
    each_post(worker, post_abandon);
    command_room_kill(worker->commands);
}

static void drain_timeout(struct timer *timer, int64_t now_ns)
{
    (void)now_ns;
    struct worker *worker = list_item(timer, struct worker, drain_timer);
    worker->unfinished = worker->connection_count + worker->exchange_count;
    worker->unrecorded = worker_recorded(worker) != worker->sequence;
    pass_abandon(worker, REASON_DRAIN_TIMEOUT);
}

void pass_limit_drain(struct worker *worker)
{
    int64_t timeout = worker->server->settings.drain_timeout_ns;
    if (timeout >= 0 && !timer_is_set(&worker->drain_timer))
        engine_timer_set(worker->engine, &worker->drain_timer, worker->engine->now_ns + timeout);
}

static void begin_draining(struct worker *worker, enum reason reason)
{
    if (worker->phase != WORKER_SERVING)
        return;
    worker->phase = WORKER_DRAINING;
    worker->more = true;
    worker->finish_reason = (uint8_t)reason;
    worker->arrived_before = worker->arrived;
    worker->draining_ns = worker->engine->now_ns;
    if (worker->limits->sources)
        worker_each(worker, connection_go_on); /* what has waited for max-rate waits no longer */
}

void pass_drain(struct worker *worker)
{
    if (worker->phase == WORKER_OVER)
        return;
    pass_limit_drain(worker);
    begin_draining(worker, REASON_DRAINED);
    pass_hurry(worker);
}

static void hurry(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    struct timer *timer = &connection->timer;
    int64_t now_ns = worker->engine->now_ns;
    bool due = timer_is_set(timer) && timer->deadline_ns <= now_ns;
    if (connection->output)
        worker_mark_dirty(worker, connection->output);
    if (connection->talks && !due)
        engine_timer_set(worker->engine, timer, now_ns);
}

/* It is between two passes: what goes on for it does so in the next. */
void pass_hurry(struct worker *worker)
{
    worker->hurried = true;
    worker->more = true;
    if (worker->affected.taken == 0 && worker->talkers.taken == 0)
        return;
    worker_each(worker, hurry);
    each_post(worker, post_hurry);
    adjust_listeners(worker); /* some may have ended by that */
}

/* Whether a listener pauses for want of memory or descriptors and will try again. */
static bool awaits_retry(struct worker *worker)
{
    struct list *listeners = &worker->listeners;
    bool awaits = false;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        awaits |= listener_awaits_retry(list_item(link, struct listener, link));
    return awaits;
}

/* Draining: a slow recorder is waited for, since what has arrived should still be taken; memory and
 * descriptors that are out, which may take for ever, are waited for a little. */
static bool drain_waits(struct worker *worker)
{
    if (goal_reached(&worker->server->goal))
        return false;
    bool early = worker->engine->now_ns < worker->draining_ns + WANT_PATIENCE_NS;
    return worker->intake_paused || (early && awaits_retry(worker));
}

/* This worker's queues are empty; no listener closes before those of all are. */
static void finish_with_others(struct worker *worker)
{
    struct crew *crew = &worker->server->crew;
    unsigned before = worker->drained ? 0 : atomic_fetch_add(&crew->drained, 1);
    if (!worker->drained && before + 1 == crew->size)
        worker_wake_others(worker);
    worker->drained = true;
    if (atomic_load(&crew->drained) == crew->size)
        pass_finish(worker, worker->finish_reason);
}

/* Draining: the queues are accepted empty, what has arrived is read and taken: two passes that
 * brought nothing and left nothing to take. A flood does not keep it up for ever. */
static void drain_further(struct worker *worker)
{
    if (drain_waits(worker)) {
        worker->quiet_passes = 0;
        return;
    }
    if (worker->drained) {
        finish_with_others(worker);
        return;
    }
    worker->more = true;
    bool quiet =
        worker->arrived == worker->arrived_before && list_empty(&worker->dirty) && !worker->stirred;
    worker->stirred = false;
    worker->quiet_passes = quiet ? worker->quiet_passes + 1 : 0;
    worker->arrived_before = worker->arrived;
    if (worker->quiet_passes >= 2 || ++worker->drain_passes >= 256)
        finish_with_others(worker);
}

static bool stop_listeners(struct worker *worker)
{
    bool stopped = true;
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next)
        stopped &= listener_stop(list_item(link, struct listener, link));
    return stopped;
}

/* Abandoned turns are nobody's. */
static bool let_go_of_held(struct worker *worker)
{
    if (worker->recorder && !recorder_stop(worker->recorder))
        return false;
    for (struct list *link = list_take(&worker->held); link; link = list_take(&worker->held))
        worker_move_turn(worker, list_item(link, struct gt_turn, held), TURN_RECORDED);
    return true;
}

/* Everything is recorded, for good. What fails at the very end fails the run. */
static bool recording_finished(struct worker *worker)
{
    struct recorder *recorder = worker->recorder;
    if (!recorder || worker->abandoned || worker->recording_failed)
        return true;
    if (recorder->recorded != worker->sequence || !recorder_finish(recorder))
        return false;
    if (recorder->failure.status)
        fail_recording(worker);
    return true;
}

static void finish_further(struct worker *worker)
{
    bool stopped = stop_listeners(worker);
    bool ended = list_empty(&worker->fresh) && list_empty(&worker->proven) &&
                 list_empty(&worker->ended) && worker->exchange_count == 0;
    if (!stopped || !ended) {
        worker->more |= worker->abandoned || !stopped || !list_empty(&worker->ended);
        return;
    }
    bool let_go = recording_finished(worker);
    if (worker->abandoned || worker->recording_failed)
        let_go = let_go_of_held(worker);
    if (let_go && !command_room_empty(worker->commands))
        return; /* their end is waited for */
    worker->more |= worker->abandoned;
    if (!let_go)
        return;
    engine_timer_stop(worker->engine, &worker->drain_timer);
    worker_leave_limits(worker);
    worker->phase = WORKER_OVER;
}

/* Accept as long as there is a place, or somebody who could give way. */
static void adjust_listeners(struct worker *worker)
{
    struct list *listeners = &worker->listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct listener *listener = list_item(link, struct listener, link);
        if (listener->post)
            post_go_on(listener->post);
        else if (worker_full(worker))
            listener_pause(listener);
        else if (listener->paused != LISTENER_RUNS)
            listener_resume(listener);
    }
}

/* What others lack that it can do without, and what it lacks itself. */
static void consider_others(struct worker *worker)
{
    worker_offer_memory(worker);
    worker_wait_for_place(worker);
    listener_make_way(worker);
}

/* ---- the pass ---- */

static void go_on_dirty(struct worker *worker)
{
    struct list dirty;
    list_init(&dirty);
    list_splice(&dirty, &worker->dirty);
    for (struct list *link = list_take(&dirty); link; link = list_take(&dirty))
        connection_go_on(list_item(link, struct output, dirty)->connection);
}

static void go_on_posts(struct worker *worker)
{
    for (struct list *link = list_take(&worker->posts); link; link = list_take(&worker->posts))
        post_go_on(list_item(link, struct post, dirty));
}

/* What others may ask for is told once a pass, not with every message. */
static void publish(struct worker *worker)
{
    uint64_t recorded = worker_recorded(worker);
    uint64_t more = recorded - worker->published;
    if (more == 0)
        return;
    worker->published = recorded;
    counters_add(worker->counters, COUNTER_MESSAGES, more);
}

/* Nothing more is to be taken; the others may be asleep. */
static void see_goal(struct worker *worker)
{
    if (worker->phase != WORKER_SERVING || !goal_reached(&worker->server->goal))
        return;
    begin_draining(worker, REASON_FINISHED);
    worker_wake_others(worker);
}

static void finish_pass(struct worker *worker)
{
    answer_collect(worker);
    commit(worker);
    go_on_dirty(worker);
    go_on_posts(worker);
    relieve_memory(worker);
    adapt_intake(worker);
    see_goal(worker);
    reap(worker);
    publish(worker);
    bool uncommitted =
        worker->recorder && !worker->recording_failed && worker->committed != worker->sequence;
    worker->more = uncommitted || !list_empty(&worker->dirty) || !list_empty(&worker->posts);
    adjust_listeners(worker);
    if (!worker->alone)
        consider_others(worker);
    if (worker->phase == WORKER_DRAINING)
        drain_further(worker);
    if (worker->phase == WORKER_FINISHING)
        finish_further(worker);
}

/* An engine that has failed cannot wait: it is asked again and again, but not all the time. */
static int wait_for_others(struct worker *worker, int64_t wait_ns)
{
    static const struct timespec moment = {0, 10000000};
    int result = engine_pass(worker->engine, wait_ns);
    if (result < 0)
        nanosleep(&moment, NULL);
    return result;
}

int pass_run(struct worker *worker, int64_t wait_ns)
{
    if (worker->phase == WORKER_OVER)
        return wait_for_others(worker, wait_ns);
    worker->wall_us = 0;
    int result = engine_pass(worker->engine, worker->more ? 0 : wait_ns);
    finish_pass(worker);
    return result;
}
