/* address.h: the words after the options: where to listen. */
#ifndef SERVE_ADDRESS_H
#define SERVE_ADDRESS_H

#include "base/error.h"
#include "serve/settings.h"

enum address_kind { ADDRESS_TCP, ADDRESS_UNIX, ADDRESS_DESCRIPTOR };

struct address {
    enum address_kind kind;
    enum address_family family; /* TCP: tcp4: and tcp6: say; else what -4 and -6 say */
    char host[256];             /* TCP: as written, without brackets; "": every address */
    uint16_t port;              /* TCP */
    char path[108];             /* Unix: a path, or '@' and an abstract name */
    int descriptor;
};

/* Read an address: GT_DONE; GT_WRONG with a sentence that shows what was meant: "localhost 8080" is
 * HOST:PORT, "udp:" is not built yet, 99999 is no port. */
int address_parse(struct address *address, const char *text, enum address_family family,
                  struct error *error);

#endif
