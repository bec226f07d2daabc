/* Datagrams in the whole server, over the simulated engine: which replies leave, which are dropped
 * and told, and that nothing is left behind. */
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
    int socket;
    struct sim_correspondent *peer;
};

static const struct local_address asked = {.family = AF_INET, .address = {127, 0, 0, 2}};

static void prepare(struct post_world *world, bool local)
{
    sim_server_prepare(&world->sim, 1);
    world->sim.shown = sim_file(world->sim.engine);
    world->sim.server->outlet = (struct outlet){.fd = world->sim.shown, .mode = WRITE_FILE};
    world->socket = sim_datagrams(world->sim.engine, local ? SIM_UNIX : SIM_UDP);
}

/* Settings are pairs of name and value, ended by NULL. */
static void begin(struct post_world *world, const char *const *settings,
                  enum sim_correspondent_kind kind)
{
    for (const char *const *pair = settings; *pair; pair += 2)
        assert_int_equal(gt_set(world->sim.server, pair[0], pair[1]), GT_DONE);
    assert_int_equal(server_listen_on(world->sim.server, world->socket, SOCK_DGRAM, "udp:sim"),
                     GT_DONE);
    const char *const none[] = {NULL};
    sim_server_begin(&world->sim, none);
    world->peer = sim_correspondent(world->sim.engine, world->socket, kind);
}

static void start(struct post_world *world, const char *const *settings,
                  enum sim_correspondent_kind kind)
{
    prepare(world, kind == SIM_NAMELESS);
    begin(world, settings, kind);
}

static void say(struct post_world *world, const char *text)
{
    assert_true(sim_correspondent_send(world->peer, slice_of_text(text), asked));
    sim_server_run(&world->sim, SEC);
}

static bool hears(struct post_world *world, const char *text)
{
    struct sim_letter letter;
    return sim_correspondent_read(world->peer, &letter) &&
           slice_equal(letter.bytes, slice_of_text(text)) &&
           memcmp(&letter.local, &asked, sizeof asked) == 0;
}

static bool hears_nothing(struct post_world *world)
{
    struct sim_letter letter;
    return !sim_correspondent_read(world->peer, &letter);
}

static uint64_t counted(const struct post_world *world, const char *name)
{
    struct gt_counter counter;
    for (size_t i = 0; gt_counter_at(world->sim.server, i, &counter); i++)
        if (strcmp(counter.name, name) == 0)
            return counter.value;
    fail_msg("%s is not counted", name);
    return 0;
}

static void finish(struct post_world *world, int status)
{
    gt_stop(world->sim.server);
    sim_server_finish(&world->sim);
    assert_int_equal(world->sim.status, status);
}

static void test_a_datagram_is_a_message(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"echo", "on", NULL}, SIM_NEAR);
    say(&world, "hello\n");
    assert_true(hears(&world, "hello\n"));
    say(&world, "");
    assert_true(hears(&world, ""));
    assert_true(sim_server_shows(&world.sim, "The message was: hello\\n\nThe message was: \n"));
    finish(&world, GT_DONE);
}

static void test_one_is_enough_for_a_one_shot(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"count", "1", NULL}, SIM_NEAR);
    assert_true(sim_correspondent_send(world.peer, slice_of_text("one"), asked));
    assert_true(sim_correspondent_send(world.peer, slice_of_text("two"), asked));
    sim_server_run(&world.sim, 10 * SEC);
    assert_true(sim_server_shows(&world.sim, "The message was: one\n"));
    assert_int_equal(counted(&world, "replies"), 1);
    finish(&world, GT_DONE);
}

/* With headers 28 bytes each: 3 * (28 + 2) - 28 = 62 bytes may be replied to two. */
static void test_a_far_request_is_not_amplified(void **state)
{
    (void)state;
    char reply[64];
    struct post_world world;
    snprintf(reply, sizeof reply, "%062d", 0);
    start(&world, (const char *const[]){"reply", reply, NULL}, SIM_FAR);
    say(&world, "12"); /* with the line feed of a default reply it is 63 */
    assert_true(hears_nothing(&world));
    assert_true(sim_server_told(&world.sim, "undelivered"));
    assert_int_equal(counted(&world, "replies-dropped"), 1);
    say(&world, "123");
    sim_server_run(&world.sim, SEC);
    struct sim_letter letter;
    assert_true(sim_correspondent_read(world.peer, &letter));
    assert_int_equal(letter.bytes.size, 63);
    assert_int_equal(counted(&world, "replies"), 1);
    finish(&world, GT_DONE);
}

static void test_a_near_request_may_be_amplified(void **state)
{
    (void)state;
    char reply[600];
    struct post_world world;
    snprintf(reply, sizeof reply, "%0599d", 0);
    start(&world, (const char *const[]){"reply", reply, NULL}, SIM_NEAR);
    say(&world, "");
    struct sim_letter letter;
    assert_true(sim_correspondent_read(world.peer, &letter));
    assert_int_equal(letter.bytes.size, 600);
    finish(&world, GT_DONE);
}

static void test_the_bound_can_be_taken_away(void **state)
{
    (void)state;
    char reply[600];
    struct post_world world;
    snprintf(reply, sizeof reply, "%0599d", 0);
    start(&world, (const char *const[]){"reply", reply, "udp-amplification", "0", NULL}, SIM_FAR);
    say(&world, "");
    assert_false(hears_nothing(&world));
    finish(&world, GT_DONE);
}

static void test_who_has_no_name_is_recorded_and_told(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"count", "1", NULL}, SIM_NAMELESS);
    say(&world, "from nobody");
    assert_true(sim_server_shows(&world.sim, "The message was: from nobody\n"));
    assert_true(sim_server_told(&world.sim, "undelivered"));
    finish(&world, GT_FAILED);
}

static void test_silence_is_no_dropped_reply(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"silent", "on", "count", "1", NULL}, SIM_NAMELESS);
    say(&world, "from nobody");
    assert_int_equal(counted(&world, "replies-dropped"), 0);
    finish(&world, GT_DONE);
}

static void test_too_long_is_told_and_not_taken(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){"max-message", "4", NULL}, SIM_NEAR);
    say(&world, "12345");
    assert_true(hears_nothing(&world));
    assert_true(sim_server_told(&world.sim, "too-long"));
    say(&world, "1234");
    assert_false(hears_nothing(&world));
    assert_int_equal(counted(&world, "datagrams"), 2);
    assert_int_equal(counted(&world, "datagrams-refused"), 1);
    assert_int_equal(counted(&world, "messages"), 1);
    finish(&world, GT_DONE);
}

/* ---- replies that come later ---- */

struct kept {
    gt_turn *turns[4 * POST_EXCHANGES_MAX];
    size_t count;
};

static void keep(gt_turn *turn, const struct gt_message *message, void *context)
{
    struct kept *kept = context;
    assert_null(message->connection);
    kept->turns[kept->count++] = turn;
}

static void test_whoever_waits_for_replies_takes_no_more_than_a_bound(void **state)
{
    (void)state;
    struct post_world world;
    struct kept *kept = calloc(1, sizeof *kept);
    prepare(&world, false);
    gt_on_message(world.sim.server, keep, kept);
    begin(&world, (const char *const[]){NULL}, SIM_NEAR);
    for (int i = 0; i < 2 * POST_EXCHANGES_MAX; i++) {
        assert_true(sim_correspondent_send(world.peer, slice_of_text("x"), asked));
        sim_server_run(&world.sim, MS);
    }
    assert_in_range(kept->count, POST_EXCHANGES_MAX, POST_EXCHANGES_MAX + DATAGRAMS_MAX);
    for (size_t i = 0; i < kept->count; i++) {
        assert_int_equal(gt_reply(kept->turns[i], "y", 1), GT_DONE);
        sim_server_run(&world.sim, 1);
    }
    sim_server_run(&world.sim, SEC);
    assert_true(hears(&world, "y"));
    finish(&world, GT_DONE);
    free(kept);
}

/* The second stop leaves at once: the turn is an orphan, and a reply to it harmless. */
static void test_a_reply_after_the_end_is_harmless(void **state)
{
    (void)state;
    struct post_world world;
    struct kept *kept = calloc(1, sizeof *kept);
    prepare(&world, false);
    gt_on_message(world.sim.server, keep, kept);
    begin(&world, (const char *const[]){NULL}, SIM_NEAR);
    say(&world, "x");
    assert_int_equal(kept->count, 1);
    gt_stop(world.sim.server);
    sim_server_run(&world.sim, SEC);
    assert_false(server_over(world.sim.server)); /* it drains: the reply is awaited */
    gt_stop(world.sim.server);
    sim_server_run(&world.sim, SEC);
    assert_int_equal(gt_reply(kept->turns[0], "y", 1), GT_DONE);
    assert_true(server_over(world.sim.server));
    assert_true(hears_nothing(&world));
    finish(&world, GT_STOPPED);
    free(kept);
}

static void test_a_drain_takes_what_has_arrived(void **state)
{
    (void)state;
    struct post_world world;
    start(&world, (const char *const[]){NULL}, SIM_NEAR);
    for (int i = 0; i < 300; i++)
        assert_true(sim_correspondent_send(world.peer, slice_of_text("x"), asked));
    while (sim_correspondent_arrived(world.peer) < 300 && !sim_idle(world.sim.engine))
        sim_server_run(&world.sim, 1000);
    gt_stop(world.sim.server);
    sim_server_run(&world.sim, 100 * SEC);
    assert_int_equal(counted(&world, "messages"), 300);
    assert_int_equal(counted(&world, "replies"), 300);
    finish(&world, GT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_datagram_is_a_message),
        cmocka_unit_test(test_one_is_enough_for_a_one_shot),
        cmocka_unit_test(test_a_far_request_is_not_amplified),
        cmocka_unit_test(test_a_near_request_may_be_amplified),
        cmocka_unit_test(test_the_bound_can_be_taken_away),
        cmocka_unit_test(test_who_has_no_name_is_recorded_and_told),
        cmocka_unit_test(test_silence_is_no_dropped_reply),
        cmocka_unit_test(test_too_long_is_told_and_not_taken),
        cmocka_unit_test(test_whoever_waits_for_replies_takes_no_more_than_a_bound),
        cmocka_unit_test(test_a_reply_after_the_end_is_harmless),
        cmocka_unit_test(test_a_drain_takes_what_has_arrived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
