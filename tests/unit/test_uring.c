/* test_uring.c: what only the io_uring engine meets: buffers that run out, a ring that breaks.
 *
 * What every engine promises is in test_engine_*.c, which run with this one too. */
#include "engine/uring.h"
#include "engine_side.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define KIB ((size_t)1024)

static struct world_table tcp;

static int make_world(void **state)
{
    tcp = world_tcp;
    tcp.engine = "uring";
    *state = tcp.create(&tcp, 1);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    world->table->destroy(&world);
    return 0;
}

/* ---- buffers ---- */

#define TALKERS 40

/* Everybody sends at once, together twice what the buffers hold. */
static void receives_more_than_its_buffers_hold(void **state)
{
    struct world *world = *state;
    static struct side sides[TALKERS];
    int clients[TALKERS];
    size_t sent[TALKERS];
    const size_t size = 2 * URING_BUFFER_BYTES / TALKERS;
    uint8_t *said = noise(size);
    for (int i = 0; i < TALKERS; i++)
        clients[i] = side_open(&sides[i], world);
    for (int i = 0; i < TALKERS; i++)
        sent[i] = world->table->client_send(world, clients[i], said, size);
    for (int i = 0; i < TALKERS; i++) {
        client_says(world, clients[i], said + sent[i], size - sent[i]);
        UNTIL(world, sides[i].bytes.size == size);
        assert_memory_equal(bytes_slice(&sides[i].bytes).data, said, size);
    }
    for (int i = 0; i < TALKERS; i++)
        side_close(&sides[i]);
    free(said);
}

/* ---- what it has received ---- */

static struct side *first, *second;
static int64_t unread_by_then;

/* Both have sent: when the one is told the other's bytes have left its socket too. */
static void ask_for_the_other(struct side *side)
{
    struct side *other = side == first ? second : first;
    if (other->bytes.size == 0)
        unread_by_then = engine_unread(side->world->engine, other->fd);
}

static void what_the_ring_holds_is_unread(void **state)
{
    struct world *world = *state;
    struct side sides[2];
    int clients[2];
    first = &sides[0];
    second = &sides[1];
    for (int i = 0; i < 2; i++) {
        clients[i] = side_open(&sides[i], world);
        sides[i].heard = ask_for_the_other;
    }
    steps(world, 3);
    for (int i = 0; i < 2; i++)
        assert_int_equal(world->table->client_send(world, clients[i], "hello", 5), 5);
    UNTIL(world, first->bytes.size == 5 && second->bytes.size == 5);
    assert_int_equal(unread_by_then, 5);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(engine_unread(world->engine, sides[i].fd), 0);
        side_close(&sides[i]);
    }
}

/* ---- a ring that breaks ---- */

static void break_ring(struct engine *engine)
{
    int other = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(other >= 0);
    assert_true(dup2(other, uring_of(engine)->ring.ring_fd) >= 0);
    close(other);
}

/* A receive and a send are the kernel's; what it was to do ends, and is not waited for. */
static void ends_what_it_had_when_the_ring_breaks(void **state)
{
    struct world *world = *state;
    struct side side;
    int client = side_open(&side, world);
    world->table->client_read(world, client, false);
    uint8_t *said = noise(8192 * KIB);
    side_send(&side, said, 8192 * KIB);
    steps(world, 3);
    assert_true(side.sending && side.receive.op.active);
    break_ring(world->engine);
    for (int i = 0; i < 3; i++)
        assert_true(engine_pass(world->engine, 1000000) < 0);
    assert_false(side.sending);
    assert_true(side.sent < 0);
    assert_int_equal(side.endings, 1);
    assert_true(side.end < 0);
    side_receive(&side); /* and what comes later ends as well */
    assert_true(engine_pass(world->engine, 1000000) < 0);
    assert_true(engine_pass(world->engine, 1000000) < 0);
    assert_int_equal(side.endings, 2);
    side_close(&side);
    free(said);
}

static bool has_uring(void)
{
    struct error error = {0};
    struct engine *engine = engine_create("uring", &error);
    bool has = engine != NULL;
    if (!has)
        print_message("left out: %s\n", error.text);
    engine_destroy(&engine);
    return has;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receives_more_than_its_buffers_hold, make_world, end_world),
        cmocka_unit_test_setup_teardown(what_the_ring_holds_is_unread, make_world, end_world),
        cmocka_unit_test_setup_teardown(ends_what_it_had_when_the_ring_breaks, make_world,
                                        end_world),
    };
    if (!has_uring())
        return 77; /* skipped, to meson */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
