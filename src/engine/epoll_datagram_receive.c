/* epoll_datagram_receive.c: datagrams received, many in one call, each with who sent it and to
 * which address of ours.
 *
 * The happy path: recvmmsg fills slots of one large buffer, which is made when it is first needed;
 * what the system says beside each datagram becomes its peer and its local address; they are told
 * together. The buffer is lent to packets too (epoll_room).
 *
 * Ways to fail. A call that did not fill all slots has emptied the socket, so the next edge is
 * waited for; but the exceptions are those of a stream (epoll_stream.c). A descriptor that a
 * datagram brings along is closed at once: nobody makes us keep it. No memory for the buffer ends
 * the receive, an error of the socket does. */
#include "engine/epoll.h"

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
    if (!engine->batch)
        engine->batch = calloc(1, sizeof *engine->batch);
    return engine->batch;
}

uint8_t *epoll_room(struct epoll_engine *engine)
{
    struct batch *batch = batch_of(engine);
    return batch ? batch->room : NULL;
}

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
static void note_ipv4(struct datagram *datagram, const struct cmsghdr *header)
{
    struct in_pktinfo info;
    struct local_address *local = &datagram->local;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    datagram->to_many |= info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
    local->family = AF_INET;
    local->interface = (uint32_t)info.ipi_ifindex;
    memcpy(local->address, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
}

/* Here it is the one that was asked: nothing can leave from a group's or a broadcast's. */
static void note_ipv6(struct datagram *datagram, const struct cmsghdr *header)
{
    struct in6_pktinfo info;
    struct local_address *local = &datagram->local;
    memcpy(&info, CMSG_DATA(header), sizeof info);
    const uint8_t *address = info.ipi6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr);
    if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr) || (mapped && address[12] >= 224)) {
        datagram->to_many = true;
        return;
    }
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
        note_ipv4(datagram, header);
    else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
        note_ipv6(datagram, header);
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
    datagram->to_many = false;
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
    if (count == -EINTR)
        return list_append(&engine->ready, &op->op.link);
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
