/* host.c: what repliers may ask of the server that asks them (reply/reply.h).
 *
 * It is filled once the workers are open, and every listener's replier is prepared with it before
 * any of them begins. */
#include "reply/command.h"
#include "serve/answer.h"
#include "serve/post.h"
#include "serve/server.h"

#include <netinet/in.h>

static struct worker *worker_at(void *owner, unsigned number)
{
    gt_server *server = owner;
    return &server->crew.workers[number];
}

static struct engine *engine_at(void *owner, unsigned worker)
{
    return worker_at(owner, worker)->engine;
}

static struct command_room *commands_at(void *owner, unsigned worker)
{
    return worker_at(owner, worker)->commands;
}

static void tell_for(void *owner, enum gt_level level, const struct peer *peer,
                     const char *listener, const char *text)
{
    tell_text(owner, level, peer, listener, text);
}

/* ---- turns ---- */

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

bool host_name_of(int fd, struct peer *local)
{
    union {
        struct sockaddr any;
        struct sockaddr_in6 largest;
    } address;
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size))
        return false;
    *local = peer_of_sockaddr(&address.any, size < sizeof address ? size : sizeof address);
    return local->kind == PEER_IPV4 || local->kind == PEER_IPV6;
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
        return host_name_of(connection->fd, local);
    if (!exchange || !host_name_of(exchange->post->listener->socket.fd, local))
        return false;
    use_address(&exchange->reply.local, local);
    return true;
}

/* ---- the beginning ---- */

/* How many commands run at once are shared out: each worker has as many, or one more. */
static unsigned share_of(const gt_server *server, unsigned worker)
{
    unsigned most = (unsigned)server->settings.exec_max;
    unsigned workers = server->crew.size;
    unsigned share = most / workers + (worker < most % workers);
    return share > 0 ? share : 1;
}

static int open_rooms(gt_server *server)
{
    struct crew *crew = &server->crew;
    if (server->runs_commands && server->settings.exec_max < (int64_t)crew->size)
        return error_set(&server->error, GT_WRONG,
                         "--exec-max %d: each of the %u workers needs one at least",
                         (int)server->settings.exec_max, crew->size);
    for (unsigned i = 0; i < crew->size; i++) {
        crew->workers[i].commands = command_room_create(&server->host, i, share_of(server, i));
        if (!crew->workers[i].commands)
            return error_set(&server->error, GT_FAILED, "memory is out for commands");
    }
    return GT_DONE;
}

int host_open(gt_server *server)
{
    server->host = (struct reply_host){.owner = server,
                                       .workers = server->crew.size,
                                       .engine = engine_at,
                                       .tell = tell_for,
                                       .reply = reply_for,
                                       .fail = fail_for,
                                       .hold = hold_for,
                                       .local = local_for,
                                       .commands = commands_at};
    return open_rooms(server);
}

int host_prepare(gt_server *server)
{
    struct list *listeners = &server->crew.workers[0].listeners;
    for (struct list *link = listeners->next; link != listeners; link = link->next) {
        struct replier *replier = list_item(link, struct listener, link)->settings->replier;
        int status = replier->table->prepare
                         ? replier->table->prepare(replier, &server->host, &server->error)
                         : GT_DONE;
        if (status != GT_DONE)
            return status;
    }
    return GT_DONE;
}
