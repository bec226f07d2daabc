/* epoll_stream.c: bytes in their order: receive, packets, read, send, write.
 *
 * The happy path: a receive finds bytes, the send takes them all at once.
 *
 * Where an operation would block, epoll_await has it tried again at the next edge. A receive that
 * brought less than it asked for has emptied the socket, so it waits for an edge without asking
 * again, unless the peer's end was seen (no edge follows that) or epoll does not know the
 * descriptor yet (an edge would be lost): then it is tried in the next pass. A packet, a line of a
 * terminal, a piece of a file end where they end, whatever comes after them: there the only sign of
 * emptiness is EAGAIN, and they are tried until it comes. Errors of the system are results.
 *
 * Descriptors handed in may be in blocking mode and shared with others, so their mode is left
 * alone; we ask poll before each call (PHASE_GENTLE). */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* ---- receive ---- */

void epoll_receive(struct engine *base, struct receive_op *op, int fd)
{
    op->op.phase = 0;
    epoll_submit(epoll_of(base), &op->op, OP_RECEIVE, fd);
}

/* What SO_ERROR told before was taken from the receive and comes first. */
void epoll_end_receive(struct epoll_engine *engine, struct receive_op *op, int64_t result)
{
    struct descriptor *row = epoll_row(engine, op->op.fd);
    if (row->error)
        result = -row->error;
    else if (result < 0)
        row->error = (uint8_t)-result;
    epoll_finish(engine, &op->op, result);
}

void epoll_tell_received(struct epoll_engine *engine, struct receive_op *op, const uint8_t *data,
                         size_t size)
{
    epoll_row(engine, op->op.fd)->pass = engine->pass;
    op->data = data;
    engine->happened = true;
    op->op.done(&op->op, (int64_t)size);
}

/* Tell what is at data. more: no edge needs to come for the next try. */
static void deliver(struct epoll_engine *engine, struct receive_op *op, const uint8_t *data,
                    size_t size, bool more)
{
    if (more)
        list_append(&engine->ready, &op->op.link);
    epoll_tell_received(engine, op, data, size);
}

static void try_packet(struct epoll_engine *engine, struct receive_op *op)
{
    uint8_t *room = epoll_room(engine);
    if (!room)
        return epoll_finish(engine, &op->op, -ENOMEM);
    ssize_t size = recv(op->op.fd, room, PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR)
        return list_append(&engine->ready, &op->op.link);
    if (size < 0 && errno == EAGAIN && !epoll_row(engine, op->op.fd)->error)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    if (size <= 0)
        return epoll_end_receive(engine, op, size < 0 ? -errno : 0);
    bool truncated = (size_t)size > PACKET_MAX; /* MSG_TRUNC: its size as it was */
    op->op.flags = truncated ? OP_PACKETS | OP_TRUNCATED : OP_PACKETS;
    deliver(engine, op, room, truncated ? PACKET_MAX : (size_t)size, true);
}

void epoll_try_receive(struct epoll_engine *engine, struct receive_op *op)
{
    if (op->op.flags & OP_PACKETS)
        return try_packet(engine, op);
    const struct descriptor *row = epoll_row(engine, op->op.fd);
    ssize_t size = recv(op->op.fd, engine->buffer, EPOLL_RECEIVE_SIZE, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR)
        return list_append(&engine->ready, &op->op.link);
    if (size < 0 && errno == EAGAIN && !row->error)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    if (size <= 0)
        return epoll_end_receive(engine, op, size < 0 ? -errno : 0);
    deliver(engine, op, engine->buffer, (size_t)size,
            epoll_more_to_come(row, size == EPOLL_RECEIVE_SIZE));
}

/* ---- read ---- */

void epoll_read(struct engine *base, struct receive_op *op, int fd)
{
    op->op.phase = epoll_gentleness(fd);
    struct descriptor *row = epoll_submit(epoll_of(base), &op->op, OP_READ, fd);
    if (row)
        row->flags |= DESCRIPTOR_SHARED;
}

/* Reading may take its time on a slow disk: files are never "not ready". */
void epoll_try_read(struct epoll_engine *engine, struct receive_op *op)
{
    if ((op->op.phase & PHASE_GENTLE) && !epoll_ready_now(op->op.fd, POLLIN))
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    ssize_t size = read(op->op.fd, engine->buffer, EPOLL_RECEIVE_SIZE);
    if (size > 0)
        return deliver(engine, op, engine->buffer, (size_t)size, true);
    if (size < 0 && errno == EINTR)
        return list_append(&engine->ready, &op->op.link);
    if (size < 0 && errno == EAGAIN)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    epoll_finish(engine, &op->op, size < 0 ? -errno : 0);
}

/* ---- send and write ---- */

static void skip_empty(struct epoll_rest *rest)
{
    while (rest->count > 0 && rest->part->iov_len == 0) {
        rest->part++;
        rest->count--;
    }
}

struct epoll_rest epoll_rest_of(const struct send_op *op)
{
    struct epoll_rest rest = {op->parts, op->part_count};
    skip_empty(&rest);
    return rest;
}

void epoll_rest_advance(struct epoll_rest *rest, struct send_op *op, size_t sent)
{
    op->transferred += sent;
    while (sent > 0) {
        struct iovec *part = rest->part;
        size_t step = sent < part->iov_len ? sent : part->iov_len;
        part->iov_base = (char *)part->iov_base + step;
        part->iov_len -= step;
        sent -= step;
        skip_empty(rest);
    }
}

static ssize_t send_parts(const struct op *op, struct iovec *parts, unsigned count)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | epoll_segment(op);
    if (count == 1) /* the usual reply: one call that need not fetch a vector from us */
        return send(op->fd, parts->iov_base, parts->iov_len, flags);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return sendmsg(op->fd, &message, flags);
}

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking; no more is certain. */
static ssize_t write_gently(int fd, const struct iovec *part)
{
    if (!epoll_ready_now(fd, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, part->iov_base, part->iov_len < PIPE_BUF ? part->iov_len : PIPE_BUF);
}

static ssize_t write_at(const struct write_op *op, struct epoll_rest rest)
{
    off_t offset = (off_t)(op->offset + op->send.transferred);
    return pwritev(op->send.op.fd, rest.part, (int)rest.count, offset);
}

static ssize_t transfer(struct send_op *op, struct epoll_rest rest)
{
    if (op->op.kind == OP_SEND)
        return send_parts(&op->op, rest.part, rest.count);
    enum write_mode mode = list_item(op, struct write_op, send)->mode;
    if (mode == WRITE_SOCKET)
        return send_parts(&op->op, rest.part, rest.count);
    if (mode == WRITE_AT)
        return write_at(list_item(op, struct write_op, send), rest);
    if (op->op.phase & PHASE_GENTLE)
        return write_gently(op->op.fd, rest.part);
    return writev(op->op.fd, rest.part, (int)rest.count);
}

/* Transfer until nothing is left (0), it would block (-EAGAIN), or it fails (-errno). A call that
 * takes nothing although there is something would never end: an I/O error. */
static int transfer_all(struct send_op *op)
{
    struct epoll_rest rest = epoll_rest_of(op);
    while (rest.count > 0) {
        ssize_t sent = transfer(op, rest);
        if (sent > 0) {
            epoll_rest_advance(&rest, op, (size_t)sent);
        } else if (sent == 0) {
            return -EIO;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* A connection's error is told once: what the send took is kept for the receive, which would take
 * the silence after it for the end of the stream. (EPIPE is none of that kind: the end came before
 * it.) */
void epoll_keep_error(struct epoll_engine *engine, const struct send_op *op, int status)
{
    struct descriptor *row = epoll_row(engine, op->op.fd);
    if (row && op->op.kind == OP_SEND && status < 0 && status != -EPIPE && status != -ENOBUFS &&
        status != -ENOMEM)
        row->error = (uint8_t)-status;
}

void epoll_try_transfer(struct epoll_engine *engine, struct send_op *op)
{
    int status = transfer_all(op);
    if (status == -EAGAIN)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_OUT);
    epoll_keep_error(engine, op, status);
    epoll_finish(engine, &op->op, status ? status : (int64_t)op->transferred);
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
        return epoll_begin_waiting(engine, &op->op, DESCRIPTOR_OUT);
    epoll_keep_error(engine, op, status);
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
    op->send.op.phase = op->mode == WRITE_STREAM ? epoll_gentleness(fd) : 0;
    return transfer_at_once(epoll_of(base), &op->send);
}
