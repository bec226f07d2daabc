/* place.c: places are written down for Unix sockets and for every address, and looked up for hosts.
 *
 * Looking up asks the system (files, DNS), in its own order, for the kind of socket that is meant;
 * a place that is named twice is one place. Failing: the host is not known, no name server answers,
 * or the host is more places than anybody has use for. */
#include "base/place.h"

#include "base/escape.h"

#include <assert.h>
#include <errno.h>
#include <goodtalk.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct place place_of_unix(const char *path)
{
    struct place place = {0};
    size_t length = strlen(path);
    bool abstract = path[0] == '@';
    assert(length < sizeof(place.local.sun_path));
    place.local.sun_family = AF_UNIX;
    memcpy(place.local.sun_path, path, length);
    if (abstract)
        place.local.sun_path[0] = '\0';
    /* The end of a path is counted, that of an abstract name is not. */
    place.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return place;
}

struct place place_of_every(int family, uint16_t port)
{
    struct place place = {0};
    if (family == AF_INET6) {
        place.size = sizeof(place.ipv6);
        place.ipv6.sin6_addr = in6addr_any;
    } else {
        place.size = sizeof(place.ipv4);
    }
    place.any.sa_family = (sa_family_t)family;
    place_set_port(&place, port);
    return place;
}

uint16_t place_port(const struct place *place)
{
    switch (place->size > 0 ? place->any.sa_family : AF_UNSPEC) {
    case AF_INET:
        return ntohs(place->ipv4.sin_port);
    case AF_INET6:
        return ntohs(place->ipv6.sin6_port);
    default:
        return 0;
    }
}

void place_set_port(struct place *place, uint16_t port)
{
    if (place->any.sa_family == AF_INET)
        place->ipv4.sin_port = htons(port);
    else if (place->any.sa_family == AF_INET6)
        place->ipv6.sin6_port = htons(port);
}

/* ---- looking up ---- */

static bool has_place(const struct places *places, const struct addrinfo *found)
{
    for (unsigned i = 0; i < places->count; i++)
        if (places->list[i].size == found->ai_addrlen &&
            memcmp(&places->list[i].any, found->ai_addr, found->ai_addrlen) == 0)
            return true;
    return false;
}

/* False when there are more than there is room for. */
static bool add_found(struct places *places, const struct addrinfo *found)
{
    for (; found; found = found->ai_next) {
        if ((found->ai_family != AF_INET && found->ai_family != AF_INET6) ||
            has_place(places, found))
            continue;
        if (places->count == PLACES_MAX)
            return false;
        struct place *place = &places->list[places->count++];
        *place = (struct place){.size = found->ai_addrlen};
        memcpy(&place->any, found->ai_addr, found->ai_addrlen);
    }
    return true;
}

/* What the system has for the host of an address: 0 or an EAI_ number. */
static int ask_system(const struct address *address, bool to_connect, struct addrinfo **found)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
    char port[8];
    struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | (to_connect ? 0 : AI_PASSIVE),
                             .ai_family = families[address->family],
                             .ai_socktype =
                                 address->kind == ADDRESS_UDP ? SOCK_DGRAM : SOCK_STREAM};
    snprintf(port, sizeof(port), "%u", address->port);
    return getaddrinfo(*address->host ? address->host : NULL, port, &hints, found);
}

int places_find(struct places *places, const struct address *address, bool to_connect,
                struct error *error)
{
    char host[sizeof(address->host) * 2];
    struct addrinfo *found = NULL;
    places->count = 0;
    escape_string(host, sizeof(host), slice_of_text(address->host));
    int result = ask_system(address, to_connect, &found);
    if (result == EAI_SYSTEM)
        return error_errno(error, errno, "cannot find the host %s", host);
    if (result != 0)
        return error_set(error, GT_FAILED, "cannot find the host %s: %s", host,
                         gai_strerror(result));
    bool all = add_found(places, found);
    freeaddrinfo(found);
    if (!all)
        return error_set(error, GT_FAILED, "%s is more than %d addresses", host, PLACES_MAX);
    if (places->count == 0)
        return error_set(error, GT_FAILED, "cannot find the host %s: it has no IP address", host);
    return GT_DONE;
}
