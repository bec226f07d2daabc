/* host_turns.c: what repliers that keep turns may ask for (host.h): a reply that comes later, none
 * and the end of the connection in its place, memory, and who is being talked to. */
#include "serve/answer.h"
#include "serve/host.h"
#include "serve/post.h"
#include "serve/server.h"

#include <netinet/in.h>

static void reply_for(void *owner, struct gt_turn *turn, const struct slice *printed)
{
    (void)owner;
    if (printed)
        answer_printed(turn, *printed);
    else
        answer_nothing(turn);
}

static void fail_for(void *owner, struct gt_turn *turn, enum reason reason)
{
    (void)owner;
    answer_fail(turn, reason);
}

static void hold_for(void *owner, struct gt_turn *turn, size_t bytes)
{
    (void)owner;
    answer_hold(turn, bytes);
}

/* The address that a datagram came to, and the port of the socket it came to. */
static void use_address(const struct local_address *address, struct peer *local)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(local->port)};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(local->port)};
    if (address->family == AF_INET6) {
        memcpy(&ipv6.sin6_addr, address->address, sizeof ipv6.sin6_addr);
        *local = peer_of_sockaddr((struct sockaddr *)&ipv6, sizeof ipv6);
    } else if (address->family == AF_INET) {
        memcpy(&ipv4.sin_addr, address->address, sizeof ipv4.sin_addr);
        *local = peer_of_sockaddr((struct sockaddr *)&ipv4, sizeof ipv4);
    }
}

static bool local_for(void *owner, const struct gt_turn *turn, struct peer *local)
{
    const struct connection *connection = turn->connection;
    const struct exchange *exchange = turn->exchange;
    (void)owner;
    if (connection)
        return socket_local(connection->fd, local);
    if (!exchange || !socket_local(exchange->post->listener->socket.fd, local))
        return false;
    use_address(&exchange->reply.local, local);
    return true;
}

void host_add_turns(struct reply_host *host)
{
    host->reply = reply_for;
    host->fail = fail_for;
    host->hold = hold_for;
    host->local = local_for;
}
