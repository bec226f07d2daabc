/* budget.h: the memory that a run may take in the worst case, counted before it begins.
 *
 * What was asked for and cannot fit into what the process may have (guard/memory.h) is refused;
 * what was not asked for is made to fit. A simulated world has as much as it likes. */
#ifndef SERVE_BUDGET_H
#define SERVE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct gt_server;

/* In bytes, but for the counts. */
struct budget {
    unsigned workers;
    int64_t connections;
    int64_t messages;   /* unfinished messages and waiting replies: max-memory */
    int64_t places;     /* of all connections: what each is made of */
    int64_t of_workers; /* the buffers of engines and recorders */
    int64_t of_sources; /* 0: nothing is counted by source */
    int64_t of_scripts; /* what a talk file's scripts may hold; 0: there is none */
    int64_t of_system;  /* the system's own, for the buffers of connections; 0: it says by itself */
};

/* Count it for so many workers, and so many connections as descriptors allow: GT_DONE, or GT_FAILED
 * with a sentence in the server's error. */
int budget_make(struct gt_server *server, unsigned workers, int64_t connections, bool simulated,
                struct budget *budget);

/* Tell the sum and its parts. */
void budget_tell(struct gt_server *server, const struct budget *budget);

#endif
