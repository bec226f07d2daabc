/* test_engine_contract.c: what engine.h promises, held against every engine there is: accept,
 * receive.
 *
 * Each test runs in each world (engine_world.h), with each of its seeds. What only the kernel has,
 * full tables of descriptors, descriptors in blocking mode and the like, is in test_epoll.c. */
#include "engine_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB        ((size_t)1024 * 1024)
#define MANY       1000 /* connections */
#define MANY_LINES 20   /* each says */

/* ---- accept ---- */

static void accepts_one(struct world *world)
{
    struct lobby lobby;
    lobby_open(&lobby, world);
    world->table->connect(world);
    UNTIL(world, lobby.count == 1);
    assert_true(lobby.accept.op.active);
    assert_int_not_equal(lobby.peer.kind, PEER_NONE);
    steps(world, 3);
    assert_int_equal(lobby.count, 1);
    lobby_pause(&lobby);
    assert_int_equal(lobby.result, -ECANCELED);
    assert_int_equal(lobby.endings, 1);
    engine_close(world->engine, lobby.fds[0], false);
}

static void close_all(struct lobby *lobby)
{
    lobby_pause(lobby);
    while (lobby->count > 0)
        engine_close(lobby->world->engine, lobby->fds[--lobby->count], false);
}

static void accepts_many(struct world *world)
{
    struct lobby lobby;
    for (int i = 0; i < 100; i++)
        world->table->connect(world);
    lobby_open(&lobby, world);
    for (int i = 0; i < 100; i++)
        world->table->connect(world);
    UNTIL(world, lobby.count == 200);
    close_all(&lobby);
}

static void accepts_after_a_pause(struct world *world)
{
    struct lobby lobby;
    lobby_open(&lobby, world);
    world->table->connect(world);
    UNTIL(world, lobby.count == 1);
    lobby_pause(&lobby);
    for (int i = 0; i < 3; i++)
        world->table->connect(world);
    steps(world, 10);
    assert_int_equal(lobby.count, 1);
    lobby_resume(&lobby);
    UNTIL(world, lobby.count == 4);
    lobby_pause(&lobby);
    lobby_resume(&lobby);
    world->table->connect(world);
    UNTIL(world, lobby.count == 5);
    close_all(&lobby);
    assert_int_equal(lobby.endings, 3);
}

static void cancel_accept(struct lobby *lobby, int fd)
{
    lobby->fds[lobby->count++] = fd;
    engine_cancel(lobby->world->engine, &lobby->accept.op);
}

static void accepts_no_more_once_cancelled_within(struct world *world)
{
    struct lobby lobby;
    for (int i = 0; i < 3; i++)
        world->table->connect(world);
    lobby_open(&lobby, world);
    lobby.accepted = cancel_accept;
    UNTIL(world, !lobby.accept.op.active);
    assert_int_equal(lobby.endings, 1);
    assert_int_equal(lobby.result, -ECANCELED);
    unsigned before = lobby.count;
    lobby.accepted = NULL;
    lobby_resume(&lobby);
    UNTIL(world, lobby.count == 3);
    assert_in_range(before, 1, 3);
    close_all(&lobby);
}

/* ---- receive ---- */

static void assert_received(const struct side *side, const void *expected, size_t size)
{
    assert_int_equal(side->bytes.size, size);
    assert_memory_equal(bytes_slice(&side->bytes).data, expected, size);
}

static void receives_in_pieces(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    client_says(world, client, "Who ", 4);
    UNTIL(world, side.bytes.size == 4);
    client_says(world, client, "is", 2);
    client_says(world, client, " there", 6);
    UNTIL(world, side.bytes.size == 12);
    steps(world, 3);
    assert_received(&side, "Who is there", 12);
    assert_true(side.results >= 2);
    assert_int_equal(side.endings, 0);
    side_close(&side);
}

static void receives_what_was_there_before(struct world *world)
{
    struct side side;
    struct lobby lobby;
    int client = world->table->connect(world);
    client_says(world, client, "early", 5);
    lobby_open(&lobby, world);
    UNTIL(world, lobby.count == 1);
    steps(world, 10);
    side_init(&side, world, lobby.fds[0]);
    side_receive(&side);
    UNTIL(world, side.bytes.size == 5);
    client_says(world, client, " later", 6);
    UNTIL(world, side.bytes.size == 11);
    assert_received(&side, "early later", 11);
    lobby_pause(&lobby);
    side_close(&side);
}

static void receives_much(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB);
    int client = side_open(&side, world);
    client_says(world, client, said, MIB);
    UNTIL(world, side.bytes.size >= MIB);
    steps(world, 3);
    assert_received(&side, said, MIB);
    side_close(&side);
    free(said);
}

/* Everything is there before the first pass looks, more than one receive takes. */
static void receives_what_piled_up(struct world *world)
{
    struct side side;
    uint8_t *said = noise(MIB);
    int client = side_open(&side, world);
    steps(world, 5);
    size_t size = 0, taken = 1;
    while (taken > 0 && size < MIB) {
        taken = world->table->client_send(world, client, said + size, MIB - size);
        size += taken;
    }
    UNTIL(world, side.bytes.size >= size);
    steps(world, 3);
    assert_received(&side, said, size);
    side_close(&side);
    free(said);
}

static void receives_the_end(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    steps(world, 5);
    client_says(world, client, "last words", 10);
    world->table->client_shutdown(world, client);
    UNTIL(world, side.endings == 1);
    assert_received(&side, "last words", 10);
    assert_int_equal(side.end, 0);
    steps(world, 3);
    assert_int_equal(side.endings, 1);
    side_send(&side, "heard", 5);
    client_hears(world, client, "heard", 5);
    side_close(&side);
}

static void receives_an_end_without_a_word(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    steps(world, 5);
    world->table->client_close(world, client);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    assert_int_equal(side.bytes.size, 0);
    side_receive(&side);
    UNTIL(world, side.endings == 2);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

static void receives_a_reset(struct world *world)
{
    struct side side;
    if (!world->table->resets)
        return;
    int client = side_open(&side, world);
    steps(world, 5);
    world->table->client_reset(world, client);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, -ECONNRESET);
    steps(world, 3);
    assert_int_equal(side.endings, 1);
    side_close(&side);
}

/* What comes while nobody receives waits for who does. */
static void receives_after_cancelling(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    client_says(world, client, "one ", 4);
    UNTIL(world, side.bytes.size == 4);
    side_cancel(&side, &side.receive.op);
    side_cancel(&side, &side.receive.op);
    assert_true(side.receive.op.active);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, -ECANCELED);
    side_cancel(&side, &side.receive.op);
    client_says(world, client, "two ", 4);
    steps(world, 10);
    assert_int_equal(side.bytes.size, 4);
    side_receive(&side);
    UNTIL(world, side.bytes.size == 8);
    client_says(world, client, "three", 5);
    UNTIL(world, side.bytes.size == 13);
    assert_received(&side, "one two three", 13);
    assert_int_equal(side.endings, 1);
    side_close(&side);
}

/* Cancelled in the moment the bytes come: they are told before the end, or kept for the next. */
static void loses_nothing_to_a_cancel(struct world *world)
{
    struct side side;
    uint8_t *said = noise(2000);
    int client = side_open(&side, world);
    for (size_t i = 0; i < 200; i++) {
        client_says(world, client, said + 10 * i, 10);
        if (i % 3 == 1)
            step(world);
        side_cancel(&side, &side.receive.op);
        UNTIL(world, !side.receive.op.active);
        side_receive(&side);
    }
    UNTIL(world, side.bytes.size >= 2000);
    assert_received(&side, said, 2000);
    side_close(&side);
    free(said);
}

static void cancel_receive(struct side *side)
{
    engine_cancel(side->world->engine, &side->receive.op);
}

static void is_cancelled_from_within(struct world *world)
{
    struct side side;
    int client = side_open(&side, world);
    side.heard = cancel_receive;
    client_says(world, client, "enough", 6);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, -ECANCELED);
    assert_in_range(side.bytes.size, 1, 6);
    steps(world, 3);
    assert_int_equal(side.endings, 1);
    side_close(&side);
}

/* ---- from within a done ---- */

static struct side *victim;

static void close_victim(struct side *side)
{
    (void)side;
    if (!victim)
        return;
    engine_close(victim->world->engine, victim->fd, false);
    victim = NULL;
}

/* A descriptor with news of its own is closed from within another's done; who gets its number next
 * hears nothing of that. */
static void forgets_what_is_closed(struct world *world)
{
    struct side loud, idle, next;
    int loud_client = side_open(&loud, world);
    int idle_client = side_open(&idle, world);
    steps(world, 5);
    side_end(&idle);
    victim = &idle;
    loud.heard = close_victim;
    client_says(world, loud_client, "close it", 8);
    client_says(world, idle_client, "too late", 8);
    world->table->client_close(world, idle_client);
    UNTIL(world, !victim && loud.bytes.size == 8);
    int client = side_open(&next, world);
    steps(world, 5);
    assert_int_equal(next.endings, 0);
    client_says(world, client, "fresh", 5);
    UNTIL(world, next.bytes.size == 5);
    assert_received(&next, "fresh", 5);
    assert_int_equal(next.endings, 0);
    side_close(&next);
    side_close(&loud);
}

static void free_victim(struct side *side)
{
    if (side->endings == 0)
        return;
    engine_close(side->world->engine, side->fd, false);
    bytes_free(&side->bytes);
    free(side);
    victim = NULL;
}

static void cancel_victim(struct side *side)
{
    (void)side;
    if (victim)
        engine_cancel(victim->world->engine, &victim->receive.op);
}

/* Cancelled by a neighbour in the pass in which it has bytes of its own; then freed in its done. */
static void frees_what_is_cancelled(struct world *world)
{
    struct side side;
    victim = malloc(sizeof *victim);
    assert_non_null(victim);
    int client = side_open(&side, world);
    int victim_client = side_open(victim, world);
    steps(world, 5);
    side.heard = cancel_victim;
    victim->heard = free_victim;
    client_says(world, client, "leave", 5);
    client_says(world, victim_client, "staying", 7);
    UNTIL(world, !victim);
    steps(world, 5);
    side_close(&side);
}

/* ---- many at once ---- */

/* A side that says what it hears, and leaves when its client does. */
struct echo {
    struct side side;
    struct bytes going; /* what is being sent */
    bool over;
};

struct crowd {
    struct lobby lobby;
    struct echo echoes[MANY];
    unsigned count;
};

static void close_echo(struct echo *echo)
{
    engine_close(echo->side.world->engine, echo->side.fd, false);
    bytes_free(&echo->side.bytes);
    bytes_free(&echo->going);
    echo->over = true;
}

/* What was heard goes out, and goes on going while it leaves at once. */
static void echo_on(struct side *side)
{
    struct echo *echo = list_item(side, struct echo, side);
    while (!side->sending && side->bytes.size > 0) {
        bytes_clear(&echo->going);
        assert_int_equal(bytes_append(&echo->going, bytes_slice(&side->bytes)), 0);
        bytes_clear(&side->bytes);
        side_send(side, bytes_slice(&echo->going).data, echo->going.size);
    }
    if (side->endings > 0 && !side->sending)
        close_echo(echo);
}

static void admit(struct lobby *lobby, int fd)
{
    struct crowd *crowd = list_item(lobby, struct crowd, lobby);
    struct side *side = &crowd->echoes[crowd->count++].side;
    side_init(side, lobby->world, fd);
    side->heard = echo_on;
    side->sent_all = echo_on;
    side_receive(side);
}

static size_t write_line(char line[32], int client, int number)
{
    return (size_t)snprintf(line, 32, "client %d line %d\n", client, number);
}

static void converse(struct world *world, const int *clients)
{
    char line[32];
    for (int i = 0; i < MANY; i++)
        for (int number = 0; number < MANY_LINES; number++)
            client_says(world, clients[i], line, write_line(line, i, number));
    for (int i = 0; i < MANY; i++) {
        for (int number = 0; number < MANY_LINES; number++) {
            size_t size = write_line(line, i, number);
            client_hears(world, clients[i], line, size);
        }
    }
}

static bool all_gone(const struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        if (!crowd->echoes[i].over)
            return false;
    return crowd->count == MANY;
}

static void serves_a_thousand(struct world *world)
{
    static int clients[MANY];
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert_non_null(crowd);
    lobby_open(&crowd->lobby, world);
    crowd->lobby.accepted = admit;
    for (int i = 0; i < MANY; i++)
        clients[i] = world->table->connect(world);
    converse(world, clients);
    for (int i = 0; i < MANY; i++)
        world->table->client_close(world, clients[i]);
    UNTIL(world, all_gone(crowd));
    lobby_pause(&crowd->lobby);
    free(crowd);
}

static const struct contract contracts[] = {
    CONTRACT(accepts_one),
    CONTRACT(accepts_many),
    CONTRACT(accepts_after_a_pause),
    CONTRACT(accepts_no_more_once_cancelled_within),
    CONTRACT(receives_in_pieces),
    CONTRACT(receives_what_was_there_before),
    CONTRACT(receives_much),
    CONTRACT(receives_what_piled_up),
    CONTRACT(receives_the_end),
    CONTRACT(receives_an_end_without_a_word),
    CONTRACT(receives_a_reset),
    CONTRACT(receives_after_cancelling),
    CONTRACT(loses_nothing_to_a_cancel),
    CONTRACT(is_cancelled_from_within),
    CONTRACT(forgets_what_is_closed),
    CONTRACT(frees_what_is_cancelled),
    CONTRACT(serves_a_thousand),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
