/* socket_tcp.c: listening TCP sockets.
 *
 * A bare port is one socket for IPv6 and IPv4 together; where the system has no IPv6, one for IPv4.
 * A host is a socket for each address it resolves to, all on one port: with port 0 the first one
 * chooses. Should the others find it taken, all is let go and another choice is asked for, a few
 * times.
 *
 * Failing: the host is not known; the port is taken (its holder is named), or not for us; the
 * address is nobody's here. An IPv6 address of a host that has others is passed over where there is
 * no IPv6
 * ("localhost" in a container). What was opened before a failure is closed. */
#include "serve/socket_kinds.h"

#include "base/escape.h"
#include "base/peer.h"
#include "guard/holder.h"

#include <errno.h>
#include <goodtalk.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many bytes may wait unsent in the kernel before a connection counts as not writable. */
#define UNSENT_BYTES (128 * 1024)

#define CHOICES_MAX 20

/* An address to bind to. */
struct place {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    };
};

struct places {
    struct place list[SOCKETS_MAX];
    unsigned count;
    unsigned failed; /* the index of the one that could not be opened */
    bool both;       /* one IPv6 socket takes IPv4 too */
};

/* ---- one socket ---- */

int socket_tune_tcp(int fd)
{
    int on = 1, unsent = UNSENT_BYTES;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
        return -errno;
    /* Only spares memory: where the system cannot, it works without. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    return 0;
}

int socket_name_tcp(struct listening_socket *socket)
{
    char name[PEER_NAME_SIZE];
    struct place place = {.size = sizeof(place.ipv6)};
    if (getsockname(socket->fd, &place.any, &place.size) < 0)
        return -errno;
    struct peer peer = peer_of_sockaddr(&place.any, place.size);
    snprintf(socket->name, sizeof(socket->name), "tcp:%s", peer_name(&peer, name));
    return 0;
}

static int listen_at(int fd, const struct place *place, bool both, int backlog)
{
    int on = 1, ipv6_only = !both;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (place->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof(ipv6_only)) < 0)
        return -errno;
    int result = socket_tune_tcp(fd);
    if (result < 0)
        return result;
    /* A port that another has bound but not yet listened on is only found taken by listen. */
    return bind(fd, &place->any, place->size) < 0 || listen(fd, backlog) < 0 ? -errno : 0;
}

/* A socket that listens at place: its descriptor or -errno. */
static int open_place(const struct place *place, bool both, int backlog)
{
    int fd = socket(place->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = listen_at(fd, place, both, backlog);
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

static void set_port(struct place *place, uint16_t port)
{
    if (place->any.sa_family == AF_INET6)
        place->ipv6.sin6_port = htons(port);
    else
        place->ipv4.sin_port = htons(port);
}

/* The port that a socket is bound to, or 0. */
static uint16_t port_of(int fd)
{
    struct place place = {.size = sizeof(place.ipv6)};
    if (getsockname(fd, &place.any, &place.size) < 0)
        return 0;
    return ntohs(place.any.sa_family == AF_INET6 ? place.ipv6.sin6_port : place.ipv4.sin_port);
}

static void close_all(struct listening_socket *sockets, unsigned *count)
{
    while (*count > 0)
        close(sockets[--*count].fd);
}

/* Open every place on this port (0: as the first one chooses): 0, or -errno and nothing is open. */
static int open_places(struct places *places, uint16_t port, int backlog,
                       struct listening_socket *sockets, unsigned *count)
{
    int passed_over = -EADDRNOTAVAIL;
    for (unsigned i = 0; i < places->count; i++) {
        struct place *place = &places->list[i];
        set_port(place, *count > 0 ? port_of(sockets[0].fd) : port);
        int fd = open_place(place, places->both, backlog);
        bool optional = place->any.sa_family == AF_INET6 && places->count > 1;
        if (fd >= 0) {
            sockets[(*count)++] = (struct listening_socket){.fd = fd, .chosen = port == 0};
            continue;
        }
        places->failed = i;
        if (!optional || !means_no_ipv6(-fd)) {
            close_all(sockets, count);
            return fd;
        }
        passed_over = fd;
    }
    return *count > 0 ? 0 : passed_over;
}

/* ---- where ---- */

static void add_every(struct places *places, int family)
{
    struct place *place = &places->list[places->count++];
    *place = (struct place){.size = sizeof(place->ipv4)};
    if (family == AF_INET6) {
        place->size = sizeof(place->ipv6);
        place->ipv6.sin6_addr = in6addr_any;
    }
    place->any.sa_family = (sa_family_t)family;
}

static bool has_place(const struct places *places, const struct addrinfo *found)
{
    for (unsigned i = 0; i < places->count; i++)
        if (places->list[i].size == found->ai_addrlen &&
            memcmp(&places->list[i].any, found->ai_addr, found->ai_addrlen) == 0)
            return true;
    return false;
}

static int add_found(struct places *places, const struct addrinfo *found)
{
    for (; found; found = found->ai_next) {
        if ((found->ai_family != AF_INET && found->ai_family != AF_INET6) ||
            has_place(places, found))
            continue;
        if (places->count == SOCKETS_MAX)
            return -E2BIG;
        struct place *place = &places->list[places->count++];
        place->size = found->ai_addrlen;
        memcpy(&place->any, found->ai_addr, found->ai_addrlen);
    }
    return 0;
}

static int find_host(const struct address *address, struct places *places, struct error *error)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
    char host[sizeof(address->host) * 2];
    struct addrinfo *found = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_family = families[address->family],
                             .ai_socktype = SOCK_STREAM};
    escape_string(host, sizeof(host), slice_of_text(address->host));
    int result = getaddrinfo(address->host, "0", &hints, &found);
    if (result == EAI_SYSTEM)
        return error_errno(error, errno, "cannot find the host %s", host);
    if (result != 0)
        return error_set(error, GT_FAILED, "cannot find the host %s: %s", host,
                         gai_strerror(result));
    result = add_found(places, found);
    freeaddrinfo(found);
    if (result < 0)
        return error_set(error, GT_FAILED, "%s is more than %d addresses", host, SOCKETS_MAX);
    return GT_DONE;
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

/* "port 9999", "localhost:9999", "[::1]:9999" */
static void describe(const struct address *address, char *text, size_t size)
{
    char host[sizeof(address->host) + 64];
    bool bracketed = strchr(address->host, ':') != NULL;
    escape_string(host, sizeof(host), slice_of_text(address->host));
    if (!*host)
        snprintf(text, size, "port %u", address->port);
    else
        snprintf(text, size, bracketed ? "[%s]:%u" : "%s:%u", host, address->port);
}

static int tell_failure(const struct address *address, const struct places *places, int number,
                        struct error *error)
{
    char what[400], holder[160], name[PEER_NAME_SIZE];
    const struct place *failed = &places->list[places->failed];
    describe(address, what, sizeof(what));
    if (places->count > 1) {
        struct peer peer = peer_of_sockaddr(&failed->any, failed->size);
        size_t length = strlen(what);
        snprintf(what + length, sizeof(what) - length, " (%s)", peer_name(&peer, name));
    }
    error_errno(error, number, "cannot listen on %s", what);
    if (number == EADDRINUSE && holder_of_port(address->port, holder, sizeof(holder)))
        error_append(error, "; port %u is held by %s", address->port, holder);
    else if (number == EACCES && address->port < free_ports_start())
        error_append(error, "; ports below %d need root or CAP_NET_BIND_SERVICE",
                     free_ports_start());
    else if (number == EADDRNOTAVAIL)
        error_append(error, "; no interface has this address");
    return GT_FAILED;
}

/* ---- opening ---- */

/* One socket for every address of the machine: 0 or -errno. */
static int open_every(const struct address *address, struct places *places, int backlog,
                      struct listening_socket *sockets, unsigned *count)
{
    places->both = address->family == FAMILY_ANY;
    add_every(places, address->family == FAMILY_IPV4 ? AF_INET : AF_INET6);
    int result = open_places(places, address->port, backlog, sockets, count);
    if (result == 0 || !places->both || !means_no_ipv6(-result))
        return result;
    places->count = 0;
    add_every(places, AF_INET);
    return open_places(places, address->port, backlog, sockets, count);
}

/* A socket for each address of a host; when the system chose the port, another may be chosen. */
static int open_host(const struct address *address, struct places *places, int backlog,
                     struct listening_socket *sockets, unsigned *count)
{
    int choices = address->port == 0 ? CHOICES_MAX : 1;
    int result;
    do
        result = open_places(places, address->port, backlog, sockets, count);
    while (result == -EADDRINUSE && --choices > 0);
    return result;
}

int socket_open_tcp(const struct address *address, const struct settings *settings,
                    struct listening_socket *sockets, unsigned *count, struct error *error)
{
    struct places places = {0};
    int backlog = (int)settings->backlog;
    bool every = address->host[0] == '\0';
    if (!every && find_host(address, &places, error) != GT_DONE)
        return GT_FAILED;
    int result = every ? open_every(address, &places, backlog, sockets, count)
                       : open_host(address, &places, backlog, sockets, count);
    if (result < 0)
        return tell_failure(address, &places, -result, error);
    for (unsigned i = 0; i < *count; i++) {
        result = socket_name_tcp(&sockets[i]);
        if (result < 0) {
            close_all(sockets, count);
            return tell_failure(address, &places, -result, error);
        }
    }
    return GT_DONE;
}
