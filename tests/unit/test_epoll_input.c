/* test_epoll_input.c: reading and connecting as only the kernel has them: terminals, descriptors
 * in blocking mode, a queue that is full for a while, descriptors sent along with packets.
 *
 * What every engine promises is in test_engine_input.c and test_engine_connect.c. */
#include "engine/epoll.h"
#include "engine_side.h"
#include "world_real.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static int unix_world(void **state)
{
    *state = world_unix.create(&world_unix, 1);
    return 0;
}

static int tcp_world(void **state)
{
    *state = world_tcp.create(&world_tcp, 1);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    world->table->destroy(&world);
    return 0;
}

static void start_reading(struct side *side, struct world *world, int fd)
{
    side_init(side, world, fd);
    call_begins();
    engine_read(world->engine, &side->receive, fd);
    call_ends();
}

/* ---- terminals ---- */

/* The terminal's side that programs use; *keyboard is the other one. */
static int open_terminal(struct world *world, int *keyboard)
{
    *keyboard = add_other(world, must(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "openpt"));
    must(grantpt(*keyboard), "grantpt");
    must(unlockpt(*keyboard), "unlockpt");
    char name[64];
    assert_int_equal(ptsname_r(*keyboard, name, sizeof name), 0);
    return must(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC), name);
}

static void type(int keyboard, const char *text)
{
    assert_int_equal(write(keyboard, text, strlen(text)), strlen(text));
}

/* Each line is a result of its own, though all were there at once; the mode, which others share,
 * stays as it was. */
static void reads_a_terminal_by_lines(void **state)
{
    struct world *world = *state;
    struct side side;
    int keyboard, terminal = open_terminal(world, &keyboard);
    start_reading(&side, world, terminal);
    steps(world, 3);
    type(keyboard, "one\ntwo\nthree\n");
    UNTIL(world, side.bytes.size == 14);
    assert_int_equal(side.results, 3);
    type(keyboard, "unfinished");
    steps(world, 3);
    assert_int_equal(side.bytes.size, 14);
    type(keyboard, ", finished\n");
    UNTIL(world, side.bytes.size == 14 + 21);
    assert_memory_equal(side.bytes.data, "one\ntwo\nthree\nunfinished, finished\n", 35);
    assert_int_equal(fcntl(terminal, F_GETFL) & O_NONBLOCK, 0);
    type(keyboard, "\004");
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

static void reads_until_a_terminal_hangs_up(void **state)
{
    struct world *world = *state;
    struct side side;
    int keyboard, terminal = open_terminal(world, &keyboard);
    start_reading(&side, world, terminal);
    type(keyboard, "bye\n");
    UNTIL(world, side.bytes.size == 4);
    close_ours(&real_of(world)->others[real_of(world)->other_count - 1]);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

/* ---- pipes and files ---- */

/* Had it blocked, no pass would have returned. */
static void reads_gently_from_a_blocking_pipe(void **state)
{
    struct world *world = *state;
    struct side side;
    int fd = world->table->sources->pipe(world);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    start_reading(&side, world, fd);
    steps(world, 3);
    for (size_t i = 1; i <= 20; i++) {
        assert_int_equal(world->table->sources->write(world, fd, "a few", 5), 5);
        UNTIL(world, side.bytes.size == 5 * i);
        if (i % 2)
            step(world);
    }
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    world->table->sources->end(world, fd);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, 0);
    side_close(&side);
}

/* From where it stands. */
static void reads_the_rest_of_a_file(void **state)
{
    struct world *world = *state;
    struct side side;
    int fd = world->table->sources->file(world, "skipped kept", 12);
    assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
    start_reading(&side, world, fd);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.bytes.size, 4);
    assert_memory_equal(side.bytes.data, "kept", 4);
    side_close(&side);
}

static void assert_unreadable(struct world *world, const char *path, int flags, int number)
{
    struct side side;
    start_reading(&side, world, must(open(path, flags | O_CLOEXEC), path));
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, number);
    side_close(&side);
}

static void tells_what_cannot_be_read(void **state)
{
    assert_unreadable(*state, "/", O_RDONLY, -EISDIR);
    assert_unreadable(*state, "/dev/null", O_WRONLY, -EBADF);
    assert_unreadable(*state, "/dev/null", O_RDONLY, 0);
}

static void leaves_a_pipe_to_others(void **state)
{
    struct world *world = *state;
    struct side side;
    struct epoll_event event;
    int fd = world->table->sources->pipe(world);
    int other = must(dup(fd), "dup");
    start_reading(&side, world, fd);
    steps(world, 3);
    side_close(&side);
    assert_int_equal(world->table->sources->write(world, fd, "for others", 10), 10);
    assert_int_equal(epoll_wait(engine_descriptor(world->engine), &event, 1, 0), 0);
    close(other);
}

/* ---- packets ---- */

/* Nobody makes us keep a descriptor: the pipe has no writer any more. */
static void takes_no_descriptors(void **state)
{
    struct world *world = *state;
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct side side;
    int client, ends[2];
    char byte[] = "x";
    struct iovec part = {byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    side_init(&side, world, world->table->packets(world, &client));
    side.receive.op.flags = OP_PACKETS;
    side_receive(&side);
    must(pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
    memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
    must((int)sendmsg(real_of(world)->clients[client].fd, &message, 0), "sendmsg");
    close(ends[1]);
    UNTIL(world, side.bytes.size == 1);
    assert_int_equal(read(ends[0], byte, 1), 0);
    close(ends[0]);
    side_close(&side);
}

/* (Sanitizers need the address space for themselves.) */
static void survives_running_out_of_memory(void **state)
{
#ifndef SANITIZED
    struct world *world = *state;
    struct rlimit before, none;
    struct side side;
    int client;
    side_init(&side, world, world->table->packets(world, &client));
    side.receive.op.flags = OP_PACKETS;
    client_says(world, client, "hello", 5);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 4096;
    malloc_trim(0);
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    side_receive(&side);
    engine_pass(world->engine, 0);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(side.endings, 1);
    assert_int_equal(side.end, -ENOMEM);
    side_receive(&side);
    UNTIL(world, side.bytes.size == 5);
    side_close(&side);
#else
    (void)state;
#endif
}

/* ---- connecting ---- */

struct call {
    struct side side;
    struct connect_op connect;
    unsigned results;
    int64_t result;
};

static void on_connect(struct op *op, int64_t result)
{
    struct call *call = list_item(op, struct call, connect.op);
    assert_within_a_pass();
    call->results++;
    call->result = result;
}

static void connect_to(struct call *call, struct world *world, int fd, const struct place *place)
{
    *call = (struct call){.connect = {.op.done = on_connect, .to = *place}};
    side_init(&call->side, world, fd);
    call_begins();
    engine_connect(world->engine, &call->connect, fd);
    call_ends();
}

/* The kernel says EAGAIN and has no event for the moment when there is room. */
static void waits_while_a_queue_is_full(void **state)
{
    struct world *world = *state;
    struct call calls[5];
    struct place place;
    int listener = add_other(world, real_socket(world, SOCK_STREAM | SOCK_NONBLOCK));
    bind_anywhere(listener, AF_UNIX);
    must(listen(listener, 0), "listen");
    place = place_of(listener);
    for (int i = 0; i < 5; i++)
        connect_to(&calls[i], world, real_socket(world, SOCK_STREAM | SOCK_NONBLOCK), &place);
    steps(world, 20);
    assert_int_equal(calls[0].results, 1);
    assert_int_equal(calls[4].results, 0);
    side_cancel(&calls[3].side, &calls[3].connect.op);
    for (int i = 0; i < 5; i++) {
        UNTIL(world, calls[i].results == 1);
        assert_int_equal(calls[i].result, i == 3 ? -ECANCELED : 0);
        if (i != 3)
            add_client(world, must(accept(listener, NULL, NULL), "accept"));
    }
    for (int i = 0; i < 5; i++)
        side_close(&calls[i].side);
}

/* It sleeps in the meantime: passes that may take as long as they like are few. */
static void does_not_spin_at_a_full_queue(void **state)
{
    struct world *world = *state;
    struct call call;
    struct place place;
    int fd = world->table->meetings->unanswered(world, &place);
    connect_to(&call, world, fd, &place);
    step(world);
    int64_t begin_ns = world->engine->now_ns;
    assert_in_range(engine_patience(world->engine), 1, EPOLL_LATER_NS);
    for (int i = 0; i < 5; i++)
        step_patiently(world);
    assert_true(world->engine->now_ns - begin_ns >= 4 * (int64_t)EPOLL_LATER_NS);
    side_cancel(&call.side, &call.connect.op);
    UNTIL(world, call.results == 1);
    assert_int_equal(engine_patience(world->engine), -1);
    side_close(&call.side);
}

/* An event about something else, or an attempt under way already, is no answer. */
static void waits_for_an_attempt_under_way(void **state)
{
    struct world *world = *state;
    struct call call;
    struct place place;
    int fd = world->table->meetings->unanswered(world, &place);
    assert_int_equal(connect(fd, &place.any, place.size), -1);
    assert_int_equal(errno, EINPROGRESS);
    connect_to(&call, world, fd, &place);
    steps(world, 5);
    assert_int_equal(call.results, 0);
    side_cancel(&call.side, &call.connect.op);
    UNTIL(world, call.results == 1);
    side_close(&call.side);
}

static void tells_where_nobody_can_be(void **state)
{
    struct world *world = *state;
    struct call call;
    struct place place = {.size = sizeof place.local, .local.sun_family = AF_UNIX};
    memcpy(place.local.sun_path, "/nowhere/at/all", 16);
    connect_to(&call, world, real_socket(world, SOCK_STREAM | SOCK_NONBLOCK), &place);
    UNTIL(world, call.results == 1);
    assert_int_equal(call.result, -ENOENT);
    side_close(&call.side);
    place.any.sa_family = AF_INET;
    connect_to(&call, world, real_socket(world, SOCK_STREAM | SOCK_NONBLOCK), &place);
    UNTIL(world, call.results == 1);
    assert_int_equal(call.result, -EINVAL);
    side_close(&call.side);
}

#define TCP(test)  cmocka_unit_test_setup_teardown(test, tcp_world, end_world)
#define UNIX(test) cmocka_unit_test_setup_teardown(test, unix_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIX(reads_a_terminal_by_lines),
        UNIX(reads_until_a_terminal_hangs_up),
        UNIX(reads_gently_from_a_blocking_pipe),
        UNIX(reads_the_rest_of_a_file),
        UNIX(tells_what_cannot_be_read),
        UNIX(leaves_a_pipe_to_others),
        UNIX(takes_no_descriptors),
        UNIX(survives_running_out_of_memory),
        UNIX(waits_while_a_queue_is_full),
        UNIX(does_not_spin_at_a_full_queue),
        TCP(waits_for_an_attempt_under_way),
        UNIX(tells_where_nobody_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
