/* bench_make.h: a load is made, and ends. */
#ifndef TOOL_BENCH_MAKE_H
#define TOOL_BENCH_MAKE_H

#include "tool/bench_load.h"

/* Make a load that is all zeros, with its connections, none of which has a socket: 0 or -ENOMEM.
 * Either way bench_load_free frees what it holds. The options have to live as long. */
int bench_load_begin(struct bench_load *load, struct engine *engine,
                     const struct bench_options *options);

/* Where the server is. */
void bench_load_place(struct bench_load *load, const struct place *place);

/* Close all connections: true once that is done; else ask again after a pass. */
bool bench_load_stop(struct bench_load *load);

/* No connection may be open. */
void bench_load_free(struct bench_load *load);

#endif
