/* epoll_io.c: the operations of the epoll engine, each as far as it goes without blocking.
 *
 * The happy path: a connection is accepted, its receive finds bytes, the send takes them all at
 * once.
 *
 * Where an operation would block, epoll_await has it tried again at the next edge. A receive that
 * brought less than it asked for has emptied the socket, so it waits for an edge without asking
 * again, unless the peer's end was seen (no edge follows that) or epoll does not know the
 * descriptor yet (an edge would be lost): then it is tried in the next pass. Errors of the system
 * are results. Connections that died in the queue are skipped; descriptors or memory running out
 * end an accept, and its owner submits it again when it likes: a submitted operation is always
 * tried, so no edge is missed.
 *
 * Descriptors handed in may be in blocking mode and shared with others, so their mode is left
 * alone; we ask poll before each call (PHASE_GENTLE). */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Submit op to be tried, or to be told that memory is out. */
static struct descriptor *begin_trying(struct epoll_engine *engine, struct op *op,
                                       enum op_kind kind, int fd)
{
    struct descriptor *row = epoll_begin(engine, op, kind, fd);
    if (row)
        list_append(&engine->ready, &op->link);
    else
        epoll_finish_later(engine, op, -ENOMEM);
    return row;
}

/* op would block: wait for an edge. */
static void await_or_fail(struct epoll_engine *engine, struct op *op, uint8_t flag)
{
    int status = epoll_await(engine, op, flag);
    if (status)
        epoll_finish(engine, op, status);
}

static uint8_t gentleness(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && !(flags & O_NONBLOCK) ? PHASE_GENTLE : 0;
}

static bool ready_now(int fd, short events)
{
    struct pollfd descriptor = {.fd = fd, .events = events};
    int count = poll(&descriptor, 1, 0);
    while (count < 0 && errno == EINTR)
        count = poll(&descriptor, 1, 0);
    return count > 0;
}

/* ---- accept ---- */

void epoll_accept(struct engine *base, struct accept_op *op, int fd)
{
    op->op.phase = gentleness(fd);
    struct descriptor *row = begin_trying(epoll_of(base), &op->op, OP_ACCEPT, fd);
    if (row)
        row->flags |= DESCRIPTOR_LISTENER;
}

/* A Unix socket's address is most often empty; who connected is worth more. */
static struct peer unix_peer(int fd)
{
    struct peer peer = {.kind = PEER_UNIX};
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        peer.credentials.pid = credentials.pid;
        peer.credentials.uid = credentials.uid;
        peer.credentials.gid = credentials.gid;
    }
    return peer;
}

/* A new descriptor with op->peer filled, or -errno. ask: poll first. That costs an eighth of an
 * accept that finds the queue empty, since that one has made the new socket already. */
static int accept_one(struct accept_op *op, bool ask)
{
    union {
        struct sockaddr any;
        struct sockaddr_in6 largest;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (ask && !ready_now(op->op.fd, POLLIN))
        return -EAGAIN;
    int fd = accept4(op->op.fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (address.any.sa_family == AF_UNIX)
        op->peer = unix_peer(fd);
    else
        op->peer = peer_of_sockaddr(&address.any, size < sizeof address ? size : sizeof address);
    return fd;
}

/* Whether this error is about one connection in the queue only: accept(2), "Error handling". */
static bool died_in_queue(int number)
{
    switch (number) {
    case ECONNABORTED:
    case EINTR:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

static void try_accept(struct epoll_engine *engine, struct accept_op *op)
{
    for (int i = 0; i < EPOLL_ACCEPTS_MAX; i++) {
        int fd = accept_one(op, i > 0 || (op->op.phase & PHASE_GENTLE));
        if (fd == -EAGAIN)
            return await_or_fail(engine, &op->op, DESCRIPTOR_IN);
        if (fd < 0 && died_in_queue(-fd))
            continue;
        if (fd < 0)
            return epoll_finish(engine, &op->op, fd);
        epoll_forget(engine, fd);
        engine->happened = true;
        op->op.done(&op->op, fd);
        if (op->op.phase & PHASE_DUE)
            return;
    }
    epoll_row(engine, op->op.fd)->pass = engine->pass;
    list_append(&engine->ready, &op->op.link);
}

/* ---- receive ---- */

void epoll_receive(struct engine *base, struct receive_op *op, int fd)
{
    op->op.phase = 0;
    begin_trying(epoll_of(base), &op->op, OP_RECEIVE, fd);
}

/* Whether a receive that got this much could get more without another edge. */
static bool more_to_come(const struct descriptor *row, ssize_t size)
{
    return size == EPOLL_RECEIVE_SIZE || (row->flags & DESCRIPTOR_ENDED) ||
           !(row->flags & DESCRIPTOR_IN);
}

/* The error with which a receive ends; what SO_ERROR told before was taken from it and comes first.
 */
static void end_receive(struct epoll_engine *engine, struct receive_op *op, int64_t result)
{
    struct descriptor *row = epoll_row(engine, op->op.fd);
    if (row->error)
        result = -row->error;
    else if (result < 0)
        row->error = (uint8_t)-result;
    epoll_finish(engine, &op->op, result);
}

static void try_receive(struct epoll_engine *engine, struct receive_op *op)
{
    struct descriptor *row = epoll_row(engine, op->op.fd);
    ssize_t size = recv(op->op.fd, engine->buffer, EPOLL_RECEIVE_SIZE, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN && !row->error)
        return await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    if (size <= 0)
        return end_receive(engine, op, size < 0 ? -errno : 0);
    row->pass = engine->pass;
    if (more_to_come(row, size))
        list_append(&engine->ready, &op->op.link);
    op->data = engine->buffer;
    engine->happened = true;
    op->op.done(&op->op, size);
}

/* ---- send and write ---- */

/* What is left to send: the number of parts, *first the first that is not empty. */
static unsigned parts_left(const struct send_op *op, struct iovec **first)
{
    unsigned skipped = 0;
    while (skipped < op->part_count && op->parts[skipped].iov_len == 0)
        skipped++;
    *first = op->parts + skipped;
    return op->part_count - skipped;
}

static void advance(struct send_op *op, struct iovec *part, size_t sent)
{
    op->transferred += sent;
    while (sent > 0) {
        size_t step = sent < part->iov_len ? sent : part->iov_len;
        part->iov_base = (char *)part->iov_base + step;
        part->iov_len -= step;
        sent -= step;
        part++;
    }
}

static ssize_t send_parts(int fd, struct iovec *parts, unsigned count)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1) /* the usual reply: one call that need not fetch a vector from us */
        return send(fd, parts->iov_base, parts->iov_len, flags);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return sendmsg(fd, &message, flags);
}

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking; no more is certain. */
static ssize_t write_gently(int fd, const struct iovec *part)
{
    if (!ready_now(fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, part->iov_base, part->iov_len < PIPE_BUF ? part->iov_len : PIPE_BUF);
}

static ssize_t transfer(struct send_op *op, struct iovec *parts, unsigned count)
{
    if (op->op.kind == OP_SEND)
        return send_parts(op->op.fd, parts, count);
    enum write_mode mode = list_item(op, struct write_op, send)->mode;
    if (mode == WRITE_SOCKET)
        return send_parts(op->op.fd, parts, count);
    if (op->op.phase & PHASE_GENTLE)
        return write_gently(op->op.fd, parts);
    return writev(op->op.fd, parts, (int)count);
}

/* Transfer until nothing is left (0), it would block (-EAGAIN), or it fails (-errno). A call that
 * takes nothing although there is something would never end: an I/O error. */
static int transfer_all(struct send_op *op)
{
    struct iovec *first;
    unsigned count;
    while ((count = parts_left(op, &first)) > 0) {
        ssize_t sent = transfer(op, first, count);
        if (sent > 0)
            advance(op, first, (size_t)sent);
        else if (sent == 0)
            return -EIO;
        else if (errno != EINTR)
            return -errno;
    }
    return 0;
}

/* A connection's error is told once: what the send took is kept for the receive, which would take
 * the silence after it for the end of the stream. (EPIPE is none of that kind: the end came before
 * it.) */
static void keep_error(struct epoll_engine *engine, const struct send_op *op, int status)
{
    struct descriptor *row = epoll_row(engine, op->op.fd);
    if (row && op->op.kind == OP_SEND && status < 0 && status != -EPIPE && status != -ENOBUFS &&
        status != -ENOMEM)
        row->error = (uint8_t)-status;
}

static void try_transfer(struct epoll_engine *engine, struct send_op *op)
{
    int status = transfer_all(op);
    if (status == -EAGAIN)
        return await_or_fail(engine, &op->op, DESCRIPTOR_OUT);
    keep_error(engine, op, status);
    epoll_finish(engine, &op->op, status ? status : (int64_t)op->transferred);
}

/* op would block: true when it cannot even wait, and is over. */
static bool await_transfer(struct epoll_engine *engine, struct send_op *op)
{
    struct descriptor *row = epoll_begin(engine, &op->op, op->op.kind, op->op.fd);
    int status = row ? epoll_await(engine, &op->op, DESCRIPTOR_OUT) : -ENOMEM;
    if (status)
        epoll_end(engine, &op->op, status);
    return status != 0;
}

/* The usual send or write is over before it would have to be linked anywhere. */
static bool transfer_at_once(struct epoll_engine *engine, struct send_op *op)
{
    const struct descriptor *row = epoll_row(engine, op->op.fd);
    assert(!row || !row->writer);
    (void)row;
    op->transferred = 0;
    int status = transfer_all(op);
    if (status == -EAGAIN)
        return await_transfer(engine, op);
    keep_error(engine, op, status);
    op->op.result = status ? status : (int64_t)op->transferred;
    return true;
}

bool epoll_send(struct engine *base, struct send_op *op, int fd)
{
    op->op.fd = fd;
    op->op.kind = OP_SEND;
    op->op.phase = 0;
    return transfer_at_once(epoll_of(base), op);
}

bool epoll_write(struct engine *base, struct write_op *op, int fd)
{
    op->send.op.fd = fd;
    op->send.op.kind = OP_WRITE;
    op->send.op.phase = op->mode == WRITE_STREAM ? gentleness(fd) : 0;
    return transfer_at_once(epoll_of(base), &op->send);
}

bool epoll_sync(struct engine *base, struct sync_op *op, int fd)
{
    (void)base;
    op->op.fd = fd;
    op->op.kind = OP_SYNC;
    op->op.result = fdatasync(fd) ? -errno : 0;
    return true;
}

/* ---- the rest ---- */

void epoll_try(struct epoll_engine *engine, struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_ACCEPT:
        return try_accept(engine, list_item(op, struct accept_op, op));
    case OP_RECEIVE:
        return try_receive(engine, list_item(op, struct receive_op, op));
    case OP_SEND:
    case OP_WRITE:
        return try_transfer(engine, list_item(op, struct send_op, op));
    default:
        break;
    }
    abort();
}

int epoll_shutdown(struct engine *base, int fd)
{
    (void)base;
    return shutdown(fd, SHUT_WR) ? -errno : 0;
}

/* epoll forgets a descriptor when the last one of its kind is closed, so nobody needs to tell it;
 * but a listener may live on elsewhere, and its connections would wake us for nothing. */
void epoll_close(struct engine *base, int fd, bool reset)
{
    struct epoll_engine *engine = epoll_of(base);
    const struct descriptor *row = epoll_row(engine, fd);
    if (row && (row->flags & DESCRIPTOR_LISTENER) && (row->flags & DESCRIPTOR_IN))
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    epoll_forget(engine, fd);
    if (reset) {
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(fd);
}

/* Reading SO_ERROR clears it, so it is kept for the receive that would have met it, and for the
 * next who asks. */
int64_t epoll_unacknowledged(struct engine *base, int fd)
{
    struct descriptor *row = epoll_row(epoll_of(base), fd);
    if (row && row->error)
        return -row->error;
    int number = 0;
    socklen_t size = sizeof number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size))
        return -errno;
    if (number && row)
        row->error = (uint8_t)number;
    if (number)
        return -number;
    int unacknowledged = 0;
    return ioctl(fd, SIOCOUTQ, &unacknowledged) ? -errno : unacknowledged;
}
