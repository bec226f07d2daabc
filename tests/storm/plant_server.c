/* plant_server.c: the planted bugs within the server: what it holds is tampered with just after a
 * receive, as if it had been forgotten or miscounted there, or as a connection is closed. */
#include "plant_parts.h"

#include "engine/sim.h"
#include "serve/server.h"
#include "serve/sources.h"

static struct connection *receiver_of(struct op *op)
{
    return list_item(op, struct connection, receive.op);
}

static void receive_with(struct engine *engine, struct receive_op *op, int fd, op_done *done)
{
    if (op->op.done != done)
        plant_here.receive_done = op->op.done;
    op->op.done = done;
    plant_here.real->receive(engine, op, fd);
}

/* Let the server do what it does: the connection, if it lives on. */
static struct connection *let_receive(struct op *op, int64_t result)
{
    plant_here.worker = worker_of(receiver_of(op));
    plant_here.receive_done(op, result);
    return receiver_of(op)->state == CONNECTION_ENDED ? NULL : receiver_of(op);
}

/* ---- a deadline is not set ---- */

static void done_timer_lost(struct op *op, int64_t result)
{
    struct connection *connection = let_receive(op, result);
    if (connection && plant_strikes())
        engine_timer_stop(plant_here.engine, &connection->timer);
}

static void receive_timer_lost(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_timer_lost);
}

void plant_timer_lost(struct engine_table *table)
{
    table->receive = receive_timer_lost;
}

/* ---- a turn that waits for the recorder is forgotten ---- */

static void done_turn_lost(struct op *op, int64_t result)
{
    let_receive(op, result);
    if (!list_empty(&plant_here.worker->held) && plant_strikes())
        list_remove(plant_here.worker->held.previous);
}

static void receive_turn_lost(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_turn_lost);
}

void plant_turn_lost(struct engine_table *table)
{
    table->receive = receive_turn_lost;
}

/* ---- what an unfinished message takes is not counted ---- */

static void done_memory_miscounted(struct op *op, int64_t result)
{
    struct connection *connection = let_receive(op, result);
    if (connection && connection->input.capacity > 0 && plant_strikes())
        worker_count_memory(plant_here.worker, connection->input.capacity, 0);
}

static void receive_memory_miscounted(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_memory_miscounted);
}

void plant_memory_miscounted(struct engine_table *table)
{
    table->receive = receive_memory_miscounted;
}

/* ---- when bytes came is read from the wall clock ---- */

/* How far it was set since the start. */
static int64_t wall_offset_ns(void)
{
    int64_t now_us = plant_here.engine->now_ns / 1000;
    return (engine_wall_us(plant_here.engine) - now_us - plant_here.wall_us) * 1000;
}

static void done_by_wall(struct op *op, int64_t result)
{
    struct connection *connection = let_receive(op, result);
    if (connection && result > 0)
        connection->active_ns += wall_offset_ns();
}

static void receive_by_wall(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_by_wall);
}

void plant_deadline_by_wall(struct engine_table *table)
{
    table->receive = receive_by_wall;
}

/* ---- what a source has sent is forgotten ---- */

static void done_rate_forgotten(struct op *op, int64_t result)
{
    const struct connection *connection = let_receive(op, result);
    if (connection && connection->source)
        atomic_store(&connection->source->paid_until_ns, 0);
}

static void receive_rate_forgotten(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_rate_forgotten);
}

void plant_rate_forgotten(struct engine_table *table)
{
    table->receive = receive_rate_forgotten;
}

/* ---- a connection ends twice, or is not closed at all ---- */

static void done_as_ever(struct op *op, int64_t result)
{
    let_receive(op, result);
}

static void receive_as_ever(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_as_ever);
}

static void close_and_end_again(struct engine *engine, int fd, bool reset)
{
    plant_here.real->close(engine, fd, reset);
    struct list *ended = plant_here.worker ? &plant_here.worker->ended : NULL;
    for (struct list *at = ended ? ended->next : NULL; at && at != ended; at = at->next) {
        struct connection *connection = list_item(at, struct connection, link);
        if (connection->fd != fd || !plant_strikes())
            continue;
        connection->state = CONNECTION_CLOSING;
        connection_end(connection, connection->reason);
        return;
    }
}

void plant_end_twice(struct engine_table *table)
{
    table->receive = receive_as_ever;
    table->close = close_and_end_again;
}

static void close_not(struct engine *engine, int fd, bool reset)
{
    if (!plant_strikes())
        plant_here.real->close(engine, fd, reset);
}

void plant_close_forgotten(struct engine_table *table)
{
    table->close = close_not;
}

/* ---- it is awake all the time ---- */

static int pass_and_wake(struct engine *engine, int64_t wait_ns)
{
    plant_here.real->wake(engine);
    return plant_here.real->pass(engine, wait_ns);
}

void plant_never_sleeps(struct engine_table *table)
{
    table->pass = pass_and_wake;
}
