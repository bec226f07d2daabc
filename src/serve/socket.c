/* socket.c: from an address to sockets: each kind is opened by its own file. */
#include "serve/socket_kinds.h"

#include <goodtalk.h>

int sockets_open(const struct address *address, const struct settings *settings,
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
