/* plant.c: the planted bugs, each a function or two in the engine's table.
 *
 * A receive is meddled with by taking its done's place; the operation is the server's, so one such
 * bug lives at a time. Each happens with a chance from the seed, so that a seed that found it finds
 * it again. */
#include "plant.h"

#include "engine/sim.h"

#include <string.h>

#define OFTEN 0.2

static struct {
    const struct engine_table *real;
    struct engine_table table;
    struct engine *engine;
    op_done *receive_done; /* the server's: the same for all its connections */
} here;

static bool strikes(void)
{
    return sim_chance(here.engine, OFTEN);
}

/* ---- input that is lost, doubled or torn ---- */

static void done_doubled(struct op *op, int64_t result)
{
    here.receive_done(op, result);
    if (result > 0 && op->active && strikes())
        here.receive_done(op, result);
}

static void done_dropped(struct op *op, int64_t result)
{
    if (result <= 0 || !strikes())
        here.receive_done(op, result);
}

static void done_shortened(struct op *op, int64_t result)
{
    here.receive_done(op, result > 1 && strikes() ? result - 1 : result);
}

static void receive_with(struct engine *engine, struct receive_op *op, int fd, op_done *done)
{
    if (op->op.done != done)
        here.receive_done = op->op.done;
    op->op.done = done;
    here.real->receive(engine, op, fd);
}

static void receive_doubled(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_doubled);
}

static void receive_dropped(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_dropped);
}

static void receive_shortened(struct engine *engine, struct receive_op *op, int fd)
{
    receive_with(engine, op, fd, done_shortened);
}

/* ---- replies that are lost, doubled, or cut short by the close ---- */

static size_t size_of(const struct send_op *op)
{
    size_t size = 0;
    for (unsigned i = 0; i < op->part_count; i++)
        size += op->parts[i].iov_len;
    return size;
}

/* Say that all has been done, and do nothing. */
static bool pretend(struct send_op *op)
{
    op->transferred = size_of(op);
    op->op.result = (int64_t)op->transferred;
    return true;
}

static bool send_dropped(struct engine *engine, struct send_op *op, int fd)
{
    return strikes() ? pretend(op) : here.real->send(engine, op, fd);
}

static bool send_doubled(struct engine *engine, struct send_op *op, int fd)
{
    struct iovec again = op->parts[0];
    struct send_op other = {.op = {.done = op->op.done}, .parts = &again, .part_count = 1};
    size_t buffer = sim_faults(engine)->send_buffer;
    bool small = size_of(op) * 2 < buffer && here.real->unacknowledged(engine, fd) == 0;
    if (small && sim_faults(engine)->short_send <= 0 && sim_faults(engine)->send_later <= 0 &&
        strikes())
        here.real->send(engine, &other, fd); /* there is room: it is finished at once */
    return here.real->send(engine, op, fd);
}

static void close_hastily(struct engine *engine, int fd, bool reset)
{
    here.real->close(engine, fd, reset || strikes());
}

/* ---- messages that are not recorded, though it is said that they are ---- */

static bool write_dropped(struct engine *engine, struct write_op *op, int fd)
{
    return strikes() ? pretend(&op->send) : here.real->write(engine, op, fd);
}

static bool write_failure_ignored(struct engine *engine, struct write_op *op, int fd)
{
    size_t size = size_of(&op->send);
    bool finished = here.real->write(engine, op, fd);
    if (finished && op->send.op.result < 0)
        op->send.op.result = (int64_t)size;
    return finished;
}

/* ---- putting it in ---- */

const struct plant plants[] = {
    {"receive-doubled", "received bytes are handled twice"},
    {"receive-dropped", "received bytes are lost"},
    {"receive-shortened", "the last byte received is lost"},
    {"send-dropped", "a reply is never sent"},
    {"send-doubled", "a reply is sent twice"},
    {"close-hastily", "a connection is reset instead of closed"},
    {"write-dropped", "a message is replied to and not recorded"},
    {"write-failure-ignored", "a failed write counts as made"},
    {NULL, NULL},
};

static bool choose(struct engine_table *table, const char *name)
{
    if (strcmp(name, "receive-doubled") == 0)
        table->receive = receive_doubled;
    else if (strcmp(name, "receive-dropped") == 0)
        table->receive = receive_dropped;
    else if (strcmp(name, "receive-shortened") == 0)
        table->receive = receive_shortened;
    else if (strcmp(name, "send-dropped") == 0)
        table->send = send_dropped;
    else if (strcmp(name, "send-doubled") == 0)
        table->send = send_doubled;
    else if (strcmp(name, "close-hastily") == 0)
        table->close = close_hastily;
    else if (strcmp(name, "write-dropped") == 0)
        table->write = write_dropped;
    else if (strcmp(name, "write-failure-ignored") == 0)
        table->write = write_failure_ignored;
    else
        return false;
    return true;
}

bool plant_put(struct engine *engine, const char *name)
{
    here.real = engine->table;
    here.table = *engine->table;
    here.engine = engine;
    here.receive_done = NULL;
    if (!choose(&here.table, name))
        return false;
    engine->table = &here.table;
    return true;
}
