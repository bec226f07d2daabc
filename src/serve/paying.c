/* paying.c: a message of a connection whose source has a rate (max-rate) is paid for before it is
 * taken.
 *
 * It is paid for when there is something to look for it in, and due at once or when those that were
 * paid for before have had their turns. Until then the connection takes nothing and reads no more:
 * so nothing is lost, what it may take is not paid for twice, and each of a source's connections
 * has its turn. What is left unsaid in the end is paid back. A server that drains does not wait:
 * what has arrived is taken at once. */
#include "serve/server.h"
#include "serve/sources.h"

static bool is_rated(const struct connection *connection)
{
    return connection->source && sources_rated(worker_of(connection)->limits->sources);
}

bool paying_for_next(struct connection *connection)
{
    const struct worker *worker = worker_of(connection);
    if (!connection->paid && is_rated(connection)) {
        connection->started_ns =
            source_pay(worker->limits->sources, connection->source, worker->engine->now_ns);
        connection->paid = true;
    }
    return !paying_waits(connection);
}

bool paying_waits(const struct connection *connection)
{
    const struct worker *worker = worker_of(connection);
    return connection->paid && worker->phase == WORKER_SERVING &&
           connection->started_ns > worker->engine->now_ns;
}

void paying_begin(struct connection *connection)
{
    int64_t now_ns = worker_of(connection)->engine->now_ns;
    if (!connection->paid || connection->started_ns < now_ns)
        connection->started_ns = now_ns;
}

void paying_refund(struct connection *connection)
{
    if (connection->paid)
        source_refund(worker_of(connection)->limits->sources, connection->source);
    connection->paid = false;
}
