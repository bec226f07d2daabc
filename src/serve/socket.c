/* socket.c: from an address to listening sockets.
 *
 * TCP and Unix sockets are opened by their own files. A descriptor that was handed in is looked at:
 * it must be a stream socket that listens already; what is bound to it, its file too, stays its
 * owner's. It is made non-blocking and close-on-exec; a socket without blocking is what whoever
 * hands one in to a server expects. Failing: it is not open, not a socket, not a stream, not
 * listening. */
#include "serve/socket_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <sys/socket.h>

/* A number that the socket tells about itself, or -errno. */
static int ask(int fd, int option)
{
    int value = 0;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

/* Why fd cannot be served, or NULL. */
static const char *why_not(int fd)
{
    int family = ask(fd, SO_DOMAIN);
    if (family == -ENOTSOCK)
        return "it is not a socket";
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "it is neither a TCP nor a Unix socket";
    if (ask(fd, SO_TYPE) != SOCK_STREAM)
        return "it is not a stream socket";
    if (ask(fd, SO_ACCEPTCONN) != 1)
        return "it does not listen; the one who hands it in calls listen";
    return NULL;
}

/* Ready for the engine, and named: 0 or -errno. */
static int prepare(struct listening_socket *socket)
{
    int flags = fcntl(socket->fd, F_GETFL);
    if (flags < 0 || fcntl(socket->fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(socket->fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    if (ask(socket->fd, SO_DOMAIN) == AF_UNIX)
        return socket_name_unix(socket);
    int result = socket_tune_tcp(socket->fd);
    return result < 0 ? result : socket_name_tcp(socket);
}

static int open_descriptor(int fd, struct listening_socket *socket, struct error *error)
{
    if (fcntl(fd, F_GETFD) < 0)
        return error_errno(error, errno, "cannot listen on fd:%d", fd);
    const char *reason = why_not(fd);
    if (reason)
        return error_set(error, GT_FAILED, "cannot listen on fd:%d: %s", fd, reason);
    *socket = (struct listening_socket){.fd = fd};
    int result = prepare(socket);
    if (result < 0)
        return error_errno(error, -result, "cannot listen on fd:%d", fd);
    return GT_DONE;
}

int sockets_open(const struct address *address, const struct settings *settings,
                 struct listening_socket *sockets, unsigned *count, struct error *error)
{
    int status = GT_FAILED;
    *count = 0;
    switch (address->kind) {
    case ADDRESS_TCP:
        return socket_open_tcp(address, settings, sockets, count, error);
    case ADDRESS_UNIX:
        status = socket_open_unix(address, settings, sockets, error);
        break;
    case ADDRESS_DESCRIPTOR:
        status = open_descriptor(address->descriptor, sockets, error);
        break;
    default:
        status = error_set(error, GT_WRONG, "not built yet in this version");
        break;
    }
    *count = status == GT_DONE;
    return status;
}
