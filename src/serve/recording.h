/* recording.h: what a worker records to: standard output, the log, the journal. */
#ifndef SERVE_RECORDING_H
#define SERVE_RECORDING_H

#include <stdbool.h>

struct engine;
struct gt_server;
struct recorder;
struct worker;

/* Before the first worker opens: what is recorded to by name is made fit. GT_DONE, or the reason in
 * the server's error. */
int recording_prepare(struct gt_server *server);

/* The recorder of a worker on this engine; NULL without an error when nothing is recorded. The
 * first worker has the outlet, the others write to it as well. GT_DONE, or the reason in the
 * server's error. */
int recording_open(struct gt_server *server, struct engine *engine, unsigned number, bool alone,
                   struct recorder **recorder);

/* When all workers' recorders are gone: let go of what they shared. */
void recording_close(struct gt_server *server);

/* At the end of a pass: tell what the recorder has begun to wait for, or no longer waits for; and
 * reopen what is written to by name, if that was asked for since the last time. */
void recording_tell(struct worker *worker);
void recording_obey(struct worker *worker);

#endif
