/* plant_datagrams.c: the planted bugs of datagrams and of packets. */
#include "plant_parts.h"

#include "engine/sim.h"

#include <string.h>

static struct place kept_place;

/* ---- datagrams that are received ---- */

static void receive_with(struct engine *engine, struct receive_datagrams_op *op, int fd,
                         op_done *done)
{
    if (op->op.done != done)
        plant_here.datagrams_done = op->op.done;
    op->op.done = done;
    plant_here.real->receive_datagrams(engine, op, fd);
}

static void done_doubled(struct op *op, int64_t result)
{
    plant_here.datagrams_done(op, result);
    if (result > 0 && op->active && plant_strikes())
        plant_here.datagrams_done(op, result);
}

static void done_dropped(struct op *op, int64_t result)
{
    struct receive_datagrams_op *receive = list_item(op, struct receive_datagrams_op, op);
    bool drop = result > 0 && plant_strikes();
    receive->list += drop;
    if (!drop || result > 1)
        plant_here.datagrams_done(op, result - drop);
}

/* Hand on what was received as change has made it. */
static void hand_on(struct op *op, int64_t result, void (*change)(struct datagram *datagram))
{
    struct receive_datagrams_op *receive = list_item(op, struct receive_datagrams_op, op);
    struct datagram changed[DATAGRAMS_MAX];
    for (int64_t i = 0; i < result; i++) {
        changed[i] = receive->list[i];
        change(&changed[i]);
    }
    if (result > 0)
        receive->list = changed;
    plant_here.datagrams_done(op, result);
    receive->list = NULL;
}

static void not_cut(struct datagram *datagram)
{
    datagram->truncated = false;
}

/* Who has no name gets that of somebody before. */
static void name_nameless(struct datagram *datagram)
{
    if (datagram->place.size > 0)
        kept_place = datagram->place;
    else if (plant_here.keeping)
        datagram->place = kept_place;
    plant_here.keeping |= datagram->place.size > 0;
}

static void done_uncut(struct op *op, int64_t result)
{
    hand_on(op, result, not_cut);
}

static void done_namesake(struct op *op, int64_t result)
{
    hand_on(op, result, name_nameless);
}

static void receive_doubled(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    receive_with(engine, op, fd, done_doubled);
}

static void receive_dropped(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    receive_with(engine, op, fd, done_dropped);
}

static void receive_uncut(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    receive_with(engine, op, fd, done_uncut);
}

static void receive_namesake(struct engine *engine, struct receive_datagrams_op *op, int fd)
{
    receive_with(engine, op, fd, done_namesake);
}

void plant_datagram_doubled(struct engine_table *table)
{
    table->receive_datagrams = receive_doubled;
}

void plant_datagram_dropped(struct engine_table *table)
{
    table->receive_datagrams = receive_dropped;
}

void plant_datagram_uncut(struct engine_table *table)
{
    table->receive_datagrams = receive_uncut;
}

void plant_datagram_namesake(struct engine_table *table)
{
    table->receive_datagrams = receive_namesake;
}

/* ---- datagrams that are sent ---- */

/* To whom the one before went. */
static bool send_misled(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    for (unsigned i = 0; i < op->count; i++) {
        struct place place = op->list[i].place;
        if (plant_here.keeping && plant_strikes())
            op->list[i].place = kept_place;
        kept_place = place;
        plant_here.keeping = true;
    }
    return plant_here.real->send_datagrams(engine, op, fd);
}

static bool send_elsewhere(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    for (unsigned i = 0; i < op->count; i++)
        if (plant_strikes())
            op->list[i].local = (struct local_address){.family = 0};
    return plant_here.real->send_datagrams(engine, op, fd);
}

static bool send_unsent(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    if (!plant_strikes())
        return plant_here.real->send_datagrams(engine, op, fd);
    for (unsigned i = 0; i < op->count; i++)
        op->list[i].status = 0;
    op->handled = op->count;
    op->op.result = op->count;
    return true;
}

static bool send_twice(struct engine *engine, struct send_datagrams_op *op, int fd)
{
    struct send_datagrams_op other = {.op.done = op->op.done, .list = op->list, .count = op->count};
    const struct sim_faults *faults = sim_faults(engine);
    if (faults->short_send <= 0 && faults->send_later <= 0 && plant_strikes())
        plant_here.real->send_datagrams(engine, &other, fd); /* it is over at once */
    return plant_here.real->send_datagrams(engine, op, fd);
}

void plant_letter_misled(struct engine_table *table)
{
    table->send_datagrams = send_misled;
}

void plant_letter_elsewhere(struct engine_table *table)
{
    table->send_datagrams = send_elsewhere;
}

void plant_letter_unsent(struct engine_table *table)
{
    table->send_datagrams = send_unsent;
}

void plant_letter_twice(struct engine_table *table)
{
    table->send_datagrams = send_twice;
}

/* ---- packets ---- */

static struct {
    const struct op *op; /* whose */
    size_t size;
    uint8_t bytes[4096];
} kept_packet;

/* A packet waits, and comes as one with the next of its connection. */
static void done_joined(struct op *op, int64_t result)
{
    struct receive_op *receive = list_item(op, struct receive_op, op);
    bool small = result > 0 && (size_t)result <= sizeof kept_packet.bytes / 2;
    bool kept = plant_here.keeping && kept_packet.op == op && small;
    if ((op->flags & OP_PACKETS) && small && !plant_here.keeping && plant_strikes()) {
        plant_here.keeping = true;
        kept_packet.op = op;
        kept_packet.size = (size_t)result;
        memcpy(kept_packet.bytes, receive->data, kept_packet.size);
        return;
    }
    if (kept) {
        memcpy(kept_packet.bytes + kept_packet.size, receive->data, (size_t)result);
        receive->data = kept_packet.bytes;
        result += (int64_t)kept_packet.size;
        plant_here.keeping = false;
    }
    plant_here.receive_done(op, result);
}

static void receive_joined(struct engine *engine, struct receive_op *op, int fd)
{
    if (op->op.done != done_joined)
        plant_here.receive_done = op->op.done;
    op->op.done = done_joined;
    plant_here.real->receive(engine, op, fd);
}

/* The first half goes by itself: to a stream that makes no difference. */
static bool send_split(struct engine *engine, struct send_op *op, int fd)
{
    struct iovec half = op->parts[0];
    half.iov_len /= 2;
    struct send_op other = {.op.done = op->op.done, .parts = &half, .part_count = 1};
    const struct sim_faults *faults = sim_faults(engine);
    bool alone = faults->short_send <= 0 && faults->send_later <= 0 &&
                 plant_here.real->unacknowledged(engine, fd) == 0;
    size_t size = half.iov_len;
    if (alone && size > 0 && size < faults->send_buffer && plant_strikes()) {
        plant_here.real->send(engine, &other, fd); /* there is room: it is over at once */
        op->parts[0].iov_base = (uint8_t *)op->parts[0].iov_base + size;
        op->parts[0].iov_len -= size;
    }
    return plant_here.real->send(engine, op, fd);
}

void plant_packets_joined(struct engine_table *table)
{
    table->receive = receive_joined;
}

void plant_packet_split(struct engine_table *table)
{
    table->send = send_split;
}
