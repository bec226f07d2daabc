/* platter.h: a disk for the journals of simulated servers, that can lose its power.
 *
 * It stands where the system's would: the functions by which a journal finds its directory are
 * linked to it, and a server's engine writes and syncs on it. What a process sees is one thing;
 * what is durable is another: of what was written since the last sync each sector may be there or
 * not, in any of its versions, and so may names and sizes. After a sync that failed the system
 * takes for written what it has not saved, as Linux does.
 *
 * One at a time. All chance comes from its seed. */
#ifndef STORM_PLATTER_H
#define STORM_PLATTER_H

#include "engine/engine.h"

/* What it does wrong, all at once where there are several: for the planted bugs. */
enum platter_bug {
    PLATTER_SAYS_SOON = 1,     /* a sync is over before it has saved anything */
    PLATTER_HIDES_FAILURE = 2, /* a sync that failed says that it did not */
    PLATTER_FORGETS_NAMES = 4,
    PLATTER_DROPS_WRITES = 8,
    PLATTER_CUTS_MORE = 16 /* of a file that is cut */
};

struct platter_pace {
    int64_t write_ns, sync_ns; /* at most */
    double later;              /* the chance that one takes its time */
};

void platter_begin(uint64_t seed, unsigned bugs);
void platter_end(void);

/* The engine's journal lies on it. After the engine has been made; it must not outlive it. */
void platter_serve(struct engine *engine, struct platter_pace pace);

/* The n-th sync from now fails; 0: none. Whether one has since, and when. */
void platter_fail_sync(unsigned n);
bool platter_has_failed(void);
int64_t platter_failed_ns(void);

/* Whether a file was synced again after that failed. */
bool platter_was_asked_again(void);

/* There is no room, until there is. */
void platter_fill(bool full);

/* After so many more operations (0: now) nothing is changed any more, and everything fails: the
 * process is gone, or the power is. Then the next process comes; with cut: after what the power
 * cut has left was made out. */
void platter_stop(unsigned after);
void platter_restart(bool cut);

/* Chance. */
uint64_t platter_random(uint64_t below);

#endif
