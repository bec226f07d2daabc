/* check_output.c: what waits to be sent: parcels and turns in the queues of connections, the
 * exchanges of posts. Everything that waits waits for somebody, and its memory is counted. */
#include "check_parts.h"

static const struct parcel *parcel_of(struct part *part)
{
    return list_item(part, struct parcel, part);
}

static bool recorded(const struct worker *worker, uint64_t sequence)
{
    return !worker->recorder || sequence <= worker->recorder->recorded;
}

/* ---- turns ---- */

const char *check_turn(const struct gt_turn *turn, const struct worker *worker,
                       struct check_sum *sum)
{
    bool held = turn->state == TURN_HELD || turn->state == TURN_HELD_READY;
    if (turn->magic != TURN_MAGIC || turn->state < TURN_HELD || turn->state > TURN_READY)
        return "a turn that waits is in a state in which it cannot";
    if (worker->recorder && held == list_empty(&turn->held))
        return "a turn waits for the recorder and is not held, or the other way round";
    if (held && !worker->recording_failed && recorded(worker, turn->sequence))
        return "a turn is held that is recorded";
    sum->turns++;
    sum->held += held;
    sum->awaited += turn->state == TURN_HELD || turn->state == TURN_OPEN;
    return NULL;
}

/* ---- a connection's ---- */

static size_t parcel_memory(const struct output *output, const struct parcel *parcel)
{
    size_t own = parcel == &output->first ? 0 : sizeof *parcel;
    own += parcel->affected ? sizeof *parcel->affected : 0;
    return own + parcel->part.owned.capacity;
}

/* Parcels that share a staging buffer stand one behind the other. */
static void count_staging(const struct staging *staging, struct check_sum *sum)
{
    bool another = staging && staging != sum->staging;
    sum->memory += another ? sizeof *staging : 0;
    sum->stagings += another;
    sum->staging = staging;
}

static void count_parcel(const struct output *output, const struct parcel *parcel,
                         struct check_sum *sum)
{
    sum->memory += parcel_memory(output, parcel);
    sum->parcels += parcel != &output->first;
    count_staging(parcel->staging, sum);
    sum->affected += parcel->affected != NULL;
}

static const char *check_parcel(const struct output *output, const struct parcel *parcel,
                                struct check_sum *sum)
{
    const struct worker *worker = output->worker;
    bool held = !list_empty(&parcel->held);
    bool waits = parcel->sequence && !recorded(worker, parcel->sequence);
    count_parcel(output, parcel, sum);
    sum->held += held;
    if (parcel->output != output || parcel->part.turn)
        return "a parcel is in a queue of somebody else";
    if (worker->recorder && held != waits && !worker->recording_failed)
        return "a parcel waits for the recorder and is not held, or the other way round";
    return NULL;
}

/* What the queue holds, beside what the output says that it holds. */
static const char *check_queue(const struct output *output, struct check_sum *sum)
{
    size_t bytes = 0, turns = 0;
    const char *wrong = NULL;
    for (struct list *at = output->queue.next; at != &output->queue && !wrong; at = at->next) {
        struct part *part = list_item(at, struct part, link);
        bytes += part->bytes.size;
        turns += part->turn ? 1 : parcel_of(part)->messages;
        if (!part->turn) {
            wrong = check_parcel(output, parcel_of(part), sum);
            continue;
        }
        sum->memory += sizeof *part->turn + part->owned.capacity + part->turn->kept_bytes;
        wrong = check_turn(part->turn, output->worker, sum);
        if (part->turn->connection != output->connection)
            return "a turn is in the queue of somebody else";
    }
    if (!wrong && (bytes != output->waiting_bytes || turns != output->waiting_turns))
        return "a queue's bytes or messages are miscounted";
    return wrong;
}

/* Whether the head of a queue may leave now. */
static bool may_leave(const struct output *output)
{
    if (list_empty(&output->queue))
        return false;
    struct part *part = list_item(output->queue.next, struct part, link);
    if (part->turn)
        return part->turn->state == TURN_READY;
    const struct affected *affected = parcel_of(part)->affected;
    if (affected && (affected_hangs(affected, part->bytes.size) || timer_is_set(&affected->timer)))
        return false;
    return recorded(output->worker, parcel_of(part)->sequence);
}

const char *check_output(const struct output *output, struct check_sum *sum)
{
    size_t before = sum->memory;
    for (struct list *at = output->sending.next; at != &output->sending; at = at->next)
        count_parcel(output, parcel_of(list_item(at, struct part, link)), sum);
    const char *wrong = check_queue(output, sum);
    sum->outputs++;
    if (wrong)
        return wrong;
    if (sum->memory - before != output->owned_bytes)
        return "an output's memory is miscounted";
    if (!output->send.op.active && !list_empty(&output->sending))
        return "an output holds what it sent long ago";
    if (may_leave(output) && !output->send.op.active && list_empty(&output->dirty))
        return "a reply may leave and nobody sends it";
    return NULL;
}

/* ---- datagrams ---- */

size_t check_exchange_memory(const struct exchange *exchange)
{
    size_t own = sizeof *exchange + sizeof(struct gt_turn) + exchange->owned.capacity;
    return own + (exchange->affected ? sizeof *exchange->affected : 0);
}

/* Whether a reply waits though it is recorded and known, and nothing will wake it. */
static bool is_forgotten(const struct exchange *exchange)
{
    return exchange->turn->state == TURN_READY &&
           (!exchange->affected || !timer_is_set(&exchange->affected->timer));
}

static const char *check_exchange(const struct post *post, const struct exchange *exchange,
                                  struct check_sum *sum)
{
    if (exchange->post != post || !exchange->turn || exchange->turn->exchange != exchange)
        return "an exchange and its turn have lost each other";
    sum->memory += check_exchange_memory(exchange);
    sum->affected += exchange->affected != NULL;
    return check_turn(exchange->turn, post->listener->worker, sum);
}

static const char *check_exchanges(const struct post *post, const struct list *list,
                                   struct check_sum *sum, size_t *count)
{
    const char *wrong = NULL;
    for (struct list *at = list->next; at != list && !wrong; at = at->next, ++*count) {
        const struct exchange *exchange = list_item(at, struct exchange, link);
        wrong = check_exchange(post, exchange, sum);
        if (!wrong && list == &post->ready && exchange->affected)
            wrong = "a datagram's reply is ready, and still waits for its time";
        if (!wrong && list == &post->waiting && is_forgotten(exchange))
            wrong = "a datagram's reply waits for nothing";
    }
    return wrong;
}

/* Whether it should receive, and does not. */
static bool is_deaf(const struct post *post)
{
    const struct worker *worker = post->listener->worker;
    return worker->phase < WORKER_FINISHING && !post->closing && !worker->intake_paused &&
           post->exchange_count < POST_EXCHANGES_MAX && !goal_reached(&worker->server->goal) &&
           !post->receive.op.active && !timer_is_set(&post->retry) && list_empty(&post->dirty);
}

const char *check_post(const struct post *post, struct check_sum *sum)
{
    size_t count = post->send.op.active ? post->send.count : 0;
    const char *wrong = NULL;
    for (unsigned i = 0; i < count && !wrong; i++)
        wrong = check_exchange(post, post->sending[i], sum);
    if (!wrong)
        wrong = check_exchanges(post, &post->waiting, sum, &count);
    if (!wrong)
        wrong = check_exchanges(post, &post->ready, sum, &count);
    if (!wrong && count != post->exchange_count)
        return "exchanges are miscounted";
    if (!wrong && !list_empty(&post->ready) && !post->send.op.active && list_empty(&post->dirty))
        return "a datagram's reply may leave and nobody sends it";
    return !wrong && is_deaf(post) ? "datagrams are not received, and nobody knows why" : wrong;
}
