/* place.h: where a socket is bound or sends to, as the system takes it; and finding the places that
 * an address means. */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include "base/address.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct place {
    socklen_t size; /* bytes of the address in use; 0: none */
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
    };
};

#define PLACES_MAX 64

struct places {
    struct place list[PLACES_MAX];
    unsigned count;
};

/* The place of a Unix socket: a path, or '@' and an abstract name; shorter than sun_path. */
struct place place_of_unix(const char *path);

/* Every address of the machine, of this family (AF_INET, AF_INET6), on this port. */
struct place place_of_every(int family, uint16_t port);

/* Look up the host of a TCP or UDP address (blocking): each place once, with the address's port, in
 * the system's order. to_connect: for sending: the host "" is the machine itself (localhost).
 * GT_DONE with at least one place; GT_FAILED with a sentence. */
int places_find(struct places *places, const struct address *address, bool to_connect,
                struct error *error);

/* The port of an IP place, 0 for others; and setting it. */
uint16_t place_port(const struct place *place);
void place_set_port(struct place *place, uint16_t port);

#endif
