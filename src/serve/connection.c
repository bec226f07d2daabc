/* connection.c: the life of a connection, each step of it ending in advance().
 *
 *     accepted -> receives -> intake takes its messages -> output sends the replies -> it reads on
 *
 * advance() does all that can be done now and then settles: what to read, which deadline is next,
 * whether it is time to close. An error of the socket ends the connection at once; an error in its
 * framing closes it after the replies already due. Ending never frees: others may be in the middle
 * of using it; the worker reaps it at the end of the pass, when the engine has let go of it. */
#include "serve/connection.h"

#include "base/attributes.h"
#include "serve/affected.h"
#include "serve/handover.h"
#include "serve/server.h"
#include "serve/sources.h"
#include "serve/talker.h"

#include <errno.h>

/* How long after its message a peer that ends its stream may still wait for the reply. */
#define HALF_CLOSE_NS INT64_C(1000000000)

static void advance(struct connection *connection, struct slice received);
static void receive_done(struct op *op, int64_t result);
static void timer_fired(struct timer *timer, int64_t now_ns);

static void greet(struct connection *connection)
{
    struct slice greeting = bytes_slice(&connection->settings->greeting_bytes);
    if (greeting.size > 0 && connection_say(connection, greeting) < 0)
        connection_doom(connection, REASON_NO_MEMORY);
}

/* It takes its place among the connections to hear out, if there is one left. */
static void hear(struct connection *connection)
{
    struct goal *goal = &worker_of(connection)->server->goal;
    if (!connection->heard)
        connection->heard = goal_reserve_connection(goal);
}

/* To its command; but where there is no place for it any more nobody listens to it. */
static void hand_over(struct connection *connection)
{
    hear(connection);
    if (!connection->heard)
        return;
    connection_prove(connection);
    if (!handover_begin(connection))
        connection_doom(connection, REASON_NO_MEMORY);
}

/* Whatever it has taken over is given back. */
static void refuse(struct worker *worker, struct newcomer newcomer)
{
    engine_close(worker->engine, newcomer.fd, false);
    sources_leave(worker->limits->sources, &newcomer.source, worker->engine->now_ns);
    worker_give_place(worker);
}

struct connection *connection_open(struct listener *listener, const struct newcomer *newcomer)
{
    struct worker *worker = listener->worker;
    struct connection *connection = pool_take(&worker->connections);
    if (!connection) {
        refuse(worker, *newcomer);
        return NULL;
    }
    memset(connection, 0, sizeof *connection);
    connection->listener = listener;
    connection->settings = settings_keep(listener->settings);
    connection->framing = &connection->settings->framing;
    connection->receive.op.done = receive_done;
    connection->packets = listener->socket.type == SOCK_SEQPACKET;
    connection->receive.op.flags = connection->packets ? OP_PACKETS : 0;
    connection->timer.fire = timer_fired;
    connection->peer = newcomer->peer;
    connection->source = newcomer->source;
    connection->singly = connection->settings->close ||
                         (connection->source && sources_rated(worker->limits->sources));
    connection->fd = newcomer->fd;
    connection->active_ns = worker->engine->now_ns;
    list_append(&worker->fresh, &connection->link);
    worker->connection_count++;
    counters_add(worker->counters, COUNTER_CONNECTIONS, 1);
    counters_add(worker->counters, COUNTER_CONNECTIONS_OPEN, 1);
    tell(worker->server, GT_EVENT_CONNECTED, GT_DETAIL,
         (struct event_origin){.peer = &connection->peer, .listener = listener}, "connected");
    tell_opened(connection);
    greet(connection);
    if (connection->settings->connection_plan)
        hand_over(connection);
    else if (connection->settings->replier->converses)
        talker_open(connection);
    advance(connection, slice_of(NULL, 0));
    return connection;
}

/* ---- going on ---- */

/* What it says is for its command. */
static bool is_handed(const struct connection *connection)
{
    return connection->settings->connection_plan != NULL;
}

/* While a conversation does not hear, what comes may come, as long as nothing waits: so that one
 * learns when the peer goes. */
static bool reads_ahead(const struct connection *connection)
{
    return connection->talks && !talker_hears(connection);
}

void connection_update_reading(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    bool wants = !connection->end_of_stream && connection->state != CONNECTION_ENDED;
    if (connection->handed || (connection->state == CONNECTION_OPEN && is_handed(connection)))
        wants = false;
    else if (connection->state == CONNECTION_OPEN && connection->heard && !reads_ahead(connection))
        wants = wants && !connection->starved && intake_open(connection);
    else if (connection->state == CONNECTION_OPEN)
        wants = wants && connection->input.size == 0 && !worker_of(connection)->intake_paused;
    if (wants && !connection->receive.op.active)
        engine_receive(engine, &connection->receive, connection->fd);
    else if (!wants && connection->receive.op.active)
        engine_cancel(engine, &connection->receive.op);
}

/* Sending has made room for input that is left: it goes on in the next pass, so that the others
 * have their turn before. */
static bool takes_turns(struct connection *connection)
{
    bool turns = connection->starved && connection->output && intake_open(connection);
    if (turns)
        worker_mark_dirty(worker_of(connection), connection->output);
    return turns;
}

/* What has left was the last: a reply that could not be had stands behind it. */
SELDOM static void end_in_place(struct connection *connection)
{
    output_forget(connection->output);
    connection_drop_input(connection);
    connection_close(connection, connection->output->ending);
    connection->reason = connection->output->ending; /* whatever it was closing for */
}

/* It hangs, and the server is stopping: what had arrived by then is taken. */
static bool hangs_on(const struct connection *connection)
{
    const struct worker *worker = worker_of(connection);
    return worker->hurried && worker->phase >= WORKER_FINISHING && output_hangs(connection->output);
}

SELDOM static void let_go(struct connection *connection)
{
    output_forget(connection->output);
    output_release(&connection->output);
}

/* Nothing more can be done now: close, or say what comes next. */
static void settle(struct connection *connection)
{
    if (connection->state == CONNECTION_LINGERING) {
        connection_update_reading(connection);
        return;
    }
    if (connection->output && connection->output->ending)
        end_in_place(connection);
    if (!takes_turns(connection))
        output_release(&connection->output);
    if (hangs_on(connection))
        let_go(connection);
    bool done = !connection->output && !connection->handed &&
                (!connection->talks || talker_over(connection));
    if (connection->finished && done)
        connection_close(connection, REASON_PEER_CLOSED);
    if (connection->state == CONNECTION_CLOSING && done)
        closing_begin(connection);
    if (connection->state == CONNECTION_ENDED)
        return;
    connection_update_reading(connection);
    deadlines_update(connection);
}

/* Take what its conversation hears, and let that go on, until it has to wait. */
static void converse(struct connection *connection, struct slice received)
{
    talker_begin_turn(connection);
    do {
        talker_go_on(connection);
        intake_take(connection, received, FRAME_BYTES);
        received = slice_of(NULL, 0);
    } while (talker_due(connection));
}

/* Take and send: 0, or -errno when sending failed. A send that failed comes first: what looks like
 * the end of the stream after it may be the reset that it met. */
static int take_and_send(struct connection *connection, struct slice received)
{
    if (connection->output && connection->output->failure)
        return connection->output->failure;
    if (connection->talks)
        converse(connection, received);
    else
        intake_take(connection, received, FRAME_BYTES);
    return connection->doom || !connection->output ? 0 : output_flush(connection->output);
}

static void advance(struct connection *connection, struct slice received)
{
    int sent = connection->doom ? 0 : take_and_send(connection, received);
    if (connection->doom)
        connection_end(connection, connection->doom);
    else if (sent < 0)
        connection_end(connection, sent == -ENOMEM ? REASON_NO_MEMORY : REASON_UNDELIVERED);
    else
        settle(connection);
}

void connection_go_on(struct connection *connection)
{
    if (connection->state != CONNECTION_ENDED)
        advance(connection, slice_of(NULL, 0));
}

/* ---- what happens to it ---- */

static void receive_bytes(struct connection *connection, struct slice received)
{
    struct worker *worker = worker_of(connection);
    connection->active_ns = worker->engine->now_ns;
    connection->last_try = false;
    counters_add(worker->counters, COUNTER_BYTES_RECEIVED, received.size);
    if (connection->state != CONNECTION_OPEN)
        return;
    hear(connection);
    if (connection->receive.op.flags & OP_TRUNCATED)
        connection_close(connection, REASON_TOO_LONG);
    advance(connection, received);
}

/* A peer that has waited for a reply that hangs ends its stream as it gives up. If it did so with
 * its message (printf | nc -N), or soon after it, it has only no more to say, and still waits. */
static bool gives_up(const struct connection *connection)
{
    const struct affected *hanging = output_hangs(connection->output);
    return hanging && worker_of(connection)->engine->now_ns >= hanging->taken_ns + HALF_CLOSE_NS;
}

static void receive_end(struct connection *connection)
{
    connection->end_of_stream = true;
    if (connection->state == CONNECTION_LINGERING) {
        closing_look(connection);
        return;
    }
    advance(connection, slice_of(NULL, 0));
    bool open = connection->state == CONNECTION_OPEN;
    if (connection->state < CONNECTION_LINGERING && gives_up(connection))
        connection_end(connection, open ? REASON_PEER_CLOSED : connection->reason);
}

/* The connection failed. What it means depends on whether it still had something to get: also what
 * a send met first, which is told when the connection goes on. Where memory is out it is not the
 * peer who went. */
static void receive_failed(struct connection *connection, int64_t failure)
{
    const struct output *output = connection->output;
    bool owed = output_owes(output) || (output && output->failure);
    enum reason reason = REASON_RESET;
    if (connection->state == CONNECTION_LINGERING && connection->started_ns)
        reason = connection->reason;
    else if (failure == -ENOMEM)
        reason = REASON_NO_MEMORY;
    else if (connection->state == CONNECTION_LINGERING || owed)
        reason = REASON_UNDELIVERED;
    connection_end(connection, reason);
}

static void receive_done(struct op *op, int64_t result)
{
    struct connection *connection = list_item(op, struct connection, receive.op);
    if (connection->state == CONNECTION_ENDED)
        return;
    worker_of(connection)->stirred = true;
    if (result > 0)
        receive_bytes(connection, slice_of(connection->receive.data, (size_t)result));
    else if (result == 0)
        receive_end(connection);
    else if (result == -ECANCELED)
        connection_update_reading(connection);
    else
        receive_failed(connection, result);
}

static void timer_fired(struct timer *timer, int64_t now_ns)
{
    struct connection *connection = list_item(timer, struct connection, timer);
    deadlines_act(connection, now_ns);
    connection_go_on(connection);
}

/* ---- speaking first ---- */

int connection_say(struct connection *connection, struct slice bytes)
{
    struct output *output = output_need(connection);
    return output && parcel_add_text(output, bytes) ? 0 : -ENOMEM;
}
