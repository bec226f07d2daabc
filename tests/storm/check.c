/* check.c: a worker as a whole: what is counted is what is there. */
#include "check_parts.h"

/* What may be over max-memory when a pass ends: each of a pass's last connections takes a message
 * before it is seen that the memory is spent, with parcels and staging for its reply. */
#define BOOKKEEPING ((size_t)64 * 1024)

/* ---- counters ---- */

static uint64_t value(const struct worker *worker, unsigned counter)
{
    return counters_value(worker->counters, counter);
}

static const char *check_counters(const struct worker *worker)
{
    uint64_t ended = 0;
    for (unsigned i = 0; i < REASON_COUNT; i++)
        ended += value(worker, COUNTER_ENDED + i);
    if (value(worker, COUNTER_ENDED + REASON_NONE) > 0)
        return "a connection has ended for no reason";
    if (value(worker, COUNTER_CONNECTIONS_OPEN) != worker->connection_count)
        return "open connections are miscounted";
    if (value(worker, COUNTER_CONNECTIONS) != ended + worker->connection_count)
        return "connections do not add up: each is open or has ended, once";
    if (value(worker, COUNTER_MESSAGES) != worker->published)
        return "messages are miscounted";
    return NULL;
}

static const char *check_sequences(const struct worker *worker)
{
    const struct goal *goal = &worker->server->goal;
    uint64_t recorded = worker_recorded(worker);
    if (worker->published > recorded || recorded > worker->sequence ||
        worker->committed > worker->sequence)
        return "more messages are recorded than were taken";
    if (goal->messages > 0 && (uint64_t)atomic_load(&goal->messages_reserved) != worker->sequence)
        return "more messages are reserved than were taken";
    return NULL;
}

/* ---- limits ---- */

static size_t exchange_memory(const struct list *list)
{
    size_t bytes = 0;
    for (struct list *at = list->next; at != list; at = at->next)
        bytes += check_exchange_memory(list_item(at, struct exchange, link));
    return bytes;
}

/* What no connection can be ended for: that of datagrams and of those that have ended. */
static size_t beyond_relief(const struct worker *worker)
{
    size_t bytes = 0;
    for (struct list *at = worker->ended.next; at != &worker->ended; at = at->next)
        bytes += connection_memory(list_item(at, struct connection, link));
    for (struct list *at = worker->listeners.next; at != &worker->listeners; at = at->next) {
        const struct post *post = list_item(at, struct listener, link)->post;
        if (post)
            bytes += exchange_memory(&post->waiting) + exchange_memory(&post->ready);
        for (unsigned i = 0; post && post->send.op.active && i < post->send.count; i++)
            bytes += check_exchange_memory(post->sending[i]);
    }
    return bytes;
}

static const char *check_limits(const struct worker *worker, const struct check_outside *outside)
{
    const struct limits *limits = worker->limits;
    size_t most = limits->max_memory + outside->reply_most + BOOKKEEPING;
    unsigned places = atomic_load(&limits->connections);
    if (places != worker->connection_count || places > limits->max_connections)
        return "there are more connections than places";
    if (worker->memory_bytes > most && worker->memory_bytes - beyond_relief(worker) > most)
        return "connections hold more than max-memory";
    return NULL;
}

/* ---- listeners ---- */

/* Whether a guest waits until those are heard who have spoken before: the oldest has. */
static bool waits_for_hearing(const struct listener *listener)
{
    struct worker *worker = listener->worker;
    if (list_empty(&listener->guests) || list_empty(&worker->fresh))
        return false;
    const struct connection *oldest = list_item(worker->fresh.next, struct connection, link);
    return !oldest->heard && engine_unread(worker->engine, oldest->fd) > 0;
}

/* Whether it should accept, and does not. */
static bool is_deaf(const struct listener *listener)
{
    const struct worker *worker = listener->worker;
    if (listener->post || listener->closing || worker->phase >= WORKER_FINISHING)
        return false;
    if (listener->paused == LISTENER_EXHAUSTED)
        return !timer_is_set(&listener->retry);
    if (listener->paused == LISTENER_FULL)
        return !worker_full(worker) && !waits_for_hearing(listener) && !listener->accept.op.active;
    return !listener->accept.op.active;
}

static const char *check_listeners(const struct worker *worker, unsigned *open)
{
    for (struct list *at = worker->listeners.next; at != &worker->listeners; at = at->next) {
        const struct listener *listener = list_item(at, struct listener, link);
        *open += listener->socket.fd >= 0;
        for (struct list *guest = listener->guests.next; guest != &listener->guests;
             guest = guest->next)
            ++*open;
        if (is_deaf(listener))
            return "a listener does not accept, and nobody knows why";
    }
    return NULL;
}

const char *check_counts(const gt_server *server, const struct check_outside *outside)
{
    const struct worker *worker = &server->crew.workers[0];
    unsigned open = worker->connection_count + worker->ended_count;
    const char *wrong = check_counters(worker);
    if (!wrong)
        wrong = check_sequences(worker);
    if (!wrong)
        wrong = check_limits(worker, outside);
    if (!wrong)
        wrong = check_listeners(worker, &open);
    if (wrong)
        return wrong;
    if (worker->connections.taken != worker->connection_count + worker->ended_count)
        return "there are connections that nobody counts";
    if (outside->open != open)
        return "descriptors are open that are nobody's";
    if ((!list_empty(&worker->dirty) || !list_empty(&worker->posts)) && !worker->more &&
        worker->phase != WORKER_OVER)
        return "something is left to do, and the next pass may sleep";
    return NULL;
}

/* ---- everything ---- */

static const char *check_list(const struct list *list, struct check_sum *sum, bool proven,
                              size_t *count)
{
    const char *wrong = NULL;
    for (struct list *at = list->next; at != list && !wrong; at = at->next, ++*count) {
        const struct connection *connection = list_item(at, struct connection, link);
        if (connection->state == CONNECTION_ENDED || connection->proven != proven)
            return "a connection is in a wrong list";
        wrong = check_connection(connection, sum);
    }
    return wrong;
}

static const char *check_connections(const struct worker *worker, struct check_sum *sum)
{
    size_t count = 0, ended = 0;
    const char *wrong = check_list(&worker->fresh, sum, false, &count);
    if (!wrong)
        wrong = check_list(&worker->proven, sum, true, &count);
    for (struct list *at = worker->ended.next; at != &worker->ended && !wrong; at = at->next) {
        wrong = check_ended(list_item(at, struct connection, link), sum);
        ended++;
    }
    if (!wrong && (count != worker->connection_count || ended != worker->ended_count))
        return "connections are miscounted";
    return wrong;
}

static const char *check_posts(const struct worker *worker, struct check_sum *sum)
{
    size_t count = 0;
    const char *wrong = NULL;
    for (struct list *at = worker->listeners.next; at != &worker->listeners && !wrong;
         at = at->next) {
        const struct post *post = list_item(at, struct listener, link)->post;
        count += post ? post->exchange_count : 0;
        wrong = post ? check_post(post, sum) : NULL;
    }
    if (!wrong && (count != worker->exchange_count || count != worker->exchanges.taken))
        return "exchanges are miscounted";
    return wrong;
}

/* Turns whose connection is gone and that the recorder still has; and that all are in order. */
static const char *check_held(const struct worker *worker, struct check_sum *sum)
{
    size_t held = 0;
    uint64_t before = 0;
    for (struct list *at = worker->held.next; at != &worker->held; at = at->next) {
        const struct gt_turn *turn = list_item(at, struct gt_turn, held);
        bool orphan = !turn->connection && !turn->exchange;
        if (turn->sequence <= before)
            return "turns are held in a wrong order";
        before = turn->sequence;
        held++;
        sum->turns += orphan;
        sum->held += orphan;
        sum->awaited += turn->state == TURN_ORPHAN_HELD;
    }
    for (struct list *at = worker->held_parcels.next; at != &worker->held_parcels; at = at->next)
        held++;
    return held != sum->held && worker->recorder ? "what is held is miscounted" : NULL;
}

static const char *check_turns(const struct worker *worker, const struct check_outside *outside,
                               const struct check_sum *sum)
{
    size_t turns = sum->turns + outside->forsaken + (worker->at_hand != NULL);
    if (turns != worker->turns.taken)
        return "a turn is nobody's";
    if (sum->awaited + outside->forsaken != outside->awaited)
        return "a reply is awaited that nobody owes, or the other way round";
    return NULL;
}

static const char *check_sums(const struct worker *worker, const struct check_sum *sum)
{
    if (sum->memory != worker->memory_bytes)
        return "the memory that is counted is not what is held";
    if (sum->outputs != worker->outputs.taken || sum->parcels != worker->parcels.taken ||
        sum->stagings != worker->stagings.taken || sum->affected != worker->affected.taken)
        return "outputs, parcels, stagings or effects are nobody's";
    if (sum->talkers != worker->talkers.taken)
        return "a conversation is nobody's";
    return NULL;
}

const char *check_all(const gt_server *server, const struct check_outside *outside)
{
    const struct worker *worker = &server->crew.workers[0];
    struct check_sum sum = {0};
    const char *wrong = check_counts(server, outside);
    if (!wrong)
        wrong = check_connections(worker, &sum);
    if (!wrong)
        wrong = check_posts(worker, &sum);
    if (!wrong)
        wrong = check_held(worker, &sum);
    if (!wrong)
        wrong = check_turns(worker, outside, &sum);
    return wrong ? wrong : check_sums(worker, &sum);
}
