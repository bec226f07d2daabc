/* bench.h: the command "goodtalk bench": load a server; rate and latency. */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include <stdbool.h>

/* The whole of it; argv[0] is "bench". output_closed: there is no standard output. Returns the exit
 * status: 0 every message was replied to, 1 something failed, 2 the command line is wrong, 3 all
 * that failed has timed out; what failed is said on standard error. */
int bench_command(int argc, char **argv, bool output_closed);

#endif
