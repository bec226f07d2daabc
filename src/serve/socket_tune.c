/* socket_tune.c: what sockets of a kind are set to, and how they are called; whoever opened them.
 *
 * TCP: what a listener is set to its connections inherit, the sizes of their buffers too. UDP: each
 * datagram tells to which of our addresses it came, so that the reply leaves from there; an IPv6
 * socket that takes IPv4 as well is asked for both. Unix datagrams: each tells who sent it;
 * connections are asked when they are accepted. */
#include "serve/socket_kinds.h"

#include "base/escape.h"
#include "base/peer.h"
#include "base/place.h"
#include "base/units.h"

#include <errno.h>
#include <goodtalk.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* How many bytes may wait unsent in the kernel before a connection counts as not writable. */
#define UNSENT_BYTES (128 * 1024)

/* What may wait in the kernel for a socket of datagrams, each way. */
#define DATAGRAM_ROOM_BYTES (4 * 1024 * 1024)

/* 0 or -errno. */
static int switch_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int tune_tcp(int fd)
{
    int unsent = UNSENT_BYTES;
    /* Only spares memory: where the system cannot, it works without. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    return switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
}

/* What the system keeps for a socket, one way. */
struct buffer {
    int option, forced; /* without and with the right to go beyond the system's limit */
    const char *setting, *limit;
};

static const struct buffer send_buffer = {SO_SNDBUF, SO_SNDBUFFORCE, "--send-buffer",
                                          "net.core.wmem_max"};
static const struct buffer receive_buffer = {SO_RCVBUF, SO_RCVBUFFORCE, "--receive-buffer",
                                             "net.core.rmem_max"};

/* As much of it as the system allows; 0: as it is. */
static void set_buffer(int fd, const struct buffer *buffer, int64_t bytes)
{
    int size = (int)bytes;
    if (size > 0 && setsockopt(fd, SOL_SOCKET, buffer->forced, &size, sizeof(size)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, buffer->option, &size, sizeof(size));
}

/* Datagrams of a burst wait in the kernel; and replies to receivers that take none (a neighbour who
 * does not answer, a Unix socket that is not read) must not use up the room for those to others. As
 * much of it as the system allows. */
static void make_room(int fd)
{
    set_buffer(fd, &send_buffer, DATAGRAM_ROOM_BYTES);
    set_buffer(fd, &receive_buffer, DATAGRAM_ROOM_BYTES);
}

/* What is asked for; else, in a server that is kept for whoever comes, a bound. One that has a goal
 * leaves the size to the system, which finds one for each connection as it goes: a file from far
 * away is as quick as it can be. */
static void bound_buffers(int fd, bool datagrams, const struct settings *settings)
{
    bool kept = settings->count == 0 && settings->connections == 0;
    int64_t bound = kept && !datagrams ? SOCKET_BUFFER_BYTES : 0;
    set_buffer(fd, &send_buffer, settings->send_buffer ? settings->send_buffer : bound);
    set_buffer(fd, &receive_buffer, settings->receive_buffer ? settings->receive_buffer : bound);
}

/* How much of one the system has granted, in the units it is asked for: it keeps twice as much, for
 * what it needs beside the bytes. */
static int64_t granted(int fd, const struct buffer *buffer)
{
    int size = 0;
    socklen_t length = sizeof(size);
    return getsockopt(fd, SOL_SOCKET, buffer->option, &size, &length) < 0 ? 0 : size / 2;
}

static int check_buffer(int fd, const struct buffer *buffer, int64_t asked, struct error *error)
{
    char size[32], most[32];
    int64_t has = asked > 0 ? granted(fd, buffer) : 0;
    if (has >= asked)
        return GT_DONE;
    return error_set(error, GT_FAILED, "%s %s: the system allows %s; %s is its limit",
                     buffer->setting, units_size_words(size, sizeof(size), asked),
                     units_size_words(most, sizeof(most), has), buffer->limit);
}

int socket_check_buffers(int fd, const struct settings *settings, struct error *error)
{
    int status = check_buffer(fd, &send_buffer, settings->send_buffer, error);
    if (status == GT_DONE)
        status = check_buffer(fd, &receive_buffer, settings->receive_buffer, error);
    return status;
}

static int tune_udp(int fd, int family)
{
    int result = switch_on(fd, IPPROTO_IP, IP_PKTINFO);
    if (result == 0 && family == AF_INET6)
        result = switch_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    return result;
}

int socket_tune(int fd, int family, int type, const struct settings *settings)
{
    if (type == SOCK_DGRAM)
        make_room(fd);
    if (settings)
        bound_buffers(fd, type == SOCK_DGRAM, settings);
    if (family != AF_UNIX)
        return type == SOCK_DGRAM ? tune_udp(fd, family) : tune_tcp(fd);
    return type == SOCK_DGRAM ? switch_on(fd, SOL_SOCKET, SO_PASSCRED) : 0;
}

/* ---- names ---- */

void socket_write_unix_name(char *name, size_t size, int type, struct slice path)
{
    const char *kind = type == SOCK_DGRAM       ? "unixgram:"
                       : type == SOCK_SEQPACKET ? "unixpacket:"
                                                : "unix:";
    size_t length = strlen(kind);
    snprintf(name, size, "%s", kind);
    escape_string(name + length, size - length, path);
}

static void write_unix_name(struct listening_socket *socket, struct place *place)
{
    char *path = place->local.sun_path;
    size_t length = place->size - offsetof(struct sockaddr_un, sun_path);
    if (length > 0 && path[0] == '\0')
        path[0] = '@';
    else
        length = strnlen(path, length);
    socket_write_unix_name(socket->name, sizeof(socket->name), socket->type,
                           slice_of(path, length));
}

int socket_name(struct listening_socket *socket)
{
    char name[PEER_NAME_SIZE];
    struct place place = {.size = sizeof(place.local)};
    if (getsockname(socket->fd, &place.any, &place.size) < 0)
        return -errno;
    if (socket->family == AF_UNIX) {
        write_unix_name(socket, &place);
        return 0;
    }
    struct peer peer = peer_of_sockaddr(&place.any, place.size);
    snprintf(socket->name, sizeof(socket->name), "%s:%s",
             socket->type == SOCK_DGRAM ? "udp" : "tcp", peer_name(&peer, name));
    return 0;
}
