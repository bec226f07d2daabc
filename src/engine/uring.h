/* uring.h: what the parts of the io_uring engine share. uring.c tells what happened, uring_stream.c
 * receives and sends through the ring, uring_ring.c fills it and waits, uring_buffers.c has the
 * memory that receives fill.
 *
 * It is an epoll engine and a ring. The bytes of connections go through the ring: one system call
 * for all that a pass sends and for the wait that follows. What gains nothing there (datagrams in
 * batches, pipes, files, packets, connecting) is the epoll engine's as ever, and so are the books
 * of operations and descriptors; the ring watches epoll's descriptor for it.
 *
 * So is accepting. A multishot accept cannot say who connected, which then costs a call of its own
 * (a connection for each message, CPU for each: 17.3 us, against 16.0 this way); it goes on
 * accepting what is queued after its owner has no room left; and the ring of a server that was
 * killed would hold the port for some milliseconds. */
#ifndef ENGINE_URING_H
#define ENGINE_URING_H

#include "engine/epoll.h"

#include <liburing.h>

/* Entries of the submission queue: small enough to stay in the cache; when it is full it is
 * submitted. */
#define URING_SUBMISSIONS 256

/* Entries of the completion queue. One that is too small for what completes at once ends every
 * multishot operation after one result (measured with 10,000 connections). */
#define URING_COMPLETIONS 16384

/* What the poll of epoll's descriptor is submitted with: no operation has this address. */
#define EPOLL_DATA 1

/* Completions told in one pass. */
#define URING_TOLD_MAX 256

/* The memory of receives: little, so that it stays in the cache. Where the kernel fills a buffer
 * piece by piece (IOU_PBUF_RING_INC, Linux 6.12) four large ones suit short messages and long ones
 * alike (64 connections, 16 messages of 1 KiB in flight on each: 2.65M messages/s, with
 * sixteen 2.08M; 10,000 connections: no difference). Elsewhere each receive takes a whole one,
 * however little it brings, and there must be many. */
#define URING_INCREMENTAL_COUNT 4
#define URING_INCREMENTAL_SIZE  ((size_t)64 * 1024)
#define URING_WHOLE_COUNT       64
#define URING_WHOLE_SIZE        ((size_t)16 * 1024)
#define URING_BUFFER_BYTES      (URING_WHOLE_COUNT * URING_WHOLE_SIZE) /* the larger of the two */

struct uring_buffers {
    struct io_uring_buf_ring *ring; /* shared with the kernel */
    uint8_t *memory;                /* URING_BUFFER_BYTES */
    unsigned count;
    size_t size; /* of each, bytes */
    bool incremental;
    uint32_t used[URING_WHOLE_COUNT]; /* incremental: bytes of each that have been filled */
};

struct uring_engine {
    struct epoll_engine epoll;
    struct io_uring ring;
    struct uring_buffers buffers;
    int front_fd; /* for those who wait elsewhere: event_fd and epoll in one; -1: nobody does so far
                   */
    int event_fd; /* the ring tells it what happens */
    bool enabled; /* it belongs to a thread */
    bool epoll_ready;                          /* epoll has something to tell */
    int failure;                               /* -errno: the ring does not work any more */
    int refusals;                              /* for want of memory or room, in a row */
    struct msghdr messages[URING_SUBMISSIONS]; /* of the sends in the submission queue, by slot */
};

static inline struct uring_engine *uring_of(struct engine *engine)
{
    return list_item(epoll_of(engine), struct uring_engine, epoll);
}

/* ---- uring_ring.c ---- */

/* Make the ring, as good as this kernel has it: 0 or -errno. */
int uring_open_ring(struct io_uring *ring);

/* A free submission, to be filled before anything else is asked of the ring. NULL where it does not
 * work any more: engine->failure. */
struct io_uring_sqe *uring_submission(struct uring_engine *engine);

/* Submit what is queued and wait for a completion, at most wait_ns (0: do not wait; negative: as
 * long as it takes), in one system call, or none where there is nothing to do: 0, or -errno when
 * the ring does not work any more. */
int uring_submit_and_wait(struct uring_engine *engine, int64_t wait_ns);

/* Whether there is work that the kernel leaves until we call. */
bool uring_kernel_has_work(const struct uring_engine *engine);

/* ---- uring_buffers.c ---- */

/* Make them and hand them to the kernel: 0 or -errno. */
int uring_buffers_open(struct uring_buffers *buffers, struct io_uring *ring);
void uring_buffers_close(struct uring_buffers *buffers);

/* Where a receive put its bytes, by the flags of its completion. */
const uint8_t *uring_buffers_find(const struct uring_buffers *buffers, uint32_t flags);

/* What was received there, size bytes, is not needed any more. */
void uring_buffers_return(struct uring_buffers *buffers, uint32_t flags, size_t size);

/* ---- uring_stream.c ---- */

void uring_receive(struct engine *engine, struct receive_op *op, int fd);
bool uring_send(struct engine *engine, struct send_op *op, int fd);
void uring_cancel(struct engine *engine, struct op *op);
int64_t uring_unread(struct engine *engine, int fd);

/* A completion of op, whose kind is one of these, has come. */
void uring_complete(struct uring_engine *engine, struct op *op, int result, uint32_t flags);

/* Whether a result of op with bytes must wait for the next pass: it has had its share of this one.
 */
bool uring_had_its_share(const struct uring_engine *engine, const struct op *op);

#endif
