/* address.h: the words that say where to listen, or whom to send to.
 *
 * Reading one looks nothing up and opens nothing: whether a host exists is seen when a socket is
 * opened (base/place.h). */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/error.h"

#include <stdint.h>

enum address_kind {
    ADDRESS_TCP,        /* PORT, HOST:PORT, tcp:, tcp4:, tcp6: */
    ADDRESS_UDP,        /* udp:, udp4:, udp6: */
    ADDRESS_UNIX,       /* unix:PATH, a stream */
    ADDRESS_UNIXGRAM,   /* unixgram:PATH, datagrams */
    ADDRESS_UNIXPACKET, /* unixpacket:PATH, SOCK_SEQPACKET */
    ADDRESS_DESCRIPTOR, /* fd:N */
    ADDRESS_SYSTEMD     /* systemd, systemd:NAME */
};

enum address_family { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };

struct address {
    enum address_kind kind;
    enum address_family family; /* TCP, UDP: tcp4: and tcp6: say; else what -4 and -6 say */
    char host[256];             /* TCP, UDP: as written, without brackets; "": every address */
    uint16_t port;              /* TCP, UDP */
    char path[256]; /* Unix: a path, or '@' and an abstract name, shorter than sun_path; systemd: a
                       name or "" */
    int descriptor;
};

/* Read an address: GT_DONE; GT_WRONG with a sentence that shows what was meant: "localhost 8080" is
 * HOST:PORT, "tls:" is not built yet, 99999 is no port. */
int address_parse(struct address *address, const char *text, enum address_family family,
                  struct error *error);

#endif
