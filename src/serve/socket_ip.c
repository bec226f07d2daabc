/* socket_ip.c: TCP and UDP sockets.
 *
 * A bare port is one socket for IPv6 and IPv4 together; where the system has no IPv6, one for IPv4.
 * A host is a socket for each address it resolves to, all on one port: with port 0 the first one
 * chooses. Should the others find it taken, all is let go and another choice is asked for, a few
 * times.
 *
 * TCP sockets get SO_REUSEADDR, so that connections that have ended do not keep a restart from the
 * port. On UDP it would let two servers share a port, of which one gets nothing: never there.
 *
 * Failing: the host is not known; the port is taken (its holder is named), or not for us; the
 * address is nobody's here. An IPv6 address of a host that has others is passed over where there is
 * no IPv6 ("localhost" in a container). What was opened before a failure is closed. */
#include "serve/socket_kinds.h"

#include "base/escape.h"
#include "base/peer.h"
#include "base/place.h"
#include "guard/holder.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHOICES_MAX 20

/* Sockets being opened. */
struct opening {
    const struct address *address;
    int type; /* SOCK_STREAM, SOCK_DGRAM */
    const struct settings *settings;
    struct places places;
    unsigned failed; /* the index of the place that could not be opened */
    bool both;       /* one IPv6 socket takes IPv4 too */
    struct listening_socket *sockets;
    unsigned count; /* of them that are open */
};

/* ---- one socket ---- */

/* Bind, and where there are connections listen: 0 or -errno. */
static int listen_at(const struct opening *opening, int fd, const struct place *place)
{
    int on = 1, ipv6_only = !opening->both;
    bool stream = opening->type == SOCK_STREAM;
    if (stream && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (place->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof(ipv6_only)) < 0)
        return -errno;
    int result = socket_tune(fd, place->any.sa_family, opening->type, opening->settings);
    if (result < 0)
        return result;
    if (bind(fd, &place->any, place->size) < 0)
        return -errno;
    /* A port that another has bound but not yet listened on is only found taken by listen. */
    return stream && listen(fd, (int)opening->settings->backlog) < 0 ? -errno : 0;
}

/* A socket at place: its descriptor or -errno. */
static int open_place(const struct opening *opening, const struct place *place)
{
    int fd = socket(place->any.sa_family, opening->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = listen_at(opening, fd, place);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

/* Whether this is how a system without IPv6, or a sandbox, refuses it. */
static bool means_no_ipv6(int number)
{
    return number == EAFNOSUPPORT || number == EADDRNOTAVAIL || number == EPERM ||
           number == EPROTONOSUPPORT || number == ENOPROTOOPT;
}

/* ---- all of them, on one port ---- */

/* The port that a socket is bound to, or 0. */
static uint16_t port_of(int fd)
{
    struct place place = {.size = sizeof(place.ipv6)};
    return getsockname(fd, &place.any, &place.size) < 0 ? 0 : place_port(&place);
}

static void close_all(struct opening *opening)
{
    while (opening->count > 0)
        close(opening->sockets[--opening->count].fd);
}

static void add_socket(struct opening *opening, int fd, int family)
{
    opening->sockets[opening->count++] = (struct listening_socket){
        .fd = fd, .type = opening->type, .family = family, .chosen = opening->address->port == 0};
}

/* Open every place on one port (0: as the first one chooses): 0, or -errno and nothing is open. */
static int open_places(struct opening *opening)
{
    int passed_over = -EADDRNOTAVAIL;
    for (unsigned i = 0; i < opening->places.count; i++) {
        struct place *place = &opening->places.list[i];
        bool optional = place->any.sa_family == AF_INET6 && opening->places.count > 1;
        if (opening->address->port == 0)
            place_set_port(place, opening->count > 0 ? port_of(opening->sockets[0].fd) : 0);
        int fd = open_place(opening, place);
        if (fd >= 0) {
            add_socket(opening, fd, place->any.sa_family);
            continue;
        }
        opening->failed = i;
        if (!optional || !means_no_ipv6(-fd)) {
            close_all(opening);
            return fd;
        }
        passed_over = fd;
    }
    return opening->count > 0 ? 0 : passed_over;
}

/* ---- what is said when it fails ---- */

/* The first port that anybody may listen on. */
static int free_ports_start(void)
{
    int port = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (file && fscanf(file, "%d", &port) != 1)
        port = 1024;
    if (file)
        fclose(file);
    return port;
}

/* "port 9999", "UDP port 9999", "localhost:9999", "udp:[::1]:9999" */
static void describe(const struct address *address, char *text, size_t size)
{
    char host[sizeof(address->host) + 64];
    bool udp = address->kind == ADDRESS_UDP;
    bool bracketed = strchr(address->host, ':') != NULL;
    escape_string(host, sizeof(host), slice_of_text(address->host));
    if (!*host)
        snprintf(text, size, "%sport %u", udp ? "UDP " : "", address->port);
    else
        snprintf(text, size, bracketed ? "%s[%s]:%u" : "%s%s:%u", udp ? "udp:" : "", host,
                 address->port);
}

static int tell_failure(const struct opening *opening, int number, struct error *error)
{
    char what[400], holder[160], name[PEER_NAME_SIZE];
    const struct address *address = opening->address;
    const struct place *failed = &opening->places.list[opening->failed];
    describe(address, what, sizeof(what));
    if (opening->places.count > 1) {
        struct peer peer = peer_of_sockaddr(&failed->any, failed->size);
        size_t length = strlen(what);
        snprintf(what + length, sizeof(what) - length, " (%s)", peer_name(&peer, name));
    }
    error_errno(error, number, "cannot listen on %s", what);
    if (number == EADDRINUSE &&
        holder_of_port(opening->type, address->port, holder, sizeof(holder)))
        error_append(error, "; %sport %u is held by %s", address->kind == ADDRESS_UDP ? "UDP " : "",
                     address->port, holder);
    else if (number == EACCES && address->port < free_ports_start())
        error_append(error, "; ports below %d need root or CAP_NET_BIND_SERVICE",
                     free_ports_start());
    else if (number == EADDRNOTAVAIL)
        error_append(error, "; no interface has this address");
    return GT_FAILED;
}

/* ---- opening ---- */

static void set_every(struct opening *opening, int family)
{
    opening->places.list[0] = place_of_every(family, opening->address->port);
    opening->places.count = 1;
}

/* One socket for every address of the machine: 0 or -errno. */
static int open_every(struct opening *opening)
{
    enum address_family family = opening->address->family;
    opening->both = family == FAMILY_ANY;
    set_every(opening, family == FAMILY_IPV4 ? AF_INET : AF_INET6);
    int result = open_places(opening);
    if (result == 0 || !opening->both || !means_no_ipv6(-result))
        return result;
    set_every(opening, AF_INET);
    return open_places(opening);
}

/* A socket for each address of a host; when the system chose the port, another may be chosen. */
static int open_host(struct opening *opening)
{
    int choices = opening->address->port == 0 ? CHOICES_MAX : 1;
    int result;
    do
        result = open_places(opening);
    while (result == -EADDRINUSE && --choices > 0);
    return result;
}

/* 0 or -errno. */
static int name_all(struct opening *opening)
{
    int result = 0;
    for (unsigned i = 0; result == 0 && i < opening->count; i++)
        result = socket_name(&opening->sockets[i]);
    if (result < 0)
        close_all(opening);
    return result;
}

int socket_open_ip(const struct address *address, const struct settings *settings,
                   struct listening_socket *sockets, unsigned *count, struct error *error)
{
    struct opening opening = {.address = address,
                              .type = address->kind == ADDRESS_UDP ? SOCK_DGRAM : SOCK_STREAM,
                              .settings = settings,
                              .sockets = sockets};
    bool every = address->host[0] == '\0';
    if (!every && places_find(&opening.places, address, false, error) != GT_DONE)
        return GT_FAILED;
    int result = every ? open_every(&opening) : open_host(&opening);
    if (result == 0)
        result = name_all(&opening);
    if (result < 0)
        return tell_failure(&opening, -result, error);
    *count = opening.count;
    return GT_DONE;
}
