/* host.h: what a server offers its repliers (struct reply_host). */
#ifndef SERVE_HOST_H
#define SERVE_HOST_H

#include <stdbool.h>

struct error;
struct gt_server;
struct reply_host;
struct settings;

/* Fill the server's host, for its workers, which are open, and give each of these a room for
 * commands: GT_DONE or the reason in the server's error. */
int host_open(struct gt_server *server);

/* The part of it that is for turns. */
void host_add_turns(struct reply_host *host);

/* Prepare the replier of sealed settings to be asked by them: GT_DONE or the reason. */
int host_prepare(struct gt_server *server, struct settings *sealed, struct error *error);

/* Those of all listeners of worker 0; the reason is in the server's error. */
int host_prepare_all(struct gt_server *server);

#endif
