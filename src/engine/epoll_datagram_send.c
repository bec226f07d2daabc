/* epoll_datagram_send.c: datagrams sent, many in one call, each from the address it is to leave
 * from.
 *
 * The happy path: sendmmsg takes all of them, and each has the status 0.
 *
 * Ways to fail. sendmmsg stops before the datagram that fails; asked again, it tells why, which
 * becomes the status of that one alone. Where our own buffer is full the rest waits until the
 * socket is writable; but a Unix socket says the same of a receiver that does not read, so there it
 * is a status. */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>

/* Room for one address. */
union control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct departure {
    struct mmsghdr messages[DATAGRAMS_MAX];
    struct iovec parts[DATAGRAMS_MAX];
    union control control[DATAGRAMS_MAX];
};

/* Something beside the datagram: these size bytes. */
static void enclose(struct msghdr *header, int level, int type, const void *bytes, size_t size)
{
    struct cmsghdr *control = header->msg_control;
    header->msg_controllen = CMSG_SPACE(size);
    memset(control, 0, CMSG_SPACE(size));
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(control), bytes, size);
}

/* Its route decides through which interface it leaves, unless the address means nothing without
 * one. */
static void leave_from(struct msghdr *header, const struct local_address *local)
{
    if (local->family == AF_INET) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->address, sizeof info.ipi_spec_dst);
        enclose(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else if (local->family == AF_INET6) {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->address, sizeof info.ipi6_addr);
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
            info.ipi6_ifindex = local->interface;
        enclose(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

/* The kernel only reads what is sent; iovec cannot say so. */
static struct iovec part_of(struct slice bytes)
{
    union {
        const uint8_t *read;
        void *write;
    } base = {.read = bytes.data};
    return (struct iovec){base.write, bytes.size};
}

static void prepare(struct departure *departure, unsigned i, struct datagram *datagram)
{
    struct msghdr *header = &departure->messages[i].msg_hdr;
    departure->parts[i] = part_of(datagram->bytes);
    *header = (struct msghdr){.msg_iov = &departure->parts[i], .msg_iovlen = 1};
    if (datagram->place.size > 0) {
        header->msg_name = &datagram->place.any;
        header->msg_namelen = datagram->place.size;
    }
    if (datagram->local.family != 0) {
        header->msg_control = &departure->control[i];
        leave_from(header, &datagram->local);
    }
}

/* Whether a full buffer is our own and becomes free by itself. */
static bool empties_by_itself(int fd)
{
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family != AF_UNIX;
}

/* The next datagrams have this status. */
static void settle(struct send_datagrams_op *op, unsigned count, int status)
{
    while (count-- > 0)
        op->list[op->handled++].status = status;
}

/* How many of these left, at least one; or -errno, about the first. */
static int send_batch(int fd, struct mmsghdr *messages, unsigned count)
{
    int sent;
    do
        sent = sendmmsg(fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* Send what has no status yet: 0, or -EAGAIN: some has to wait. */
static int send_rest(struct send_datagrams_op *op)
{
    struct departure departure;
    unsigned first = op->handled;
    for (unsigned i = first; i < op->count; i++)
        prepare(&departure, i - first, &op->list[i]);
    while (op->handled < op->count) {
        struct mmsghdr *messages = departure.messages + (op->handled - first);
        int sent = send_batch(op->op.fd, messages, op->count - op->handled);
        if (sent == -EAGAIN && empties_by_itself(op->op.fd))
            return -EAGAIN;
        if (sent > 0)
            settle(op, (unsigned)sent, 0);
        else
            settle(op, 1, sent);
    }
    return 0;
}

static int64_t count_sent(const struct send_datagrams_op *op)
{
    int64_t sent = 0;
    for (unsigned i = 0; i < op->count; i++)
        sent += op->list[i].status == 0;
    return sent;
}

void epoll_try_send_datagrams(struct epoll_engine *engine, struct send_datagrams_op *op)
{
    if (send_rest(op) == -EAGAIN)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_OUT);
    epoll_finish(engine, &op->op, count_sent(op));
}

bool epoll_send_datagrams(struct engine *base, struct send_datagrams_op *op, int fd)
{
    struct epoll_engine *engine = epoll_of(base);
    assert(!epoll_row(engine, fd) || !epoll_row(engine, fd)->writer);
    op->op.fd = fd;
    op->op.kind = OP_SEND_DATAGRAMS;
    op->op.phase = 0;
    op->handled = 0;
    if (send_rest(op) == -EAGAIN)
        return epoll_begin_waiting(engine, &op->op, DESCRIPTOR_OUT);
    op->op.result = count_sent(op);
    return true;
}
