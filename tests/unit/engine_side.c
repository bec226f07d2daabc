/* engine_side.c: see engine_side.h. */
#include "engine_side.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND_NS ((int64_t)1000000000)

static bool calling;    /* a call into the engine is under way, not a pass */
static bool elsewhere;  /* the test waits with poll */
static unsigned passes; /* so far */

void call_begins(void)
{
    calling = true;
}

void call_ends(void)
{
    calling = false;
}

void assert_within_a_pass(void)
{
    assert_false(calling);
}

unsigned pass_count(void)
{
    return passes;
}

static void pass(struct world *world, int64_t wait_ns)
{
    passes++;
    assert_int_equal(engine_pass(world->engine, wait_ns), 0);
}

/* Wait as somebody's own loop does: whether it is time for a pass. */
static bool wait_elsewhere(struct world *world, int64_t wait_ns)
{
    struct pollfd descriptor = {.fd = engine_descriptor(world->engine), .events = POLLIN};
    int64_t patience_ns = engine_patience(world->engine);
    bool patient = patience_ns < 0 || patience_ns > wait_ns;
    if (patient)
        patience_ns = wait_ns;
    struct timespec time = {patience_ns / SECOND_NS, patience_ns % SECOND_NS};
    return ppoll(&descriptor, 1, &time, NULL) != 0 || !patient;
}

void step(struct world *world)
{
    if (!elsewhere)
        pass(world, 2000000);
    else if (wait_elsewhere(world, 2000000))
        pass(world, 0);
}

/* What has not happened in ten seconds is lost. */
void step_patiently(struct world *world)
{
    if (!elsewhere)
        return pass(world, -1);
    assert_true(wait_elsewhere(world, 10 * SECOND_NS));
    pass(world, 0);
}

void steps(struct world *world, unsigned count)
{
    while (count-- > 0)
        step(world);
}

/* ---- the lobby ---- */

static void on_accept(struct op *op, int64_t result)
{
    struct lobby *lobby = list_item(op, struct lobby, accept.op);
    assert_false(calling);
    if (result < 0) {
        assert_false(op->active);
        lobby->endings++;
        lobby->result = result;
        return;
    }
    assert_true(op->active);
    lobby->peer = lobby->accept.peer;
    if (lobby->accepted)
        lobby->accepted(lobby, (int)result);
    else
        lobby->fds[lobby->count++] = (int)result;
}

void lobby_resume(struct lobby *lobby)
{
    calling = true;
    engine_accept(lobby->world->engine, &lobby->accept, lobby->world->listener);
    calling = false;
    assert_true(lobby->accept.op.active);
}

void lobby_open(struct lobby *lobby, struct world *world)
{
    *lobby = (struct lobby){.world = world, .accept.op.done = on_accept};
    lobby_resume(lobby);
}

void lobby_pause(struct lobby *lobby)
{
    calling = true;
    engine_cancel(lobby->world->engine, &lobby->accept.op);
    calling = false;
    UNTIL(lobby->world, !lobby->accept.op.active);
}

/* ---- a side ---- */

static void on_receive(struct op *op, int64_t result)
{
    struct side *side = list_item(op, struct side, receive.op);
    const size_t most = side->world->engine->receive_size;
    assert_false(calling);
    if (result > 0) {
        assert_true(op->active);
        assert_true((size_t)result <= (op->flags & OP_PACKETS ? PACKET_MAX : most));
        assert_int_not_equal(side->last_pass, passes);
        side->last_pass = passes;
        side->results++;
        assert_int_equal(bytes_append(&side->bytes, slice_of(side->receive.data, (size_t)result)),
                         0);
    } else {
        assert_false(op->active);
        side->endings++;
        side->end = result;
    }
    if (side->heard)
        side->heard(side);
}

static void on_sent(struct op *op, int64_t result)
{
    struct side *side = list_item(op, struct side, write.send.op);
    assert_false(calling);
    assert_false(op->active);
    assert_true(side->sending);
    side->sending = false;
    side->sent = result;
    if (side->sent_all)
        side->sent_all(side);
}

static void on_synced(struct op *op, int64_t result)
{
    struct side *side = list_item(op, struct side, sync.op);
    assert_false(calling);
    assert_false(op->active);
    assert_true(side->syncing);
    side->syncing = false;
    side->synced = result;
}

void side_init(struct side *side, struct world *world, int fd)
{
    *side = (struct side){.world = world, .fd = fd};
    side->receive.op.done = on_receive;
    side->write.send.op.done = on_sent;
    side->write.send.parts = side->parts;
    side->sync.op.done = on_synced;
}

void side_receive(struct side *side)
{
    calling = true;
    engine_receive(side->world->engine, &side->receive, side->fd);
    calling = false;
    assert_true(side->receive.op.active);
}

int side_open(struct side *side, struct world *world)
{
    struct lobby lobby;
    int client = world->table->connect(world);
    lobby_open(&lobby, world);
    UNTIL(world, lobby.count == 1);
    lobby_pause(&lobby);
    side_init(side, world, lobby.fds[0]);
    side_receive(side);
    return client;
}

static void note_submitted(struct side *side, bool finished)
{
    calling = false;
    assert_int_equal(side->write.send.op.active, !finished);
    side->sending = !finished;
    if (finished)
        side->sent = side->write.send.op.result;
}

void side_send_parts(struct side *side, unsigned count)
{
    side->write.send.part_count = count;
    calling = true;
    note_submitted(side, engine_send(side->world->engine, &side->write.send, side->fd));
}

/* The engine only reads what it sends; iovec cannot say so. */
static struct iovec part_of(const void *bytes, size_t size)
{
    union {
        const void *read;
        void *write;
    } base = {.read = bytes};
    return (struct iovec){base.write, size};
}

void side_send(struct side *side, const void *bytes, size_t size)
{
    side->parts[0] = part_of(bytes, size);
    side_send_parts(side, 1);
}

void side_write(struct side *side, enum write_mode mode, const void *bytes, size_t size)
{
    side->parts[0] = part_of(bytes, size);
    side->write.send.part_count = 1;
    side->write.mode = mode;
    calling = true;
    note_submitted(side, engine_write(side->world->engine, &side->write, side->fd));
}

void side_sync(struct side *side)
{
    calling = true;
    side->syncing = !engine_sync(side->world->engine, &side->sync, side->fd);
    calling = false;
    if (!side->syncing)
        side->synced = side->sync.op.result;
}

void side_cancel(struct side *side, struct op *op)
{
    calling = true;
    engine_cancel(side->world->engine, op);
    calling = false;
}

void side_end(struct side *side)
{
    side->heard = NULL;
    side->sent_all = NULL;
    side_cancel(side, &side->receive.op);
    side_cancel(side, &side->write.send.op);
    UNTIL(side->world, !side->receive.op.active && !side->write.send.op.active);
    bytes_free(&side->bytes);
}

void side_close(struct side *side)
{
    side_end(side);
    calling = true;
    engine_close(side->world->engine, side->fd, false);
    calling = false;
}

/* ---- clients ---- */

void client_says(struct world *world, int client, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;
    for (unsigned tries = 0; size > 0; tries++) {
        assert_true(tries < STEPS_MAX);
        size_t taken = world->table->client_send(world, client, next, size);
        next += taken;
        size -= taken;
        if (size > 0)
            step(world);
    }
}

void client_hears(struct world *world, int client, const void *expected, size_t size)
{
    uint8_t *heard = malloc(size);
    size_t have = 0;
    assert_non_null(heard);
    for (unsigned tries = 0; have < size; tries++) {
        assert_true(tries < STEPS_MAX);
        size_t got = world->table->client_receive(world, client, heard + have, size - have);
        have += got;
        if (got == 0)
            step(world);
    }
    assert_memory_equal(heard, expected, size);
    free(heard);
}

enum client_end client_meets(struct world *world, int client, size_t *dropped)
{
    static uint8_t bin[65536];
    *dropped = 0;
    for (unsigned tries = 0; tries < STEPS_MAX; tries++) {
        size_t got = world->table->client_receive(world, client, bin, sizeof bin);
        *dropped += got;
        enum client_end end = world->table->client_end(world, client);
        if (got == 0 && end != CLIENT_OPEN)
            return end;
        if (got == 0)
            step(world);
    }
    return CLIENT_OPEN;
}

uint8_t *noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return bytes;
}

/* ---- every test in every world ---- */

static const struct world_table *current;
static uint64_t seed; /* of the current world; 0: the last one was seen to its end */

static void run_contract(void **state)
{
    const struct contract *contract = *state;
    for (seed = 1; seed <= current->seeds; seed++) {
        struct world *world = current->create(current, seed);
        contract->hold(world);
        current->destroy(&world);
    }
    seed = 0;
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed > 0)
        print_error("broken with seed %d\n", (int)seed);
    return 0;
}

/* Whether this engine can be made here; where not, its tests are left out, and that is told. */
static bool has_engine(const char *name)
{
    struct error error = {0};
    struct engine *engine = engine_create(name, &error);
    if (!engine)
        print_message("left out: %s\n", error.text);
    bool has = engine != NULL;
    engine_destroy(&engine);
    return has;
}

/* In this world, also waiting elsewhere where there is something to wait for. */
static int run_in(const struct world_table *world, const struct CMUnitTest *tests)
{
    int failed = 0;
    current = world;
    for (unsigned i = 0; i < (world->kernel ? 2 : 1); i++) {
        char name[64];
        elsewhere = i == 1;
        snprintf(name, sizeof name, "%s over %s%s", world->name, world->engine,
                 elsewhere ? ", waiting elsewhere" : "");
        failed += _cmocka_run_group_tests(name, tests, CONTRACTS_MAX, NULL, NULL);
    }
    return failed;
}

int contracts_run(const struct contract *contracts, size_t count)
{
    struct contract copies[CONTRACTS_MAX];        /* cmocka's state is not const */
    struct CMUnitTest tests[CONTRACTS_MAX] = {0}; /* cmocka skips the empty ones */
    struct world_table tcp = world_tcp, local = world_unix;
    tcp.engine = local.engine = "uring";
    const struct world_table *worlds[] = {&world_sim, &world_tcp, &world_unix, &tcp, &local};
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        copies[i] = contracts[i];
        tests[i] = (struct CMUnitTest){.name = contracts[i].name, .test_func = run_contract};
        tests[i].teardown_func = tell_seed;
        tests[i].initial_state = &copies[i];
    }
    for (size_t i = 0; i < (has_engine("uring") ? 5 : 3); i++)
        failed += run_in(worlds[i], tests);
    return failed;
}
