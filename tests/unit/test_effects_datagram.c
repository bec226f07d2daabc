/* What happens to the replies of datagrams: they are late, cut, or never come; the rest is told to
 * mean nothing. */
#include "effects_side.h"
#include "sim_server.h"

#include "serve/post.h"
#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct post_world {
    struct sim_server sim;
    struct sim_correspondent *peer;
    unsigned warnings;
};

static void note(const struct gt_event *event, void *context)
{
    struct post_world *world = context;
    world->warnings += event->level == GT_WARNING && strstr(event->text, "mean nothing");
}

static void start(struct post_world *world, const char *const *settings)
{
    sim_server_prepare(&world->sim, 1);
    world->warnings = 0;
    gt_on_event(world->sim.server, GT_DETAIL, note, world);
    sim_faults(world->sim.engine)->latency_ns = (struct sim_range){0, 0};
    world->sim.shown = sim_file(world->sim.engine);
    world->sim.server->outlet = (struct outlet){.fd = world->sim.shown, .mode = WRITE_FILE};
    effects_side_use(world->sim.server);
    int socket = sim_datagrams(world->sim.engine, SIM_UDP);
    assert_int_equal(server_listen_on(world->sim.server, socket, SOCK_DGRAM, "udp:sim"), GT_DONE);
    sim_server_begin(&world->sim, settings);
    world->peer = sim_correspondent(world->sim.engine, socket, SIM_NEAR);
}

static const char *const kept[] = {"keep", "on", NULL};

static void say(struct post_world *world, const char *text)
{
    const struct local_address asked = {.family = AF_INET, .address = {127, 0, 0, 2}};
    assert_true(sim_correspondent_send(world->peer, slice_of_text(text), asked));
}

/* What has come by now: this one datagram, or NULL: none. */
static void assert_hears(struct post_world *world, const char *text)
{
    struct sim_letter letter;
    bool came = sim_correspondent_read(world->peer, &letter);
    assert_int_equal(came, text != NULL);
    if (text)
        assert_true(slice_equal(letter.bytes, slice_of_text(text)));
    assert_false(sim_correspondent_read(world->peer, &letter));
}

static void finish(struct post_world *world)
{
    gt_stop(world->sim.server);
    sim_server_finish(&world->sim);
    assert_int_equal(world->sim.status, GT_DONE);
}

static void a_datagrams_reply_may_be_late_and_no_other_waits_for_it(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, kept);
    say(&world, "delay=2000:late");
    say(&world, ":at once");
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, "at once");
    sim_server_run(&world.sim, SEC * 99 / 100);
    assert_hears(&world, NULL);
    sim_server_run(&world.sim, SEC / 50);
    assert_hears(&world, "late");
    assert_int_equal(world.warnings, 0);
    finish(&world);
}

static void it_may_be_cut_or_never_come(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, kept);
    say(&world, "truncate=3:hello");
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, "hel");
    say(&world, "truncate=0 delay=1000:hello");
    sim_server_run(&world.sim, SEC * 9 / 10);
    assert_hears(&world, NULL);
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, ""); /* an empty datagram is one */
    say(&world, "hang:hello");
    say(&world, "hang delay=1000:hello");
    sim_server_run(&world.sim, 1000 * SEC);
    assert_hears(&world, NULL);
    assert_int_equal(world.sim.server->crew.workers[0].exchange_count, 0);
    finish(&world);
}

static void what_means_nothing_to_a_datagram_is_told_once(void **state)
{
    (void)state;
    static const char *const effects[] = {"drip=1", "pieces=1", "close", "reset", "none close"};
    struct post_world world;
    start(&world, kept);
    for (unsigned i = 0; i < sizeof effects / sizeof *effects; i++) {
        char text[40];
        snprintf(text, sizeof text, "%s:hello", effects[i]);
        say(&world, text);
        sim_server_run(&world.sim, SEC);
        assert_hears(&world, i < 4 ? "hello" : NULL);
    }
    assert_int_equal(world.warnings, 1);
    finish(&world);
}

static void stopping_sends_what_is_delayed(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, kept);
    say(&world, "delay=100000:late");
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, NULL);
    gt_stop(world.sim.server);
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, "late");
    finish(&world);
}

static void a_one_shot_waits_for_its_delayed_datagram(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"count", "1", NULL});
    say(&world, "delay=2000:late");
    sim_server_run(&world.sim, SEC);
    assert_hears(&world, NULL);
    sim_server_run(&world.sim, 2 * SEC);
    engine_pass(world.sim.engine, SEC); /* the server is over, the world goes on */
    assert_hears(&world, "late");
    sim_server_finish(&world.sim);
    assert_int_equal(world.sim.status, GT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagrams_reply_may_be_late_and_no_other_waits_for_it),
        cmocka_unit_test(it_may_be_cut_or_never_come),
        cmocka_unit_test(what_means_nothing_to_a_datagram_is_told_once),
        cmocka_unit_test(stopping_sends_what_is_delayed),
        cmocka_unit_test(a_one_shot_waits_for_its_delayed_datagram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
