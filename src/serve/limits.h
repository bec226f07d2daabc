/* limits.h: what the workers of a server share: places for connections, and memory.
 *
 * A connection takes a place when it is accepted and gives it back when it ends: one atomic number
 * for all. At the limit the connection open longest without ever completing a message gives way: of
 * the same worker, or where that has none, of the first of the others that is found. Memory is
 * counted by each worker for itself, without a locked instruction, against what it has been
 * granted; only where that is not enough, or far too much, does it ask for a chunk more or give one
 * back. So what is granted to all of them together never passes max-memory. Somebody who wants some
 * while others hold more than they use gets it: they give it back when they are woken. A worker
 * that is alone is granted everything at the start.
 *
 * What is counted by source stands in sources.h.
 *
 * What workers do with it stands in worker.h. */
#ifndef SERVE_LIMITS_H
#define SERVE_LIMITS_H

#include <stdatomic.h>
#include <stddef.h>

struct sources;

struct limits {
    unsigned workers;
    unsigned max_connections;
    size_t max_memory;         /* bytes */
    size_t chunk;              /* bytes: what a worker is granted at once, and may keep unused */
    struct sources *sources;   /* owned; NULL: nothing is counted by source */
    atomic_uint connections;   /* places taken */
    atomic_uint hosts;         /* workers with guests: woken when a place is given back */
    atomic_bool place_wanted;  /* by a guest: who can let a connection give way for it does */
    atomic_size_t memory_left; /* bytes granted to nobody */
    atomic_uint memory_wanted; /* how many workers wait for memory: the others give back */
};

/* Everything is free. */
void limits_open(struct limits *limits, unsigned workers, unsigned max_connections,
                 size_t max_memory);

#endif
