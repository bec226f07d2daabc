/* uring.c: the engine over io_uring: who waits, and in which order it is told.
 *
 * The happy path of a pass: what epoll.c's pass has to do without waiting; then one system call
 * submits all that was queued since the last one and waits for a completion; completions lead to
 * their operations by the address they were submitted with; where the ring says that epoll has
 * something, that is told too; timers fire last.
 *
 * Nobody has more than one result with bytes in a pass: the completions behind such a second one
 * wait, in their queue, for the next pass.
 *
 * Ways to fail. The ring is denied (EPERM, ENOSYS: most containers) or the kernel is too old for it
 * (EINVAL: before 6.0): the engine is not made, the reason is told. The completion queue is full:
 * the kernel keeps what did not fit. A signal: the pass ends early. Anything else the ring says is
 * what engine_pass returns. */
#include "engine/uring.h"

#include <assert.h>
#include <errno.h>
#include <goodtalk.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- the poll of epoll's descriptor ---- */

static void watch_epoll(struct uring_engine *engine)
{
    struct io_uring_sqe *submission = uring_submission(engine);
    if (!submission)
        return;
    io_uring_prep_poll_multishot(submission, engine->epoll.epoll_fd, POLLIN);
    io_uring_sqe_set_data64(submission, EPOLL_DATA);
}

/* ---- for those who wait elsewhere ---- */

/* What they poll has told them, or it has not: all that may be behind it is looked at. Work that
 * comes after event_fd was read shows in the flags that uring_patience looks at. */
static void look_at_front(struct uring_engine *engine)
{
    uint64_t count;
    if (engine->front_fd < 0)
        return;
    engine->epoll_ready = true;
    if (read(engine->event_fd, &count, sizeof count) < 0)
        return; /* EAGAIN: nothing to clear */
}

static int64_t uring_patience(struct engine *base)
{
    struct uring_engine *engine = uring_of(base);
    if (engine->epoll_ready || !engine->enabled || uring_kernel_has_work(engine) ||
        io_uring_sq_ready(&engine->ring) || io_uring_cq_ready(&engine->ring))
        return 0;
    return epoll_patience(base);
}

static bool put_in_front(struct uring_engine *engine, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(engine->front_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_front(struct uring_engine *engine)
{
    if (engine->front_fd >= 0)
        close(engine->front_fd);
    if (engine->event_fd >= 0)
        close(engine->event_fd);
    engine->front_fd = engine->event_fd = -1;
}

/* The ring's own descriptor will not do: while the kernel defers its work to our waiting, nothing
 * makes it readable. An event descriptor is told of deferred work too, and costs a little with each
 * completion, so it is there only where it is asked for. But it is not told reliably of another
 * event descriptor, which is what wakes us (Linux 6.18): so epoll's stands beside it. */
static int uring_descriptor(struct engine *base)
{
    struct uring_engine *engine = uring_of(base);
    if (engine->front_fd >= 0)
        return engine->front_fd;
    engine->front_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->front_fd < 0 || engine->event_fd < 0 || !put_in_front(engine, engine->event_fd) ||
        !put_in_front(engine, engine->epoll.epoll_fd) ||
        io_uring_register_eventfd(&engine->ring, engine->event_fd))
        close_front(engine);
    return engine->front_fd;
}

/* ---- telling ---- */

static void tell(struct uring_engine *engine, const struct io_uring_cqe *completion)
{
    if (completion->user_data > EPOLL_DATA)
        uring_complete(engine, (struct op *)(uintptr_t)completion->user_data, completion->res,
                       completion->flags);
    if (completion->user_data != EPOLL_DATA)
        return;
    engine->epoll_ready = true;
    if (!(completion->flags & IORING_CQE_F_MORE))
        watch_epoll(engine);
}

/* Whether this one, and so all behind it, waits for the next pass. */
static bool must_wait(const struct uring_engine *engine, const struct io_uring_cqe *completion)
{
    return completion->user_data > EPOLL_DATA && completion->res > 0 &&
           uring_had_its_share(engine, (const struct op *)(uintptr_t)completion->user_data);
}

/* How many were told; EPOLL_EVENTS_MAX when more may be told in this pass. A done may submit, and
 * find the queue full: so each completion leaves its place before it is told. */
static int tell_completions(struct uring_engine *engine)
{
    struct io_uring_cqe *completion;
    for (int told = 0; told < URING_TOLD_MAX; told++) {
        if (io_uring_peek_cqe(&engine->ring, &completion) || must_wait(engine, completion))
            return told < EPOLL_EVENTS_MAX ? told : EPOLL_EVENTS_MAX - 1;
        const struct io_uring_cqe copy = *completion;
        io_uring_cqe_seen(&engine->ring, completion);
        tell(engine, &copy);
    }
    return EPOLL_EVENTS_MAX;
}

/* The ring tells that epoll has something once, not for as long as it has. */
static int tell_epoll(struct uring_engine *engine)
{
    if (!engine->epoll_ready)
        return 0;
    int count = epoll_gather(&engine->epoll, 0);
    engine->epoll_ready = count == EPOLL_EVENTS_MAX;
    return count;
}

/* The ring is broken: what the kernel was to carry out ends with the reason. */
static void end_all(struct uring_engine *engine, int status)
{
    for (size_t i = 0; i < engine->epoll.descriptor_count; i++) {
        const struct descriptor *row = &engine->epoll.descriptors[i];
        struct op *ops[] = {row->reader, row->writer};
        for (int j = 0; j < 2; j++)
            if (ops[j] && (ops[j]->phase & (PHASE_RING | PHASE_DUE)) == PHASE_RING)
                epoll_finish_later(&engine->epoll, ops[j], status);
    }
}

static int uring_gather(struct epoll_engine *epoll, int64_t wait_ns)
{
    struct uring_engine *engine = list_item(epoll, struct uring_engine, epoll);
    if (engine->epoll_ready || io_uring_cq_ready(&engine->ring))
        wait_ns = 0;
    int status = uring_submit_and_wait(engine, wait_ns);
    if (status) {
        end_all(engine, status);
        return status;
    }
    look_at_front(engine);
    epoll->engine.now_ns = epoll_clock_ns();
    int told = tell_completions(engine);
    int events = tell_epoll(engine);
    if (told > 0)
        epoll->happened_ns = epoll->engine.now_ns;
    return events < 0 || events == EPOLL_EVENTS_MAX ? events : told;
}

/* ---- making and freeing ---- */

static void uring_destroy(struct engine *base)
{
    struct uring_engine *engine = uring_of(base);
    epoll_release(&engine->epoll);
    io_uring_queue_exit(&engine->ring);
    uring_buffers_close(&engine->buffers);
    close_front(engine);
    free(engine);
}

static const struct engine_table uring_table = {
    .name = "uring",
    .destroy = uring_destroy,
    .accept = epoll_accept,
    .receive = uring_receive,
    .send = uring_send,
    .write = epoll_write,
    .sync = epoll_sync,
    .read = epoll_read,
    .connect = epoll_connect,
    .receive_datagrams = epoll_receive_datagrams,
    .send_datagrams = epoll_send_datagrams,
    .spawn = epoll_spawn,
    .kill = epoll_kill,
    .cancel = uring_cancel,
    .shutdown = epoll_shutdown,
    .close = epoll_close,
    .unacknowledged = epoll_unacknowledged,
    .unread = uring_unread,
    .pass = epoll_pass,
    .patience = uring_patience,
    .descriptor = uring_descriptor,
    .wake = epoll_wake,
    .wall_us = epoll_wall_us,
    .random = epoll_random,
};

static int refuse(int status, struct error *error)
{
    error_errno(error, -status, "io_uring cannot be used");
    if (status == -EPERM || status == -ENOSYS || status == -EACCES)
        error_append(error, "; it is denied here, as in most containers, or not in this kernel");
    else if (status == -EINVAL)
        error_append(error, "; it needs Linux 6.0 or later");
    return GT_FAILED;
}

/* The rest, once there is a ring. */
static int open_parts(struct uring_engine *engine, struct error *error)
{
    int status = uring_buffers_open(&engine->buffers, &engine->ring);
    if (status)
        return refuse(status, error);
    status = epoll_open(&engine->epoll, &uring_table, error);
    if (status != GT_DONE)
        return status;
    engine->front_fd = engine->event_fd = -1;
    engine->epoll.gather = uring_gather;
    engine->epoll.engine.own_bytes += sizeof *engine + URING_BUFFER_BYTES +
                                      URING_COMPLETIONS * sizeof(struct io_uring_cqe) +
                                      URING_SUBMISSIONS * sizeof(struct io_uring_sqe);
    watch_epoll(engine);
    return GT_DONE;
}

static int open_uring(struct uring_engine *engine, struct error *error)
{
    int status = uring_open_ring(&engine->ring);
    if (status)
        return refuse(status, error);
    status = open_parts(engine, error);
    if (status == GT_DONE)
        return status;
    io_uring_queue_exit(&engine->ring);
    uring_buffers_close(&engine->buffers);
    return status;
}

struct engine *engine_uring_create(struct error *error)
{
    struct uring_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        error_errno(error, ENOMEM, "cannot make an engine");
        return NULL;
    }
    if (open_uring(engine, error) == GT_DONE)
        return &engine->epoll.engine;
    free(engine);
    return NULL;
}
