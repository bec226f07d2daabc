/* sim_operations.c: descriptors, and the life of operations, in the simulated engine.
 *
 * Descriptors are known by number for ever, so that a late use of a closed one is noticed.
 *
 * An operation is in one of three phases. WAITING: in its descriptor's slot, and among the tries
 * when something may have come for it. CANCELLED: it is among the tries, and ends there. DUE: its
 * result is known, and it is told in a pass to come. It keeps its slot until it is told, so that
 * closing too early or submitting twice is noticed.
 *
 * What leaves goes through one loop (output_go): the descriptor takes as much as it has room for,
 * and chance may stop it earlier, to go on in a later pass or at a later time. The first error ends
 * it. */
#include "engine/sim_parts.h"

#include <assert.h>
#include <errno.h>

/* ---- descriptors ---- */

int sim_open(struct sim *sim, struct descriptor *descriptor, const struct descriptor_table *table)
{
    sim->descriptors = sim_grown(sim->descriptors, sim->descriptor_count, &sim->descriptor_room,
                                 sizeof(struct descriptor *));
    descriptor->table = table;
    descriptor->sim = sim;
    descriptor->fd = SIM_FIRST_DESCRIPTOR + (int)sim->descriptor_count;
    descriptor->open = true;
    sim->descriptors[sim->descriptor_count++] = descriptor;
    sim->open_count++;
    return descriptor->fd;
}

struct descriptor *sim_descriptor_ever(const struct sim *sim, int fd)
{
    assert(fd >= SIM_FIRST_DESCRIPTOR);
    assert((size_t)(fd - SIM_FIRST_DESCRIPTOR) < sim->descriptor_count);
    return sim->descriptors[fd - SIM_FIRST_DESCRIPTOR];
}

struct descriptor *sim_descriptor(struct sim *sim, int fd)
{
    struct descriptor *descriptor = sim_descriptor_ever(sim, fd);
    assert(descriptor->open && "use after close");
    return descriptor;
}

unsigned sim_open_count(const struct engine *engine)
{
    return sim_of_const(engine)->open_count;
}

/* ---- operations ---- */

static void list_put(struct sim *sim, struct list *list, struct op *op, bool may_be_first)
{
    list_remove(&op->link);
    if (may_be_first && sim_happens(sim, sim->faults.shuffle))
        list_prepend(list, &op->link);
    else
        list_append(list, &op->link);
}

void sim_try(struct sim *sim, struct op *op)
{
    if (op && op->phase != PHASE_DUE && list_empty(&op->link))
        list_put(sim, &sim->tries, op, true);
}

void sim_try_output(struct descriptor *descriptor)
{
    if (!descriptor->later)
        sim_try(descriptor->sim, descriptor->output);
}

void sim_finish(struct descriptor *descriptor, struct op *op, int64_t result)
{
    assert(op->active && op->phase != PHASE_DUE);
    op->phase = PHASE_DUE;
    op->result = result;
    /* The end of the input that follows a failed send must not be told before it. */
    list_put(descriptor->sim, &descriptor->sim->due, op, result > 0);
}

static void op_begin(struct descriptor *descriptor, struct op *op, enum op_kind kind)
{
    assert(op->done);
    assert(!op->active && "submitted while active");
    op->kind = (uint8_t)kind;
    op->fd = descriptor->fd;
    op->active = true;
    op->phase = PHASE_WAITING;
    list_init(&op->link);
}

/* Out of its slot and every list: it is the owner's again. */
static void op_release(struct descriptor *descriptor, struct op *op)
{
    if (descriptor->input == op)
        descriptor->input = NULL;
    else if (descriptor->sync == op)
        descriptor->sync = NULL;
    else
        descriptor->output = NULL;
    list_remove(&op->link);
    op->active = false;
}

bool sim_run_due(struct sim *sim)
{
    struct list due, *link;
    list_init(&due);
    list_splice(&due, &sim->due);
    bool any = !list_empty(&due);
    while ((link = list_take(&due))) {
        struct op *op = list_item(link, struct op, link);
        op_release(sim_descriptor(sim, op->fd), op);
        sim_note(sim, op->kind, (uint64_t)op->result);
        if (op->kind == OP_CHILD) /* its descriptor is the engine's */
            engine_close(&sim->engine, op->fd, false);
        op->done(op, op->result);
    }
    return any;
}

/* ---- input ---- */

void sim_await(struct sim *sim, struct op *op, int fd, enum op_kind kind)
{
    struct descriptor *descriptor = sim_descriptor(sim, fd);
    assert(descriptor->table->input && "nothing can be received here");
    assert(!descriptor->input && "two inputs on a descriptor");
    op_begin(descriptor, op, kind);
    descriptor->input = op;
    if (descriptor->table->has_input(descriptor))
        sim_try(sim, op);
}

void sim_accept(struct engine *engine, struct accept_op *op, int fd)
{
    struct sim *sim = sim_of(engine);
    sim_await(sim, &op->op, fd, OP_ACCEPT);
    /* accept says EMFILE with nothing queued, too. */
    if (sim_happens(sim, sim->faults.accept_refused))
        sim_finish(sim_descriptor(sim, fd), &op->op, -EMFILE);
}

void sim_receive(struct engine *engine, struct receive_op *op, int fd)
{
    sim_await(sim_of(engine), &op->op, fd, OP_RECEIVE);
}

void sim_read(struct engine *engine, struct receive_op *op, int fd)
{
    sim_await(sim_of(engine), &op->op, fd, OP_READ);
}

void sim_receive_datagrams(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    sim_await(sim_of(engine), &op->op, fd, OP_RECEIVE_DATAGRAMS);
}

/* ---- output ---- */

static void output_go(struct descriptor *descriptor);

static void output_resume(void *subject, uint64_t number)
{
    struct descriptor *descriptor = subject;
    if (descriptor->writes != number || !descriptor->output || !descriptor->later)
        return;
    descriptor->later = false;
    if (descriptor->output->phase == PHASE_WAITING)
        output_go(descriptor);
}

void sim_pause_output(struct descriptor *descriptor, int64_t delay_ns)
{
    struct sim *sim = descriptor->sim;
    descriptor->later = true;
    sim_at(sim, sim->engine.now_ns + delay_ns, output_resume, descriptor, descriptor->writes);
}

/* Go on later, though there may be room now. */
static void output_pause(struct descriptor *descriptor)
{
    if (descriptor->disk)
        sim_pause_output(descriptor, sim_within(descriptor->sim, descriptor->sim->faults.write_ns));
    else
        sim_try_output(descriptor);
}

static struct send_op *output_of(struct descriptor *descriptor)
{
    return list_item(descriptor->output, struct send_op, op);
}

/* The bytes to take next: the first part that has any, or as much of it as chance lets through. The
 * parts' array is the owner's: its entries may change, where it begins may not. */
static struct slice output_next(struct descriptor *descriptor, bool *cut)
{
    const struct send_op *op = output_of(descriptor);
    const struct sim_faults *faults = &descriptor->sim->faults;
    while (descriptor->part < op->part_count && op->parts[descriptor->part].iov_len == 0)
        descriptor->part++;
    if (descriptor->part == op->part_count)
        return slice_of(NULL, 0);
    const struct iovec *part = &op->parts[descriptor->part];
    size_t size = part->iov_len;
    double chance = descriptor->disk ? faults->write_short : faults->short_send;
    *cut = size > 1 && sim_happens(descriptor->sim, chance);
    if (*cut)
        size = (size_t)sim_between(descriptor->sim, 1, (int64_t)size - 1);
    return slice_of(part->iov_base, size);
}

static void output_advance(struct descriptor *descriptor, size_t count)
{
    struct send_op *op = output_of(descriptor);
    struct iovec *part = &op->parts[descriptor->part];
    op->transferred += count;
    part->iov_base = (uint8_t *)part->iov_base + count;
    part->iov_len -= count;
}

/* Let as much leave as may: until all has, there is no room, or chance says stop. */
static void bytes_go(struct descriptor *descriptor)
{
    struct send_op *op = output_of(descriptor);
    for (;;) {
        bool cut = false;
        struct slice next = output_next(descriptor, &cut);
        if (next.size == 0) {
            sim_finish(descriptor, &op->op, (int64_t)op->transferred);
            return;
        }
        int64_t taken = descriptor->table->take(descriptor, next);
        if (taken < 0) {
            sim_finish(descriptor, &op->op, taken);
            return;
        }
        output_advance(descriptor, (size_t)taken);
        if (cut && taken > 0)
            output_pause(descriptor);
        if (cut || taken == 0)
            return;
    }
}

static void output_go(struct descriptor *descriptor)
{
    if (descriptor->table->output)
        descriptor->table->output(descriptor);
    else
        bytes_go(descriptor);
}

static struct descriptor *output_begin(struct sim *sim, struct op *op, int fd, enum op_kind kind)
{
    struct descriptor *descriptor = sim_descriptor(sim, fd);
    assert(!descriptor->output && "two outputs on a descriptor");
    op_begin(descriptor, op, kind);
    descriptor->output = op;
    descriptor->part = 0;
    descriptor->writes++;
    descriptor->later = false;
    return descriptor;
}

/* Begin to let leave what was submitted: whether it is over already. */
static bool output_first(struct descriptor *descriptor)
{
    struct sim *sim = descriptor->sim;
    struct op *op = descriptor->output;
    if (descriptor->disk && sim_happens(sim, sim->faults.write_later))
        output_pause(descriptor);
    else
        output_go(descriptor);
    if (op->phase != PHASE_DUE || sim_happens(sim, sim->faults.send_later))
        return false;
    op_release(descriptor, op);
    return true;
}

static bool send_begin(struct sim *sim, struct send_op *op, int fd, enum op_kind kind)
{
    struct descriptor *descriptor = output_begin(sim, &op->op, fd, kind);
    assert(descriptor->table->take && "nothing can be sent here");
    op->transferred = 0;
    return output_first(descriptor);
}

bool sim_send(struct engine *engine, struct send_op *op, int fd)
{
    return send_begin(sim_of(engine), op, fd, OP_SEND);
}

bool sim_write(struct engine *engine, struct write_op *op, int fd)
{
    return send_begin(sim_of(engine), &op->send, fd, OP_WRITE);
}

bool sim_send_datagrams(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    struct descriptor *descriptor = output_begin(sim_of(engine), &op->op, fd, OP_SEND_DATAGRAMS);
    assert(descriptor->table->output && "no datagrams can be sent here");
    op->handled = 0;
    return output_first(descriptor);
}

/* Always told by done. */
void sim_reach(struct engine *engine, struct connect_op *op, int fd)
{
    struct descriptor *descriptor = output_begin(sim_of(engine), &op->op, fd, OP_CONNECT);
    assert(descriptor->table->output && "no socket to connect");
    output_go(descriptor);
}

/* ---- sync ---- */

static void sync_resume(void *subject, uint64_t number)
{
    struct descriptor *descriptor = subject;
    if (descriptor->syncs == number && descriptor->sync && descriptor->sync->phase == PHASE_WAITING)
        sim_finish(descriptor, descriptor->sync, descriptor->table->sync(descriptor));
}

bool sim_sync(struct engine *engine, struct sync_op *op, int fd)
{
    struct sim *sim = sim_of(engine);
    struct descriptor *descriptor = sim_descriptor(sim, fd);
    assert(descriptor->table->sync && "nothing to sync");
    assert(!descriptor->sync && "two syncs on a descriptor");
    op_begin(descriptor, &op->op, OP_SYNC);
    descriptor->sync = &op->op;
    descriptor->syncs++;
    op->took_ns = 0;
    if (op->apart || sim_happens(sim, sim->faults.sync_later)) {
        op->took_ns = sim_within(sim, sim->faults.sync_ns);
        sim_at(sim, engine->now_ns + op->took_ns, sync_resume, descriptor, descriptor->syncs);
        return false;
    }
    op->op.result = descriptor->table->sync(descriptor);
    op_release(descriptor, &op->op);
    return true;
}

/* ---- the end of an operation ---- */

void sim_give_up(struct sim *sim, struct op *op)
{
    struct descriptor *descriptor = sim_descriptor(sim, op->fd);
    if (descriptor->input == op) {
        op->phase = PHASE_CANCELLED;
        sim_try(sim, op);
    } else if (descriptor->sync == op && sim_happens(sim, 0.5)) {
        sim_finish(descriptor, op, descriptor->table->sync(descriptor)); /* it was quicker */
    } else {
        sim_finish(descriptor, op, -ECANCELED);
    }
}

void sim_run_tries(struct sim *sim)
{
    struct list tries, *link;
    list_init(&tries);
    list_splice(&tries, &sim->tries);
    while ((link = list_take(&tries))) {
        struct op *op = list_item(link, struct op, link);
        struct descriptor *descriptor = sim_descriptor(sim, op->fd);
        if (descriptor->input == op)
            descriptor->table->input(descriptor, op->phase == PHASE_CANCELLED);
        else if (!descriptor->later)
            output_go(descriptor);
    }
}
