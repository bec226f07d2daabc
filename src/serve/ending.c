/* ending.c: how connections close and end.
 *
 * Closing is a change of state: no more messages, what is due is still sent, then closing.c takes
 * over. Ending drops everything at once; the struct stays until the engine has let go of its
 * operations, and is then reaped at the end of a pass. So whoever holds a connection during a pass
 * may look at its state. */
#include "serve/handover.h"
#include "serve/server.h"
#include "serve/sources.h"

void connection_drop_input(struct connection *connection)
{
    worker_count_memory(worker_of(connection), connection->input.capacity, 0);
    bytes_free(&connection->input);
}

void connection_close(struct connection *connection, enum reason reason)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->state = CONNECTION_CLOSING;
    connection->reason = (uint8_t)reason;
}

void connection_reset(struct connection *connection)
{
    connection_close(connection, REASON_RESET_SENT);
    if (connection->state == CONNECTION_CLOSING)
        connection->reason = REASON_RESET_SENT;
}

void connection_doom(struct connection *connection, enum reason reason)
{
    if (connection->doom == REASON_NONE)
        connection->doom = (uint8_t)reason;
    if (connection->output)
        worker_mark_dirty(worker_of(connection), connection->output);
}

static void tell_end(struct connection *connection)
{
    gt_server *server = worker_of(connection)->server;
    const struct reason_row *row = reason_row(connection->reason);
    struct event_origin origin = {
        .peer = &connection->peer, .listener = connection->listener, .reason = connection->reason};
    tell(server, GT_EVENT_ENDED, row->fault ? GT_WARNING : GT_DETAIL, origin, "ended: %s",
         row->text);
}

/* Whoever ends in peace, or at the end of a drain, is not asked. */
static bool lost_its_reply(const struct connection *connection)
{
    switch (connection->reason) {
    case REASON_COMMAND_FAILED:
    case REASON_UNDELIVERED:
    case REASON_WRITE_TIMEOUT:
    case REASON_MEMORY:
    case REASON_NO_MEMORY:
        return connection->proven && !connection->hung;
    default:
        return false;
    }
}

void connection_end(struct connection *connection, enum reason reason)
{
    struct worker *worker = worker_of(connection);
    if (connection->state == CONNECTION_ENDED)
        return;
    connection->state = CONNECTION_ENDED;
    connection->reason = (uint8_t)reason;
    connection_drop_input(connection);
    if (connection->handed)
        handover_leave(connection);
    if (connection->output)
        output_drop(connection->output);
    if (connection->receive.op.active)
        engine_cancel(worker->engine, &connection->receive.op);
    engine_timer_stop(worker->engine, &connection->timer);
    list_remove(&connection->link);
    list_append(&worker->ended, &connection->link);
    worker->connection_count--;
    counters_add(worker->counters, COUNTER_CONNECTIONS_OPEN, (uint64_t)-1);
    counters_add(worker->counters, COUNTER_ENDED + reason, 1);
    paying_refund(connection);
    sources_leave(worker->limits->sources, &connection->source, worker->engine->now_ns);
    worker_give_place(worker);
    worker->ended_count++;
    worker->more = true; /* also who gives way after the pass has looked for the ended */
    worker->reply_lost |= lost_its_reply(connection);
    if (connection->heard)
        goal_connection_ended(&worker->server->goal);
    tell_end(connection);
    tell_ended(connection);
}

bool connection_reap(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    if (connection->receive.op.active || output_sending(connection->output))
        return false;
    output_release(&connection->output);
    engine_close(worker->engine, connection->fd, connection->reason == REASON_RESET_SENT);
    list_remove(&connection->link);
    worker->ended_count--;
    settings_release(&connection->settings);
    pool_give(&worker->connections, connection);
    return true;
}

size_t connection_memory(const struct connection *connection)
{
    size_t waiting = connection->output ? connection->output->owned_bytes : 0;
    return connection->input.capacity + waiting;
}
