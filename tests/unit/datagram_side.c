/* datagram_side.c: see datagram_side.h. */
#include "datagram_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the office ---- */

static void keep(struct office *office, const struct datagram *datagram)
{
    assert_true(office->count < LETTERS_MAX);
    assert_true(datagram->bytes.size <= office->receive.size_most);
    uint8_t *copy = malloc(datagram->bytes.size + 1);
    assert_non_null(copy);
    if (datagram->bytes.size > 0)
        memcpy(copy, datagram->bytes.data, datagram->bytes.size);
    struct datagram *letter = &office->letters[office->count++];
    *letter = *datagram;
    letter->bytes.data = copy;
}

static void on_received(struct op *op, int64_t result)
{
    struct office *office = list_item(op, struct office, receive.op);
    assert_within_a_pass();
    if (result > 0) {
        assert_true(op->active);
        assert_true(result <= DATAGRAMS_MAX);
        assert_int_not_equal(office->last_pass, pass_count());
        office->last_pass = pass_count();
        office->results++;
        office->most = result > office->most ? (unsigned)result : office->most;
        for (int64_t i = 0; i < result; i++)
            keep(office, &office->receive.list[i]);
    } else {
        assert_true(result < 0);
        assert_false(op->active);
        office->endings++;
        office->end = result;
    }
    if (office->heard)
        office->heard(office);
}

static void on_sent(struct op *op, int64_t result)
{
    struct office *office = list_item(op, struct office, send.op);
    assert_within_a_pass();
    assert_false(op->active);
    assert_true(office->sending);
    office->sending = false;
    office->sent = result;
}

struct office *office_of(struct world *world, int fd)
{
    struct office *office = calloc(1, sizeof *office);
    assert_non_null(office);
    office->world = world;
    office->fd = fd;
    office->receive.op.done = on_received;
    office->send.op.done = on_sent;
    office->send.list = office->going;
    return office;
}

struct office *office_open(struct world *world)
{
    return office_of(world, world->table->datagrams->open(world));
}

void office_receive(struct office *office, size_t size_most)
{
    office->receive.size_most = size_most;
    call_begins();
    engine_receive_datagrams(office->world->engine, &office->receive, office->fd);
    call_ends();
    assert_true(office->receive.op.active);
}

void office_send(struct office *office, unsigned count)
{
    office->send.count = count;
    call_begins();
    bool finished = engine_send_datagrams(office->world->engine, &office->send, office->fd);
    call_ends();
    assert_int_equal(office->send.op.active, !finished);
    office->sending = !finished;
    if (finished)
        office->sent = office->send.op.result;
}

void office_address(struct office *office, unsigned i, int correspondent, const void *bytes,
                    size_t size)
{
    struct world *world = office->world;
    office->going[i] = (struct datagram){.bytes = slice_of(bytes, size), .status = 1};
    office->going[i].place = world->table->datagrams->place(world, correspondent);
}

void office_reply(struct office *office, unsigned i, const struct datagram *letter,
                  const void *bytes, size_t size)
{
    office->going[i] = (struct datagram){.bytes = slice_of(bytes, size), .status = 1};
    office->going[i].place = letter->place;
    office->going[i].local = letter->local;
}

void office_cancel(struct office *office, struct op *op)
{
    call_begins();
    engine_cancel(office->world->engine, op);
    call_ends();
}

/* What was allocated is written through nothing else. */
static void free_copy(const uint8_t *copy)
{
    union {
        const uint8_t *read;
        void *freed;
    } pointer = {.read = copy};
    free(pointer.freed);
}

void office_clear(struct office *office)
{
    while (office->count > 0)
        free_copy(office->letters[--office->count].bytes.data);
}

void office_close(struct office *office)
{
    office->heard = NULL;
    office_cancel(office, &office->receive.op);
    office_cancel(office, &office->send.op);
    UNTIL(office->world, !office->receive.op.active && !office->send.op.active);
    call_begins();
    engine_close(office->world->engine, office->fd, false);
    call_ends();
    office_clear(office);
    free(office);
}

/* ---- correspondents ---- */

void correspondent_says(struct world *world, int correspondent, const void *bytes, size_t size)
{
    for (unsigned tries = 0; !world->table->datagrams->say(world, correspondent, bytes, size);
         tries++) {
        assert_true(tries < STEPS_MAX);
        step(world);
    }
}

void correspondent_hears(struct world *world, int correspondent, const void *expected, size_t size)
{
    uint8_t *heard = malloc(size + 1);
    int64_t got = -1;
    assert_non_null(heard);
    for (unsigned tries = 0; got < 0; tries++) {
        assert_true(tries < STEPS_MAX);
        got = world->table->datagrams->hear(world, correspondent, heard, size + 1);
        if (got < 0)
            step(world);
    }
    assert_int_equal(got, size);
    assert_memory_equal(heard, expected, size);
    free(heard);
}

void assert_letter(const struct office *office, unsigned i, const void *expected, size_t size)
{
    assert_true(i < office->count);
    const struct datagram *letter = &office->letters[i];
    assert_false(letter->truncated);
    assert_int_equal(letter->bytes.size, size);
    assert_memory_equal(letter->bytes.data, expected, size);
}
