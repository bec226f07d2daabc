/* epoll_connection.c: connections begin and end: accept, connect, shutdown, close.
 *
 * The happy path: a listener is readable, its connections are accepted until the queue is empty; a
 * connect is under way, and when its socket is writable connect is asked again and says that it is
 * done.
 *
 * Ways to fail. Connections that died in the queue are skipped; where none is alive among as many
 * as may be accepted at once, it is the system that refuses all of them (EPERM of a sandbox, say),
 * and that ends the accept instead of being asked for ever. Descriptors or memory running out end
 * an accept, and its owner submits it again when it likes: a submitted operation is always tried,
 * so no edge is missed. A Unix listener whose queue is full has connect say EAGAIN, and no event
 * tells when that changes: it is tried again every few milliseconds, as long as its owner likes.
 * Asking connect again, rather than SO_ERROR, tells "not yet" from "done" too: an event about
 * something else does no harm.
 *
 * Descriptors handed in may be in blocking mode and shared with others, so their mode is left
 * alone; we ask poll before each call (PHASE_GENTLE). */
#include "engine/epoll.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- accept ---- */

#define ASKED_MOST 8

void epoll_accept(struct engine *base, struct accept_op *op, int fd)
{
    op->op.phase = epoll_gentleness(fd);
    struct descriptor *row = epoll_submit(epoll_of(base), &op->op, OP_ACCEPT, fd);
    if (row)
        row->flags |= DESCRIPTOR_SHARED;
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
 * accept that finds the queue empty, since that one has made the new socket already: so it pays
 * until eight have been asked for. */
static int accept_one(struct accept_op *op, bool ask)
{
    union {
        struct sockaddr any;
        struct sockaddr_in6 largest;
    } address = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (ask && !epoll_ready_now(op->op.fd, POLLIN))
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

void epoll_try_accept(struct epoll_engine *engine, struct accept_op *op)
{
    int died = 0;
    for (int i = 0; i < EPOLL_ACCEPTS_MAX; i++) {
        int fd = accept_one(op, (i > 0 && i <= ASKED_MOST) || (op->op.phase & PHASE_GENTLE));
        if (fd == -EAGAIN)
            return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
        if (fd < 0 && died_in_queue(-fd) && ++died < EPOLL_ACCEPTS_MAX)
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

/* ---- connect ---- */

void epoll_connect(struct engine *base, struct connect_op *op, int fd)
{
    op->op.phase = 0;
    epoll_submit(epoll_of(base), &op->op, OP_CONNECT, fd);
}

/* Try op again a little later. */
static void put_off(struct epoll_engine *engine, struct op *op)
{
    if (list_empty(&engine->later))
        engine->later_ns = engine->engine.now_ns + EPOLL_LATER_NS;
    list_append(&engine->later, &op->link);
}

void epoll_try_connect(struct epoll_engine *engine, struct connect_op *op)
{
    int number = connect(op->op.fd, &op->to.any, op->to.size) ? errno : 0;
    switch (number) {
    case EINPROGRESS:
    case EALREADY:
    case EINTR:
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_OUT);
    case EAGAIN:
        return put_off(engine, &op->op);
    default:
        return epoll_finish(engine, &op->op, -number);
    }
}

/* ---- what happens at once ---- */

int epoll_shutdown(struct engine *base, int fd)
{
    (void)base;
    return shutdown(fd, SHUT_WR) ? -errno : 0;
}

/* epoll forgets a descriptor when the last one of its kind is closed, so nobody needs to tell it;
 * but one that was handed in may live on elsewhere, and what arrives there would wake us for
 * nothing. */
void epoll_close(struct engine *base, int fd, bool reset)
{
    struct epoll_engine *engine = epoll_of(base);
    const struct descriptor *row = epoll_row(engine, fd);
    const uint8_t watched = DESCRIPTOR_IN | DESCRIPTOR_OUT;
    if (row && (row->flags & DESCRIPTOR_SHARED) && (row->flags & watched))
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

int64_t epoll_unread(struct engine *base, int fd)
{
    int unread = 0;
    (void)base;
    return ioctl(fd, FIONREAD, &unread) ? -errno : unread;
}
