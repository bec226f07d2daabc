/* handover.h: a connection that is handed to a command, as inetd does (--exec-connection).
 *
 * The command has the socket as its standard input and output; the server neither reads nor writes
 * there until the command has ended, and then closes the connection as it would its own. */
#ifndef SERVE_HANDOVER_H
#define SERVE_HANDOVER_H

#include "codec/frame.h"
#include "reply/command.h"

struct connection;

struct handover {
    struct command command;
    struct framing framing;        /* by which its connection finds it */
    struct connection *connection; /* NULL: it has ended */
    struct timer look;
};

/* Hand it over, for its settings say so; its command waits for its turn. False: memory is out. */
bool handover_begin(struct connection *connection);

/* Its connection has ended: so does the command. */
void handover_leave(struct connection *connection);

#endif
