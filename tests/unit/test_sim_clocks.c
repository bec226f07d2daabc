/* test_sim_clocks.c: the simulated engine's clocks, set, stalled and leaping; and connections that
 * break. */
#include "engine/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* A server's end that counts what it hears, and when. */
struct world {
    struct engine *engine;
    struct accept_op accept;
    struct receive_op receive;
    struct timer timer;
    struct sim_client *client;
    int fd;
    char heard[40];
    size_t heard_size;
    int64_t heard_ns;
    int64_t said_ns;
    int64_t fired_ns;
    int64_t result; /* of the receive, once it is over; 1: not yet */
};

static void on_accept(struct op *op, int64_t result)
{
    struct world *world = list_item(op, struct world, accept);
    if (result > 0)
        world->fd = (int)result;
}

static void on_receive(struct op *op, int64_t result)
{
    struct world *world = list_item(op, struct world, receive);
    if (result <= 0) {
        world->result = result;
        return;
    }
    assert_true(world->heard_size + (size_t)result < sizeof world->heard);
    memcpy(world->heard + world->heard_size, world->receive.data, (size_t)result);
    world->heard_size += (size_t)result;
    world->heard_ns = sim_now(world->engine);
    assert_int_equal(world->fired_ns, 0); /* what has come is seen before timers fire */
}

static void on_timer(struct timer *timer, int64_t now_ns)
{
    list_item(timer, struct world, timer)->fired_ns = now_ns;
}

static void run(struct world *world, int64_t for_ns)
{
    int64_t until_ns = sim_now(world->engine) + for_ns;
    for (int i = 0; i < 1000 && sim_now(world->engine) < until_ns; i++) {
        engine_pass(world->engine, until_ns - sim_now(world->engine));
        if (sim_idle(world->engine))
            return;
    }
}

static void begin(struct world *world)
{
    *world = (struct world){.engine = engine_sim_create(1), .result = 1};
    world->accept.op.done = on_accept;
    world->receive.op.done = on_receive;
    world->timer.fire = on_timer;
    int listener = sim_listen(world->engine);
    engine_accept(world->engine, &world->accept, listener);
    world->client = sim_connect(world->engine, listener);
    run(world, SECOND);
    assert_true(world->fd > 0);
    engine_receive(world->engine, &world->receive, world->fd);
}

static void end(struct world *world)
{
    engine_cancel(world->engine, &world->accept.op);
    engine_cancel(world->engine, &world->receive.op);
    engine_timer_stop(world->engine, &world->timer);
    while (world->accept.op.active || world->receive.op.active)
        engine_pass(world->engine, 0);
    assert_null(sim_check(world->engine));
    engine_destroy(&world->engine);
}

static void say(void *context, uint64_t letter)
{
    struct world *world = context;
    char text = (char)letter;
    sim_client_send(world->client, slice_of(&text, 1));
    world->said_ns = sim_now(world->engine);
}

static void stall(void *context, uint64_t for_ns)
{
    struct world *world = context;
    sim_stall(world->engine, (int64_t)for_ns);
}

static void leap(void *context, uint64_t by_ns)
{
    struct world *world = context;
    sim_leap(world->engine, (int64_t)by_ns);
}

static void the_wall_clock_is_set_alone(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    int64_t now_ns = sim_now(world.engine), wall_us = engine_wall_us(world.engine);
    sim_set_wall(world.engine, -3600 * INT64_C(1000000));
    assert_int_equal(engine_wall_us(world.engine), wall_us - 3600 * INT64_C(1000000));
    assert_int_equal(sim_now(world.engine), now_ns);
    assert_int_equal(sim_lost(world.engine), 0);
    end(&world);
}

/* The world goes on in a stall, each thing at its time; the server finds it all together. */
static void what_comes_in_a_stall_is_there_after_it(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    int64_t start_ns = sim_now(world.engine);
    engine_timer_set(world.engine, &world.timer, start_ns + 50 * MS);
    sim_after(world.engine, 10 * MS, stall, &world, (uint64_t)SECOND);
    sim_after(world.engine, 20 * MS, say, &world, 'a');
    sim_after(world.engine, 900 * MS, say, &world, 'b');
    run(&world, 500 * MS);
    assert_int_equal(world.said_ns - start_ns, 900 * MS);
    assert_int_equal(world.heard_ns - start_ns, 10 * MS + SECOND);
    assert_int_equal(world.heard_size, 2);
    assert_memory_equal(world.heard, "ab", 2);
    assert_int_equal(world.fired_ns, world.heard_ns); /* late by the stall, and no more */
    assert_int_equal(sim_lost(world.engine), SECOND);
    end(&world);
}

/* In a leap the world stands still: what was on its way is as far away as before, and in order. */
static void what_is_on_its_way_stands_still_in_a_leap(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    int64_t start_ns = sim_now(world.engine);
    sim_faults(world.engine)->latency_ns = (struct sim_range){10 * MS, 10 * MS};
    say(&world, 'a');
    sim_after(world.engine, 5 * MS, leap, &world, (uint64_t)(3600 * SECOND));
    run(&world, 3600 * SECOND + 6 * MS);
    assert_int_equal(world.heard_size, 0);
    sim_faults(world.engine)->latency_ns = (struct sim_range){MS, MS};
    say(&world, 'b'); /* is quicker, and may not overtake */
    run(&world, 3 * MS);
    assert_int_equal(world.heard_size, 0);
    run(&world, SECOND);
    assert_memory_equal(world.heard, "ab", 2);
    assert_int_equal(world.heard_ns - start_ns, 3600 * SECOND + 10 * MS);
    assert_int_equal(sim_lost(world.engine), 3600 * SECOND);
    end(&world);
}

/* ---- connections that break ---- */

static void a_receive_meets_a_connection_that_broke(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    sim_faults(world.engine)->breaks = 1;
    say(&world, 'a');
    run(&world, SECOND);
    assert_memory_equal(world.heard, "a", 1); /* it had come before */
    assert_true(world.result < 0 && world.result != -ECANCELED);
    assert_true(sim_client_state(world.client).broken);
    assert_true(sim_client_state(world.client).reset);
    end(&world);
}

static void shutdown_and_what_is_unacknowledged_say_so_too(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct world world;
        begin(&world);
        sim_faults(world.engine)->breaks = 1;
        int64_t result = asked ? engine_unacknowledged(world.engine, world.fd)
                               : engine_shutdown(world.engine, world.fd);
        assert_true(result < 0);
        assert_true(sim_client_state(world.client).broken);
        run(&world, SECOND);
        assert_true(world.result < 0); /* and the receive */
        end(&world);
    }
}

static void nothing_breaks_unless_it_is_said(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    say(&world, 'a');
    run(&world, SECOND);
    assert_int_equal(world.result, 1);
    assert_int_equal(engine_unacknowledged(world.engine, world.fd), 0);
    assert_false(sim_client_state(world.client).broken);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_is_set_alone),
        cmocka_unit_test(what_comes_in_a_stall_is_there_after_it),
        cmocka_unit_test(what_is_on_its_way_stands_still_in_a_leap),
        cmocka_unit_test(a_receive_meets_a_connection_that_broke),
        cmocka_unit_test(shutdown_and_what_is_unacknowledged_say_so_too),
        cmocka_unit_test(nothing_breaks_unless_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
