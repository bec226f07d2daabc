/* plant.c: the planted bugs, each a function or two in the engine's table.
 *
 * A receive is meddled with by taking its done's place; the operation is the server's, so one such
 * bug lives at a time. Each happens with a chance from the seed, so that a seed that found it finds
 * it again. */
#include "plant_parts.h"

#include "allocations.h"
#include "engine/sim.h"

#include <string.h>

#define OFTEN 0.2

struct plant_state plant_here;

bool plant_strikes(void)
{
    return sim_chance(plant_here.engine, OFTEN);
}

/* ---- input that is lost, doubled or torn ---- */

static void done_doubled(struct op *op, int64_t result)
{
    plant_here.receive_done(op, result);
    if (result > 0 && op->active && plant_strikes())
        plant_here.receive_done(op, result);
}

static void done_dropped(struct op *op, int64_t result)
{
    if (result <= 0 || !plant_strikes())
        plant_here.receive_done(op, result);
}

static void done_shortened(struct op *op, int64_t result)
{
    plant_here.receive_done(op, result > 1 && plant_strikes() ? result - 1 : result);
}

static void receive_with(struct engine *engine, struct receive_op *op, int fd, op_done *done)
{
    if (op->op.done != done)
        plant_here.receive_done = op->op.done;
    op->op.done = done;
    plant_here.real->receive(engine, op, fd);
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
    return plant_strikes() ? pretend(op) : plant_here.real->send(engine, op, fd);
}

static bool send_doubled(struct engine *engine, struct send_op *op, int fd)
{
    struct iovec again = op->parts[0];
    struct send_op other = {.op = {.done = op->op.done}, .parts = &again, .part_count = 1};
    size_t buffer = sim_faults(engine)->send_buffer;
    bool small = size_of(op) * 2 < buffer && plant_here.real->unacknowledged(engine, fd) == 0;
    if (small && sim_faults(engine)->short_send <= 0 && sim_faults(engine)->send_later <= 0 &&
        plant_strikes())
        plant_here.real->send(engine, &other, fd); /* there is room: it is finished at once */
    return plant_here.real->send(engine, op, fd);
}

static void close_hastily(struct engine *engine, int fd, bool reset)
{
    plant_here.real->close(engine, fd, reset || plant_strikes());
}

/* ---- messages that are not recorded, though it is said that they are ---- */

static bool write_dropped(struct engine *engine, struct write_op *op, int fd)
{
    return plant_strikes() ? pretend(&op->send) : plant_here.real->write(engine, op, fd);
}

static bool write_failure_ignored(struct engine *engine, struct write_op *op, int fd)
{
    size_t size = size_of(&op->send);
    bool finished = plant_here.real->write(engine, op, fd);
    if (finished && op->send.op.result < 0)
        op->send.op.result = (int64_t)size;
    return finished;
}

/* What is written, or sent, has one byte wrong; the memory is the owner's and stays as it is. */
static uint8_t garbled_bytes[64 * 1024];

static void garble(struct send_op *op)
{
    struct iovec *part = &op->parts[0];
    if (op->part_count == 0 || part->iov_len == 0 || part->iov_len > sizeof garbled_bytes ||
        !plant_strikes())
        return;
    memcpy(garbled_bytes, part->iov_base, part->iov_len);
    garbled_bytes[part->iov_len / 2] ^= 1;
    part->iov_base = garbled_bytes;
}

static bool write_garbled(struct engine *engine, struct write_op *op, int fd)
{
    garble(&op->send);
    return plant_here.real->write(engine, op, fd);
}

static bool send_garbled(struct engine *engine, struct send_op *op, int fd)
{
    if (sim_faults(engine)->short_send <= 0)
        garble(op);
    return plant_here.real->send(engine, op, fd);
}

/* ---- putting it in ---- */

static void put_receive_doubled(struct engine_table *table)
{
    table->receive = receive_doubled;
}

static void put_receive_dropped(struct engine_table *table)
{
    table->receive = receive_dropped;
}

static void put_receive_shortened(struct engine_table *table)
{
    table->receive = receive_shortened;
}

static void put_send_dropped(struct engine_table *table)
{
    table->send = send_dropped;
}

static void put_send_doubled(struct engine_table *table)
{
    table->send = send_doubled;
}

static void put_send_garbled(struct engine_table *table)
{
    table->send = send_garbled;
}

static void put_close_hastily(struct engine_table *table)
{
    table->close = close_hastily;
}

static void put_write_dropped(struct engine_table *table)
{
    table->write = write_dropped;
}

static void put_write_garbled(struct engine_table *table)
{
    table->write = write_garbled;
}

static void put_write_failure_ignored(struct engine_table *table)
{
    table->write = write_failure_ignored;
}

const struct plant plants[] = {
    {"receive-doubled", "received bytes are handled twice", put_receive_doubled},
    {"receive-dropped", "received bytes are lost", put_receive_dropped},
    {"receive-shortened", "the last byte received is lost", put_receive_shortened},
    {"send-dropped", "a reply is never sent", put_send_dropped},
    {"send-doubled", "a reply is sent twice", put_send_doubled},
    {"send-garbled", "a reply has a wrong byte", put_send_garbled},
    {"close-hastily", "a connection is reset instead of closed", put_close_hastily},
    {"write-dropped", "a message is replied to and not recorded", put_write_dropped},
    {"write-garbled", "a message is recorded with a wrong byte", put_write_garbled},
    {"write-failure-ignored", "a failed write counts as made", put_write_failure_ignored},
    {"datagram-doubled", "datagrams are handled twice", plant_datagram_doubled},
    {"datagram-dropped", "a datagram is lost", plant_datagram_dropped},
    {"datagram-uncut", "a truncated datagram is taken", plant_datagram_uncut},
    {"datagram-namesake", "who has no name is given somebody's", plant_datagram_namesake},
    {"letter-misled", "a datagram's reply goes to somebody else", plant_letter_misled},
    {"letter-elsewhere", "a datagram's reply leaves from another address", plant_letter_elsewhere},
    {"letter-unsent", "the replies to datagrams are never sent", plant_letter_unsent},
    {"letter-twice", "the replies to datagrams are sent twice", plant_letter_twice},
    {"packets-joined", "two packets are handled as one", plant_packets_joined},
    {"packet-split", "a reply is sent as two packets", plant_packet_split},
    {"timer-lost", "a deadline is not set after a receive", plant_timer_lost},
    {"turn-lost", "a turn that is held is forgotten", plant_turn_lost},
    {"memory-miscounted", "memory of an unfinished message is not counted",
     plant_memory_miscounted},
    {"deadline-by-wall", "a deadline is reckoned by the wall clock", plant_deadline_by_wall},
    {"rate-forgotten", "what a source has sent does not count", plant_rate_forgotten},
    {"end-twice", "a connection ends twice", plant_end_twice},
    {"want-unrecorded", "what memory is out to record is replied to", plant_want_unrecorded},
    {"want-unanswered", "a reply that memory is out for is left out", plant_want_unanswered},
    {"close-forgotten", "a connection's descriptor stays open", plant_close_forgotten},
    {"never-sleeps", "no pass of the engine waits", plant_never_sleeps},
    {NULL, NULL, NULL},
};

bool plant_put(struct engine *engine, const char *name)
{
    const struct plant *plant = plants;
    allocations_plant(PLANT_NONE);
    plant_here =
        (struct plant_state){.real = engine->table, .table = *engine->table, .engine = engine};
    plant_here.wall_us = engine_wall_us(engine) - engine->now_ns / 1000;
    while (plant->name && strcmp(plant->name, name) != 0)
        plant++;
    if (!plant->name)
        return false;
    plant->put(&plant_here.table);
    engine->table = &plant_here.table;
    return true;
}
