/* client_target.h: whom a command that is a client talks to: its address, and how it carries
 * messages. */
#ifndef TOOL_CLIENT_TARGET_H
#define TOOL_CLIENT_TARGET_H

#include "base/address.h"
#include "codec/frame.h"

/* How a kind of address carries messages. */
enum transport {
    TRANSPORT_STREAM,   /* a stream of bytes, which --frame divides */
    TRANSPORT_PACKETS,  /* a connection that carries packets: unixpacket */
    TRANSPORT_DATAGRAMS /* no connection: udp, unixgram */
};

struct target {
    const char *written; /* the address as it was written */
    char shown[192];     /* and fit for a sentence */
    struct address address;
    enum transport transport;
};

/* Read the address; nothing is looked up. command: "send", for the sentence that refuses what only
 * a listener can have. GT_DONE, or GT_WRONG with the reason. */
int target_read(struct target *target, const char *written, enum address_family family,
                const char *command, struct error *error);

/* Read what --frame says; where the transport is no stream it is codec_packet instead. GT_DONE, or
 * GT_WRONG with the reason. */
int target_read_framing(const struct target *target, const char *frame, size_t max_message,
                        struct framing *framing, struct error *error);

/* The part of the help that says what an ADDRESS is. */
#define TARGET_HELP                                                                                \
    "ADDRESS:\n"                                                                                   \
    "  PORT, HOST:PORT, [V6]:PORT  TCP; tcp4:... and tcp6:... on that protocol alone\n"            \
    "  udp:..., udp4:..., udp6:... a datagram for each message\n"                                  \
    "  unix:PATH                   a Unix socket; unix:@NAME an abstract one\n"                    \
    "  unixpacket:PATH             with a packet for each message\n"                               \
    "  unixgram:PATH               with a datagram for each message\n"

#endif
