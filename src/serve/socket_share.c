/* socket_share.c: sockets for the other workers.
 *
 * TCP and UDP: the first socket was bound without SO_REUSEPORT (TCP: and listens), so the port is
 * ours alone: whoever has it, and another server that shares its ports among workers too, would
 * have been met then. Only now it gets the option, and the others are bound to the same port with
 * it: the kernel puts them into one group and gives each connection, and each sender's datagrams,
 * to one of them, by a hash.
 *
 * What the kernel allows from then on: a process of the same user that asks for SO_REUSEPORT itself
 * may join the group, and gets its part. It cannot be kept out: taking the option away again from
 * the sockets makes the kernel look at one of them only, and a group that has been made once is not
 * closed. No process comes in that does not ask for that (another goodtalk does not: its first
 * socket finds the port taken), and none of another user; and one of the same user could have taken
 * our descriptors as well (pidfd_getfd(2)).
 *
 * Unix sockets, and what was handed in, are not multiplied: there is one, with one queue. Each
 * worker gets a descriptor of its own for it, to wait for and to close. All of them are woken by a
 * connection, and one takes it: waking one only would lose it where that one has to pause.
 *
 * Failing: no descriptor is left; or somebody has bound the port in a way that was no hindrance
 * before. */
#include "serve/socket_kinds.h"

#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <unistd.h>

/* 0 or -errno. */
static int switch_on(int fd, int option)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* Let it take IPv4 too, or not, as the first one does: 0 or -errno. */
static int copy_ipv6_only(int from, int to)
{
    int only = 0;
    socklen_t size = sizeof(only);
    if (getsockopt(from, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) < 0 ||
        setsockopt(to, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
        return -errno;
    return 0;
}

/* What is set before bind: 0 or -errno. */
static int prepare(const struct listening_socket *first, int fd, const struct settings *settings)
{
    int result = switch_on(fd, SO_REUSEPORT);
    if (result == 0 && first->type == SOCK_STREAM)
        result = switch_on(fd, SO_REUSEADDR);
    if (result == 0 && first->family == AF_INET6)
        result = copy_ipv6_only(first->fd, fd);
    return result == 0 ? socket_tune(fd, first->family, first->type, settings) : result;
}

/* Bind to where the first one is, and where there are connections listen: 0 or -errno. */
static int join(const struct listening_socket *first, int fd, int backlog)
{
    struct place place = {.size = sizeof(place.ipv6)};
    if (getsockname(first->fd, &place.any, &place.size) < 0 || bind(fd, &place.any, place.size) < 0)
        return -errno;
    return first->type == SOCK_STREAM && listen(fd, backlog) < 0 ? -errno : 0;
}

/* A descriptor or -errno. */
static int open_another(const struct listening_socket *first, const struct settings *settings)
{
    int result = switch_on(first->fd, SO_REUSEPORT);
    if (result < 0)
        return result;
    int fd = socket(first->family, first->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    result = prepare(first, fd, settings);
    if (result == 0)
        result = join(first, fd, (int)settings->backlog);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

static int duplicate(int fd)
{
    int another = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return another < 0 ? -errno : another;
}

bool socket_multiplies(const struct listening_socket *socket)
{
    return socket->family != AF_UNIX && !socket->handed;
}

int socket_share(struct listening_socket *first, const struct settings *settings,
                 struct listening_socket *other, struct error *error)
{
    bool multiplied = socket_multiplies(first);
    int fd = multiplied ? open_another(first, settings) : duplicate(first->fd);
    if (fd < 0)
        return error_errno(error, -fd, "cannot listen on %s for several workers", first->name);
    first->shared = multiplied;
    *other = *first;
    other->fd = fd;
    other->path[0] = '\0';
    return GT_DONE;
}
