/* epoll_datagram.c: datagrams, many in one call, each with the address it came to or leaves from.
 *
 * The happy path: recvmmsg fills slots of one large buffer, which is made when it is first needed;
 * what the system says beside each datagram becomes its peer and its local address; they are told
 * together. sendmmsg takes a whole batch, and each has the status 0.
 *
 * Ways to fail. A batch that is not full has emptied the socket, so it waits for an edge; but the
 * same holds as for a stream (epoll_stream.c). A descriptor that a datagram brings along is closed
 * at once: it would be ours to keep open. sendmmsg stops at the datagram that fails; asked again,
 * it tells why, and that becomes the status of this one alone. Where our own buffer is full the
 * rest waits until the socket is writable; but a Unix socket says the same of a receiver that does
 * not read, so there it is a status. No memory for the buffer ends a receive. */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_SIZE 64 /* bytes of a cache's line: slots must not all begin in the same ones */

/* Room for what comes beside a datagram: the addresses of both kinds or credentials, and padding.
 */
union control {
    struct cmsghdr header;
    uint8_t bytes[128];
};

struct batch {
    size_t size_most; /* what the slots are laid out for */
    unsigned slot_count;
    unsigned used; /* slots that the last receive wrote to */
    struct mmsghdr messages[DATAGRAMS_MAX];
    struct iovec parts[DATAGRAMS_MAX];
    union control control[DATAGRAMS_MAX];
    struct datagram list[DATAGRAMS_MAX];
    uint8_t room[EPOLL_ROOM_SIZE];
};

/* The batch, or NULL: memory is out. */
static struct batch *batch_of(struct epoll_engine *engine)
{
    if (!engine->batch && (engine->batch = malloc(sizeof *engine->batch)))
        engine->batch->size_most = 0;
    return engine->batch;
}

uint8_t *epoll_room(struct epoll_engine *engine)
{
    struct batch *batch = batch_of(engine);
    return batch ? batch->room : NULL;
}

/* ---- what is received ---- */

void epoll_receive_datagrams(struct engine *base, struct receive_datagrams_op *op, int fd)
{
    op->op.phase = 0;
    struct descriptor *row = epoll_submit(epoll_of(base), &op->op, OP_RECEIVE_DATAGRAMS, fd);
    if (row)
        row->flags |= DESCRIPTOR_SHARED;
}

static void lay_out(struct batch *batch, size_t size_most)
{
    size_t step = (size_most + 2 * LINE_SIZE - 1) / LINE_SIZE * LINE_SIZE;
    size_t count = EPOLL_ROOM_SIZE / step;
    batch->size_most = size_most;
    batch->slot_count = batch->used = count < DATAGRAMS_MAX ? (unsigned)count : DATAGRAMS_MAX;
    for (unsigned i = 0; i < batch->slot_count; i++) {
        batch->parts[i] = (struct iovec){batch->room + i * step, size_most};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->list[i].place.any,
                                                     .msg_iov = &batch->parts[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = &batch->control[i]};
    }
}

/* The kernel wrote over the sizes of the slots that it filled. */
static void renew(struct batch *batch)
{
    for (unsigned i = 0; i < batch->used; i++) {
        batch->messages[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_un);
        batch->messages[i].msg_hdr.msg_controllen = sizeof batch->control[i];
    }
    batch->used = 0;
}

/* For a broadcast it is the address of ours that is meant, not the one that was asked. */
static void note_ipv4(struct local_address *local, const struct cmsghdr *header)
{
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    local->family = AF_INET;
    local->interface = (uint32_t)info.ipi_ifindex;
    memcpy(local->address, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
}

/* Here it is the one that was asked: nothing can leave from a group's or a broadcast's. */
static void note_ipv6(struct local_address *local, const struct cmsghdr *header)
{
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    const uint8_t *address = info.ipi6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr);
    if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr) || (mapped && address[12] >= 224))
        return;
    local->family = AF_INET6;
    local->interface = info.ipi6_ifindex;
    memcpy(local->address, address, sizeof local->address);
}

static void note_credentials(struct peer *peer, const struct cmsghdr *header)
{
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
    peer->credentials.pid = credentials.pid;
    peer->credentials.uid = credentials.uid;
    peer->credentials.gid = credentials.gid;
}

static void close_all(const struct cmsghdr *header)
{
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        close(fd);
    }
}

static void note(struct datagram *datagram, const struct cmsghdr *header)
{
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
        note_ipv4(&datagram->local, header);
    else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
        note_ipv6(&datagram->local, header);
    else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS)
        note_credentials(&datagram->peer, header);
    else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        close_all(header);
}

/* Only Unix sockets may have no name. */
static struct peer peer_at(const struct place *place)
{
    return place->size > 0 ? peer_of_sockaddr(&place->any, place->size)
                           : (struct peer){.kind = PEER_UNIX};
}

static void describe(struct datagram *datagram, struct mmsghdr *message)
{
    struct msghdr *header = &message->msg_hdr;
    datagram->bytes = slice_of(header->msg_iov->iov_base, message->msg_len);
    datagram->place.size = header->msg_namelen;
    datagram->peer = peer_at(&datagram->place);
    datagram->local = (struct local_address){0};
    datagram->truncated = header->msg_flags & MSG_TRUNC;
    datagram->status = 0;
    for (struct cmsghdr *next = CMSG_FIRSTHDR(header); next; next = CMSG_NXTHDR(header, next))
        note(datagram, next);
}

static int receive_batch(struct batch *batch, int fd)
{
    const int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    renew(batch);
    int count = recvmmsg(fd, batch->messages, batch->slot_count, flags, NULL);
    if (count < 0)
        return -errno;
    batch->used = (unsigned)count;
    for (int i = 0; i < count; i++)
        describe(&batch->list[i], &batch->messages[i]);
    return count;
}

void epoll_try_receive_datagrams(struct epoll_engine *engine, struct receive_datagrams_op *op)
{
    struct batch *batch = batch_of(engine);
    if (!batch)
        return epoll_finish(engine, &op->op, -ENOMEM);
    if (batch->size_most != op->size_most)
        lay_out(batch, op->size_most);
    int count = receive_batch(batch, op->op.fd);
    if (count == -EAGAIN)
        return epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    if (count < 0)
        return epoll_finish(engine, &op->op, count);
    struct descriptor *row = epoll_row(engine, op->op.fd);
    row->pass = engine->pass;
    if (epoll_more_to_come(row, (unsigned)count == batch->slot_count))
        list_append(&engine->ready, &op->op.link);
    op->list = batch->list;
    engine->happened = true;
    op->op.done(&op->op, count);
}

/* ---- what is sent ---- */

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
