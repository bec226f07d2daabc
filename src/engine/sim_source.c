/* sim_source.c: what the simulated server reads from: a pipe that a test writes to. A file to be
 * read is a pipe whose writer wrote it all and went.
 *
 * Ways to fail: none; after the writer has gone comes the end of the stream. */
#include "engine/sim_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct source {
    struct descriptor descriptor;
    struct bytes content; /* written and not read */
    bool ended;
};

static struct source *source_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct source, descriptor);
}

static bool source_has_input(struct descriptor *descriptor)
{
    const struct source *source = source_of(descriptor);
    return source->content.size > 0 || source->ended;
}

/* The piece's memory is gone afterwards: who keeps it is noticed. */
static void source_deliver(struct source *source, struct receive_op *op, bool cancelled)
{
    struct sim *sim = source->descriptor.sim;
    size_t size = source->content.size;
    if (size > sim->engine.receive_size)
        size = sim->engine.receive_size;
    if (sim_happens(sim, sim->faults.short_receive))
        size = (size_t)sim_between(sim, 1, (int64_t)size);
    uint8_t *piece = sim_allocate(size);
    memcpy(piece, bytes_slice(&source->content).data, size);
    bytes_consume(&source->content, size);
    if (cancelled || source_has_input(&source->descriptor))
        sim_try(sim, &op->op);
    op->data = piece;
    sim_note(sim, OP_READ, size);
    op->op.done(&op->op, (int64_t)size);
    free(piece);
}

static void source_input(struct descriptor *descriptor, bool cancelled)
{
    struct source *source = source_of(descriptor);
    struct sim *sim = descriptor->sim;
    struct op *op = descriptor->input;
    assert(op->kind == OP_READ);
    bool any = source_has_input(descriptor);
    if (cancelled && !(any && sim_happens(sim, sim->faults.late_input)))
        sim_finish(descriptor, op, -ECANCELED);
    else if (source->content.size > 0)
        source_deliver(source, list_item(op, struct receive_op, op), cancelled);
    else if (source->ended)
        sim_finish(descriptor, op, 0);
}

static int64_t source_unread(struct descriptor *descriptor)
{
    return (int64_t)source_of(descriptor)->content.size;
}

static void source_close(struct descriptor *descriptor, bool reset)
{
    (void)descriptor;
    (void)reset;
}

static void source_free(struct descriptor *descriptor)
{
    struct source *source = source_of(descriptor);
    bytes_free(&source->content);
    free(source);
}

static const struct descriptor_table source_table = {.input = source_input,
                                                     .has_input = source_has_input,
                                                     .unread = source_unread,
                                                     .close = source_close,
                                                     .free = source_free};

int sim_source(struct engine *engine)
{
    struct source *source = sim_allocate(sizeof *source);
    return sim_open(sim_of(engine), &source->descriptor, &source_table);
}

static struct source *source_at(struct engine *engine, int fd)
{
    struct descriptor *descriptor = sim_descriptor_ever(sim_of(engine), fd);
    assert(descriptor->table == &source_table);
    return source_of(descriptor);
}

void sim_source_write(struct engine *engine, int fd, struct slice bytes)
{
    struct source *source = source_at(engine, fd);
    assert(!source->ended);
    sim_append(&source->content, bytes);
    sim_try(source->descriptor.sim, source->descriptor.input);
}

void sim_source_end(struct engine *engine, int fd)
{
    struct source *source = source_at(engine, fd);
    source->ended = true;
    sim_try(source->descriptor.sim, source->descriptor.input);
}
