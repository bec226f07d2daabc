/* test_engine_child.c: the contract of engine.h about child processes.
 *
 * The commands are those that the simulated engine knows (engine/sim.h). What only a real process
 * has (descriptors, signals, its group) is in tests/talk. */
#include "engine_side.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MIB ((size_t)1024 * 1024)

/* A child, and what it was given and has said. */
struct kid {
    struct child_op child;
    struct side input, output, complaints;
    unsigned endings;
    int64_t status;
};

static void child_done(struct op *op, int64_t result)
{
    struct kid *kid = list_item(op, struct kid, child.op);
    assert_within_a_pass();
    assert_false(op->active);
    kid->endings++;
    kid->status = result;
}

static void kid_begin(struct kid *kid, struct world *world, const char *command)
{
    const char *arguments[] = {"/bin/sh", "-c", command, NULL};
    const char *environment[] = {"PATH=/usr/bin:/bin", NULL};
    struct spawn spawn = {arguments, environment, {SPAWN_PIPE, SPAWN_PIPE, SPAWN_PIPE}};
    *kid = (struct kid){.child.op.done = child_done};
    call_begins();
    assert_int_equal(engine_spawn(world->engine, &kid->child, &spawn), 0);
    call_ends();
    assert_true(kid->child.op.active);
    side_init(&kid->input, world, spawn.standard[0]);
    side_init(&kid->output, world, spawn.standard[1]);
    side_init(&kid->complaints, world, spawn.standard[2]);
}

static void reads(struct side *side)
{
    call_begins();
    engine_read(side->world->engine, &side->receive, side->fd);
    call_ends();
}

static void kid_is_heard(struct kid *kid)
{
    reads(&kid->output);
    reads(&kid->complaints);
}

static void kid_close(struct kid *kid)
{
    if (kid->input.fd >= 0)
        side_close(&kid->input);
    side_close(&kid->output);
    side_close(&kid->complaints);
}

static void no_more_input(struct kid *kid)
{
    side_close(&kid->input);
    kid->input.fd = -1;
}

static void ends_with(const char *command, struct world *world, int expected)
{
    struct kid kid;
    kid_begin(&kid, world, command);
    kid_is_heard(&kid);
    UNTIL(world, kid.endings == 1);
    assert_int_equal(kid.status, expected);
    UNTIL(world, kid.output.endings == 1 && kid.complaints.endings == 1);
    assert_int_equal(kid.output.end, 0);
    steps(world, 5);
    assert_int_equal(kid.endings, 1);
    kid_close(&kid);
}

static void ends_with_its_status(struct world *world)
{
    ends_with("true", world, 0);
    ends_with("exit 3", world, 3 << 8);
    ends_with("kill -9 $$", world, SIGKILL);
}

static void what_it_is_given_comes_back(struct world *world)
{
    struct kid kid;
    size_t size = MIB / 2;
    uint8_t *given = noise(size);
    kid_begin(&kid, world, "cat");
    kid_is_heard(&kid);
    side_write(&kid.input, WRITE_STREAM, given, size);
    UNTIL(world, !kid.input.sending);
    assert_int_equal(kid.input.sent, size);
    no_more_input(&kid);
    UNTIL(world, kid.endings == 1 && kid.output.endings == 1);
    assert_int_equal(kid.status, 0);
    assert_int_equal(kid.output.bytes.size, size);
    assert_memory_equal(bytes_slice(&kid.output.bytes).data, given, size);
    assert_int_equal(kid.complaints.bytes.size, 0);
    kid_close(&kid);
    free(given);
}

static void what_it_does_not_read_fails(struct world *world)
{
    struct kid kid;
    uint8_t *given = noise(MIB);
    kid_begin(&kid, world, "true");
    UNTIL(world, kid.endings == 1);
    side_write(&kid.input, WRITE_STREAM, given, MIB);
    UNTIL(world, !kid.input.sending);
    assert_int_equal(kid.input.sent, -EPIPE);
    kid_close(&kid);
    free(given);
}

static void complaints_are_apart(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "echo wrong >&2");
    kid_is_heard(&kid);
    UNTIL(world, kid.complaints.endings == 1 && kid.output.endings == 1 && kid.endings == 1);
    assert_int_equal(kid.complaints.bytes.size, 6);
    assert_memory_equal(bytes_slice(&kid.complaints.bytes).data, "wrong\n", 6);
    assert_int_equal(kid.output.bytes.size, 0);
    kid_close(&kid);
}

static void output_may_end_before_it_does(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "exec >&-; cat >/dev/null");
    kid_is_heard(&kid);
    UNTIL(world, kid.output.endings == 1);
    assert_int_equal(kid.output.end, 0);
    assert_int_equal(kid.endings, 0);
    no_more_input(&kid);
    UNTIL(world, kid.endings == 1);
    assert_int_equal(kid.status, 0);
    kid_close(&kid);
}

static void a_signal_ends_it(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "sleep 1000");
    steps(world, 20);
    assert_int_equal(kid.endings, 0);
    call_begins();
    engine_kill(world->engine, &kid.child, SIGTERM);
    call_ends();
    UNTIL(world, kid.endings == 1);
    assert_int_equal(kid.status, SIGTERM);
    engine_kill(world->engine, &kid.child, SIGTERM); /* nothing: it has ended */
    kid_close(&kid);
}

static void one_that_ignores_it_is_killed(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "trap '' TERM; sleep 1000");
    steps(world, 30);
    call_begins();
    engine_kill(world->engine, &kid.child, SIGTERM);
    call_ends();
    steps(world, 30);
    assert_int_equal(kid.endings, 0);
    call_begins();
    engine_kill(world->engine, &kid.child, SIGKILL);
    call_ends();
    UNTIL(world, kid.endings == 1);
    assert_int_equal(kid.status, SIGKILL);
    kid_close(&kid);
}

static void cancelling_kills_it(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "sleep 1000");
    call_begins();
    engine_cancel(world->engine, &kid.child.op);
    engine_cancel(world->engine, &kid.child.op);
    call_ends();
    UNTIL(world, kid.endings == 1);
    assert_int_equal(kid.status, SIGKILL);
    kid_close(&kid);
}

/* How many bytes wait to be read is told of its output, too. */
static void what_waits_is_counted(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "echo wrong >&2");
    UNTIL(world, kid.endings == 1);
    assert_int_equal(engine_unread(world->engine, kid.complaints.fd), 6);
    assert_int_equal(engine_unread(world->engine, kid.output.fd), 0);
    kid_close(&kid);
}

/* A flood is read piece by piece, as fast as one likes, and ends with the child. */
static void a_flood_ends_with_it(struct world *world)
{
    struct kid kid;
    kid_begin(&kid, world, "yes");
    kid_is_heard(&kid);
    UNTIL(world, kid.output.bytes.size > 1000);
    call_begins();
    engine_kill(world->engine, &kid.child, SIGKILL);
    call_ends();
    UNTIL(world, kid.endings == 1 && kid.output.endings == 1);
    assert_int_equal(kid.output.end, 0);
    kid_close(&kid);
}

static void many_at_once(struct world *world)
{
    struct kid kids[20];
    for (int i = 0; i < 20; i++)
        kid_begin(&kids[i], world, i % 2 ? "exit 3" : "cat >/dev/null");
    for (int i = 0; i < 20; i++)
        no_more_input(&kids[i]);
    for (int i = 0; i < 20; i++) {
        UNTIL(world, kids[i].endings == 1);
        assert_int_equal(kids[i].status, i % 2 ? 3 << 8 : 0);
        kid_close(&kids[i]);
    }
}

int main(void)
{
    static const struct contract contracts[] = {
        CONTRACT(ends_with_its_status),
        CONTRACT(what_it_is_given_comes_back),
        CONTRACT(what_it_does_not_read_fails),
        CONTRACT(complaints_are_apart),
        CONTRACT(output_may_end_before_it_does),
        CONTRACT(a_signal_ends_it),
        CONTRACT(one_that_ignores_it_is_killed),
        CONTRACT(cancelling_kills_it),
        CONTRACT(what_waits_is_counted),
        CONTRACT(a_flood_ends_with_it),
        CONTRACT(many_at_once),
    };
    signal(SIGPIPE, SIG_IGN);
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
