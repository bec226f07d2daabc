/* socket_kinds.h: opening the listening sockets of one kind, for socket.c to choose from.
 *
 * Each returns GT_DONE with the sockets filled, or GT_FAILED with a sentence and nothing left open.
 */
#ifndef SERVE_SOCKET_KINDS_H
#define SERVE_SOCKET_KINDS_H

#include "serve/socket.h"

/* One socket, or one for each address of a host. */
int socket_open_tcp(const struct address *address, const struct settings *settings,
                    struct listening_socket *sockets, unsigned *count, struct error *error);

int socket_open_unix(const struct address *address, const struct settings *settings,
                     struct listening_socket *socket, struct error *error);

/* What every TCP listener hands down to its connections: 0 or -errno. */
int socket_tune_tcp(int fd);

/* Fill name (and for TCP nothing else) from what the socket is bound to: 0 or -errno. */
int socket_name_tcp(struct listening_socket *socket);
int socket_name_unix(struct listening_socket *socket);

#endif
