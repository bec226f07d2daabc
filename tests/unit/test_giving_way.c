/* Giving way at max-connections, over the simulated engine: who has spoken is heard first, and who
 * gave way is gone at once. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define REPLY "Good talking to you\n"

static const char *const one_place[] = {"keep", "on", "frame", "line", "max-connections",
                                        "1",    NULL};

/* Whether it has ended and could be freed. */
static bool is_left_over(struct list *link)
{
    const struct connection *connection = list_item(link, struct connection, link);
    return !connection->receive.op.active && !output_sending(connection->output);
}

/* Pass by pass: whoever has ended is freed by the next pass, and that does not wait. */
static void run_and_watch_the_ended(struct sim_server *world, int64_t for_ns)
{
    struct worker *worker = &world->server->crew.workers[0];
    int64_t until = sim_now(world->engine) + for_ns;
    while (sim_now(world->engine) < until) {
        server_step(world->server, until - sim_now(world->engine));
        for (struct list *link = worker->ended.next; link != &worker->ended; link = link->next)
            assert_true(worker->more || !is_left_over(link));
    }
}

static void finish(struct sim_server *world)
{
    gt_stop(world->server);
    sim_server_finish(world);
    assert_int_equal(world->status, 0);
}

/* It has spoken before the silent ones are accepted, all in one pass. */
static void who_has_spoken_is_heard_first(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, one_place);
    struct sim_client *honest = sim_connect(world.engine, world.listener);
    sim_client_says(honest, "hear me\n");
    for (int i = 0; i < 5; i++)
        sim_connect(world.engine, world.listener);
    run_and_watch_the_ended(&world, SEC);
    assert_true(sim_client_got(honest, REPLY));
    assert_false(sim_client_state(honest).ended);
    assert_false(sim_server_told(&world, "gave-way"));
    sim_client_close(honest);
    run_and_watch_the_ended(&world, SEC);
    finish(&world);
}

/* Once it has been heard and is not done, it may go: for whoever has waited meanwhile. */
static void half_a_message_is_heard_once(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1, one_place);
    struct sim_client *half = sim_connect(world.engine, world.listener);
    struct sim_client *other = sim_connect(world.engine, world.listener);
    sim_client_says(half, "half a mess");
    sim_client_says(other, "hello\n");
    run_and_watch_the_ended(&world, SEC);
    assert_true(sim_client_got(other, REPLY));
    assert_true(sim_server_told(&world, "gave-way"));
    sim_client_says(half, "age\n");
    run_and_watch_the_ended(&world, SEC);
    assert_true(sim_client_got(half, ""));
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_spoken_is_heard_first),
        cmocka_unit_test(half_a_message_is_heard_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
