/* environment.h: what a command knows of whom it works for.
 *
 * PATH and LANG are this process's own, with a usual PATH where there is none; nothing else of it
 * is handed on. The rest are the names of UCSPI (ucspi-tcp, ucspi-tcp6, ucspi-unix), the same made
 * up for UDP:
 *
 *     PROTO                            TCP, TCP6, UDP, UDP6, UNIX
 *     TCPREMOTEIP, TCPREMOTEPORT       the peer; of TCP6 the same as TCP6REMOTEIP and so on, too
 *     TCPLOCALIP, TCPLOCALPORT         what it has reached, where that is known
 *     UNIXREMOTEPID, UNIXREMOTEUID, UNIXREMOTEGID, UNIXLOCALPATH
 *     GOODTALK_ID                      the message's id */
#ifndef REPLY_ENVIRONMENT_H
#define REPLY_ENVIRONMENT_H

#include "base/bytes.h"
#include "base/peer.h"

/* What it is made of; all of it comes from the system, nothing from the message. */
struct environment_facts {
    const struct peer *peer;
    const struct peer *local; /* NULL: not known */
    const char *listener;     /* "tcp:[::]:9999", "unix:/run/gt" */
    const char *id;           /* of the message; NULL: there is none */
};

/* Append NAME=value, each ended by NUL: 0 or -ENOMEM. */
int environment_make(struct bytes *to, const struct environment_facts *facts);

/* The most there are, and the NULL behind them. */
#define ENVIRONMENT_MOST 16

/* Point at each; the last of list is NULL. */
void environment_list(const struct bytes *made, const char *list[ENVIRONMENT_MOST]);

#endif
