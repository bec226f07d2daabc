/* uring_stream.c: the bytes of connections, through the ring: receive and send.
 *
 * The happy path: one receive is submitted for as long as it is wanted and completes again and
 * again (multishot); a send completes when the socket has taken it.
 *
 * Each submission has one last completion, the one without IORING_CQE_F_MORE, and until that came
 * the operation is the kernel's. The kernel may end a multishot receive for reasons of its own (no
 * buffer was free, its queue was full): then it is submitted again, unless it has been cancelled. A
 * send that took a part goes on with the rest, so that a slow peer shows by what has been
 * transferred.
 *
 * Ways to fail. What the system says is the result. A ring that takes nothing any more ends the
 * operation with what it said, and engine_pass says it too. */
#include "engine/uring.h"

#include <assert.h>
#include <errno.h>

/* ---- submitting ---- */

static void submit_receive(struct io_uring_sqe *submission, const struct op *op)
{
    io_uring_prep_recv_multishot(submission, op->fd, NULL, 0, 0);
    submission->flags |= IOSQE_BUFFER_SELECT;
    submission->buf_group = 0;
}

static void submit_send(struct uring_engine *engine, struct io_uring_sqe *submission,
                        struct send_op *op)
{
    struct epoll_rest rest = epoll_rest_of(op);
    unsigned flags = MSG_NOSIGNAL | (unsigned)epoll_segment(&op->op);
    if (rest.count == 1) {
        io_uring_prep_send(submission, op->op.fd, rest.part->iov_base, rest.part->iov_len,
                           (int)flags);
        return;
    }
    struct msghdr *message = &engine->messages[submission - engine->ring.sq.sqes];
    *message = (struct msghdr){.msg_iov = rest.part, .msg_iovlen = rest.count};
    io_uring_prep_sendmsg(submission, op->op.fd, message, flags);
}

/* Hand op to the kernel: 0 or -errno. */
static int submit(struct uring_engine *engine, struct op *op)
{
    struct io_uring_sqe *submission = uring_submission(engine);
    if (!submission)
        return engine->failure;
    if (op->kind == OP_SEND)
        submit_send(engine, submission, list_item(op, struct send_op, op));
    else
        submit_receive(submission, op);
    io_uring_sqe_set_data(submission, op);
    return 0;
}

static void begin(struct uring_engine *engine, struct op *op, enum op_kind kind, int fd)
{
    op->phase = PHASE_RING;
    int status = epoll_begin(&engine->epoll, op, kind, fd) ? submit(engine, op) : -ENOMEM;
    if (status)
        epoll_finish_later(&engine->epoll, op, status);
}

/* Packets may be longer than a buffer. */
void uring_receive(struct engine *base, struct receive_op *op, int fd)
{
    if (op->op.flags & OP_PACKETS)
        epoll_receive(base, op, fd);
    else
        begin(uring_of(base), &op->op, OP_RECEIVE, fd);
}

bool uring_send(struct engine *base, struct send_op *op, int fd)
{
    op->transferred = 0;
    op->op.result = 0;
    if (epoll_rest_of(op).count == 0)
        return true;
    begin(uring_of(base), &op->op, OP_SEND, fd);
    return false;
}

/* The kernel finds op by its address; where it is over by then, its last completion is on its way.
 */
void uring_cancel(struct engine *base, struct op *op)
{
    struct uring_engine *engine = uring_of(base);
    if (!(op->phase & PHASE_RING) || (op->phase & PHASE_DUE)) {
        epoll_cancel(base, op);
        return;
    }
    if (op->phase & PHASE_CANCELLED)
        return;
    struct io_uring_sqe *submission = uring_submission(engine);
    if (!submission)
        return;
    op->phase |= PHASE_CANCELLED;
    io_uring_prep_cancel64(submission, (uintptr_t)op, 0);
    io_uring_sqe_set_data(submission, NULL);
    submission->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* What the ring has taken out of the socket, and not told so far. */
static int64_t untold(const struct uring_engine *engine, int fd)
{
    int64_t bytes = 0;
    unsigned head;
    const struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&engine->ring, head, completion)
    {
        const struct op *op = (const struct op *)(uintptr_t)completion->user_data;
        bool of_operation = completion->user_data > EPOLL_DATA && completion->res > 0;
        if (of_operation && op->kind == OP_RECEIVE && op->fd == fd)
            bytes += completion->res;
    }
    return bytes;
}

int64_t uring_unread(struct engine *base, int fd)
{
    int64_t unread = epoll_unread(base, fd);
    return unread == 0 ? untold(uring_of(base), fd) : unread;
}

/* ---- completing ---- */

/* The kernel has ended op though more may come: submit it again. */
static void go_on(struct uring_engine *engine, struct op *op)
{
    int status = op->phase & PHASE_CANCELLED ? -ECANCELED : submit(engine, op);
    if (status)
        epoll_finish_later(&engine->epoll, op, status);
}

/* Whether a receive that ended like this is over. */
static bool is_the_end(const struct receive_op *op, int result)
{
    if (result == -ECANCELED)
        return op->op.phase & PHASE_CANCELLED;
    return result <= 0 && result != -ENOBUFS && result != -EINTR && result != -EAGAIN;
}

static void complete_receive(struct uring_engine *engine, struct receive_op *op, int result,
                             uint32_t flags)
{
    bool more = flags & IORING_CQE_F_MORE;
    if (result > 0)
        epoll_tell_received(&engine->epoll, op, uring_buffers_find(&engine->buffers, flags),
                            (size_t)result);
    if (flags & IORING_CQE_F_BUFFER)
        uring_buffers_return(&engine->buffers, flags, result > 0 ? (size_t)result : 0);
    if (more)
        return;
    if (!is_the_end(op, result))
        go_on(engine, &op->op);
    else if (result == -ECANCELED)
        epoll_finish(&engine->epoll, &op->op, result);
    else
        epoll_end_receive(&engine->epoll, op, result);
}

/* A send that brought nothing, though there was something, would never end: an I/O error. */
static void complete_send(struct uring_engine *engine, struct send_op *op, int result)
{
    struct epoll_rest rest = epoll_rest_of(op);
    if (result > 0)
        epoll_rest_advance(&rest, op, (size_t)result);
    if (result > 0 || result == -EINTR || result == -EAGAIN) {
        if (rest.count > 0)
            go_on(engine, &op->op);
        else
            epoll_finish(&engine->epoll, &op->op, (int64_t)op->transferred);
        return;
    }
    int status = result ? result : -EIO;
    if (status != -ECANCELED)
        epoll_keep_error(&engine->epoll, op, status);
    epoll_finish(&engine->epoll, &op->op, status);
}

void uring_complete(struct uring_engine *engine, struct op *op, int result, uint32_t flags)
{
    assert(op->active && (op->phase & PHASE_RING));
    if (op->kind == OP_RECEIVE)
        complete_receive(engine, list_item(op, struct receive_op, op), result, flags);
    else
        complete_send(engine, list_item(op, struct send_op, op), result);
}

bool uring_had_its_share(const struct uring_engine *engine, const struct op *op)
{
    return op->kind == OP_RECEIVE && engine->epoll.descriptors[op->fd].pass == engine->epoll.pass;
}
