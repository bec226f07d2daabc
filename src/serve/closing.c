/* closing.c: promise 2: the reply arrives.
 *
 * Closing a socket with unread input makes the kernel send a reset, which may destroy the reply on
 * its way. So: all is sent, our side is shut down, what still comes is read and dropped, until
 *
 *     the peer ends its stream, or
 *     it has acknowledged the reply and is silent for 200 ms, or
 *     2 s have passed since it acknowledged; or
 *     write-timeout has passed without any acknowledgement: the reply is given up.
 *
 * A peer that was sent nothing gets the same courtesy, from its second point on: an end of stream,
 * not a reset. A peer that has ended its stream has nothing left that could cause a reset: then the
 * close is immediate, but for a one-shot, whose exit status says whether the reply arrived. Most
 * peers end theirs as soon as they see the end of ours, so nothing is asked before the first
 * look: a connection for each message then takes four system calls less of eleven. */
#include "serve/server.h"

#define QUIET_NS   INT64_C(200000000)
#define AT_MOST_NS INT64_C(2000000000)

/* When the first look is, and at least how long after one the next. */
#define FIRST_LOOK_NS INT64_C(10000000)

/* Whether the peer can end it by ending its stream. */
static bool is_certain(const struct connection *connection)
{
    return connection->end_of_stream && !worker_of(connection)->server->one_shot;
}

/* Nothing is shut down before a reset. */
static void begin_reset(struct connection *connection)
{
    connection->state = CONNECTION_LINGERING;
    connection->started_ns = 0;
    if (output_need(connection))
        closing_look(connection);
    else /* nobody will see whether what was due arrives */
        connection_end(connection, connection->spoken ? REASON_NO_MEMORY : REASON_RESET_SENT);
}

void closing_begin(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    if (connection->reason == REASON_RESET_SENT) {
        begin_reset(connection);
        return;
    }
    if (is_certain(connection)) {
        connection_end(connection, connection->reason);
        return;
    }
    if (!output_need(connection)) { /* nobody will see whether its reply arrives */
        connection_end(connection, connection->spoken ? REASON_NO_MEMORY : connection->reason);
        return;
    }
    if (engine_shutdown(engine, connection->fd) < 0) {
        connection_end(connection, connection->spoken ? REASON_UNDELIVERED : connection->reason);
        return;
    }
    connection->state = CONNECTION_LINGERING;
    connection->started_ns = connection->spoken ? 0 : engine->now_ns;
    connection->active_ns = engine->now_ns;
    engine_timer_set(engine, &connection->timer, engine->now_ns + FIRST_LOOK_NS);
}

/* Everything is acknowledged: until when to wait for the peer's end. */
static int64_t patience_ends(const struct connection *connection)
{
    int64_t quiet_since = connection->active_ns > connection->started_ns ? connection->active_ns
                                                                         : connection->started_ns;
    int64_t at_most = connection->started_ns + AT_MOST_NS;
    return quiet_since + QUIET_NS < at_most ? quiet_since + QUIET_NS : at_most;
}

/* Not everything is acknowledged: look again soon, later and later. */
static int64_t next_look(const struct connection *connection, int64_t now_ns)
{
    int64_t wait = (now_ns - connection->output->progress_ns) / 2;
    if (wait < FIRST_LOOK_NS)
        wait = FIRST_LOOK_NS;
    return now_ns + (wait > 50000000 ? 50000000 : wait);
}

static bool given_up(const struct connection *connection, int64_t now_ns)
{
    int64_t timeout = connection->settings->write_timeout_ns;
    return timeout >= 0 && now_ns >= connection->output->progress_ns + timeout;
}

/* A reset destroys what is on its way: so what was due must have arrived before. */
static void look_before_reset(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    int64_t waiting = output_progress(connection->output);
    if (waiting == 0)
        connection_end(connection, REASON_RESET_SENT);
    else if (waiting < 0)
        connection_end(connection, connection->spoken ? REASON_UNDELIVERED : REASON_RESET);
    else if (given_up(connection, engine->now_ns))
        connection_end(connection, REASON_WRITE_TIMEOUT);
    else
        engine_timer_set(engine, &connection->timer, next_look(connection, engine->now_ns));
}

void closing_look(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    if (connection->reason == REASON_RESET_SENT) {
        look_before_reset(connection);
        return;
    }
    if (is_certain(connection)) {
        connection_end(connection, connection->reason);
        return;
    }
    int64_t waiting = output_progress(connection->output);
    bool failed = waiting < 0;
    if (!failed && waiting <= 1 && connection->started_ns == 0)
        connection->started_ns = engine->now_ns; /* one: the FIN, which is not the reply */
    bool arrived = connection->started_ns != 0;
    int64_t next = arrived ? patience_ends(connection) : next_look(connection, engine->now_ns);
    if (arrived && (failed || connection->end_of_stream || engine->now_ns >= next))
        connection_end(connection, connection->reason);
    else if (failed)
        connection_end(connection, REASON_UNDELIVERED);
    else if (!arrived && given_up(connection, engine->now_ns))
        connection_end(connection, REASON_WRITE_TIMEOUT);
    else
        engine_timer_set(engine, &connection->timer, next);
}
