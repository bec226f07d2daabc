/* host.h: what a server offers its repliers (struct reply_host). */
#ifndef SERVE_HOST_H
#define SERVE_HOST_H

#include <stdbool.h>

struct error;
struct gt_server;
struct settings;

/* Fill the server's host, for its workers, which are open. */
void host_open(struct gt_server *server);

/* Prepare the replier of sealed settings to be asked by them: GT_DONE or the reason. */
int host_prepare(struct gt_server *server, struct settings *sealed, struct error *error);

/* Those of all listeners of worker 0; the reason is in the server's error. */
int host_prepare_all(struct gt_server *server);

#endif
