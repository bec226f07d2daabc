/* test_epoll.c: what only the kernel's engine meets: full tables, blocking descriptors, signals,
 * errors, sleep.
 *
 * What every engine promises is in test_engine_contract.c and test_engine_output.c. */
#include "engine/epoll.h"
#include "engine_side.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
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

#define KIB ((size_t)1024)

static int tcp_world(void **state)
{
    *state = world_tcp.create(&world_tcp, 1);
    return 0;
}

static int unix_world(void **state)
{
    *state = world_unix.create(&world_unix, 1);
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    world->table->destroy(&world);
    return 0;
}

/* ---- names ---- */

static void assert_refused(const char *name, const char *word)
{
    struct error error = {0};
    assert_null(engine_create(name, &error));
    assert_int_equal(error.status, GT_WRONG);
    assert_non_null(strstr(error.text, word));
}

static void is_made_by_name(void **state)
{
    (void)state;
    struct error error = {0};
    struct engine *engine = engine_create("epoll", &error);
    assert_non_null(engine);
    assert_string_equal(engine->table->name, "epoll");
    engine_destroy(&engine);
    assert_null(engine);
    assert_refused("steam", "steam");
}

/* ---- accept ---- */

static void accepts_as_promised(void **state)
{
    struct world *world = *state;
    struct lobby lobby;
    lobby_open(&lobby, world);
    world->table->connect(world);
    UNTIL(world, lobby.count == 1);
    assert_true(fcntl(lobby.fds[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(lobby.fds[0], F_GETFD) & FD_CLOEXEC);
    lobby_pause(&lobby);
    engine_close(world->engine, lobby.fds[0], false);
    if (world->table == &world_unix) {
        assert_int_equal(lobby.peer.kind, PEER_UNIX);
        assert_int_equal(lobby.peer.credentials.pid, getpid());
        assert_int_equal(lobby.peer.credentials.uid, getuid());
        assert_int_equal(lobby.peer.credentials.gid, getgid());
    } else {
        const uint8_t loopback[] = {127, 0, 0, 1};
        assert_int_equal(lobby.peer.kind, PEER_IPV4);
        assert_memory_equal(lobby.peer.address, loopback, 4);
        assert_int_not_equal(lobby.peer.port, 0);
    }
}

/* Let the process open this many descriptors more. */
static void allow_descriptors(const struct world *world, rlim_t more)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = dup(world->listener);
    assert_true(next >= 0);
    close(next);
    limit.rlim_cur = (rlim_t)next + more;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void survives_a_full_table_of_descriptors(void **state)
{
    struct world *world = *state;
    struct lobby lobby;
    lobby_open(&lobby, world);
    steps(world, 2);
    world->table->connect(world);
    world->table->connect(world);
    allow_descriptors(world, 1);
    UNTIL(world, lobby.endings == 1);
    assert_int_equal(lobby.result, -EMFILE);
    assert_false(lobby.accept.op.active);
    assert_int_equal(lobby.count, 1);
    steps(world, 3);
    lobby_resume(&lobby);
    UNTIL(world, lobby.endings == 2);
    assert_int_equal(lobby.result, -EMFILE);
    allow_descriptors(world, 100);
    lobby_resume(&lobby);
    world->table->connect(world);
    UNTIL(world, lobby.count == 3);
    lobby_pause(&lobby);
    while (lobby.count > 0)
        engine_close(world->engine, lobby.fds[--lobby.count], false);
}

static void set_blocking(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

/* Had it blocked, no pass would have returned. */
static void accepts_from_a_blocking_listener(void **state)
{
    struct world *world = *state;
    struct lobby lobby;
    set_blocking(world->listener);
    lobby_open(&lobby, world);
    steps(world, 2);
    world->table->connect(world);
    UNTIL(world, lobby.count == 1);
    steps(world, 2);
    lobby_pause(&lobby);
    assert_false(fcntl(world->listener, F_GETFL) & O_NONBLOCK);
    engine_close(world->engine, lobby.fds[0], false);
}

static void leaves_a_listener_to_others(void **state)
{
    struct world *world = *state;
    struct lobby lobby;
    struct epoll_event event;
    int other = dup(world->listener);
    assert_true(other >= 0);
    lobby_open(&lobby, world);
    steps(world, 2);
    lobby_pause(&lobby);
    engine_close(world->engine, world->listener, false);
    world->listener = -1;
    world->table->connect(world);
    assert_int_equal(epoll_wait(epoll_of(world->engine)->epoll_fd, &event, 1, 0), 0);
    close(other);
}

/* ---- little work ---- */

/* A conversation whose bytes are always there costs no epoll_ctl. */
static void tells_epoll_only_what_it_must(void **state)
{
    struct world *world = *state;
    struct side side;
    struct lobby lobby;
    int client = world->table->connect(world);
    client_says(world, client, "hello", 5);
    lobby_open(&lobby, world);
    UNTIL(world, lobby.count == 1);
    side_init(&side, world, lobby.fds[0]);
    side_receive(&side);
    step(world);
    const struct descriptor *row = epoll_row(epoll_of(world->engine), side.fd);
    assert_int_equal(side.bytes.size, 5);
    assert_int_equal(row->flags, 0);
    steps(world, 2);
    assert_int_equal(row->flags, DESCRIPTOR_IN);
    lobby_pause(&lobby);
    side_close(&side);
}

/* ---- news of another life ---- */

static struct side *victim, *heir;

/* Close the victim, whose peer's end is the next event, and give its number away. */
static void inherit(struct side *side)
{
    int number = victim->fd;
    engine_close(side->world->engine, number, false);
    assert_int_equal(dup2(side->world->listener, number), number);
    side_init(heir, side->world, number);
    engine_receive(side->world->engine, &heir->receive, number);
    side->heard = NULL;
}

static void ignores_events_of_a_former_life(void **state)
{
    struct world *world = *state;
    struct side loud, silent, next;
    int loud_client = side_open(&loud, world);
    int silent_client = side_open(&silent, world);
    steps(world, 5);
    side_end(&silent);
    steps(world, 5);
    victim = &silent;
    heir = &next;
    loud.heard = inherit;
    client_says(world, loud_client, "hello", 5);
    world->table->client_close(world, silent_client);
    step(world);
    assert_int_equal(loud.bytes.size, 5);
    assert_int_equal(epoll_row(epoll_of(world->engine), next.fd)->flags & DESCRIPTOR_ENDED, 0);
    side_close(&next);
    side_close(&loud);
}

static struct side far;

/* Make the table of descriptors move. */
static void submit_far_away(struct side *side)
{
    side_init(&far, side->world, 100000);
    engine_receive(side->world->engine, &far.receive, far.fd);
    side->heard = NULL;
}

/* An event for reader and writer both: the first one's done moves the table under the second. */
static void lets_the_table_move(void **state)
{
    struct world *world = *state;
    struct side side;
    uint8_t *said = noise(4096 * KIB);
    int client = side_open(&side, world);
    world->table->client_read(world, client, false);
    side_send(&side, said, 4096 * KIB);
    steps(world, 5);
    side.heard = submit_far_away;
    world->table->client_read(world, client, true);
    client_says(world, client, "hello", 5);
    client_hears(world, client, said, 4096 * KIB);
    UNTIL(world, !side.sending && far.endings == 1);
    assert_int_equal(far.end, -EBADF);
    side_close(&side);
    free(said);
}

/* ---- what epoll does not take ---- */

static void tries_again_what_epoll_refuses(void **state)
{
    struct world *world = *state;
    struct epoll_engine *engine = epoll_of(world->engine);
    struct side side;
    char text[] = "kept";
    side_init(&side, world, world->table->file(world));
    side.parts[0] = (struct iovec){text, 4};
    side.write.send.part_count = 1;
    side.write.mode = WRITE_STREAM;
    assert_non_null(epoll_begin(engine, &side.write.send.op, OP_WRITE, side.fd));
    assert_int_equal(epoll_await(engine, &side.write.send.op, DESCRIPTOR_OUT), 0);
    assert_int_equal(epoll_row(engine, side.fd)->flags, DESCRIPTOR_REFUSED);
    side.sending = true;
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 4);
    side_close(&side);
}

static void tells_of_a_bad_descriptor(void **state)
{
    struct world *world = *state;
    struct side side;
    side_init(&side, world, world->table->file(world));
    side_receive(&side);
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, -ENOTSOCK);
    side_send(&side, "hello", 5);
    assert_false(side.sending);
    assert_int_equal(side.sent, -ENOTSOCK);
    assert_int_equal(engine_unacknowledged(world->engine, side.fd), -ENOTSOCK);
    assert_int_equal(engine_shutdown(world->engine, side.fd), -ENOTSOCK);
    side_close(&side);
    side_init(&side, world, world->table->stream(world));
    side_sync(&side);
    assert_int_equal(side.synced, -EINVAL);
    side_close(&side);
}

/* A pipe in blocking mode that is shared with others stays so, and yet never blocks us. */
static void writes_gently_to_a_blocking_stream(void **state)
{
    struct world *world = *state;
    struct side side;
    uint8_t *said = noise(300 * KIB), *read = malloc(300 * KIB);
    size_t got = 0;
    assert_non_null(read);
    side_init(&side, world, world->table->stream(world));
    set_blocking(side.fd);
    side_write(&side, WRITE_STREAM, said, 300 * KIB);
    assert_true(side.sending);
    for (int tries = 0; got < 300 * KIB && tries < STEPS_MAX; tries++) {
        got += world->table->stream_read(world, side.fd, read + got, 300 * KIB - got);
        step(world);
    }
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, 300 * KIB);
    assert_memory_equal(read, said, 300 * KIB);
    side_close(&side);
    free(read);
    free(said);
}

/* A socket in blocking mode neither blocks us nor kills us when its reader has gone. */
static void writes_to_a_blocking_socket(void **state)
{
    struct world *world = *state;
    struct side side;
    int ends[2];
    uint8_t *said = noise(4096 * KIB);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    side_init(&side, world, ends[0]);
    side_write(&side, WRITE_SOCKET, said, 4096 * KIB);
    assert_true(side.sending);
    signal(SIGPIPE, SIG_DFL);
    close(ends[1]);
    UNTIL(world, !side.sending);
    assert_int_equal(side.sent, -EPIPE);
    signal(SIGPIPE, SIG_IGN);
    side_close(&side);
    free(said);
}

/* Where memory is out, the operation says so. (Sanitizers need the address space for themselves.)
 */
static void survives_running_out_of_memory(void **state)
{
#ifndef SANITIZED
    struct world *world = *state;
    struct side side;
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 4096;
    side_init(&side, world, 20 * 1000 * 1000);
    assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
    side_receive(&side);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    side_cancel(&side, &side.receive.op); /* too late: it is over already */
    UNTIL(world, side.endings == 1);
    assert_int_equal(side.end, -ENOMEM);
#else
    (void)state;
#endif
}

/* The kernel tells a reset once. A send that met it must not leave the receive with a clean end. */
static void tells_a_reset_to_both(void **state)
{
    struct world *world = *state;
    struct side side;
    int client = side_open(&side, world);
    side_cancel(&side, &side.receive.op);
    UNTIL(world, side.endings == 1);
    world->table->client_reset(world, client);
    steps(world, 5);
    side_send(&side, "hello", 5);
    assert_int_equal(side.sent, -ECONNRESET);
    side_receive(&side);
    UNTIL(world, side.endings == 2);
    assert_int_equal(side.end, -ECONNRESET);
    side_close(&side);
}

/* ---- waiting ---- */

struct check {
    struct timer timer;
    struct side *sides;
    unsigned count;
    bool fired;
};

static void all_have_heard(struct timer *timer, int64_t now_ns)
{
    struct check *check = list_item(timer, struct check, timer);
    assert_true(now_ns >= timer->deadline_ns);
    check->fired = true;
    for (unsigned i = 0; i < check->count; i++)
        assert_int_equal(check->sides[i].bytes.size, 5);
}

/* More events than are fetched at once: they are all told before a timer that was due after them.
 */
static void fetches_everything_before_a_timer(void **state)
{
    struct world *world = *state;
    struct check check = {.timer.fire = all_have_heard, .count = 2 * EPOLL_EVENTS_MAX + 10};
    check.sides = calloc(check.count, sizeof *check.sides);
    int *clients = calloc(check.count, sizeof *clients);
    assert_true(check.sides && clients);
    for (unsigned i = 0; i < check.count; i++)
        clients[i] = side_open(&check.sides[i], world);
    steps(world, 2);
    for (unsigned i = 0; i < check.count; i++)
        client_says(world, clients[i], "hello", 5);
    engine_timer_set(world->engine, &check.timer, world->engine->now_ns);
    step(world);
    assert_true(check.fired);
    for (unsigned i = 0; i < check.count; i++)
        side_close(&check.sides[i]);
    free(check.sides);
    free(clients);
}

static void note_fired(struct timer *timer, int64_t now_ns)
{
    struct check *check = list_item(timer, struct check, timer);
    assert_true(now_ns >= timer->deadline_ns);
    check->fired = true;
}

/* As on a kernel before 5.11, or in a sandbox that does not know epoll_pwait2. */
static void waits_in_milliseconds_too(void **state)
{
    struct world *world = *state;
    struct check check = {.timer.fire = note_fired};
    epoll_of(world->engine)->coarse = true;
    step(world);
    engine_timer_set(world->engine, &check.timer, world->engine->now_ns + 1500000);
    for (int i = 0; i < 3 && !check.fired; i++)
        step_patiently(world);
    assert_true(check.fired);
}

/* Whether a pass until the next timer gave the CPU away, as only a sleep does. */
static bool sleeps_until_a_timer(struct world *world)
{
    struct rusage before, after;
    struct check check = {.timer.fire = note_fired};
    engine_timer_set(world->engine, &check.timer, world->engine->now_ns + 20000000);
    assert_int_equal(getrusage(RUSAGE_THREAD, &before), 0);
    while (!check.fired)
        step_patiently(world);
    assert_int_equal(getrusage(RUSAGE_THREAD, &after), 0);
    return after.ru_nvcsw != before.ru_nvcsw;
}

/* A busy machine may keep it from polling, or from sleeping, once; not every time. */
static bool ever(struct world *world, bool sleeps)
{
    for (int tries = 0; tries < 50; tries++)
        if (sleeps_until_a_timer(world) == sleeps)
            return true;
    return false;
}

static void spins_before_it_sleeps(void **state)
{
    struct world *world = *state;
    steps(world, 3);
    assert_false(ever(world, false)); /* without spin_ns it always sleeps */
    world->engine->spin_ns = INT64_C(3600000000000);
    assert_true(ever(world, false));
    world->engine->spin_ns = 1000; /* nothing has happened for longer: asleep at once */
    assert_true(ever(world, true));
}

/* What counts is when something last happened: a client that speaks has it poll again. */
static void spins_again_after_news(void **state)
{
    struct world *world = *state;
    struct side side;
    int client = side_open(&side, world);
    const struct epoll_engine *engine = epoll_of(world->engine);
    steps(world, 3);
    assert_true(sleeps_until_a_timer(world));
    int64_t before_ns = engine->happened_ns;
    assert_true(before_ns < world->engine->now_ns);
    client_says(world, client, "hello", 5);
    UNTIL(world, side.bytes.size == 5);
    assert_true(engine->happened_ns > before_ns);
    before_ns = engine->happened_ns;
    engine_wake(world->engine);
    step(world);
    assert_true(engine->happened_ns > before_ns);
    side_close(&side);
}

static struct engine *signalled;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
    if (signalled)
        engine_wake(signalled);
}

static void interrupt_every_5_ms(bool on)
{
    struct itimerval interval = {{0, on ? 5000 : 0}, {0, on ? 5000 : 0}};
    struct sigaction action = {.sa_handler = on ? on_signal : SIG_IGN};
    signals = 0;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &interval, NULL), 0);
}

static void is_woken_by_a_signal(void **state)
{
    struct world *world = *state;
    signalled = NULL; /* the signal alone ends the wait */
    interrupt_every_5_ms(true);
    while (signals < 3)
        step_patiently(world);
    interrupt_every_5_ms(false);
    signalled = world->engine; /* its handler does */
    interrupt_every_5_ms(true);
    while (signals < 3)
        step_patiently(world);
    interrupt_every_5_ms(false);
    signalled = NULL;
}

#define TCP(test)  cmocka_unit_test_setup_teardown(test, tcp_world, end_world)
#define UNIX(test) cmocka_unit_test_setup_teardown(test, unix_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_made_by_name),
        TCP(accepts_as_promised),
        UNIX(accepts_as_promised),
        TCP(survives_a_full_table_of_descriptors),
        UNIX(survives_a_full_table_of_descriptors),
        TCP(accepts_from_a_blocking_listener),
        TCP(leaves_a_listener_to_others),
        TCP(tells_epoll_only_what_it_must),
        UNIX(ignores_events_of_a_former_life),
        UNIX(lets_the_table_move),
        TCP(tries_again_what_epoll_refuses),
        TCP(tells_of_a_bad_descriptor),
        TCP(tells_a_reset_to_both),
        TCP(writes_gently_to_a_blocking_stream),
        TCP(writes_to_a_blocking_socket),
        TCP(survives_running_out_of_memory),
        UNIX(fetches_everything_before_a_timer),
        TCP(waits_in_milliseconds_too),
        TCP(spins_before_it_sleeps),
        TCP(spins_again_after_news),
        TCP(is_woken_by_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
