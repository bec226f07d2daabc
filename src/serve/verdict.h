/* verdict.h: what the talks of a run came to, at its end: the summary, the report, status 4. */
#ifndef SERVE_VERDICT_H
#define SERVE_VERDICT_H

#include "serve/server.h"

/* Make the server's outcome where it has a talk file, before anything is prepared that tells it
 * something, and see that the report can be written: GT_DONE, or the reason. */
int verdict_open(gt_server *server);

/* The server's talk is another one: its rules are asked for what they require. The first time
 * GT_FAILED when memory is out. */
int verdict_use(gt_server *server);

/* Whether a run that has an end (a count or a timeout) went otherwise than its talk file expects.
 */
bool verdict_unmet(const gt_server *server);

/* The run is over, with this status and the error of the server: tell what is missing and the
 * summary, write the report. The status, or GT_FAILED where there was none and the report cannot be
 * written. */
int verdict_give(gt_server *server, int status);

/* GT_UNMET, with the summary as the server's error, in front of the one that it has. */
int verdict_fail(gt_server *server);

#endif
