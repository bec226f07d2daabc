/* world_real_datagram.c: datagrams as the kernel makes them: UDP on loopback, Unix datagrams.
 *
 * Correspondents are not connected: a Unix socket that is takes more from its peer than its queue
 * holds. Buffers are large, so that hundreds of datagrams and the longest one fit. */
#include "world_real.h"

#include <stdlib.h>

#define DATAGRAM_BUFFER (1024 * 1024) /* bytes */

static const uint8_t nobody[] = "\0nobody listens here";

static int datagram_socket(struct world *world)
{
    int fd = real_socket(world, SOCK_DGRAM | SOCK_NONBLOCK);
    set_number(fd, SO_SNDBUF, DATAGRAM_BUFFER);
    set_number(fd, SO_RCVBUF, DATAGRAM_BUFFER);
    return fd;
}

static int datagram_open(struct world *world)
{
    const int on = 1;
    int family = real_of(world)->place.any.sa_family;
    int fd = datagram_socket(world);
    bind_anywhere(fd, family);
    if (family == AF_UNIX)
        set_number(fd, SO_PASSCRED, 1);
    else
        must(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on), "IP_PKTINFO");
    return fd;
}

static int correspondent_open(struct world *world, int fd, bool named)
{
    struct world_real *real = real_of(world);
    if (real->correspondent_count == CORRESPONDENTS_MAX)
        abort();
    struct correspondent *correspondent = &real->correspondents[real->correspondent_count];
    *correspondent = (struct correspondent){.fd = datagram_socket(world), .to = place_of(fd)};
    if (named)
        bind_anywhere(correspondent->fd, real->place.any.sa_family);
    return real->correspondent_count++;
}

static bool correspondent_say(struct world *world, int number, const void *bytes, size_t size)
{
    const struct correspondent *correspondent = &real_of(world)->correspondents[number];
    return sendto(correspondent->fd, bytes, size, MSG_DONTWAIT, &correspondent->to.any,
                  correspondent->to.size) == (ssize_t)size;
}

static int64_t correspondent_hear(struct world *world, int number, void *bytes, size_t size)
{
    int fd = real_of(world)->correspondents[number].fd;
    return recv(fd, bytes, size, MSG_DONTWAIT | MSG_TRUNC);
}

static struct place correspondent_place(struct world *world, int number)
{
    return place_of(real_of(world)->correspondents[number].fd);
}

/* Port 0, or a name that nobody has. */
static struct place nowhere(struct world *world)
{
    struct place place = real_of(world)->place;
    if (place.any.sa_family == AF_UNIX) {
        memcpy(place.local.sun_path, nobody, sizeof nobody);
        place.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof nobody);
    } else {
        place.ipv4.sin_port = 0;
    }
    return place;
}

const struct world_datagrams real_datagrams = {
    .largest = 65507,
    .nameless = false,
    .full_is_error = false,
    .open = datagram_open,
    .correspondent = correspondent_open,
    .say = correspondent_say,
    .hear = correspondent_hear,
    .place = correspondent_place,
    .nowhere = nowhere,
};

const struct world_datagrams real_unix_datagrams = {
    .largest = PACKET_MAX,
    .nameless = true,
    .full_is_error = true,
    .open = datagram_open,
    .correspondent = correspondent_open,
    .say = correspondent_say,
    .hear = correspondent_hear,
    .place = correspondent_place,
    .nowhere = nowhere,
};
