/* crew.h: the workers of a run, and what they have in common.
 *
 * Worker 0 runs on the thread that runs the server, each of the others on one of its own. Worker 0
 * decides: what is asked from outside (stop, timeout, failure of anybody) becomes an order, which
 * each worker follows at the end of its pass. Nobody's queue is closed before those of all have
 * been accepted empty (drained). A run is over when every worker is. */
#ifndef SERVE_CREW_H
#define SERVE_CREW_H

#include "base/error.h"
#include "record/record.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;
struct gt_server;
struct worker;

#define CREW_MOST 1024 /* workers */

/* Each outdoes those before it. */
enum crew_order { ORDER_NONE, ORDER_DRAIN, ORDER_FINISH, ORDER_ABANDON };

enum crew_gate { GATE_CLOSED, GATE_OPEN, GATE_OFF };

struct crew {
    struct worker *workers; /* owned */
    unsigned size;          /* how many are open */
    atomic_uint countable;  /* the same, once any thread may read their counters */
    unsigned started;       /* threads to wait for at the end */
    atomic_uint running;    /* threads whose worker is not over */
    atomic_uint order;      /* enum crew_order */
    atomic_bool failed;     /* a worker has failed: see its failure */
    atomic_uint drained;    /* workers whose queues are empty */
    pthread_mutex_t lock;   /* of the gate, where threads wait until all of them are there */
    pthread_cond_t opened;
    enum crew_gate gate;
    struct outlet_lock outlet_lock; /* standard output is one for all */
    struct outlet_lock log_lock;    /* and so is the log */
    struct journal *journal;        /* NULL: there is none */
};

/* One for each CPU that this process may use, at most CREW_MOST. */
unsigned crew_size_auto(void);

/* Open so many workers, the first on this engine (not owned), and give each its listeners. The
 * server's listeners become worker 0's. GT_DONE, or the reason in the server's error; what was
 * opened by then is freed by crew_free. */
int crew_open(struct gt_server *server, unsigned size, struct engine *first);

/* Start the threads: all of them, or none and the reason. They wait for crew_go. */
int crew_start(struct gt_server *server);

/* Begin to accept. */
void crew_go(struct gt_server *server);

/* One pass of a worker, on its thread, and what follows from it; as engine_pass. */
int crew_pass(struct worker *worker, int64_t wait_ns);

/* Worker 0's thread: give an order, unless there is one that outdoes it. */
void crew_give_order(struct gt_server *server, enum crew_order order);

/* Worker 0's thread, when failed is set: the failure of the first worker that is found to have one.
 */
const struct error *crew_failure(const struct gt_server *server);

/* Worker 0's thread: whether all are over. crew_join waits until their threads are too: after that
 * the workers may be looked at. */
bool crew_over(const struct gt_server *server);
void crew_join(struct gt_server *server);

/* Free what crew_open has opened; all are over, or none has begun. */
void crew_free(struct gt_server *server);

#endif
