/* application.c: the application's view of connections: its callbacks, its pointer, who the peer
 * is.
 *
 * A gt_connection is our struct connection under its public name. */
#include "serve/post.h"
#include "serve/server.h"

#include <netinet/in.h>
#include <string.h>

static struct connection *connection_of(gt_connection *connection)
{
    return (struct connection *)(void *)connection;
}

static const struct connection *connection_of_const(const gt_connection *connection)
{
    return (const struct connection *)(const void *)connection;
}

/* ---- callbacks ---- */

void gt_on_connection(gt_server *server, gt_connection_fn *opened, gt_connection_fn *ended,
                      void *context)
{
    server->on_connection.opened = opened;
    server->on_connection.ended = ended;
    server->on_connection.context = context;
}

/* ---- a connection ---- */

void gt_connection_set_data(gt_connection *connection, void *data)
{
    connection_of(connection)->data = data;
}

void *gt_connection_data(const gt_connection *connection)
{
    return connection_of_const(connection)->data;
}

/* It may be called from within a callback of this very connection: it goes on when the pass ends.
 */
void gt_connection_close(gt_connection *handle)
{
    struct connection *connection = connection_of(handle);
    struct worker *worker = worker_of(connection);
    connection_close(connection, REASON_REPLIED);
    if (connection->state == CONNECTION_ENDED)
        return;
    if (output_need(connection))
        worker_mark_dirty(worker, connection->output);
    else /* memory is out, and a timer needs none */
        engine_timer_set(worker->engine, &connection->timer, worker->engine->now_ns);
}

/* ---- who it is ---- */

static void describe_ip(const struct peer *known, struct gt_peer *peer)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&peer->address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&peer->address;
    if (known->kind == PEER_IPV4) {
        peer->address_size = sizeof *ipv4;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(known->port);
        memcpy(&ipv4->sin_addr, known->address, sizeof ipv4->sin_addr);
    } else {
        peer->address_size = sizeof *ipv6;
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(known->port);
        ipv6->sin6_scope_id = known->scope;
        memcpy(&ipv6->sin6_addr, known->address, sizeof ipv6->sin6_addr);
    }
}

static void describe(const struct peer *known, struct gt_peer *peer)
{
    memset(peer, 0, sizeof *peer);
    if (known && (known->kind == PEER_IPV4 || known->kind == PEER_IPV6)) {
        describe_ip(known, peer);
    } else if (known && known->kind == PEER_UNIX) {
        peer->address.ss_family = AF_UNIX;
        peer->address_size = sizeof peer->address.ss_family;
        peer->pid = known->credentials.pid;
        peer->uid = known->credentials.uid;
        peer->gid = known->credentials.gid;
    }
}

void gt_connection_peer(const gt_connection *connection, struct gt_peer *peer)
{
    describe(&connection_of_const(connection)->peer, peer);
}

void gt_turn_peer(const gt_turn *turn, struct gt_peer *peer)
{
    const struct connection *connection = turn->connection;
    const struct exchange *exchange = turn->exchange;
    const struct peer *known = NULL;
    if (connection)
        known = &connection->peer;
    else if (exchange)
        known = &exchange->reply.peer;
    describe(known, peer);
}
