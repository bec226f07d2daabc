/* socket_handed.c: sockets that somebody else has opened and handed in.
 *
 * A descriptor is looked at: it must be a socket that takes connections already (listen), or
 * datagrams (bound), of a kind that is served. What is bound to it, its file too, stays its
 * owner's. It is made non-blocking and close-on-exec (a socket without blocking is what whoever
 * hands one in to a server expects), and set as those opened here are.
 *
 * Failing: it is not open, not a socket, of another kind, not listening, not bound. Of several that
 * a service manager has handed in all are taken, or none. */
#include "serve/socket_kinds.h"

#include "base/escape.h"
#include "base/place.h"
#include "guard/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <stddef.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* A number that the socket tells about itself, or -errno. */
static int ask(int fd, int option)
{
    int value = 0;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

/* TCP, UDP or a Unix socket; SCTP and ping sockets look much alike. */
static bool is_served(int fd, const struct listening_socket *socket)
{
    int protocol = ask(fd, SO_PROTOCOL);
    if (socket->family == AF_UNIX)
        return true;
    if (socket->family != AF_INET && socket->family != AF_INET6)
        return false;
    if (socket->type == SOCK_DGRAM)
        return protocol == IPPROTO_UDP;
    return socket->type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
}

/* Whether somebody can send to it: it has a port, or a name. */
static bool is_bound(int fd, int family)
{
    struct place place = {.size = sizeof(place.local)};
    if (getsockname(fd, &place.any, &place.size) < 0)
        return false;
    return family == AF_UNIX ? place.size > offsetof(struct sockaddr_un, sun_path)
                             : place_port(&place) != 0;
}

static bool is_connected(int fd)
{
    struct place place = {.size = sizeof(place.local)};
    return getpeername(fd, &place.any, &place.size) == 0;
}

/* Why a socket cannot be served, or NULL. */
static const char *why_not(const struct listening_socket *socket)
{
    int fd = socket->fd;
    if (socket->family == -ENOTSOCK)
        return "it is not a socket";
    if (!is_served(fd, socket))
        return "it is neither a TCP, nor a UDP, nor a Unix socket";
    if (socket->type == SOCK_DGRAM && !is_bound(fd, socket->family))
        return "it is not bound to an address; the one who hands it in calls bind";
    if (socket->type == SOCK_DGRAM || ask(fd, SO_ACCEPTCONN) == 1)
        return NULL;
    if (is_connected(fd))
        return "it is a connection, not what connections are accepted from; a .socket unit has "
               "Accept=no for that";
    return "it does not listen; the one who hands it in calls listen";
}

/* Ready for the engine, and named: 0 or -errno. */
static int prepare(struct listening_socket *socket)
{
    int flags = fcntl(socket->fd, F_GETFL);
    if (flags < 0 || fcntl(socket->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(socket->fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    int result = socket_tune(socket->fd, socket->family, socket->type, NULL);
    return result < 0 ? result : socket_name(socket);
}

int socket_open_descriptor(int fd, struct listening_socket *socket, struct error *error)
{
    if (fcntl(fd, F_GETFD) < 0)
        return error_errno(error, errno, "cannot listen on fd:%d", fd);
    *socket = (struct listening_socket){
        .fd = fd, .type = ask(fd, SO_TYPE), .family = ask(fd, SO_DOMAIN), .handed = true};
    const char *reason = why_not(socket);
    if (reason)
        return error_set(error, GT_FAILED, "cannot listen on fd:%d: %s", fd, reason);
    int result = prepare(socket);
    if (result < 0)
        return error_errno(error, -result, "cannot listen on fd:%d", fd);
    return GT_DONE;
}

int socket_open_systemd(const struct address *address, struct listening_socket *sockets,
                        unsigned *count, struct error *error)
{
    char name[SOCKET_NAME_SIZE];
    int descriptors[SOCKETS_MAX];
    unsigned found;
    int status = handed_find(address->path, descriptors, SOCKETS_MAX, &found, error);
    if (status != GT_DONE) {
        escape_string(name, sizeof(name), slice_of_text(address->path));
        return error_prefix(error, "cannot listen on systemd%s%s", *name ? ":" : "", name);
    }
    for (unsigned i = 0; i < found && status == GT_DONE; i++)
        status = socket_open_descriptor(descriptors[i], &sockets[i], error);
    *count = status == GT_DONE ? found : 0;
    return status;
}
