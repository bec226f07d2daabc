/* output.c: a connection's queue of parts, and the sending of those that may leave.
 *
 * The happy path: messages are taken, their replies make a parcel; they are recorded; flush sends
 * the parcel from where it is, the engine takes all of it at once, and the output goes back to its
 * pool. A reply that came later leaves its turn here: small ones are copied together, large ones
 * are sent from where they are.
 *
 * When a send is not finished at once, its parcels stay among those being sent until it is. When
 * sending fails, output_flush (or, later, the connection's end) says why. */
#include "serve/output.h"

#include "base/attributes.h"
#include "serve/affected.h"
#include "serve/connection.h"
#include "serve/worker.h"

#include <errno.h>

static void send_done(struct op *op, int64_t result);

/* One is made for each reply to a peer that talks in turns: field by field is 30 instructions, and
 * no string instruction, which takes as long to begin. */
struct output *output_create(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    struct output *output = pool_take(&worker->outputs);
    if (!output)
        return NULL;
    output->connection = connection;
    output->worker = worker;
    output->open = NULL;
    output->owned_bytes = output->waiting_bytes = 0;
    output->waiting_turns = 0;
    output->turns_most = (unsigned)connection->settings->max_waiting;
    output->failure = 0;
    output->ending = REASON_NONE;
    output->sent_bytes = 0;
    output->acknowledged = 0;
    output->progress_ns = worker->engine->now_ns;
    output->send = (struct send_op){.op.done = send_done};
    output->first_taken = false;
    list_init(&output->queue);
    list_init(&output->sending);
    list_init(&output->dirty);
    connection->output = output;
    return output;
}

static void count_owned(struct output *output, size_t before, size_t after)
{
    output->owned_bytes += after - before;
    worker_count_memory(output->worker, before, after);
}

void output_append_turn(struct output *output, struct gt_turn *turn)
{
    turn->end.turn = turn;
    list_append(&output->queue, &turn->end.link);
    output->open = NULL;
    output->waiting_turns++;
    count_owned(output, 0, sizeof *turn);
}

void output_filled(struct output *output, struct gt_turn *turn)
{
    output->waiting_bytes += turn->end.bytes.size;
    count_owned(output, 0, turn->end.owned.capacity);
}

/* ---- leaving ---- */

static struct parcel *parcel_of(struct part *part)
{
    return list_item(part, struct parcel, part);
}

static struct affected *affected_of(struct part *part)
{
    return part->turn ? NULL : parcel_of(part)->affected;
}

/* What leaves in steps leaves alone. */
SELDOM static bool affected_part_may_leave(const struct output *output, struct part *part)
{
    struct affected *affected = affected_of(part);
    bool alone = affected_in_steps(affected);
    return (!alone || output->send.part_count == 0) &&
           affected_may_leave(affected, part->bytes.size);
}

static bool part_may_leave(const struct output *output, struct part *part)
{
    const struct recorder *recorder = output->worker->recorder;
    if (part->turn)
        return part->turn->state == TURN_READY;
    if (recorder && parcel_of(part)->sequence > recorder->recorded)
        return false;
    return !parcel_of(part)->affected || affected_part_may_leave(output, part);
}

/* Take a turn out of the queue; its bytes are on their way or dropped. */
static void forget_turn(struct output *output, struct gt_turn *turn, enum turn_event event)
{
    struct part *part = &turn->end;
    list_remove(&part->link);
    output->waiting_bytes -= part->bytes.size;
    output->waiting_turns--;
    count_owned(output, sizeof *turn + part->owned.capacity + turn->kept_bytes, 0);
    bytes_free(&part->owned);
    worker_move_turn(output->worker, turn, event);
}

static void add_vector(struct output *output, struct slice bytes)
{
    struct iovec *entry = &output->vector[output->send.part_count++];
    entry->iov_base = (void *)(uintptr_t)bytes.data;
    entry->iov_len = bytes.size;
}

/* A packet is one reply; else as many parts as the engine takes. */
static bool vector_full(const struct output *output)
{
    unsigned most = output->connection->packets ? 1 : SEND_PARTS_MAX;
    return output->send.part_count >= most;
}

/* Copy to the end of the last parcel that is being sent, which is the end of the vector: false
 * where there is no room. */
static bool copy_behind(struct output *output, struct slice bytes)
{
    if (list_empty(&output->sending))
        return false;
    struct parcel *last = parcel_of(list_item(output->sending.previous, struct part, link));
    if (last->room < bytes.size)
        return false;
    memcpy(last->end, bytes.data, bytes.size);
    last->end += bytes.size;
    last->room -= bytes.size;
    output->vector[output->send.part_count - 1].iov_len += bytes.size;
    return true;
}

/* The bytes of a turn: copied with others when small, else its memory moves to a parcel that holds
 * it until the send is over. False: they must wait. */
static bool gather_turn(struct output *output, struct part *part)
{
    bool small = part->bytes.size <= PARCEL_SMALL && !output->connection->packets;
    if (small && copy_behind(output, part->bytes))
        return true;
    if (vector_full(output))
        return false;
    struct parcel *parcel = parcel_take(output, small ? part->bytes.size : 0);
    if (!parcel)
        return false;
    list_append(&output->sending, &parcel->part.link);
    if (small) {
        add_vector(output, slice_of(parcel->end, 0));
        return copy_behind(output, part->bytes);
    }
    parcel->part.owned = part->owned;
    part->owned = (struct bytes){0};
    add_vector(output, part->bytes);
    return true;
}

/* False: it must wait for the next send. */
static bool leave_turn(struct output *output, struct gt_turn *turn, unsigned *replies)
{
    bool empty = turn->end.bytes.size == 0;
    if (!empty && !gather_turn(output, &turn->end))
        return false;
    *replies += !empty;
    output->ending = turn->ending;
    forget_turn(output, turn, TURN_SENT);
    return true;
}

static bool leave_parcel(struct output *output, struct parcel *parcel, unsigned *replies)
{
    bool empty = parcel->part.bytes.size == 0;
    if (!empty && vector_full(output))
        return false;
    *replies += parcel->replies;
    parcel_leave(parcel);
    if (empty) {
        parcel_give(parcel);
        return true;
    }
    add_vector(output, parcel->part.bytes);
    list_append(&output->sending, &parcel->part.link);
    return true;
}

static bool leaves_in_steps(struct part *part)
{
    const struct affected *affected = affected_of(part);
    return affected && part->bytes.size > 0 && affected_in_steps(affected);
}

/* Its next bytes are a send for themselves, and it stays at the head of the queue; false: they are
 * the last ones, and it leaves with them. Where it hangs after them it stays for good. */
SELDOM static bool leave_step(struct output *output, struct parcel *parcel)
{
    struct slice all = parcel->part.bytes;
    size_t size = affected_step(parcel->affected, all.size);
    if (parcel->affected->effects.pieces > 0)
        output->send.op.flags = OP_SEGMENT;
    if (size == all.size && !parcel->affected->effects.hang)
        return false;
    add_vector(output, slice_of(all.data, size));
    parcel->part.bytes = slice_after(all, size);
    output->waiting_bytes -= size;
    return true;
}

/* Gather what may leave into one send: 1, 0 when there is nothing to send, -ENOMEM. */
static int gather(struct output *output)
{
    unsigned replies = 0;
    bool left = true;
    output->send.parts = output->vector;
    output->send.part_count = 0;
    output->send.transferred = 0;
    while (left && !output->ending && !list_empty(&output->queue)) {
        struct part *part = list_item(output->queue.next, struct part, link);
        if (!part_may_leave(output, part))
            break;
        bool alone = leaves_in_steps(part);
        if (alone && leave_step(output, parcel_of(part)))
            break;
        left = part->turn ? leave_turn(output, part->turn, &replies)
                          : leave_parcel(output, parcel_of(part), &replies);
        left &= !alone;
    }
    counters_add(output->worker->counters, COUNTER_REPLIES, replies);
    if (output->send.part_count > 0)
        return 1;
    return left ? 0 : -ENOMEM;
}

/* ---- sending ---- */

static void give_sent(struct output *output)
{
    while (!list_empty(&output->sending))
        parcel_give(parcel_of(list_item(output->sending.next, struct part, link)));
}

/* The send is over, well or not. */
static void finish_send(struct output *output)
{
    give_sent(output);
    output->sent_bytes += output->send.transferred;
    counters_add(output->worker->counters, COUNTER_BYTES_SENT, output->send.transferred);
    output->send.transferred = 0;
    output->send.op.flags = 0;
    output->connection->active_ns = output->worker->engine->now_ns;
}

/* What follows, or how it failed, is seen when the connection goes on at the end of the pass. */
static void send_done(struct op *op, int64_t result)
{
    struct output *output = list_item(op, struct output, send.op);
    finish_send(output);
    output->failure = result < 0 ? (int)result : 0;
    if (output->connection->state != CONNECTION_ENDED)
        worker_mark_dirty(output->worker, output);
}

/* Gather and send once: 1 when it is done and more may follow, 0 when there is nothing to send or
 * the engine is at it, -errno. */
static int flush_once(struct output *output)
{
    struct connection *connection = output->connection;
    struct engine *engine = output->worker->engine;
    int gathered = gather(output);
    if (gathered <= 0)
        return gathered;
    connection->spoken = true;
    output->progress_ns = engine->now_ns;
    if (!engine_send(engine, &output->send, connection->fd))
        return 0;
    finish_send(output);
    return output->send.op.result < 0 ? (int)output->send.op.result : 1;
}

int output_flush(struct output *output)
{
    int more = 1;
    while (more > 0 && !output->ending && !output->send.op.active && !list_empty(&output->queue))
        more = flush_once(output);
    return more < 0 ? more : 0;
}

int64_t output_progress(struct output *output)
{
    int64_t waiting = engine_unacknowledged(output->worker->engine, output->connection->fd);
    if (waiting < 0)
        return waiting;
    int64_t acknowledged =
        (int64_t)output->sent_bytes + (int64_t)output->send.transferred - waiting;
    if (acknowledged != output->acknowledged)
        output->progress_ns = output->worker->engine->now_ns;
    output->acknowledged = acknowledged;
    return waiting;
}

/* ---- what hangs ---- */

/* The first that waits, if something happens to it. */
static const struct parcel *affected_head(const struct output *output)
{
    if (!output || list_empty(&output->queue))
        return NULL;
    struct part *head = list_item(output->queue.next, struct part, link);
    return affected_of(head) ? parcel_of(head) : NULL;
}

const struct affected *output_hangs(const struct output *output)
{
    const struct parcel *head = affected_head(output);
    bool hangs = head && affected_hangs(head->affected, head->part.bytes.size);
    return hangs ? head->affected : NULL;
}

bool output_owes(const struct output *output)
{
    if (output_empty(output))
        return false;
    const struct parcel *head = affected_head(output);
    return output->send.op.active || !head || head->part.bytes.size > 0 ||
           !affected_is_last(head->affected);
}

/* ---- the end ---- */

/* The bytes of a step that is under way stay until the send is over. */
static void drop_parcel(struct output *output, struct parcel *parcel)
{
    bool under_way = parcel->affected && parcel->affected->stepping && output->send.op.active;
    parcel_leave(parcel);
    if (under_way)
        list_append(&output->sending, &parcel->part.link);
    else
        parcel_give(parcel);
}

void output_forget(struct output *output)
{
    while (!list_empty(&output->queue)) {
        struct part *part = list_item(output->queue.next, struct part, link);
        if (part->turn)
            forget_turn(output, part->turn, TURN_ORPHANED);
        else
            drop_parcel(output, parcel_of(part));
    }
}

void output_drop(struct output *output)
{
    list_remove(&output->dirty);
    output_forget(output);
    if (output->send.op.active)
        engine_cancel(output->worker->engine, &output->send.op);
}

void output_release(struct output **output)
{
    if (!*output || !output_empty(*output))
        return;
    list_remove(&(*output)->dirty);
    pool_give(&(*output)->worker->outputs, *output);
    *output = NULL;
}
