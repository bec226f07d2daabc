/* check_connection.c: one connection: that it hears what it should, that what it has heard goes on,
 * and that it is where one in its state must be. */
#include "check_parts.h"

#define MS INT64_C(1000000)

/* Whether it should receive, and does not. */
static bool is_deaf(const struct connection *connection)
{
    bool open = connection->state == CONNECTION_OPEN;
    if (connection->end_of_stream || connection->receive.op.active)
        return false;
    if (open && connection->heard)
        return !connection->starved && intake_open(connection);
    if (open)
        return connection->input.size == 0 && !worker_of(connection)->intake_paused;
    return true;
}

/* What was paid for by then is taken when the millisecond is over. */
static bool waits_for_its_turn(const struct connection *connection)
{
    return connection->paid && timer_is_set(&connection->timer) &&
           connection->timer.deadline_ns <= connection->started_ns + MS;
}

/* Whether it has what could be taken, and nobody comes back to it. */
static bool is_forgotten(const struct connection *connection)
{
    bool comes_back = (connection->output && !list_empty(&connection->output->dirty)) ||
                      waits_for_its_turn(connection);
    bool taken = !connection->starved && !connection->finished;
    return connection->state == CONNECTION_OPEN && !comes_back &&
           ((connection->starved && intake_open(connection)) ||
            (connection->finished && !connection->output) ||
            (connection->end_of_stream && taken && intake_open(connection)));
}

static const char *check_state(const struct connection *connection)
{
    enum connection_state state = connection->state;
    if ((connection->reason == REASON_NONE) != (state == CONNECTION_OPEN))
        return "a connection is open and has a reason to end, or ends without one";
    if (state != CONNECTION_OPEN && connection->input.capacity > 0)
        return "a connection keeps input that nobody will take";
    if (state != CONNECTION_OPEN && !connection->output)
        return "a connection closes and nobody comes back to it";
    if (state == CONNECTION_LINGERING && !output_empty(connection->output))
        return "a connection lingers and has not sent all";
    return NULL;
}

static const char *sum_output(const struct connection *connection, struct check_sum *sum)
{
    const struct output *output = connection->output;
    sum->memory += connection->input.capacity;
    sum->talkers += connection->talks;
    if (!output)
        return NULL;
    if (output->connection != connection)
        return "an output belongs to somebody else";
    return check_output(output, sum);
}

const char *check_connection(const struct connection *connection, struct check_sum *sum)
{
    const char *wrong = sum_output(connection, sum);
    if (!wrong)
        wrong = check_state(connection);
    if (!wrong)
        wrong = check_deadlines(connection);
    if (!wrong && is_deaf(connection))
        return "a connection does not receive, and nobody knows why";
    return !wrong && is_forgotten(connection) ? "input waits, and nobody comes back to it" : wrong;
}

const char *check_ended(const struct connection *connection, struct check_sum *sum)
{
    if (connection->state != CONNECTION_ENDED || connection->reason == REASON_NONE)
        return "a connection is among those that have ended and has not";
    if (timer_is_set(&connection->timer))
        return "a connection that has ended has a timer";
    if (!connection->receive.op.active && !output_sending(connection->output) &&
        !worker_of(connection)->more)
        return "a connection has ended and nobody frees it";
    return sum_output(connection, sum);
}
