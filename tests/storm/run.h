/* run.h: one run of the storm: a server over a simulated engine, all from one seed. */
#ifndef STORM_RUN_H
#define STORM_RUN_H

#include <stdbool.h>
#include <stdint.h>

struct tally;

#define STORM_TEXT_SIZE 1024

/* Run a seed, with a planted bug unless plant is NULL. True when nothing is broken; else found says
 * what, and with which settings. verbose: tell everything on stdout. What was met is counted in
 * tally. */
bool storm_run(uint64_t seed, const char *plant, bool verbose, struct tally *tally,
               char found[STORM_TEXT_SIZE]);

#endif
