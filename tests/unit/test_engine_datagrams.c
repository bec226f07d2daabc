/* test_engine_datagrams.c: the contract of engine.h about datagrams.
 *
 * It runs in the worlds of test_engine_contract.c that have datagrams. What only the kernel has,
 * addresses to reply from and descriptors sent along, is in test_epoll_datagram*.c. */
#include "datagram_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY      200
#define SIZE_MOST 2000

static int correspondent(const struct office *office)
{
    return office->world->table->datagrams->correspondent(office->world, office->fd, true);
}

/* An office that receives; NULL: this world has no datagrams. */
static struct office *office_at_work(struct world *world)
{
    if (!world->table->datagrams)
        return NULL;
    struct office *office = office_open(world);
    office_receive(office, SIZE_MOST);
    return office;
}

/* ---- receiving ---- */

static void receives_each_for_itself(struct world *world)
{
    struct office *office = office_at_work(world);
    if (!office)
        return;
    int one = correspondent(office), other = correspondent(office);
    correspondent_says(world, one, "Who is there?", 13);
    UNTIL(world, office->count == 1);
    correspondent_says(world, other, "Me", 2);
    UNTIL(world, office->count == 2);
    correspondent_says(world, one, "Oh", 2);
    correspondent_says(world, one, "Come in", 7);
    UNTIL(world, office->count == 4);
    steps(world, 3);
    assert_letter(office, 0, "Who is there?", 13);
    assert_letter(office, 1, "Me", 2);
    assert_letter(office, 2, "Oh", 2);
    assert_letter(office, 3, "Come in", 7);
    assert_int_equal(office->count, 4);
    assert_int_equal(office->endings, 0);
    office_close(office);
}

static void tells_who_wrote(struct world *world)
{
    struct office *office = office_at_work(world);
    if (!office)
        return;
    int writer = correspondent(office);
    struct place place = world->table->datagrams->place(world, writer);
    correspondent_says(world, writer, "Me", 2);
    UNTIL(world, office->count == 1);
    const struct datagram *letter = &office->letters[0];
    assert_int_not_equal(letter->peer.kind, PEER_NONE);
    assert_int_equal(letter->place.size, place.size);
    assert_memory_equal(&letter->place.any, &place.any, place.size);
    office_close(office);
}

static void receives_an_empty_one(struct world *world)
{
    struct office *office = office_at_work(world);
    if (!office)
        return;
    int writer = correspondent(office);
    correspondent_says(world, writer, "before", 6);
    correspondent_says(world, writer, "", 0);
    correspondent_says(world, writer, "after", 5);
    UNTIL(world, office->count == 3);
    assert_letter(office, 0, "before", 6);
    assert_letter(office, 1, "", 0);
    assert_letter(office, 2, "after", 5);
    assert_int_equal(office->endings, 0);
    office_close(office);
}

static void truncates_what_is_too_long(struct world *world)
{
    struct office *office = office_at_work(world);
    if (!office)
        return;
    uint8_t *said = noise(2 * SIZE_MOST);
    int writer = correspondent(office);
    correspondent_says(world, writer, said, SIZE_MOST);
    correspondent_says(world, writer, said, SIZE_MOST + 1);
    correspondent_says(world, writer, said, 2 * SIZE_MOST);
    correspondent_says(world, writer, "short", 5);
    UNTIL(world, office->count == 4);
    assert_letter(office, 0, said, SIZE_MOST);
    for (int i = 1; i < 3; i++) {
        assert_true(office->letters[i].truncated);
        assert_int_equal(office->letters[i].bytes.size, SIZE_MOST);
        assert_memory_equal(office->letters[i].bytes.data, said, SIZE_MOST);
    }
    assert_letter(office, 3, "short", 5);
    office_close(office);
    free(said);
}

static void receives_the_longest(struct world *world)
{
    if (!world->table->datagrams)
        return;
    struct office *office = office_open(world);
    size_t largest = world->table->datagrams->largest;
    uint8_t *said = noise(largest);
    int writer = correspondent(office);
    office_receive(office, PACKET_MAX);
    for (unsigned i = 1; i <= 5; i++) {
        correspondent_says(world, writer, said, largest);
        UNTIL(world, office->count == i);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_letter(office, i, said, largest);
    office_close(office);
    free(said);
}

static size_t write_number(char text[32], unsigned number)
{
    return (size_t)snprintf(text, 32, "number %u", number);
}

static void assert_numbers(const struct office *office, unsigned count)
{
    char text[32];
    for (unsigned i = 0; i < count; i++)
        assert_letter(office, i, text, write_number(text, i));
}

/* They pile up while nobody looks, as far as the world lets them. */
static void receives_what_piled_up(struct world *world)
{
    char text[32];
    if (!world->table->datagrams)
        return;
    struct office *office = office_open(world);
    int writer = correspondent(office);
    unsigned said = 0;
    while (said < MANY &&
           world->table->datagrams->say(world, writer, text, write_number(text, said)))
        said++;
    steps(world, 10);
    office_receive(office, SIZE_MOST);
    for (; said < MANY; said++)
        correspondent_says(world, writer, text, write_number(text, said));
    UNTIL(world, office->count == MANY);
    steps(world, 3);
    assert_numbers(office, MANY);
    assert_int_equal(office->count, MANY);
    assert_true(office->results >= MANY / DATAGRAMS_MAX);
    office_close(office);
}

/* ---- cancelling ---- */

static void loses_nothing_to_a_cancel(struct world *world)
{
    char text[32];
    struct office *office = office_at_work(world);
    if (!office)
        return;
    int writer = correspondent(office);
    for (unsigned i = 0; i < MANY; i++) {
        correspondent_says(world, writer, text, write_number(text, i));
        if (i % 3 == 1)
            step(world);
        office_cancel(office, &office->receive.op);
        office_cancel(office, &office->receive.op);
        UNTIL(world, !office->receive.op.active);
        assert_int_equal(office->end, -ECANCELED);
        office_receive(office, SIZE_MOST);
    }
    UNTIL(world, office->count == MANY);
    assert_numbers(office, MANY);
    assert_int_equal(office->endings, MANY);
    office_close(office);
}

static void cancel_it(struct office *office)
{
    engine_cancel(office->world->engine, &office->receive.op);
}

static void is_cancelled_from_within(struct world *world)
{
    struct office *office = office_at_work(world);
    if (!office)
        return;
    office->heard = cancel_it;
    int writer = correspondent(office);
    correspondent_says(world, writer, "enough", 6);
    UNTIL(world, office->endings == 1);
    assert_int_equal(office->end, -ECANCELED);
    assert_letter(office, 0, "enough", 6);
    correspondent_says(world, writer, "more", 4);
    steps(world, 10);
    assert_int_equal(office->count, 1);
    office->heard = NULL;
    office_receive(office, SIZE_MOST);
    UNTIL(world, office->count == 2);
    assert_letter(office, 1, "more", 4);
    office_close(office);
}

/* ---- sending ---- */

static void replies_to_each(struct world *world)
{
    char text[32];
    int writers[8];
    struct office *office = office_at_work(world);
    if (!office)
        return;
    for (unsigned i = 0; i < 8; i++) {
        writers[i] = correspondent(office);
        correspondent_says(world, writers[i], text, write_number(text, i));
    }
    UNTIL(world, office->count == 8);
    for (unsigned i = 0; i < 8; i++)
        office_reply(office, i, &office->letters[i], office->letters[i].bytes.data,
                     office->letters[i].bytes.size);
    office_send(office, 8);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(office->going[i].status, 0);
        correspondent_hears(world, writers[i], text, write_number(text, i));
    }
    office_close(office);
}

static void sends_as_many_as_it_may(struct world *world)
{
    char texts[DATAGRAMS_MAX][32];
    if (!world->table->datagrams)
        return;
    struct office *office = office_open(world);
    int readers[16];
    for (unsigned i = 0; i < 16; i++)
        readers[i] = correspondent(office);
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++)
        office_address(office, i, readers[i % 16], texts[i], write_number(texts[i], i));
    office_send(office, DATAGRAMS_MAX);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, DATAGRAMS_MAX);
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++)
        correspondent_hears(world, readers[i % 16], texts[i], strlen(texts[i]));
    office_close(office);
}

static void sends_the_empty_and_the_longest(struct world *world)
{
    if (!world->table->datagrams)
        return;
    struct office *office = office_open(world);
    size_t largest = world->table->datagrams->largest;
    uint8_t *said = noise(largest);
    int reader = correspondent(office);
    office_address(office, 0, reader, NULL, 0);
    office_address(office, 1, reader, said, largest);
    office_address(office, 2, reader, "last", 4);
    office_send(office, 3);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, 3);
    correspondent_hears(world, reader, "", 0);
    correspondent_hears(world, reader, said, largest);
    correspondent_hears(world, reader, "last", 4);
    office_close(office);
    free(said);
}

/* First, in the middle, two in a row, last: the others leave. */
static void lets_none_fail_for_another(struct world *world)
{
    const bool fails[] = {true, false, false, true, true, false, true, false, true};
    char text[32];
    if (!world->table->datagrams)
        return;
    struct office *office = office_open(world);
    int reader = correspondent(office);
    for (unsigned i = 0; i < 9; i++) {
        office_address(office, i, reader, "to be overwritten", 1);
        if (fails[i])
            office->going[i].place = world->table->datagrams->nowhere(world);
    }
    char texts[9][32];
    for (unsigned i = 0; i < 9; i++)
        office->going[i].bytes = slice_of(texts[i], write_number(texts[i], i));
    office_send(office, 9);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, 4);
    assert_int_equal(office->send.handled, 9);
    for (unsigned i = 0; i < 9; i++) {
        assert_true(fails[i] ? office->going[i].status < 0 : office->going[i].status == 0);
        if (!fails[i])
            correspondent_hears(world, reader, text, write_number(text, i));
    }
    office_close(office);
}

/* ---- names and queues ---- */

static void hears_somebody_without_a_name(struct world *world)
{
    if (!world->table->datagrams || !world->table->datagrams->nameless)
        return;
    struct office *office = office_at_work(world);
    int writer = world->table->datagrams->correspondent(world, office->fd, false);
    int reader = correspondent(office);
    correspondent_says(world, reader, "I have one", 10);
    UNTIL(world, office->count == 1);
    correspondent_says(world, writer, "I have none", 11);
    UNTIL(world, office->count == 2);
    assert_letter(office, 1, "I have none", 11);
    assert_int_equal(office->letters[1].place.size, 0);
    assert_int_equal(office->letters[1].peer.kind, PEER_UNIX);
    office_reply(office, 0, &office->letters[1], "who?", 4);
    office_reply(office, 1, &office->letters[0], "hello", 5);
    office_send(office, 2);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, 1);
    assert_true(office->going[0].status < 0);
    correspondent_hears(world, reader, "hello", 5);
    int another = correspondent(office);
    struct place place = world->table->datagrams->place(world, another);
    correspondent_says(world, another, "I have one too", 14);
    UNTIL(world, office->count == 3);
    assert_int_equal(office->letters[2].place.size, place.size);
    assert_memory_equal(&office->letters[2].place.any, &place.any, place.size);
    office_close(office);
}

/* Who does not read fails alone: nobody waits for it. */
static void waits_for_no_receiver(struct world *world)
{
    if (!world->table->datagrams || !world->table->datagrams->full_is_error)
        return;
    struct office *office = office_open(world);
    int deaf = correspondent(office), reader = correspondent(office);
    for (unsigned sent = 0; office->sent >= 0 && office->going[0].status == 0; sent++) {
        assert_true(sent < 10000);
        office_address(office, 0, deaf, "hello?", 6);
        office_send(office, 1);
        UNTIL(world, !office->sending);
    }
    assert_int_equal(office->going[0].status, -EAGAIN);
    assert_int_equal(office->sent, 0);
    office_address(office, 0, deaf, "hello?", 6);
    office_address(office, 1, reader, "hello!", 6);
    office_send(office, 2);
    UNTIL(world, !office->sending);
    assert_int_equal(office->sent, 1);
    assert_int_equal(office->going[0].status, -EAGAIN);
    correspondent_hears(world, reader, "hello!", 6);
    office_close(office);
}

static const struct contract contracts[] = {
    CONTRACT(receives_each_for_itself),
    CONTRACT(tells_who_wrote),
    CONTRACT(receives_an_empty_one),
    CONTRACT(truncates_what_is_too_long),
    CONTRACT(receives_the_longest),
    CONTRACT(receives_what_piled_up),
    CONTRACT(loses_nothing_to_a_cancel),
    CONTRACT(is_cancelled_from_within),
    CONTRACT(replies_to_each),
    CONTRACT(sends_as_many_as_it_may),
    CONTRACT(sends_the_empty_and_the_longest),
    CONTRACT(lets_none_fail_for_another),
    CONTRACT(hears_somebody_without_a_name),
    CONTRACT(waits_for_no_receiver),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
