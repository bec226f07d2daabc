/* output.c: a connection's queue of parts, and the sending of those that may leave.
 *
 * The happy path: a message is taken, its turn's end joins the queue; it is recorded and replied
 * to; flush copies the reply into the worker's staging, the engine sends it at once, the turn goes
 * back to its pool, and the output goes back too. No allocation, one copy.
 *
 * When a send is not finished at once, the output keeps the staging until it is, and the worker
 * takes another. When sending fails, output_flush (or, later, the connection's end) says why. */
#include "serve/output.h"

#include "serve/connection.h"
#include "serve/worker.h"

#include <errno.h>
#include <stdlib.h>

static void send_done(struct op *op, int64_t result);

struct output *output_need(struct connection *connection)
{
    if (connection->output)
        return connection->output;
    struct worker *worker = worker_of(connection);
    struct output *output = pool_take(&worker->outputs);
    if (!output)
        return NULL;
    memset(output, 0, offsetof(struct output, vector));
    output->connection = connection;
    output->send.op.done = send_done;
    output->progress_ns = worker->engine->now_ns;
    list_init(&output->queue);
    list_init(&output->dirty);
    connection->output = output;
    return output;
}

bool output_empty(const struct output *output)
{
    return !output || (list_empty(&output->queue) && !output->send.op.active);
}

bool output_full(const struct output *output)
{
    return output && (output->waiting_bytes >= OUTPUT_BOUND_BYTES ||
                      output->waiting_turns >= OUTPUT_BOUND_TURNS);
}

static void count_owned(struct output *output, size_t before, size_t after)
{
    output->owned_bytes += after - before;
    worker_count_memory(worker_of(output->connection), before, after);
}

void output_append_turn(struct output *output, struct gt_turn *turn)
{
    turn->end.turn = turn;
    list_append(&output->queue, &turn->end.link);
    output->waiting_turns++;
    count_owned(output, 0, sizeof *turn);
}

int output_append_text(struct output *output, struct slice shared)
{
    struct part *part = calloc(1, sizeof *part);
    if (!part)
        return -ENOMEM;
    part->bytes = shared;
    list_append(&output->queue, &part->link);
    output->waiting_bytes += shared.size;
    return 0;
}

void output_filled(struct output *output, struct gt_turn *turn)
{
    output->waiting_bytes += turn->end.bytes.size;
    count_owned(output, 0, turn->end.owned.capacity);
}

/* Free the memory of a large part that has been sent, or dropped. */
static void free_owned(struct output *output, struct bytes *owned)
{
    if (!owned->data)
        return;
    count_owned(output, owned->capacity, 0);
    bytes_free(owned);
}

static bool part_may_leave(const struct part *part)
{
    const struct gt_turn *turn = part->turn;
    if (!turn)
        return true;
    return part == &turn->end ? turn->state == TURN_READY : turn_recorded(turn);
}

/* Take a part out of the queue; its bytes are on their way or dropped. */
static void forget_part(struct output *output, struct part *part, enum turn_event event)
{
    list_remove(&part->link);
    output->waiting_bytes -= part->bytes.size;
    free_owned(output, &part->owned);
    if (part->turn && part == &part->turn->end) {
        output->waiting_turns--;
        count_owned(output, sizeof *part->turn, 0);
        worker_move_turn(worker_of(output->connection), part->turn, event);
    } else {
        free(part);
    }
}

/* Add bytes to the send that is being gathered: copied when small, else where they are. False when
 * there is no room. */
static bool gather(struct output *output, struct part *part, size_t *staged)
{
    struct send_op *send = &output->send;
    struct slice bytes = part->bytes;
    struct iovec *last = send->part_count ? &output->vector[send->part_count - 1] : NULL;
    uint8_t *copy_to = output->staging->data + *staged;
    bool small = bytes.size <= OUTPUT_SMALL;
    if (last && output->connection->packets) /* each reply is a packet of its own */
        return false;
    if (small && bytes.size > sizeof output->staging->data - *staged)
        return false;
    bool joins = small && last && (uint8_t *)last->iov_base + last->iov_len == copy_to;
    if (!joins && send->part_count == SEND_PARTS_MAX)
        return false;
    if (small) {
        memcpy(copy_to, bytes.data, bytes.size);
        *staged += bytes.size;
    }
    if (joins) {
        last->iov_len += bytes.size;
        return true;
    }
    output->vector[send->part_count].iov_base = small ? copy_to : (void *)(uintptr_t)bytes.data;
    output->vector[send->part_count].iov_len = bytes.size;
    output->kept[send->part_count] = small ? (struct bytes){0} : part->owned;
    if (!small)
        part->owned = (struct bytes){0};
    output->kept_count = ++send->part_count;
    return true;
}

/* Gather what may leave; how many bytes that is. */
static size_t gather_all(struct output *output)
{
    size_t staged = 0;
    unsigned replies = 0;
    output->gathered = 0;
    output->send.part_count = 0;
    output->kept_count = 0;
    output->send.parts = output->vector;
    output->send.transferred = 0;
    while (!list_empty(&output->queue)) {
        struct part *part = list_item(output->queue.next, struct part, link);
        if (!part_may_leave(part))
            break;
        size_t size = part->bytes.size;
        if (size > 0 && !gather(output, part, &staged))
            break;
        output->gathered += size;
        replies += size > 0 && part->turn;
        forget_part(output, part, TURN_SENT);
    }
    counters_add(worker_of(output->connection)->counters, COUNTER_REPLIES, replies);
    return output->gathered;
}

static bool borrow_staging(struct output *output)
{
    struct worker *worker = worker_of(output->connection);
    if (!worker->staging)
        worker->staging = pool_take(&worker->stagings);
    output->staging = worker->staging;
    worker->staging = NULL;
    return output->staging != NULL;
}

static void return_staging(struct output *output)
{
    struct worker *worker = worker_of(output->connection);
    if (output->staging_counted)
        count_owned(output, sizeof *output->staging, 0);
    output->staging_counted = false;
    if (output->staging && worker->staging)
        pool_give(&worker->stagings, output->staging);
    else if (output->staging)
        worker->staging = output->staging;
    output->staging = NULL;
}

/* The send is over, well or not. */
static void finish_send(struct output *output)
{
    return_staging(output);
    for (unsigned i = 0; i < output->kept_count; i++)
        free_owned(output, &output->kept[i]);
    output->kept_count = 0;
    output->sent_bytes += output->send.transferred;
    counters_add(worker_of(output->connection)->counters, COUNTER_BYTES_SENT,
                 output->send.transferred);
    output->send.transferred = 0;
    output->connection->active_ns = worker_of(output->connection)->engine->now_ns;
}

/* What follows, or how it failed, is seen when the connection goes on at the end of the pass. */
static void send_done(struct op *op, int64_t result)
{
    struct output *output = list_item(op, struct output, send.op);
    finish_send(output);
    output->failure = result < 0 ? (int)result : 0;
    if (output->connection->state != CONNECTION_ENDED)
        worker_mark_dirty(worker_of(output->connection), output);
}

/* Gather and send once: 1 when it is done and more may follow, 0 when there is nothing to send or
 * the engine is at it, -errno. */
static int flush_once(struct output *output)
{
    struct connection *connection = output->connection;
    if (list_empty(&output->queue))
        return 0;
    if (!borrow_staging(output))
        return -ENOMEM;
    if (gather_all(output) == 0) {
        return_staging(output);
        return 0;
    }
    connection->spoken = true;
    output->progress_ns = worker_of(connection)->engine->now_ns;
    if (!engine_send(worker_of(connection)->engine, &output->send, connection->fd)) {
        output->staging_counted = true;
        count_owned(output, 0, sizeof *output->staging);
        return 0;
    }
    finish_send(output);
    return output->send.op.result < 0 ? (int)output->send.op.result : 1;
}

int output_flush(struct connection *connection)
{
    struct output *output = connection->output;
    int more = 1;
    while (more > 0 && output && !output->send.op.active)
        more = flush_once(output);
    return more < 0 ? more : 0;
}

int64_t output_progress(struct output *output)
{
    struct worker *worker = worker_of(output->connection);
    int64_t waiting = engine_unacknowledged(worker->engine, output->connection->fd);
    if (waiting < 0)
        return waiting;
    int64_t acknowledged =
        (int64_t)output->sent_bytes + (int64_t)output->send.transferred - waiting;
    if (acknowledged != output->acknowledged)
        output->progress_ns = worker->engine->now_ns;
    output->acknowledged = acknowledged;
    return waiting;
}

void output_drop(struct output *output)
{
    list_remove(&output->dirty);
    while (!list_empty(&output->queue)) {
        struct part *part = list_item(output->queue.next, struct part, link);
        forget_part(output, part, TURN_ORPHANED);
    }
    if (output->send.op.active)
        engine_cancel(worker_of(output->connection)->engine, &output->send.op);
}

void output_release(struct output **output)
{
    if (!*output || !output_empty(*output))
        return;
    list_remove(&(*output)->dirty);
    pool_give(&worker_of((*output)->connection)->outputs, *output);
    *output = NULL;
}
