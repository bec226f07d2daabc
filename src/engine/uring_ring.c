/* uring_ring.c: the ring itself: made, filled, submitted, waited for.
 *
 * A ring belongs to the thread that enables it, with its first submission or wait
 * (IORING_SETUP_SINGLE_ISSUER, which is what lets the kernel defer its work to our waiting).
 *
 * Ways to fail. Interrupted, out of time: nothing that the next pass does not put right. Busy, out
 * of memory: it is tried again, soon with pauses, for some seconds. What lasts longer, and anything
 * else, is final: failure says it, and nothing is submitted any more. */
#include "engine/uring.h"

#include <errno.h>
#include <poll.h>

#define SECOND_NS 1000000000

/* Refusals in a row after which there is a pause before each further try, and after which there is
 * none: three seconds later. */
#define REFUSALS_AT_ONCE 8
#define REFUSALS_MOST    308
#define REFUSAL_PAUSE_MS 10

/* ---- making ---- */

static int open_ring(struct io_uring *ring, unsigned task_flags)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED |
                                              IORING_SETUP_CQSIZE | IORING_SETUP_TASKRUN_FLAG |
                                              task_flags,
                                     .cq_entries = URING_COMPLETIONS};
    return io_uring_queue_init_params(URING_SUBMISSIONS, ring, &params);
}

/* DEFER_TASKRUN came with Linux 6.1; SINGLE_ISSUER with 6.0, as multishot receives did. */
int uring_open_ring(struct io_uring *ring)
{
    int status = open_ring(ring, IORING_SETUP_DEFER_TASKRUN);
    return status == -EINVAL ? open_ring(ring, IORING_SETUP_COOP_TASKRUN) : status;
}

/* ---- submitting ---- */

/* The ring becomes this thread's. */
static int enable(struct uring_engine *engine)
{
    int status = engine->enabled ? 0 : io_uring_enable_rings(&engine->ring);
    if (status == 0)
        engine->enabled = true;
    return status;
}

/* Completions, or memory, are to be freed first, which a pass may do: so it is not kept waiting at
 * once, and epoll is looked at though the ring does not say that it has something. */
static int bear(struct uring_engine *engine, int status)
{
    engine->epoll_ready = true;
    if (++engine->refusals > REFUSALS_MOST)
        engine->failure = status;
    else if (engine->refusals > REFUSALS_AT_ONCE)
        poll(NULL, 0, REFUSAL_PAUSE_MS);
    return engine->failure;
}

/* What a system call of the ring said: 0 where it can go on. */
static int judge(struct uring_engine *engine, int status)
{
    switch (status < 0 ? -status : 0) {
    case 0:
    case ETIME:
        engine->refusals = 0;
        return 0;
    case EINTR:
        return 0;
    case EBUSY:
    case EAGAIN:
    case ENOMEM:
        return bear(engine, status);
    default:
        engine->failure = status;
        return status;
    }
}

static int submit_queue(struct uring_engine *engine)
{
    int status = enable(engine);
    return judge(engine, status ? status : io_uring_submit(&engine->ring));
}

struct io_uring_sqe *uring_submission(struct uring_engine *engine)
{
    if (engine->failure)
        return NULL;
    struct io_uring_sqe *submission = io_uring_get_sqe(&engine->ring);
    while (!submission && submit_queue(engine) == 0)
        submission = io_uring_get_sqe(&engine->ring);
    return submission;
}

/* ---- waiting ---- */

bool uring_kernel_has_work(const struct uring_engine *engine)
{
    const unsigned work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return IO_URING_READ_ONCE(*engine->ring.sq.kflags) & work;
}

int uring_submit_and_wait(struct uring_engine *engine, int64_t wait_ns)
{
    struct io_uring *ring = &engine->ring;
    struct io_uring_cqe *first;
    int status = engine->failure ? engine->failure : enable(engine);
    if (status)
        return judge(engine, status);
    if (wait_ns < 0)
        return judge(engine, io_uring_submit_and_wait(ring, 1));
    if (wait_ns > 0) {
        struct __kernel_timespec time = {wait_ns / SECOND_NS, wait_ns % SECOND_NS};
        return judge(engine, io_uring_submit_and_wait_timeout(ring, &first, 1, &time, NULL));
    }
    if (io_uring_sq_ready(ring) == 0 && !uring_kernel_has_work(engine))
        return 0;
    return judge(engine, io_uring_submit_and_get_events(ring));
}
