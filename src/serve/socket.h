/* socket.h: sockets that take connections, or datagrams, opened and closed: the system's side of a
 * listener.
 *
 * TCP: SO_REUSEADDR, never SO_REUSEPORT while it is bound, so that a taken port is an error, and
 * not afterwards either unless several workers share the port (socket_share);
 * TCP_NODELAY and a bound on unsent bytes are set here and inherited by accepted connections. UDP:
 * neither of the two; each datagram tells to which address it came (IP_PKTINFO, IPV6_RECVPKTINFO).
 * Unix: a stale socket file is replaced, a live one is not, anything else in its place is left
 * alone; the file is removed when the socket is closed, if it is still ours. Unix datagrams tell
 * who sent them (SO_PASSCRED). */
#ifndef SERVE_SOCKET_H
#define SERVE_SOCKET_H

#include "base/address.h"
#include "base/peer.h"
#include "serve/settings.h"

#include <sys/stat.h>

#define SOCKET_NAME_SIZE 160

struct listening_socket {
    int fd;
    int type;   /* SOCK_STREAM, SOCK_SEQPACKET: it listens; SOCK_DGRAM: it is bound */
    int family; /* AF_INET, AF_INET6, AF_UNIX */
    char name[SOCKET_NAME_SIZE]; /* as it can be connected to: "tcp:[::]:9999", "unix:/run/gt",
                                    "udp:127.0.0.1:53"; escaped */
    bool chosen;                 /* the system chose the port */
    bool handed;                 /* opened by somebody else: what is set on it is his to say */
    bool shared;                 /* one of several on one port, for as many workers */
    char path[108];              /* a Unix socket file to remove at the end, or "" */
    dev_t device;                /* of that file */
    ino_t inode;
};

#define SOCKETS_MAX 64

/* What the system may keep for a connection each way, where a server is kept and nothing is said.
 */
#define SOCKET_BUFFER_BYTES (1024 * 1024)

/* Open what an address means: one socket, or for a HOST one for each address it resolves to, on one
 * port; or take those that were handed in (fd:N, systemd), which stay open if that fails. *count is
 * how many of sockets (room for SOCKETS_MAX) were filled. GT_DONE; GT_FAILED with a sentence that
 * names the holder of what is taken, and nothing that was opened here left open. */
int sockets_open(const struct address *address, const struct settings *settings,
                 struct listening_socket *sockets, unsigned *count, struct error *error);

/* Another socket for what first is open for, so that another worker takes a part of what comes.
 * Where it multiplies (TCP and UDP, opened here): one more on the same address and port, listening
 * as these settings say; each connection, and each sender's datagrams, come to one of them. Else
 * the same socket under another descriptor, from which whoever is quicker takes. Its file, if it
 * has one, stays first's to remove. GT_DONE; GT_FAILED with a sentence and nothing opened. */
bool socket_multiplies(const struct listening_socket *socket);
int socket_share(struct listening_socket *first, const struct settings *settings,
                 struct listening_socket *other, struct error *error);

/* Which address of ours this socket has; false where it is none of IP. */
bool socket_local(int fd, struct peer *local);

/* Remove the Unix socket file, if it is still the one that was made. Call it before fd is closed
 * (by the caller, engine_close): while the socket is open nobody takes its file for stale, and no
 * other file can get its inode number. */
void socket_remove_file(const struct listening_socket *socket);

#endif
