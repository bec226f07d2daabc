/* pass.h: the passes of a worker, and its phases. */
#ifndef SERVE_PASS_H
#define SERVE_PASS_H

#include "serve/worker.h"

/* On the worker's thread: begin to accept on its listeners. */
void pass_begin(struct worker *worker);

/* One pass of the engine and its end; wait_ns as engine_pass. 0 or -errno. */
int pass_run(struct worker *worker, int64_t wait_ns);

/* Stop politely (promise 7), finish what is in hand (the goal is reached), or give everything up.
 */
void pass_drain(struct worker *worker);
void pass_finish(struct worker *worker, enum reason reason);
void pass_abandon(struct worker *worker, enum reason reason);

/* From now on at most drain-timeout. */
void pass_limit_drain(struct worker *worker);

/* Told to stop, or a failure ends the run: what is delayed or drips leaves, what hangs is closed.
 * (Where the goal is reached, replies take the time that was asked for.) */
void pass_hurry(struct worker *worker);

#endif
