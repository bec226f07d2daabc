/* socket_kinds.h: opening the sockets of one kind, for socket.c to choose from.
 *
 * Each returns GT_DONE with the sockets filled, or GT_FAILED with a sentence and nothing left open
 * (but what was handed in, which stays its owner's until it is taken over). */
#ifndef SERVE_SOCKET_KINDS_H
#define SERVE_SOCKET_KINDS_H

#include "serve/socket.h"

/* TCP and UDP: one socket, or one for each address of a host. */
int socket_open_ip(const struct address *address, const struct settings *settings,
                   struct listening_socket *sockets, unsigned *count, struct error *error);

/* The three kinds of Unix sockets. */
int socket_open_unix(const struct address *address, const struct settings *settings,
                     struct listening_socket *socket, struct error *error);

/* A descriptor that was handed in: fd:N. */
int socket_open_descriptor(int fd, struct listening_socket *socket, struct error *error);

/* Those that a service manager has handed in: systemd, systemd:NAME. */
int socket_open_systemd(const struct address *address, struct listening_socket *sockets,
                        unsigned *count, struct error *error);

/* ---- socket_tune.c ---- */

/* Set what every socket of this family and type has: 0 or -errno. Before bind, so that no datagram
 * and no connection comes without it. settings: NULL for one whose buffers are somebody else's to
 * say. */
int socket_tune(int fd, int family, int type, const struct settings *settings);

/* Whether the system has granted the sizes of buffers that were asked for: GT_DONE, or GT_FAILED
 * with a sentence. */
int socket_check_buffers(int fd, const struct settings *settings, struct error *error);

/* Fill name from what the socket is bound to; family and type are filled: 0 or -errno. */
int socket_name(struct listening_socket *socket);

/* "unix:", "unixgram:", "unixpacket:" and a path or "@name", escaped. */
void socket_write_unix_name(char *name, size_t size, int type, struct slice path);

#endif
