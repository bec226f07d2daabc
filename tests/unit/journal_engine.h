/* journal_engine.h: an engine for the recorder of a journal: it really writes, at once, and syncs
 * as the test says. */
#ifndef TESTS_JOURNAL_ENGINE_H
#define TESTS_JOURNAL_ENGINE_H

#include "engine/engine.h"

struct fake {
    struct engine engine;
    int64_t fails;               /* the -errno that writes meet; 0: none */
    bool holds;                  /* syncs are held, also those that are not apart */
    bool (*sync_begins)(int fd); /* instead of holds: whether it is over at once; or NULL */
    void (*sync_ends)(void);     /* called when one is over at once; or NULL */
    struct sync_op *held;
    bool held_apart;
    int64_t took_ns; /* how long a sync says that it took */
    unsigned writes, syncs;
    uint64_t random;
};

extern struct fake fake;

/* Begin anew: nothing fails, syncs that are not apart are done at once. */
void fake_begin(void);

/* The sync that is held ends like this. */
void end_sync(int64_t result);

#endif
