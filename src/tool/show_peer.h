/* show_peer.h: --peer: whose messages are shown. */
#ifndef TOOL_SHOW_PEER_H
#define TOOL_SHOW_PEER_H

#include "base/peer.h"

struct show_peer {
    enum show_peer_kind { SHOW_PEER_IP, SHOW_PEER_UNIX, SHOW_PEER_UID, SHOW_PEER_PID } kind;
    struct peer like; /* IP: kind and address, and the port unless any_port */
    bool any_port;
    unsigned bits;   /* IP: of the address that count */
    uint32_t number; /* of the user, of the process */
};

/* "127.0.0.1", "127.0.0.1:40312", "10.0.0.0/8", "::1", "[::1]:40312", "fd00::/8", "unix", "uid:33",
 * "pid:812". False when it is none of them. */
bool show_peer_parse(struct show_peer *wanted, const char *text);

bool show_peer_matches(const struct show_peer *wanted, const struct peer *peer);

#endif
