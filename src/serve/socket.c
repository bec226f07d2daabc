/* socket.c: from an address to sockets: each kind is opened by its own file. */
#include "serve/socket_kinds.h"

#include <goodtalk.h>

static int open_one(const struct address *address, const struct settings *settings,
                    struct listening_socket *socket, struct error *error)
{
    if (address->kind == ADDRESS_DESCRIPTOR)
        return socket_open_descriptor(address->descriptor, socket, error);
    return socket_open_unix(address, settings, socket, error);
}

int sockets_open(const struct address *address, const struct settings *settings,
                 struct listening_socket *sockets, unsigned *count, struct error *error)
{
    *count = 0;
    switch (address->kind) {
    case ADDRESS_TCP:
    case ADDRESS_UDP:
        return socket_open_ip(address, settings, sockets, count, error);
    case ADDRESS_SYSTEMD:
        return error_set(error, GT_WRONG, "not built yet in this version");
    default:
        break;
    }
    int status = open_one(address, settings, sockets, error);
    *count = status == GT_DONE;
    return status;
}
