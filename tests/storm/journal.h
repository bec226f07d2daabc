/* journal.h: the storm with a journal: whole servers that record, one after the other, on a disk
 * that loses its power (platter.h).
 *
 * One seed is several servers on the same disk. Each serves some clients until it is told to stop,
 * killed, or the power is cut, or until a sync has failed. Every start must succeed; the journal
 * then holds, each once and byte for byte, and of each connection in order, what its clients sent,
 * and at least all that they saw replied to. */
#ifndef STORM_JOURNAL_H
#define STORM_JOURNAL_H

#include "plant.h"
#include "run.h"

/* Bugs that are put in; ends with a NULL name. */
extern const struct plant journal_plants[];

/* As storm_run; nothing is tallied. */
bool journal_storm_run(uint64_t seed, const char *plant, bool verbose, struct tally *tally,
                       char found[STORM_TEXT_SIZE]);

#endif
