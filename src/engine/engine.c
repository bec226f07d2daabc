/* engine.c: the contract, asserted once for every implementation; then the table is called.
 *
 * An assertion here is a bug of the caller: an operation submitted twice, without a done, or with
 * too many parts. What the system has to say comes back as a result instead. A name that is no
 * engine is the user's mistake and an error with a sentence. */
#include "engine/engine.h"

#include <assert.h>
#include <goodtalk.h>
#include <string.h>

struct engine *engine_create(const char *name, struct error *error)
{
    if (strcmp(name, "epoll") == 0)
        return engine_epoll_create(error);
    if (strcmp(name, "uring") == 0)
        return engine_uring_create(error);
    error_set(error, GT_WRONG, "%s: not an engine; there are epoll and uring", name);
    return NULL;
}

#ifndef GOODTALK_URING
struct engine *engine_uring_create(struct error *error)
{
    error_set(error, GT_FAILED, "engine uring is not in this build: liburing was not there");
    return NULL;
}
#endif

void engine_destroy(struct engine **engine)
{
    struct engine *gone = *engine;
    *engine = NULL;
    if (!gone)
        return;
    assert(!gone->timers.root);
    gone->table->destroy(gone);
}

static void assert_submittable(const struct op *op, int fd)
{
    assert(op->done);
    assert(!op->active);
    assert(fd >= 0);
    (void)op;
    (void)fd;
}

static void assert_sendable(const struct send_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    assert(op->part_count <= SEND_PARTS_MAX);
    assert(op->part_count == 0 || op->parts);
}

void engine_accept(struct engine *engine, struct accept_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    engine->table->accept(engine, op, fd);
}

void engine_receive(struct engine *engine, struct receive_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    engine->table->receive(engine, op, fd);
}

bool engine_send(struct engine *engine, struct send_op *op, int fd)
{
    assert_sendable(op, fd);
    return engine->table->send(engine, op, fd);
}

bool engine_write(struct engine *engine, struct write_op *op, int fd)
{
    assert_sendable(&op->send, fd);
    return engine->table->write(engine, op, fd);
}

bool engine_sync(struct engine *engine, struct sync_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    return engine->table->sync(engine, op, fd);
}

void engine_read(struct engine *engine, struct receive_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    engine->table->read(engine, op, fd);
}

void engine_connect(struct engine *engine, struct connect_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    assert(op->to.size > 0);
    engine->table->connect(engine, op, fd);
}

void engine_receive_datagrams(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    assert(op->size_most > 0 && op->size_most <= PACKET_MAX);
    engine->table->receive_datagrams(engine, op, fd);
}

bool engine_send_datagrams(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    assert_submittable(&op->op, fd);
    assert(op->count > 0 && op->count <= DATAGRAMS_MAX);
    return engine->table->send_datagrams(engine, op, fd);
}

int engine_spawn(struct engine *engine, struct child_op *op, struct spawn *spawn)
{
    assert(op->op.done && !op->op.active);
    assert(spawn->arguments[0]);
    return engine->table->spawn(engine, op, spawn);
}

void engine_kill(struct engine *engine, struct child_op *op, int signal)
{
    if (op->op.active)
        engine->table->kill(engine, op, signal);
}

void engine_cancel(struct engine *engine, struct op *op)
{
    if (op->active)
        engine->table->cancel(engine, op);
}

int engine_shutdown(struct engine *engine, int fd)
{
    return engine->table->shutdown(engine, fd);
}

void engine_close(struct engine *engine, int fd, bool reset)
{
    assert(fd >= 0);
    engine->table->close(engine, fd, reset);
}

int64_t engine_unacknowledged(struct engine *engine, int fd)
{
    return engine->table->unacknowledged(engine, fd);
}

int64_t engine_unread(struct engine *engine, int fd)
{
    return engine->table->unread(engine, fd);
}

int engine_pass(struct engine *engine, int64_t wait_ns)
{
    return engine->table->pass(engine, wait_ns);
}

int64_t engine_patience(struct engine *engine)
{
    return engine->table->patience(engine);
}

int engine_descriptor(struct engine *engine)
{
    return engine->table->descriptor(engine);
}

void engine_wake(struct engine *engine)
{
    engine->table->wake(engine);
}

int64_t engine_wall_us(struct engine *engine)
{
    return engine->table->wall_us(engine);
}

uint64_t engine_random(struct engine *engine)
{
    return engine->table->random(engine);
}
