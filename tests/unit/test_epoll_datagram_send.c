/* test_epoll_datagram_send.c: what sendmmsg may say, and what becomes of it.
 *
 * sendmmsg is this file's own: it can be told to fail, and otherwise is the system's. */
#include "datagram_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- sendmmsg ---- */

/* What the next calls do: send at most this many (more than 0), fail with this errno (less), or
 * whatever they would (0: the end of the plan). */
static int plan[8];
static unsigned planned;
static unsigned calls;

static void plan_calls(int first, int second, int third)
{
    plan[0] = first;
    plan[1] = second;
    plan[2] = third;
    plan[3] = 0;
    planned = calls = 0;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    int next = plan[planned];
    calls++;
    if (next != 0)
        planned++;
    if (next < 0) {
        errno = -next;
        return -1;
    }
    if (next > 0 && count > (unsigned)next)
        count = (unsigned)next;
    return (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

/* ---- worlds ---- */

static int udp_world(void **state)
{
    plan_calls(0, 0, 0);
    *state = world_tcp.create(&world_tcp, 1);
    return 0;
}

static int unix_world(void **state)
{
    plan_calls(0, 0, 0);
    *state = world_unix.create(&world_unix, 1);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    world->table->destroy(&world);
    return 0;
}

/* ---- what sendmmsg may say ---- */

static struct office *three_letters(struct world *world, int *reader)
{
    struct office *office = office_open(world);
    *reader = world->table->datagrams->correspondent(world, office->fd, true);
    office_address(office, 0, *reader, "one", 3);
    office_address(office, 1, *reader, "two", 3);
    office_address(office, 2, *reader, "three", 5);
    return office;
}

static void assert_all_sent(struct office *office, int reader)
{
    UNTIL(office->world, !office->sending);
    assert_int_equal(office->sent, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(office->going[i].status, 0);
    correspondent_hears(office->world, reader, "one", 3);
    correspondent_hears(office->world, reader, "two", 3);
    correspondent_hears(office->world, reader, "three", 5);
    office_close(office);
}

static void sends_a_batch_with_one_call(void **state)
{
    int reader;
    struct office *office = three_letters(*state, &reader);
    office_send(office, 3);
    assert_int_equal(calls, 1);
    assert_false(office->sending);
    assert_all_sent(office, reader);
}

static void goes_on_after_a_part_of_a_batch(void **state)
{
    int reader;
    struct office *office = three_letters(*state, &reader);
    plan_calls(2, -EINTR, 0);
    office_send(office, 3);
    assert_int_equal(calls, 3);
    assert_all_sent(office, reader);
}

static void waits_while_its_own_buffer_is_full(void **state)
{
    int reader;
    struct office *office = three_letters(*state, &reader);
    plan_calls(1, -EAGAIN, 0);
    office_send(office, 3);
    assert_true(office->sending);
    assert_int_equal(office->send.handled, 1);
    assert_all_sent(office, reader);
    assert_int_equal(calls, 3);
}

static void stops_waiting_when_cancelled(void **state)
{
    int reader;
    struct office *office = three_letters(*state, &reader);
    plan_calls(1, -EAGAIN, 0);
    office_send(office, 3);
    office_cancel(office, &office->send.op);
    UNTIL(office->world, !office->sending);
    assert_int_equal(office->sent, -ECANCELED);
    assert_int_equal(office->send.handled, 1);
    correspondent_hears(office->world, reader, "one", 3);
    plan_calls(0, 0, 0);
    office_send(office, 3);
    assert_all_sent(office, reader);
}

static void tells_one_of_a_failure(struct world *world, int number)
{
    int reader;
    struct office *office = three_letters(world, &reader);
    plan_calls(1, -number, 0);
    office_send(office, 3);
    assert_false(office->sending);
    assert_int_equal(office->sent, 2);
    assert_int_equal(office->going[0].status, 0);
    assert_int_equal(office->going[1].status, -number);
    assert_int_equal(office->going[2].status, 0);
    correspondent_hears(world, reader, "one", 3);
    correspondent_hears(world, reader, "three", 5);
    office_close(office);
}

static void takes_a_failure_for_one_datagram_s(void **state)
{
    tells_one_of_a_failure(*state, ENOBUFS);
    tells_one_of_a_failure(*state, EPERM);
}

static void takes_a_full_unix_queue_for_a_failure(void **state)
{
    tells_one_of_a_failure(*state, EAGAIN);
}

#define UDP(test)  cmocka_unit_test_setup_teardown(test, udp_world, end_world)
#define UNIX(test) cmocka_unit_test_setup_teardown(test, unix_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UDP(sends_a_batch_with_one_call),        UDP(goes_on_after_a_part_of_a_batch),
        UDP(waits_while_its_own_buffer_is_full), UDP(stops_waiting_when_cancelled),
        UDP(takes_a_failure_for_one_datagram_s), UNIX(takes_a_full_unix_queue_for_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
