/* test_engine_output.c: the contract of engine.h about what leaves: send, write, sync, shutdown,
 * close.
 *
 * The second half of test_engine_contract.c; it runs in the same worlds. */
#include "engine_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB ((size_t)1024 * 1024)

static bool is_broken(int64_t result)
{
    return result == -EPIPE || result == -ECONNRESET;
}

/* ---- send ---- */

static void sends_a_little(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    for (int i = 0; i < 10; i++) {
        side_send(&side, "Good talking to you\n", 20);
        UNTIL(world, !side.sending);
        assert_int_equal(side.sent, 20);
        assert_int_equal(side.write.send.transferred, 20);
    }
    for (int i = 0; i < 10; i++)
        client_hears(world, client, "Good talking to you\n", 20);
    side_close(&side);
}

static void sends_parts(struct world *world)
{
    struct side side;
    char text[] = "abcdefghijklmnop";
    int client = side_open(&side, world);
    for (size_t i = 0; i < SEND_PARTS_MAX; i++)
        side.parts[i] = (struct iovec){text + i, i % 3 == 0 ? 0 : 1};
    side_send_parts(&side, SEND_PARTS_MAX);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 10);
    client_hears(world, client, "bcefhiklno", 10);
    side_close(&side);
}

static void sends_nothing(struct world *world)
{
    struct side side;
    side_open(&side, world);
    side_send_parts(&side, 0);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 0);
    side_send(&side, "", 0);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 0);
    side_close(&side);
}

/* Submit much to a client that does not read, and wait until the network is full. */
static uint8_t *send_much(struct side *side, int client)
{
    struct world *world = side->world;
    uint8_t *said = noise(4 * MIB);
    world->table->client_read(world, client, false);
    side_send(side, said, 4 * MIB);
    steps(world, 20);
    assert_true(side->sending);
    assert_in_range(side->write.send.transferred, 1, 4 * MIB - 1);
    return said;
}

static void sends_to_a_slow_reader(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    uint8_t *said = send_much(&side, client);
    size_t before = side.write.send.transferred, growths = 0;
    world->table->client_read(world, client, true);
    for (size_t heard = 0; heard < 4 * MIB; heard += 65536) {
        client_hears(world, client, said + heard, 65536);
        assert_true(side.write.send.transferred >= before);
        growths += side.write.send.transferred > before;
        before = side.write.send.transferred;
    }
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 4 * MIB);
    assert_true(growths > 2);
    side_close(&side);
    free(said);
}

static void sends_to_one_who_has_gone(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    world->table->client_close(world, client);
    UNTIL(world, side.endings == 1);
    side.sent = 0;
    for (int tries = 0; tries < 100 && side.sent >= 0; tries++) {
        side_send(&side, "anybody?", 8);
        UNTIL(world, !side.sending);
        step(world);
    }
    assert_true(is_broken(side.sent));
    side_close(&side);
}

static void sends_to_one_who_goes(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    uint8_t *said = send_much(&side, client);
    world->table->client_close(world, client);
    UNTIL(world, !side.sending);
    assert_true(is_broken(side.sent));
    assert_true(side.write.send.transferred < 4 * MIB);
    side_close(&side);
    free(said);
}

/* Whoever cancels a send knows how much of it left. */
static void stops_sending_when_cancelled(struct world *world)
{
    struct side side;
    size_t dropped;
    int client = side_open(&side, world);
    uint8_t *said = send_much(&side, client);
    side_cancel(&side, &side.write.send.op);
    assert_true(side.sending);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, -ECANCELED);
    size_t left = side.write.send.transferred;
    world->table->client_read(world, client, true);
    client_hears(world, client, said, left);
    side_send(&side, "more", 4);
    client_hears(world, client, "more", 4);
    UNTIL(world, !side.sending);
    side_close(&side);
    assert_int_equal(client_meets(world, client, &dropped), CLIENT_ENDED);
    assert_int_equal(dropped, 0);
    free(said);
}

/* ---- ends ---- */

static void shuts_down_one_way_only(struct world *world)
{
    struct side side;
    size_t dropped;
    int client = side_open(&side, world);
    side_send(&side, "bye", 3);
    UNTIL(world, !side.sending);
    assert_int_equal(engine_shutdown(world->engine, side.fd), 0);
    assert_int_equal(client_meets(world, client, &dropped), CLIENT_ENDED);
    assert_int_equal(dropped, 3);
    client_says(world, client, "wait", 4);
    UNTIL(world, side.bytes.size == 4);
    assert_int_equal(side.endings, 0);
    world->table->client_close(world, client);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

static void closes_with_a_reset(struct world *world)
{
    struct side side;
    size_t dropped;
    if (!world->table->resets)
        return;
    int client = side_open(&side, world);
    side_end(&side);
    engine_close(world->engine, side.fd, true);
    assert_int_equal(client_meets(world, client, &dropped), CLIENT_RESET);
}

static void closes_after_the_last_byte(struct world *world)
{
    struct side side;
    size_t dropped;
    int client = side_open(&side, world);
    side_send(&side, "the end", 7);
    UNTIL(world, !side.sending);
    side_end(&side);
    engine_close(world->engine, side.fd, false);
    assert_int_equal(client_meets(world, client, &dropped), CLIENT_ENDED);
    assert_int_equal(dropped, 7);
}

static void counts_the_unacknowledged(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    uint8_t *said = send_much(&side, client);
    assert_true(engine_unacknowledged(world->engine, side.fd) > 0);
    side_cancel(&side, &side.write.send.op);
    UNTIL(world, !side.sending);
    world->table->client_read(world, client, true);
    client_hears(world, client, said, side.write.send.transferred);
    UNTIL(world, engine_unacknowledged(world->engine, side.fd) == 0);
    assert_int_equal(engine_shutdown(world->engine, side.fd), 0);
    UNTIL(world, engine_unacknowledged(world->engine, side.fd) == 0);
    side_close(&side);
    free(said);
}

static void counts_the_unread(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    assert_int_equal(engine_unread(world->engine, side.fd), 0);
    side_cancel(&side, &side.receive.op);
    UNTIL(world, side.endings == 1);
    client_says(world, client, "unread", 6);
    UNTIL(world, engine_unread(world->engine, side.fd) == 6);
    side_receive(&side);
    UNTIL(world, side.bytes.size == 6);
    assert_int_equal(engine_unread(world->engine, side.fd), 0);
    side_close(&side);
}

/* Asking takes the error from nobody. */
static void tells_of_a_failed_connection(struct world *world)
{
    struct side side;
    if (!world->table->resets)
        return;
    int client = side_open(&side, world);
    side_cancel(&side, &side.receive.op);
    UNTIL(world, side.endings == 1);
    world->table->client_reset(world, client);
    UNTIL(world, engine_unacknowledged(world->engine, side.fd) < 0);
    assert_int_equal(engine_unacknowledged(world->engine, side.fd), -ECONNRESET);
    assert_int_equal(engine_unacknowledged(world->engine, side.fd), -ECONNRESET);
    side_receive(&side);
    UNTIL(world, side.endings == 2);
    assert_int_equal(side.end, -ECONNRESET);
    side_close(&side);
    client = side_open(&side, world); /* with the same number, perhaps; not with its past */
    assert_int_equal(engine_unacknowledged(world->engine, side.fd), 0);
    client_says(world, client, "hello", 5);
    UNTIL(world, side.bytes.size == 5);
    side_close(&side);
}

/* ---- write and sync ---- */

static void writes_a_file(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB), *content = malloc(MIB + 1);
    assert_non_null(content);
    side_init(&side, world, world->table->file(world));
    for (size_t at = 0; at < MIB; at += MIB / 4) {
        side_write(&side, WRITE_FILE, said + at, MIB / 4);
        UNTIL(world, !side.sending);
        assert_int_equal(side.sent, MIB / 4);
    }
    side_sync(&side);
    UNTIL(world, !side.syncing);
    assert_int_equal(side.synced, 0);
    assert_int_equal(world->table->file_content(world, side.fd, content, MIB + 1), MIB);
    assert_memory_equal(content, said, MIB);
    side_close(&side);
    free(content);
    free(said);
}

static void write_at(struct side *side, uint64_t offset, const char *text)
{
    side->write.offset = offset;
    side_write(side, WRITE_AT, text, strlen(text));
    UNTIL(side->world, !side->sending);
    assert_int_equal(side->sent, strlen(text));
}

static void writes_at_offsets(struct world *world)
{
    struct side side;
    char content[32];
    side_init(&side, world, world->table->file(world));
    write_at(&side, 6, "there?");
    write_at(&side, 0, "Who ");
    write_at(&side, 4, "is");
    assert_int_equal(world->table->file_content(world, side.fd, content, sizeof content), 12);
    assert_memory_equal(content, "Who isthere?", 12);
    side_close(&side);
}

static void syncs_apart(struct world *world)
{
    struct side side;
    side_init(&side, world, world->table->file(world));
    side.sync.apart = true;
    for (int i = 0; i < 3; i++) {
        side_write(&side, WRITE_FILE, "kept", 4);
        UNTIL(world, !side.sending);
        side_sync(&side);
        assert_true(side.syncing);
        UNTIL(world, !side.syncing);
        assert_int_equal(side.synced, 0);
        assert_true(side.sync.took_ns >= 0);
    }
    side_close(&side);
}

/* It may have been quicker; but it ends, and its end is told. */
static void cancels_a_sync(struct world *world)
{
    struct side side;
    side_init(&side, world, world->table->file(world));
    side.sync.apart = true;
    for (int i = 0; i < 10; i++) {
        side_sync(&side);
        side_cancel(&side, &side.sync.op);
        side_cancel(&side, &side.sync.op);
        UNTIL(world, !side.syncing);
        assert_true(side.synced == 0 || side.synced == -ECANCELED);
    }
    side_close(&side);
}

static void writes_to_a_full_file(struct world *world)
{
    struct side side;
    if (!world->table->full)
        return;
    side_init(&side, world, world->table->full(world));
    side_write(&side, WRITE_FILE, "no room", 7);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, -ENOSPC);
    assert_int_equal(side.write.send.transferred, 0);
    side_close(&side);
}

static void writes_to_a_slow_stream(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB), *read = malloc(MIB);
    size_t got = 0;
    assert_non_null(read);
    side_init(&side, world, world->table->stream(world));
    side_write(&side, WRITE_STREAM, said, MIB);
    steps(world, 20);
    assert_true(side.sending);
    assert_in_range(side.write.send.transferred, 1, MIB - 1);
    for (int tries = 0; got < MIB && tries < STEPS_MAX; tries++) {
        size_t some = MIB - got < 50000 ? MIB - got : 50000;
        got += world->table->stream_read(world, side.fd, read + got, some);
        step(world);
        assert_true(side.write.send.transferred >= got);
    }
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, MIB);
    assert_memory_equal(read, said, MIB);
    side_close(&side);
    free(read);
    free(said);
}

static void writes_to_a_stream_nobody_reads(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB);
    side_init(&side, world, world->table->stream(world));
    side_write(&side, WRITE_STREAM, said, MIB);
    steps(world, 5);
    assert_true(side.sending);
    world->table->stream_gone(world, side.fd);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, -EPIPE);
    side_write(&side, WRITE_STREAM, "hello?", 6);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, -EPIPE);
    side_close(&side);
    free(said);
}

static void writes_to_a_socket(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    side_write(&side, WRITE_SOCKET, "shown", 5);
    client_hears(world, client, "shown", 5);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 5);
    side_close(&side);
}

static const struct contract contracts[] = {
    CONTRACT(sends_a_little),
    CONTRACT(sends_parts),
    CONTRACT(sends_nothing),
    CONTRACT(sends_to_a_slow_reader),
    CONTRACT(sends_to_one_who_has_gone),
    CONTRACT(sends_to_one_who_goes),
    CONTRACT(stops_sending_when_cancelled),
    CONTRACT(shuts_down_one_way_only),
    CONTRACT(closes_with_a_reset),
    CONTRACT(closes_after_the_last_byte),
    CONTRACT(counts_the_unacknowledged),
    CONTRACT(counts_the_unread),
    CONTRACT(tells_of_a_failed_connection),
    CONTRACT(writes_a_file),
    CONTRACT(writes_at_offsets),
    CONTRACT(syncs_apart),
    CONTRACT(cancels_a_sync),
    CONTRACT(writes_to_a_full_file),
    CONTRACT(writes_to_a_slow_stream),
    CONTRACT(writes_to_a_stream_nobody_reads),
    CONTRACT(writes_to_a_socket),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
