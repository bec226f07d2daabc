/* platter_engine.c: an engine whose journal lies on the platter: what goes to its descriptors,
 * which are lower than all of the simulation's, is done here, at once or later. One write and one
 * sync at a time, as a journal has them. */
#include "platter_parts.h"

#include "engine/sim.h"

#include <assert.h>
#include <errno.h>

struct going {
    struct op *op;
    uint64_t number;
    struct platter_sync sync;
};

static struct service {
    const struct engine_table *real;
    struct engine_table table;
    struct engine *engine;
    struct platter_pace pace;
    struct going write, sync;
    uint64_t count;
} service;

/* ---- what takes its time ---- */

static bool is_later(void)
{
    return sim_chance(service.engine, service.pace.later);
}

static void begin_later(struct going *going, struct op *op, int64_t delay_ns, sim_act *act)
{
    assert(!going->op);
    op->active = true;
    going->op = op;
    going->number = ++service.count;
    sim_after(service.engine, delay_ns, act, going, going->number);
}

static void end_later(struct going *going, int64_t result)
{
    struct op *op = going->op;
    going->op = NULL;
    op->active = false;
    op->done(op, result);
}

/* ---- writes ---- */

static size_t size_of(const struct send_op *op)
{
    size_t size = 0;
    for (unsigned i = 0; i < op->part_count; i++)
        size += op->parts[i].iov_len;
    return size;
}

/* The first bytes of a write. */
static void put(const struct write_op *op, size_t most)
{
    size_t offset = (size_t)op->offset;
    for (unsigned i = 0; i < op->send.part_count && most > 0; i++) {
        const struct iovec *part = &op->send.parts[i];
        size_t size = part->iov_len < most ? part->iov_len : most;
        platter_write(&platter.files[op->send.op.fd], slice_of(part->iov_base, size), offset);
        offset += size;
        most -= size;
    }
}

static int64_t write_now(struct write_op *op)
{
    size_t size = size_of(&op->send);
    bool dropped = (platter.bugs & PLATTER_DROPS_WRITES) && platter_random(5) == 0;
    if (!platter_runs())
        return -EIO;
    if (platter.full) {
        put(op, (size_t)platter_random(size + 1));
        return -ENOSPC;
    }
    if (!dropped)
        put(op, size);
    op->send.transferred = size;
    return (int64_t)size;
}

static void write_later(void *context, uint64_t number)
{
    struct going *going = context;
    if (!going->op || going->number != number)
        return;
    struct send_op *send = list_item(going->op, struct send_op, op);
    end_later(going, write_now(list_item(send, struct write_op, send)));
}

static bool write_on(struct engine *engine, struct write_op *op, int fd)
{
    if (fd >= SIM_FIRST_DESCRIPTOR)
        return service.real->write(engine, op, fd);
    op->send.op.fd = fd;
    op->send.op.kind = OP_WRITE;
    op->send.transferred = 0;
    if (!platter.stopped && is_later()) {
        put(op, (size_t)platter_random(size_of(&op->send) + 1));
        begin_later(&service.write, &op->send.op, sim_random(engine, 0, service.pace.write_ns),
                    write_later);
        return false;
    }
    op->send.op.result = write_now(op);
    return true;
}

/* ---- syncs ---- */

static int64_t sync_now(const struct platter_sync *sync)
{
    if (!platter_runs())
        return -EIO;
    platter.failed_ns = sim_now(service.engine); /* if it does */
    return platter_sync_end(sync, true);
}

static void sync_later(void *context, uint64_t number)
{
    struct going *going = context;
    if (going->op && going->number == number)
        end_later(going, sync_now(&going->sync));
}

static bool sync_on(struct engine *engine, struct sync_op *op, int fd)
{
    if (fd >= SIM_FIRST_DESCRIPTOR)
        return service.real->sync(engine, op, fd);
    op->op.fd = fd;
    op->op.kind = OP_SYNC;
    op->took_ns = sim_random(engine, 0, service.pace.sync_ns);
    struct platter_sync sync = platter_sync_begin(fd);
    bool soon = (platter.bugs & PLATTER_SAYS_SOON) && platter_random(5) == 0;
    if (!soon && !platter.stopped && (op->apart || is_later())) {
        service.sync.sync = sync;
        begin_later(&service.sync, &op->op, op->took_ns, sync_later);
        return false;
    }
    op->op.result = soon ? 0 : sync_now(&sync);
    return true;
}

/* What was begun is done nevertheless, but now. */
static void cancel_on(struct engine *engine, struct op *op)
{
    if (op == service.write.op)
        sim_after(engine, 0, write_later, &service.write, service.write.number);
    else if (op == service.sync.op)
        sim_after(engine, 0, sync_later, &service.sync, service.sync.number);
    else
        service.real->cancel(engine, op);
}

void platter_serve(struct engine *engine, struct platter_pace pace)
{
    service = (struct service){
        .real = engine->table, .table = *engine->table, .engine = engine, .pace = pace};
    service.table.write = write_on;
    service.table.sync = sync_on;
    service.table.cancel = cancel_on;
    engine->table = &service.table;
}
