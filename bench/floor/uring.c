/* The io_uring floor: the least server that does the job with io_uring. One multishot accept into a
 * table of direct descriptors, one multishot receive for each connection out of one ring of
 * buffers, sends through the ring; one system call a round.
 *
 * The reply is constant memory, so that a buffer goes back as soon as its lines are counted, and
 * nothing is remembered of a connection: a completion carries its slot. When the buffers run out
 * (ENOBUFS), or the kernel ends a multishot receive for another reason, it is armed again. With
 * --close the receive is a single one, since an outstanding one would keep the connection open, and
 * the close is linked to the send. */
#include "talk.h"
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SUBMISSIONS  4096
#define COMPLETIONS  32768 /* more than connections: an overflow ends every multishot */
#define SLOTS        16384
#define BUFFER_BYTES (2 << 20) /* all of them together: what fits the second cache */
#define MOST_BUFFERS 4096

enum kind { ACCEPT, RECEIVE, SEND, CLOSE };

static struct talk talk;
static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *buffer_memory;
static unsigned buffer_count;

static struct io_uring_sqe *take_entry(void)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
    if (!entry) {
        io_uring_submit(&ring);
        entry = io_uring_get_sqe(&ring);
    }
    if (!entry)
        talk_fail("submission queue");
    return entry;
}

static void mark(struct io_uring_sqe *entry, enum kind kind, unsigned slot)
{
    io_uring_sqe_set_data64(entry, (uint64_t)slot << 2 | kind);
}

static void arm_accept(void)
{
    struct io_uring_sqe *entry = take_entry();
    io_uring_prep_multishot_accept_direct(entry, talk.listener, NULL, NULL, 0);
    mark(entry, ACCEPT, 0);
}

static void arm_receive(unsigned slot)
{
    struct io_uring_sqe *entry = take_entry();
    if (talk.close)
        io_uring_prep_recv(entry, (int)slot, NULL, talk.buffer_bytes, 0);
    else
        io_uring_prep_recv_multishot(entry, (int)slot, NULL, 0, 0);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    mark(entry, RECEIVE, slot);
}

static void close_slot(unsigned slot)
{
    struct io_uring_sqe *entry = take_entry();
    io_uring_prep_close_direct(entry, slot);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    mark(entry, CLOSE, slot);
}

static void reply(unsigned slot, size_t count)
{
    /* Two entries that are linked must be submitted together. */
    if (talk.close && io_uring_sq_space_left(&ring) < 2)
        io_uring_submit(&ring);
    struct io_uring_sqe *entry = take_entry();
    io_uring_prep_send(entry, (int)slot, talk_replies(count), count * TALK_REPLY_SIZE,
                       MSG_NOSIGNAL | MSG_WAITALL);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    mark(entry, SEND, slot);
    if (talk.close) {
        entry->flags |= IOSQE_IO_HARDLINK;
        close_slot(slot);
    }
}

static void give_back(unsigned index)
{
    io_uring_buf_ring_add(buffers, buffer_memory + (size_t)index * talk.buffer_bytes,
                          talk.buffer_bytes, (unsigned short)index,
                          io_uring_buf_ring_mask(buffer_count), 0);
    io_uring_buf_ring_advance(buffers, 1);
}

static void received(unsigned slot, const struct io_uring_cqe *completion)
{
    size_t count = 0;
    if (completion->res > 0) {
        unsigned index = completion->flags >> IORING_CQE_BUFFER_SHIFT;
        count = talk_messages(buffer_memory + (size_t)index * talk.buffer_bytes,
                              (size_t)completion->res);
        give_back(index);
        if (count)
            reply(slot, count);
    } else if (completion->res != -ENOBUFS) {
        close_slot(slot);
        return;
    }
    bool is_closing = talk.close && count;
    if (!(completion->flags & IORING_CQE_F_MORE) && !is_closing)
        arm_receive(slot);
}

static void completed(const struct io_uring_cqe *completion)
{
    uint64_t data = io_uring_cqe_get_data64(completion);
    enum kind kind = data & 3;
    if (kind == RECEIVE)
        received((unsigned)(data >> 2), completion);
    if (kind == ACCEPT && completion->res >= 0)
        arm_receive((unsigned)completion->res);
    if (kind == ACCEPT && !(completion->flags & IORING_CQE_F_MORE))
        arm_accept();
}

static void open_ring(void)
{
    unsigned ways[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
                       IORING_SETUP_COOP_TASKRUN, 0};
    int status = -EINVAL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && status < 0; i++) {
        struct io_uring_params parameters = {.flags = ways[i] | IORING_SETUP_CQSIZE,
                                             .cq_entries = COMPLETIONS};
        status = io_uring_queue_init_params(SUBMISSIONS, &ring, &parameters);
    }
    errno = -status;
    if (status < 0)
        talk_fail("io_uring");
    errno = -io_uring_register_files_sparse(&ring, SLOTS);
    if (errno)
        talk_fail("direct descriptors");
}

static void open_buffers(void)
{
    for (buffer_count = MOST_BUFFERS; buffer_count * talk.buffer_bytes > BUFFER_BYTES;)
        buffer_count /= 2;
    void *memory;
    if (posix_memalign(&memory, 4096, buffer_count * sizeof(struct io_uring_buf)) ||
        !(buffer_memory = malloc((size_t)buffer_count * talk.buffer_bytes)))
        talk_fail("buffers");
    buffers = memory;
    memset(memory, 0, buffer_count * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg registration = {.ring_addr = (uintptr_t)buffers,
                                            .ring_entries = buffer_count};
    errno = -io_uring_register_buf_ring(&ring, &registration, 0);
    if (errno)
        talk_fail("buffer ring");
    for (unsigned i = 0; i < buffer_count; i++)
        give_back(i);
}

int main(int argc, char **argv)
{
    talk = talk_start(argc, argv);
    open_ring();
    open_buffers();
    arm_accept();
    for (;;) {
        io_uring_submit_and_wait(&ring, 1);
        struct io_uring_cqe *completion;
        unsigned head, count = 0;
        io_uring_for_each_cqe(&ring, head, completion)
        {
            completed(completion);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
