/* handover.c: see handover.h.
 *
 * The happy path: the connection is accepted, its command gets its turn, talks with the peer, and
 * ends; then the connection closes politely, so that what the command said last arrives.
 *
 * Ways to fail. The connection fails, which is looked for every second, since only the command uses
 * it: the command is ended. A peer that has only closed its side is the command's to notice. The
 * command fails: told; the peer sees the end of the stream. */
#include "serve/handover.h"

#include "reply/environment.h"
#include "serve/server.h"

#include <stdlib.h>

#define LOOK_NS INT64_C(1000000000)

static struct handover *handover_of(const struct connection *connection)
{
    return list_item((uintptr_t)connection->framing, struct handover, framing);
}

static void take_back(struct connection *connection)
{
    connection->handed = false;
    connection->framing = &connection->settings->framing;
}

/* Its own timer sees to it in the next pass. */
static void go_on_soon(struct connection *connection)
{
    struct engine *engine = worker_of(connection)->engine;
    engine_timer_set(engine, &connection->timer, engine->now_ns);
}

static void end_soon(struct connection *connection, enum reason reason)
{
    connection->doom = (uint8_t)reason;
    go_on_soon(connection);
}

/* Politely, for its command may have said something. */
static void close_soon(struct connection *connection)
{
    connection->spoken = true;
    if (output_need(connection)) {
        connection->output->ending = REASON_COMMAND_ENDED;
        go_on_soon(connection);
    } else {
        end_soon(connection, REASON_NO_MEMORY);
    }
}

static void look_again(struct handover *handover)
{
    struct engine *engine = worker_of(handover->connection)->engine;
    engine_timer_set(engine, &handover->look, engine->now_ns + LOOK_NS);
}

static void look(struct timer *timer, int64_t now_ns)
{
    struct handover *handover = list_item(timer, struct handover, look);
    struct connection *connection = handover->connection;
    (void)now_ns;
    if (engine_unacknowledged(worker_of(connection)->engine, connection->fd) < 0)
        end_soon(connection, REASON_RESET);
    else
        look_again(handover);
}

static void handover_free(struct handover *handover)
{
    command_plan_release(&handover->command.plan);
    bytes_free(&handover->command.environment);
    bytes_free(&handover->command.output);
    free(handover);
}

static void over(struct command *command, enum command_fate fate)
{
    struct handover *handover = list_item(command, struct handover, command);
    struct connection *connection = handover->connection;
    (void)fate;
    if (connection) {
        engine_timer_stop(worker_of(connection)->engine, &handover->look);
        take_back(connection);
        close_soon(connection);
    }
    handover_free(handover);
}

static int list_environment(struct handover *handover)
{
    struct connection *connection = handover->connection;
    struct peer local;
    bool known = socket_local(connection->fd, &local);
    struct environment_facts facts = {.peer = &connection->peer,
                                      .local = known ? &local : NULL,
                                      .listener = connection->listener->socket.name};
    return environment_make(&handover->command.environment, &facts);
}

bool handover_begin(struct connection *connection)
{
    struct handover *handover = calloc(1, sizeof *handover);
    if (!handover)
        return false;
    handover->connection = connection;
    handover->look.fire = look;
    handover->command =
        (struct command){.plan = command_plan_keep(connection->settings->connection_plan),
                         .socket = connection->fd,
                         .peer = connection->peer,
                         .listener = connection->listener->socket.name,
                         .id = "",
                         .over = over};
    list_init(&handover->command.link);
    if (list_environment(handover) < 0) {
        handover_free(handover);
        return false;
    }
    connection->handed = true;
    handover->framing = connection->settings->framing;
    connection->framing = &handover->framing;
    command_submit(worker_of(connection)->commands, &handover->command);
    look_again(handover);
    return true;
}

void handover_leave(struct connection *connection)
{
    struct handover *handover = handover_of(connection);
    take_back(connection);
    handover->connection = NULL;
    engine_timer_stop(worker_of(connection)->engine, &handover->look);
    command_leave(&handover->command);
}
