/* journal_engine.c: see journal_engine.h. */
#include "journal_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

struct fake fake;

static bool fake_write(struct engine *engine, struct write_op *op, int fd)
{
    (void)engine;
    fake.writes++;
    assert_int_equal(op->mode, WRITE_AT);
    op->send.transferred = 0;
    for (unsigned i = 0; fake.fails == 0 && i < op->send.part_count; i++) {
        const struct iovec *part = &op->send.parts[i];
        off_t place = (off_t)(op->offset + op->send.transferred);
        assert_int_equal(pwrite(fd, part->iov_base, part->iov_len, place), part->iov_len);
        op->send.transferred += part->iov_len;
    }
    op->send.op.result = fake.fails ? fake.fails : (int64_t)op->send.transferred;
    return true;
}

static bool fake_sync(struct engine *engine, struct sync_op *op, int fd)
{
    (void)engine;
    fake.syncs++;
    assert_null(fake.held);
    op->took_ns = fake.took_ns;
    bool at_once = fake.sync_begins ? fake.sync_begins(fd) : !fake.holds;
    if (at_once && !op->apart) {
        if (fake.sync_ends)
            fake.sync_ends();
        op->op.result = 0;
        return true;
    }
    fake.held = op;
    fake.held_apart = op->apart;
    op->op.active = true;
    return false;
}

void end_sync(int64_t result)
{
    struct sync_op *op = fake.held;
    assert_non_null(op);
    fake.held = NULL;
    op->op.active = false;
    op->op.done(&op->op, result);
}

static void fake_cancel(struct engine *engine, struct op *op)
{
    (void)engine;
    assert_ptr_equal(&fake.held->op, op);
}

static int64_t fake_wall_us(struct engine *engine)
{
    (void)engine;
    return 1000000;
}

static uint64_t fake_random(struct engine *engine)
{
    (void)engine;
    return ++fake.random * 0x9e3779b97f4a7c15u;
}

static const struct engine_table fake_table = {.name = "fake",
                                               .write = fake_write,
                                               .sync = fake_sync,
                                               .cancel = fake_cancel,
                                               .wall_us = fake_wall_us,
                                               .random = fake_random};

void fake_begin(void)
{
    fake = (struct fake){.engine.table = &fake_table, .engine.now_ns = 1, .random = fake.random};
}
