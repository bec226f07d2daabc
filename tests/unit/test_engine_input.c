/* test_engine_input.c: the contract of engine.h about packets and about reading pipes and files.
 *
 * It runs in the worlds of test_engine_contract.c that have them. Terminals and descriptors in
 * blocking mode are in test_epoll.c. */
#include "engine_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB  ((size_t)1024 * 1024)
#define MANY 100

/* ---- packets ---- */

/* A side that receives packets; the sizes of those it got, beside the bytes of all. */
struct packets {
    struct side side;
    int client;
    size_t sizes[2 * MANY];
    bool truncated[2 * MANY];
    unsigned count;
};

static void on_packet(struct side *side)
{
    struct packets *packets = list_item(side, struct packets, side);
    if (side->endings > 0)
        return;
    size_t before = 0;
    for (unsigned i = 0; i < packets->count; i++)
        before += packets->sizes[i];
    packets->truncated[packets->count] = side->receive.op.flags & OP_TRUNCATED;
    packets->sizes[packets->count++] = side->bytes.size - before;
}

/* False: this world has none. */
static bool packets_open(struct packets *packets, struct world *world)
{
    if (!world->table->packets)
        return false;
    *packets = (struct packets){0};
    int fd = world->table->packets(world, &packets->client);
    side_init(&packets->side, world, fd);
    packets->side.heard = on_packet;
    packets->side.receive.op.flags = OP_PACKETS;
    side_receive(&packets->side);
    return true;
}

/* One packet, with passes as needed. */
static void says_packet(struct packets *packets, const void *bytes, size_t size)
{
    struct world *world = packets->side.world;
    for (unsigned tries = 0; world->table->client_send(world, packets->client, bytes, size) != size;
         tries++) {
        assert_true(tries < STEPS_MAX);
        step(world);
    }
}

static size_t take_packet(struct packets *packets, void *bytes, size_t size)
{
    struct world *world = packets->side.world;
    return world->table->client_receive(world, packets->client, bytes, size);
}

static void receives_packets_as_they_were(struct world *world)
{
    const size_t sizes[] = {5, 1, 100, 65536, 70000, 3, PACKET_MAX, 7};
    struct packets packets;
    uint8_t *said = noise(PACKET_MAX);
    if (packets_open(&packets, world)) {
        steps(world, 3);
        for (unsigned i = 0; i < 8; i++)
            says_packet(&packets, said, sizes[i]);
        UNTIL(world, packets.count == 8);
        steps(world, 3);
        assert_int_equal(packets.count, 8);
        struct slice rest = bytes_slice(&packets.side.bytes);
        for (unsigned i = 0; i < 8; rest = slice_after(rest, sizes[i]), i++) {
            assert_int_equal(packets.sizes[i], sizes[i]);
            assert_false(packets.truncated[i]);
            assert_memory_equal(rest.data, said, sizes[i]);
        }
        side_close(&packets.side);
    }
    free(said);
}

/* Short ones, many: each is followed by others, though it does not fill a receive. */
static void receives_packets_that_piled_up(struct world *world)
{
    struct packets packets;
    if (!packets_open(&packets, world))
        return;
    steps(world, 3);
    for (unsigned i = 1; i <= MANY; i++)
        says_packet(&packets, "packet packet packet packet", i % 20 + 1);
    UNTIL(world, packets.count == MANY);
    for (unsigned i = 1; i <= MANY; i++)
        assert_int_equal(packets.sizes[i - 1], i % 20 + 1);
    says_packet(&packets, "one more", 8);
    UNTIL(world, packets.count == MANY + 1);
    side_close(&packets.side);
}

static void truncates_long_packets(struct world *world)
{
    struct packets packets;
    uint8_t *said = noise(PACKET_MAX + 1000);
    if (packets_open(&packets, world)) {
        says_packet(&packets, said, PACKET_MAX + 1);
        UNTIL(world, packets.count == 1);
        says_packet(&packets, "short", 5);
        says_packet(&packets, said, PACKET_MAX + 1000);
        UNTIL(world, packets.count == 3);
        assert_true(packets.truncated[0]);
        assert_int_equal(packets.sizes[0], PACKET_MAX);
        assert_false(packets.truncated[1]);
        assert_int_equal(packets.sizes[1], 5);
        assert_true(packets.truncated[2]);
        assert_int_equal(packets.sizes[2], PACKET_MAX);
        side_close(&packets.side);
    }
    free(said);
}

static void ends_packets_with_an_empty_one(struct world *world)
{
    struct packets packets;
    if (!packets_open(&packets, world))
        return;
    says_packet(&packets, "last", 4);
    says_packet(&packets, "", 0);
    UNTIL(world, packets.side.endings == 1);
    assert_int_equal(packets.count, 1);
    assert_int_equal(packets.side.end, 0);
    side_close(&packets.side);
}

static void ends_packets_with_their_client(struct world *world)
{
    struct packets packets;
    if (!packets_open(&packets, world))
        return;
    steps(world, 3);
    says_packet(&packets, "one", 3);
    says_packet(&packets, "last", 4);
    world->table->client_close(world, packets.client);
    UNTIL(world, packets.side.endings == 1);
    assert_int_equal(packets.count, 2);
    assert_int_equal(packets.side.end, 0);
    side_close(&packets.side);
}

static void cancels_packets(struct world *world)
{
    struct packets packets;
    if (!packets_open(&packets, world))
        return;
    for (unsigned i = 1; i <= MANY; i++) {
        says_packet(&packets, "packet packet packet packet", i % 20 + 1);
        if (i % 3 == 1)
            step(world);
        side_cancel(&packets.side, &packets.side.receive.op);
        UNTIL(world, !packets.side.receive.op.active);
        assert_int_equal(packets.side.end, -ECANCELED);
        packets.side.endings = 0;
        side_receive(&packets.side);
    }
    UNTIL(world, packets.count == MANY);
    for (unsigned i = 1; i <= MANY; i++)
        assert_int_equal(packets.sizes[i - 1], i % 20 + 1);
    side_close(&packets.side);
}

/* All its parts are one packet, and a slow reader is waited for. */
static void sends_packets(struct world *world)
{
    char text[32];
    struct packets packets;
    if (!packets_open(&packets, world))
        return;
    struct side *side = &packets.side;
    char one[] = "one ", packet[] = "packet";
    side->parts[0] = (struct iovec){one, 4};
    side->parts[1] = (struct iovec){packet, 6};
    side_send_parts(side, 2);
    UNTIL(world, !side->sending);
    assert_int_equal(side->sent, 10);
    uint8_t *said = noise(50000);
    unsigned sent = 0;
    for (; !side->sending && sent < 1000; sent++)
        side_send(side, said, 50000);
    assert_true(side->sending);
    size_t got = 0;
    UNTIL(world, got > 0 || (got = take_packet(&packets, text, sizeof text)) > 0);
    assert_int_equal(got, 10);
    assert_memory_equal(text, "one packet", 10);
    while (sent-- > 0)
        client_hears(world, packets.client, said, 50000);
    UNTIL(world, !side->sending);
    assert_int_equal(side->sent, 50000);
    side_close(side);
    free(said);
}

/* ---- reading ---- */

static void call_read(struct side *side)
{
    call_begins();
    engine_read(side->world->engine, &side->receive, side->fd);
    call_ends();
    assert_true(side->receive.op.active);
}

/* False: this world has none. */
static bool pipe_open(struct side *side, struct world *world)
{
    if (!world->table->sources)
        return false;
    side_init(side, world, world->table->sources->pipe(world));
    call_read(side);
    return true;
}

static void writes(struct side *side, const uint8_t *bytes, size_t size)
{
    struct world *world = side->world;
    for (unsigned tries = 0; size > 0; tries++) {
        assert_true(tries < STEPS_MAX);
        size_t taken = world->table->sources->write(world, side->fd, bytes, size);
        bytes += taken;
        size -= taken;
        if (size > 0)
            step(world);
    }
}

static void reads_a_pipe(struct world *world)
{
    struct side side;
    if (!pipe_open(&side, world))
        return;
    steps(world, 3);
    writes(&side, (const uint8_t *)"Who is", 6);
    UNTIL(world, side.bytes.size == 6);
    writes(&side, (const uint8_t *)" there", 6);
    UNTIL(world, side.bytes.size == 12);
    steps(world, 3);
    assert_memory_equal(side.bytes.data, "Who is there", 12);
    assert_int_equal(side.endings, 0);
    world->table->sources->end(world, side.fd);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

static void reads_much_from_a_pipe(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB);
    if (pipe_open(&side, world)) {
        writes(&side, said, MIB);
        world->table->sources->end(world, side.fd);
        UNTIL(world, side.endings == 1);
        assert_int_equal(side.end, 0);
        assert_int_equal(side.bytes.size, MIB);
        assert_memory_equal(side.bytes.data, said, MIB);
        side_close(&side);
    }
    free(said);
}

static void reads_on_after_cancelling(struct world *world)
{
    struct side side;
    if (!pipe_open(&side, world))
        return;
    uint8_t *said = noise(2000);
    for (size_t i = 0; i < 200; i++) {
        writes(&side, said + 10 * i, 10);
        if (i % 3 == 1)
            step(world);
        side_cancel(&side, &side.receive.op);
        UNTIL(world, !side.receive.op.active);
        assert_int_equal(side.end, -ECANCELED);
        call_read(&side);
    }
    UNTIL(world, side.bytes.size == 2000);
    assert_memory_equal(side.bytes.data, said, 2000);
    side_close(&side);
    free(said);
}

static void reads_a_file(struct world *world)
{
    struct side side;
    uint8_t *content = noise(MIB);
    if (world->table->sources) {
        side_init(&side, world, world->table->sources->file(world, content, MIB));
        call_read(&side);
        UNTIL(world, side.endings == 1);
        assert_int_equal(side.end, 0);
        assert_int_equal(side.bytes.size, MIB);
        assert_memory_equal(side.bytes.data, content, MIB);
        call_read(&side); /* its end, again */
        UNTIL(world, side.endings == 2);
        assert_int_equal(side.end, 0);
        side_close(&side);
    }
    free(content);
}

static void reads_an_empty_file(struct world *world)
{
    struct side side;
    if (!world->table->sources)
        return;
    side_init(&side, world, world->table->sources->file(world, "", 0));
    call_read(&side);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    assert_int_equal(side.bytes.size, 0);
    side_close(&side);
}

static const struct contract contracts[] = {
    CONTRACT(receives_packets_as_they_were),
    CONTRACT(receives_packets_that_piled_up),
    CONTRACT(truncates_long_packets),
    CONTRACT(ends_packets_with_an_empty_one),
    CONTRACT(ends_packets_with_their_client),
    CONTRACT(cancels_packets),
    CONTRACT(sends_packets),
    CONTRACT(reads_a_pipe),
    CONTRACT(reads_much_from_a_pipe),
    CONTRACT(reads_on_after_cancelling),
    CONTRACT(reads_a_file),
    CONTRACT(reads_an_empty_file),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
