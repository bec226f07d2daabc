/* epoll_operation.c: what is known of descriptors, and the life of an operation on one.
 *
 * An operation takes its place in the row of its descriptor as it begins and leaves it as it ends.
 * One that would block has epoll watch the descriptor; the event finds its way back through the
 * row. The table grows as numbers do; where memory is out the operation is active without a place,
 * and its submitter ends it. A descriptor epoll refuses (EPERM, a regular file) is always ready:
 * what waits for it is tried in every pass. */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

/* Rows: enough for few connections; and for many, so large a piece that it is the system's and not
 * the heap's, where the tables outgrown on the way would leave holes among the connections (13
 * bytes for each of 10,000). */
#define TABLE_MINIMUM 64
#define TABLE_LARGE   8192

static uint64_t event_data(uint32_t generation, int fd)
{
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

/* ---- descriptors ---- */

/* New memory of the system's is zero, and takes no room until it is touched. */
static int table_grow(struct epoll_engine *engine, int fd)
{
    size_t count = fd < TABLE_MINIMUM ? TABLE_MINIMUM : TABLE_LARGE;
    while (count <= (size_t)fd)
        count *= 2;
    struct descriptor *grown = calloc(count, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    if (engine->descriptors)
        memcpy(grown, engine->descriptors, engine->descriptor_count * sizeof *grown);
    free(engine->descriptors);
    engine->descriptors = grown;
    engine->descriptor_count = count;
    return 0;
}

void epoll_forget(struct epoll_engine *engine, int fd)
{
    struct descriptor *row = epoll_row(engine, fd);
    if (!row)
        return;
    assert(!row->reader && !row->writer);
    row->generation++;
    row->flags = 0;
    row->error = 0;
}

/* Tell epoll what to watch. A descriptor that was closed behind our back, or that came back under
 * the same number, makes the table wrong about "new" or "known": then it is the other one. */
static int watch(struct epoll_engine *engine, struct descriptor *row, int fd, uint8_t flags)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET};
    event.data.u64 = event_data(row->generation, fd);
    if (flags & DESCRIPTOR_IN)
        event.events |= EPOLLIN;
    if (flags & DESCRIPTOR_OUT)
        event.events |= EPOLLOUT;
    bool known = row->flags & (DESCRIPTOR_IN | DESCRIPTOR_OUT);
    if (epoll_ctl(engine->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno != (known ? ENOENT : EEXIST))
        return -errno;
    return epoll_ctl(engine->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) ? -errno
                                                                                          : 0;
}

/* What is read or written may be anything; all else is a socket, which epoll takes: there EPERM is
 * the word of a sandbox, and trying in every pass would never end. */
static bool may_be_a_file(const struct op *op)
{
    return op->kind == OP_READ || op->kind == OP_WRITE;
}

/* EPOLLOUT is asked for only once a send had to wait: a Unix socket tells that edge each time its
 * peer reads, which would wake us for every reply. */
int epoll_await(struct epoll_engine *engine, struct op *op, uint8_t flag)
{
    struct descriptor *row = epoll_row(engine, op->fd);
    if (!(row->flags & (flag | DESCRIPTOR_REFUSED))) {
        uint8_t watched = row->flags & (DESCRIPTOR_IN | DESCRIPTOR_OUT);
        int status = watch(engine, row, op->fd, watched | flag);
        if (status && (status != -EPERM || !may_be_a_file(op)))
            return status;
        row->flags |= status ? DESCRIPTOR_REFUSED : flag;
    }
    list_remove(&op->link);
    if (row->flags & DESCRIPTOR_REFUSED)
        list_append(&engine->ready, &op->link);
    return 0;
}

uint8_t epoll_gentleness(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && !(flags & O_NONBLOCK) ? PHASE_GENTLE : 0;
}

bool epoll_ready_now(int fd, short events)
{
    struct pollfd descriptor = {.fd = fd, .events = events};
    int count = poll(&descriptor, 1, 0);
    while (count < 0 && errno == EINTR)
        count = poll(&descriptor, 1, 0);
    return count != 0;
}

/* ---- the life of an operation ---- */

static struct op **row_place(struct descriptor *row, enum op_kind kind)
{
    return kind < OP_CONNECT ? &row->reader : &row->writer;
}

struct descriptor *epoll_begin(struct epoll_engine *engine, struct op *op, enum op_kind kind,
                               int fd)
{
    op->fd = fd;
    op->kind = (uint8_t)kind;
    op->active = true;
    list_init(&op->link);
    engine->active++;
    if ((size_t)fd >= engine->descriptor_count && table_grow(engine, fd))
        return NULL;
    struct descriptor *row = epoll_row(engine, fd);
    struct op **place = row_place(row, kind);
    assert(!*place);
    *place = op;
    return row;
}

void epoll_end(struct epoll_engine *engine, struct op *op, int64_t result)
{
    struct descriptor *row = epoll_row(engine, op->fd);
    if (row && *row_place(row, op->kind) == op)
        *row_place(row, op->kind) = NULL;
    list_remove(&op->link);
    op->result = result;
    op->active = false;
    engine->active--;
}

void epoll_finish(struct epoll_engine *engine, struct op *op, int64_t result)
{
    epoll_end(engine, op, result);
    engine->happened = true;
    op->done(op, result);
}

void epoll_finish_later(struct epoll_engine *engine, struct op *op, int64_t result)
{
    op->phase |= PHASE_DUE;
    op->result = result;
    list_remove(&op->link);
    list_append(&engine->due, &op->link);
}

struct descriptor *epoll_submit(struct epoll_engine *engine, struct op *op, enum op_kind kind,
                                int fd)
{
    struct descriptor *row = epoll_begin(engine, op, kind, fd);
    if (row)
        list_append(&engine->ready, &op->link);
    else
        epoll_finish_later(engine, op, -ENOMEM);
    return row;
}

bool epoll_begin_waiting(struct epoll_engine *engine, struct op *op, uint8_t flag)
{
    struct descriptor *row = epoll_begin(engine, op, op->kind, op->fd);
    int status = row ? epoll_await(engine, op, flag) : -ENOMEM;
    if (status)
        epoll_end(engine, op, status);
    return status != 0;
}

void epoll_await_or_fail(struct epoll_engine *engine, struct op *op, uint8_t flag)
{
    int status = epoll_await(engine, op, flag);
    if (status)
        epoll_finish(engine, op, status);
}
