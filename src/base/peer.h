/* peer.h: who is at the other end, in 24 bytes, and its name. */
#ifndef BASE_PEER_H
#define BASE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum peer_kind { PEER_NONE, PEER_IPV4, PEER_IPV6, PEER_UNIX };

struct peer {
    uint8_t kind;
    uint16_t port; /* host order; IP only */
    union {
        uint8_t address[16]; /* network order; IPv4 uses the first four */
        struct {
            int32_t pid; /* SO_PEERCRED: the process that connected, 0 when not known */
            uint32_t uid;
            uint32_t gid;
        } credentials;
    };
    uint32_t scope; /* IPv6 scope id */
};

/* From what accept says; an IPv4 address mapped into IPv6 (::ffff:a.b.c.d) becomes IPv4. */
struct peer peer_of_sockaddr(const struct sockaddr *address, socklen_t size);

#define PEER_NAME_SIZE 80

/* "127.0.0.1:40312", "[::1]:40312", "[fe80::1%2]:99", "unix:pid=812,uid=0" ("unix" when not known),
 * "unknown". Returns name. */
char *peer_name(const struct peer *peer, char name[PEER_NAME_SIZE]);

/* Read back what peer_name has written; false when it has not. A group is not in it, and is 0. */
bool peer_parse(struct peer *peer, const char *name);

#endif
