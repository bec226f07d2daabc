/* connection.c: the life of a connection, each step of it ending in advance().
 *
 *     accepted -> receives -> intake takes its messages -> output sends the replies -> it reads on
 *
 * advance() does all that can be done now and then settles: what to read, which deadline is next,
 * whether it is time to close. An error of the socket ends the connection at once; an error in its
 * framing closes it after the replies already due. Ending never frees: others may be in the middle
 * of using it; the worker reaps it at the end of the pass, when the engine has let go of it. */
#include "serve/connection.h"

#include "serve/server.h"

#include <errno.h>

static void advance(struct connection *connection, struct slice received);
static void receive_done(struct op *op, int64_t result);

static struct event_origin origin_of(const struct connection *connection)
{
    return (struct event_origin){
        .peer = &connection->peer, .listener = connection->listener, .reason = connection->reason};
}

static void greet(struct connection *connection)
{
    struct slice greeting = bytes_slice(&connection->settings->greeting_bytes);
    if (greeting.size > 0 && connection_say(connection, greeting) < 0)
        connection_end(connection, REASON_NO_MEMORY);
}

struct connection *connection_open(struct listener *listener, int fd, const struct peer *peer)
{
    struct worker *worker = listener->worker;
    struct connection *connection = pool_take(&worker->connections);
    if (!connection) {
        engine_close(worker->engine, fd, false);
        return NULL;
    }
    memset(connection, 0, sizeof *connection);
    connection->listener = listener;
    connection->settings = settings_keep(listener->settings);
    connection->receive.op.done = receive_done;
    connection->timer.fire = deadlines_fire;
    connection->peer = *peer;
    connection->fd = fd;
    connection->active_ns = worker->engine->now_ns;
    list_append(&worker->fresh, &connection->link);
    worker->connection_count++;
    tell(worker->server, GT_EVENT_CONNECTED, GT_DETAIL, origin_of(connection), "connected");
    greet(connection);
    advance(connection, slice_of(NULL, 0));
    return connection;
}

/* ---- going on ---- */

void connection_update_reading(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    bool wants = !connection->end_of_stream && connection->state != CONNECTION_ENDED;
    if (connection->state == CONNECTION_OPEN && connection->heard)
        wants = wants && intake_open(connection);
    else if (connection->state == CONNECTION_OPEN)
        wants = wants && connection->input.size == 0 && !worker_of(connection)->intake_paused;
    if (wants && !connection->receive.op.active)
        engine_receive(engine, &connection->receive, connection->fd);
    else if (!wants && connection->receive.op.active)
        engine_cancel(engine, &connection->receive.op);
}

/* Nothing more can be done now: close, or say what comes next. */
static void settle(struct connection *connection)
{
    if (connection->state == CONNECTION_LINGERING) {
        connection_update_reading(connection);
        return;
    }
    output_release(&connection->output);
    if (connection->finished && !connection->output)
        connection_close(connection, REASON_PEER_CLOSED);
    if (connection->state == CONNECTION_CLOSING && !connection->output)
        closing_begin(connection);
    if (connection->state == CONNECTION_ENDED)
        return;
    connection_update_reading(connection);
    deadlines_update(connection);
}

static void advance(struct connection *connection, struct slice received)
{
    bool starved = intake_take(connection, received, FRAME_BYTES);
    int sent = output_flush(connection);
    while (sent == 0 && starved && intake_open(connection)) {
        starved = intake_take(connection, slice_of(NULL, 0), FRAME_BYTES);
        sent = output_flush(connection);
    }
    if (sent < 0)
        connection_end(connection, sent == -ENOMEM ? REASON_NO_MEMORY : REASON_UNDELIVERED);
    if (connection->state != CONNECTION_ENDED)
        settle(connection);
}

void connection_go_on(struct connection *connection)
{
    if (connection->state != CONNECTION_ENDED)
        advance(connection, slice_of(NULL, 0));
}

/* ---- receiving ---- */

/* Its first bytes: it takes its place among the connections to hear out, if there is one left. */
static void hear(struct connection *connection)
{
    struct goal *goal = &worker_of(connection)->server->goal;
    if (!connection->heard)
        connection->heard = goal_reserve_connection(goal);
}

static void receive_bytes(struct connection *connection, struct slice received)
{
    connection->active_ns = worker_of(connection)->engine->now_ns;
    connection->last_try = false;
    if (connection->state != CONNECTION_OPEN)
        return;
    hear(connection);
    advance(connection, received);
}

static void receive_end(struct connection *connection)
{
    connection->end_of_stream = true;
    if (connection->state == CONNECTION_LINGERING)
        closing_look(connection);
    else
        advance(connection, slice_of(NULL, 0));
}

/* The connection failed. What it means depends on whether it still had something to get. */
static void receive_failed(struct connection *connection)
{
    bool owed = !output_empty(connection->output);
    enum reason reason = REASON_RESET;
    if (connection->state == CONNECTION_LINGERING && connection->started_ns)
        reason = connection->reason;
    else if (connection->state == CONNECTION_LINGERING || owed)
        reason = REASON_UNDELIVERED;
    connection_end(connection, reason);
}

static void receive_done(struct op *op, int64_t result)
{
    struct connection *connection = list_item(op, struct connection, receive.op);
    if (connection->state == CONNECTION_ENDED)
        return;
    if (result > 0)
        receive_bytes(connection, slice_of(connection->receive.data, (size_t)result));
    else if (result == 0)
        receive_end(connection);
    else if (result == -ECANCELED)
        connection_update_reading(connection);
    else
        receive_failed(connection);
}

/* ---- replies ---- */

void connection_reply(struct gt_turn *turn, struct slice bytes, struct bytes *owned)
{
    struct connection *connection = turn->connection;
    struct worker *worker = list_item(turn->mailbox, struct worker, mailbox);
    if (connection) {
        turn->end.bytes = bytes;
        if (owned)
            turn->end.owned = *owned;
        output_filled(connection->output, turn);
        worker_mark_dirty(worker, connection->output);
    } else if (owned) {
        bytes_free(owned);
    }
    worker_move_turn(worker, turn, TURN_REPLIED);
}

void connection_reply_failed(struct gt_turn *turn)
{
    struct worker *worker = list_item(turn->mailbox, struct worker, mailbox);
    if (turn->connection)
        connection_end(turn->connection, REASON_NO_MEMORY);
    worker_move_turn(worker, turn, TURN_REPLIED);
}

void connection_recorded(struct gt_turn *turn)
{
    struct worker *worker = list_item(turn->mailbox, struct worker, mailbox);
    struct connection *connection = turn->connection;
    if (connection)
        worker_mark_dirty(worker, connection->output);
    worker_move_turn(worker, turn, TURN_RECORDED);
}

int connection_say(struct connection *connection, struct slice bytes)
{
    struct output *output = output_need(connection);
    return output ? output_append_text(output, bytes) : -ENOMEM;
}

/* ---- closing and ending ---- */

void connection_close(struct connection *connection, enum reason reason)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    connection->state = CONNECTION_CLOSING;
    connection->reason = (uint8_t)reason;
    intake_drop(connection);
}

static void tell_end(struct connection *connection)
{
    gt_server *server = worker_of(connection)->server;
    const struct reason_row *row = reason_row(connection->reason);
    tell(server, GT_EVENT_ENDED, row->fault ? GT_WARNING : GT_DETAIL, origin_of(connection),
         "ended: %s", row->text);
}

static bool lost_its_reply(const struct connection *connection)
{
    return connection->proven &&
           (connection->reason == REASON_UNDELIVERED || connection->reason == REASON_WRITE_TIMEOUT);
}

void connection_end(struct connection *connection, enum reason reason)
{
    struct worker *worker = worker_of(connection);
    if (connection->state == CONNECTION_ENDED)
        return;
    connection->state = CONNECTION_ENDED;
    connection->reason = (uint8_t)reason;
    intake_drop(connection);
    if (connection->output)
        output_drop(connection->output);
    if (connection->receive.op.active)
        engine_cancel(worker->engine, &connection->receive.op);
    engine_timer_stop(worker->engine, &connection->timer);
    list_remove(&connection->link);
    list_append(&worker->ended, &connection->link);
    worker->connection_count--;
    worker->reply_lost |= lost_its_reply(connection);
    if (connection->heard)
        goal_connection_ended(&worker->server->goal);
    tell_end(connection);
}

bool connection_reap(struct connection *connection)
{
    struct worker *worker = worker_of(connection);
    if (connection->receive.op.active || output_sending(connection->output))
        return false;
    output_release(&connection->output);
    engine_close(worker->engine, connection->fd, false);
    list_remove(&connection->link);
    settings_release(&connection->settings);
    pool_give(&worker->connections, connection);
    return true;
}

size_t connection_memory(const struct connection *connection)
{
    size_t waiting = connection->output ? connection->output->owned_bytes : 0;
    return connection->input.capacity + waiting;
}
