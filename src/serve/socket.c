/* socket.c: from an address to sockets: each kind is opened by its own file. */
#include "serve/socket_kinds.h"

#include <goodtalk.h>
#include <netinet/in.h>
#include <unistd.h>

static int open_kind(const struct address *address, const struct settings *settings,
                     struct listening_socket *sockets, unsigned *count, struct error *error)
{
    int status = GT_FAILED;
    *count = 0;
    switch (address->kind) {
    case ADDRESS_TCP:
    case ADDRESS_UDP:
        return socket_open_ip(address, settings, sockets, count, error);
    case ADDRESS_SYSTEMD:
        return socket_open_systemd(address, sockets, count, error);
    case ADDRESS_UNIX:
    case ADDRESS_UNIXGRAM:
    case ADDRESS_UNIXPACKET:
        status = socket_open_unix(address, settings, sockets, error);
        break;
    case ADDRESS_DESCRIPTOR:
        status = socket_open_descriptor(address->descriptor, sockets, error);
        break;
    }
    *count = status == GT_DONE;
    return status;
}

static bool has_buffers(const struct listening_socket *socket)
{
    return !socket->handed && (socket->family != AF_UNIX || socket->type == SOCK_DGRAM);
}

int sockets_open(const struct address *address, const struct settings *settings,
                 struct listening_socket *sockets, unsigned *count, struct error *error)
{
    int status = open_kind(address, settings, sockets, count, error);
    for (unsigned i = 0; status == GT_DONE && i < *count; i++)
        if (has_buffers(&sockets[i]))
            status = socket_check_buffers(sockets[i].fd, settings, error);
    if (status == GT_DONE)
        return status;
    for (; *count > 0; --*count) {
        socket_remove_file(&sockets[*count - 1]);
        close(sockets[*count - 1].fd);
    }
    return status;
}

bool socket_local(int fd, struct peer *local)
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
