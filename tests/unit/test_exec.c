/* Commands under a whole server in the simulated world: each seed another command, other clients,
 * other faults, another end. Whatever happens, replies come in order, no child is left, and what
 * was held is given back (worker_close asserts that).
 *
 * What a command does is what engine/sim.h says of it. */
#include "serve/server.h"
#include "sim_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS   2000
#define CLIENTS 4

static const char *const commands[] = {
    "cat",        "cat; exit 3", "cat >/dev/null",          "true",
    "exit 3",     "kill -9 $$",  "echo wrong >&2",          "exec >&-; cat >/dev/null",
    "sleep 1000", "yes",         "trap '' TERM; sleep 1000"};

static bool one_in(struct engine *engine, int64_t most)
{
    return sim_random(engine, 1, most) == 1;
}

static const char *any_command(struct engine *engine)
{
    return commands[sim_random(engine, 0, sizeof commands / sizeof *commands - 1)];
}

static void choose_faults(struct engine *engine)
{
    struct sim_faults *faults = sim_faults(engine);
    faults->spawn_fails = one_in(engine, 3) ? 0.5 : 0;
    faults->write_short = one_in(engine, 3) ? 0.3 : 0;
    faults->write_later = one_in(engine, 3) ? 0.3 : 0;
    faults->short_receive = one_in(engine, 3) ? 0.3 : 0;
    faults->late_input = one_in(engine, 3) ? 0.5 : 0;
    faults->send_later = one_in(engine, 3) ? 0.5 : 0;
    faults->shuffle = one_in(engine, 2) ? 0.5 : 0;
    faults->child_ns = (struct sim_range){0, sim_random(engine, 1, 20) * MS};
}

/* ---- one run ---- */

struct run {
    struct sim_server world;
    struct sim_client *clients[CLIENTS];
};

static void says_some(struct sim_client *client, struct engine *engine, int number)
{
    char line[32];
    int64_t count = sim_random(engine, 1, 6);
    for (int64_t i = 0; i < count; i++) {
        snprintf(line, sizeof line, "%d %d\n", number, (int)i);
        sim_client_says(client, line);
    }
}

static void clients_come(struct run *run)
{
    struct engine *engine = run->world.engine;
    for (int i = 0; i < CLIENTS; i++) {
        run->clients[i] = sim_connect(engine, run->world.listener);
        says_some(run->clients[i], engine, i);
        if (one_in(engine, 2))
            sim_client_shutdown(run->clients[i]);
        sim_server_run(&run->world, sim_random(engine, 0, 5) * MS);
    }
}

static void some_go(struct run *run)
{
    for (int i = 0; i < CLIENTS; i++)
        if (one_in(run->world.engine, 4))
            sim_client_reset(run->clients[i]);
}

static void the_end(struct run *run)
{
    struct engine *engine = run->world.engine;
    gt_stop(run->world.server);
    sim_server_run(&run->world, sim_random(engine, 0, 100) * MS);
    if (one_in(engine, 2))
        gt_stop(run->world.server);
    while (!server_over(run->world.server))
        sim_server_run(&run->world, SEC);
    assert_int_equal(sim_children(engine), 0);
    assert_null(sim_check(engine));
}

/* "2 0", "2 1", ...: each in its place, none left out. */
static size_t replies_in_order(struct run *run, int number)
{
    char expected[256];
    size_t size = 0;
    sim_client_read(run->clients[number], SIZE_MAX);
    struct slice got = sim_client_received(run->clients[number]);
    for (int i = 0; i < 6; i++)
        size += (size_t)snprintf(expected + size, sizeof expected - size, "%d %d\n", number, i);
    assert_true(got.size <= size);
    assert_true(got.size == 0 || memcmp(got.data, expected, got.size) == 0);
    return got.size;
}

/* How many bytes were replied. */
static size_t run_once(uint64_t seed, const char *option)
{
    struct run run;
    sim_server_prepare(&run.world, seed);
    struct engine *engine = run.world.engine;
    run.world.shown = sim_file(engine);
    run.world.server->outlet = (struct outlet){.fd = run.world.shown, .mode = WRITE_FILE};
    const char *command = any_command(engine);
    char most[8];
    snprintf(most, sizeof most, "%d", (int)sim_random(engine, 1, 4));
    const char *const settings[] = {
        option,  command,         "exec-max",   most,        "exec-timeout",
        "300ms", "drain-timeout", "2s",         "max-reply", "64KiB",
        "frame", "line",          "max-memory", "2MiB",      NULL};
    choose_faults(engine);
    sim_server_begin(&run.world, settings);
    clients_come(&run);
    sim_server_run(&run.world, sim_random(engine, 0, 50) * MS);
    some_go(&run);
    sim_server_run(&run.world, sim_random(engine, 0, 500) * MS);
    the_end(&run);
    size_t replied = 0;
    bool echoes = strcmp(command, "cat") == 0 && strcmp(option, "exec") == 0;
    for (int i = 0; i < CLIENTS && echoes; i++)
        replied += replies_in_order(&run, i);
    sim_server_finish(&run.world);
    return replied;
}

static void commands_of_messages(void **state)
{
    (void)state;
    size_t replied = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        replied += run_once(seed, "exec");
    assert_true(replied > SEEDS);
}

static void commands_of_connections(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_once(seed, "exec-connection");
}

/* ---- what it comes to, where nothing goes wrong ---- */

static void each_message_has_its_own(void **state)
{
    static const char *const settings[] = {"exec", "cat", "frame", "line", NULL};
    struct sim_server world;
    (void)state;
    sim_server_start(&world, 7, settings);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "one\ntwo\nthree\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "one\ntwo\nthree\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_DONE);
}

static void one_that_fails_closes(void **state)
{
    static const char *const settings[] = {"exec", "exit 3", "count", "1", NULL};
    struct sim_server world;
    (void)state;
    sim_server_start(&world, 7, settings);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "one\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, ""));
    assert_true(sim_client_state(client).ended);
    assert_true(sim_server_told(&world, "command-failed"));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_has_its_own),
        cmocka_unit_test(one_that_fails_closes),
        cmocka_unit_test(commands_of_messages),
        cmocka_unit_test(commands_of_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
