/* signals.h: what the program does with signals.
 *
 * SIGUSR1 has the counters said. SIGHUP has the log reopened, where there is one. SIGINT, SIGTERM
 * and SIGHUP without a log stop the server: the first lets it finish what is in hand, the second
 * makes it leave at once, a third ends the process. What was
 * ignored when the program started stays ignored (nohup, background jobs). SIGPIPE is ignored: a
 * reader that went is an error like others.
 */
#ifndef TOOL_SIGNALS_H
#define TOOL_SIGNALS_H

#include <goodtalk.h>

/* From now on signals are for this server. */
void signals_catch(gt_server *server);

/* The same for a command that is no server, without SIGUSR1: call is called, from within the signal
 * handler, for each stopping signal. */
void signals_catch_stops(void (*call)(void *context), void *context);

/* The server, or the context, is about to be freed: signals are still caught, and only counted. */
void signals_release(void);

/* How many stopping signals have come. */
int signals_seen(void);

/* End by the signal that came last, as if it had never been caught: a shell sees what happened.
 * Returns the exit status to use where it could not. */
int signals_end(void);

#endif
