/* uring_buffers.c: the memory that receives fill, lent to the kernel and taken back.
 *
 * The happy path: the kernel picks a buffer when bytes are there, so that a connection that is
 * silent holds none; the completion names it; its content is told; it goes back. One that is
 * filled piece by piece goes back when its last piece has been told.
 *
 * Ways to fail. No memory, or a kernel without such rings: the engine is not made. Too few buffers:
 * a receive ends with ENOBUFS, and uring_stream.c submits it again. */
#include "engine/uring.h"

#include <errno.h>
#include <sys/mman.h>

/* Newer than the headers of Debian 12's liburing: linux/io_uring.h. */
#define BUFFERS_INCREMENTAL    2       /* IOU_PBUF_RING_INC */
#define COMPLETION_BUFFER_MORE 1u << 4 /* IORING_CQE_F_BUF_MORE */

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static size_t ring_bytes(void)
{
    return URING_WHOLE_COUNT * sizeof(struct io_uring_buf);
}

/* The field of the flags is called pad in the older header. */
static int offer(struct uring_buffers *buffers, struct io_uring *ring, unsigned count, size_t size,
                 uint16_t flags)
{
    struct io_uring_buf_reg request = {
        .ring_addr = (uintptr_t)buffers->ring, .ring_entries = count, .pad = flags};
    buffers->count = count;
    buffers->size = size;
    buffers->incremental = flags & BUFFERS_INCREMENTAL;
    return io_uring_register_buf_ring(ring, &request, 0);
}

static void lend(struct uring_buffers *buffers, unsigned number, int ahead)
{
    buffers->used[number] = 0;
    io_uring_buf_ring_add(buffers->ring, buffers->memory + number * buffers->size,
                          (unsigned)buffers->size, (unsigned short)number,
                          io_uring_buf_ring_mask(buffers->count), ahead);
}

int uring_buffers_open(struct uring_buffers *buffers, struct io_uring *ring)
{
    buffers->ring = map(ring_bytes());
    buffers->memory = map(URING_BUFFER_BYTES);
    if (!buffers->ring || !buffers->memory)
        return -ENOMEM;
    int status =
        offer(buffers, ring, URING_INCREMENTAL_COUNT, URING_INCREMENTAL_SIZE, BUFFERS_INCREMENTAL);
    if (status == -EINVAL)
        status = offer(buffers, ring, URING_WHOLE_COUNT, URING_WHOLE_SIZE, 0);
    if (status)
        return status;
    io_uring_buf_ring_init(buffers->ring);
    for (unsigned i = 0; i < buffers->count; i++)
        lend(buffers, i, (int)i);
    io_uring_buf_ring_advance(buffers->ring, (int)buffers->count);
    return 0;
}

void uring_buffers_close(struct uring_buffers *buffers)
{
    if (buffers->ring)
        munmap(buffers->ring, ring_bytes());
    if (buffers->memory)
        munmap(buffers->memory, URING_BUFFER_BYTES);
}

static unsigned number_of(uint32_t flags)
{
    return flags >> IORING_CQE_BUFFER_SHIFT;
}

const uint8_t *uring_buffers_find(const struct uring_buffers *buffers, uint32_t flags)
{
    unsigned number = number_of(flags);
    return buffers->memory + number * buffers->size + buffers->used[number];
}

void uring_buffers_return(struct uring_buffers *buffers, uint32_t flags, size_t size)
{
    unsigned number = number_of(flags);
    buffers->used[number] += (uint32_t)size;
    if (flags & COMPLETION_BUFFER_MORE)
        return;
    lend(buffers, number, 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}
