/* peer.c: a socket address becomes 24 plain bytes, and those a name.
 *
 * A name is read back by trying what it could be; it is right when its own name is the same.
 *
 * Failing: an address that is none of the known kinds, or too short for its kind, is PEER_NONE,
 * "unknown". */
#include "base/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static struct peer peer_of_ipv4(const struct sockaddr *address)
{
    struct sockaddr_in ipv4;
    struct peer peer = {.kind = PEER_IPV4};
    memcpy(&ipv4, address, sizeof(ipv4));
    peer.port = ntohs(ipv4.sin_port);
    memcpy(peer.address, &ipv4.sin_addr, 4);
    return peer;
}

static struct peer peer_of_ipv6(const struct sockaddr *address)
{
    struct sockaddr_in6 ipv6;
    struct peer peer = {.kind = PEER_IPV6};
    memcpy(&ipv6, address, sizeof(ipv6));
    peer.port = ntohs(ipv6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
        peer.kind = PEER_IPV4;
        memcpy(peer.address, ipv6.sin6_addr.s6_addr + 12, 4);
    } else {
        memcpy(peer.address, &ipv6.sin6_addr, 16);
        peer.scope = ipv6.sin6_scope_id;
    }
    return peer;
}

struct peer peer_of_sockaddr(const struct sockaddr *address, socklen_t size)
{
    struct peer unknown = {.kind = PEER_NONE};
    if (!address || size < sizeof(address->sa_family))
        return unknown;
    if (address->sa_family == AF_INET && size >= sizeof(struct sockaddr_in))
        return peer_of_ipv4(address);
    if (address->sa_family == AF_INET6 && size >= sizeof(struct sockaddr_in6))
        return peer_of_ipv6(address);
    if (address->sa_family == AF_UNIX)
        return (struct peer){.kind = PEER_UNIX};
    return unknown;
}

static void ipv6_name(const struct peer *peer, char name[PEER_NAME_SIZE])
{
    char text[INET6_ADDRSTRLEN];
    char scope[16] = "";
    inet_ntop(AF_INET6, peer->address, text, sizeof(text));
    if (peer->scope != 0)
        snprintf(scope, sizeof(scope), "%%%u", (unsigned)peer->scope);
    snprintf(name, PEER_NAME_SIZE, "[%s%s]:%u", text, scope, (unsigned)peer->port);
}

static void unix_name(const struct peer *peer, char name[PEER_NAME_SIZE])
{
    /* Without a pid the uid is not known either: better no name than "uid=0". */
    if (peer->credentials.pid == 0)
        snprintf(name, PEER_NAME_SIZE, "unix");
    else
        snprintf(name, PEER_NAME_SIZE, "unix:pid=%d,uid=%u", (int)peer->credentials.pid,
                 (unsigned)peer->credentials.uid);
}

char *peer_name(const struct peer *peer, char name[PEER_NAME_SIZE])
{
    char text[INET_ADDRSTRLEN];
    switch (peer->kind) {
    case PEER_IPV4:
        inet_ntop(AF_INET, peer->address, text, sizeof(text));
        snprintf(name, PEER_NAME_SIZE, "%s:%u", text, (unsigned)peer->port);
        break;
    case PEER_IPV6:
        ipv6_name(peer, name);
        break;
    case PEER_UNIX:
        unix_name(peer, name);
        break;
    default:
        snprintf(name, PEER_NAME_SIZE, "unknown");
    }
    return name;
}

static bool parse_ipv4(struct peer *peer, const char *name)
{
    char address[INET_ADDRSTRLEN];
    peer->kind = PEER_IPV4;
    return sscanf(name, "%15[0-9.]:%5hu", address, &peer->port) == 2 &&
           inet_pton(AF_INET, address, peer->address) == 1;
}

static bool parse_ipv6(struct peer *peer, const char *name)
{
    char address[INET6_ADDRSTRLEN];
    peer->kind = PEER_IPV6;
    return (sscanf(name, "[%45[0-9a-f:.]]:%5hu", address, &peer->port) == 2 ||
            sscanf(name, "[%45[0-9a-f:.]%%%10u]:%5hu", address, &peer->scope, &peer->port) == 3) &&
           inet_pton(AF_INET6, address, peer->address) == 1;
}

static bool parse_unix(struct peer *peer, const char *name)
{
    peer->kind = PEER_UNIX;
    return strcmp(name, "unix") == 0 || sscanf(name, "unix:pid=%10d,uid=%10u",
                                               &peer->credentials.pid, &peer->credentials.uid) == 2;
}

static bool parse_unknown(struct peer *peer, const char *name)
{
    (void)peer;
    (void)name;
    return true;
}

bool peer_parse(struct peer *peer, const char *name)
{
    static bool (*const parsers[])(struct peer *, const char *) = {parse_ipv4, parse_ipv6,
                                                                   parse_unix, parse_unknown};
    char same[PEER_NAME_SIZE];
    for (size_t i = 0; i < sizeof parsers / sizeof *parsers; i++) {
        *peer = (struct peer){.kind = PEER_NONE};
        if (parsers[i](peer, name) && strcmp(peer_name(peer, same), name) == 0)
            return true;
    }
    return false;
}
