/* The application's callbacks over the simulated engine: what they are told stays what it is while
 * they run, whatever they do meanwhile. */
#include "serve/server.h"
#include "sim_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const serving[] = {"count", "0", "frame", "line", NULL};

static void close_then_echo(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    gt_connection_close(message->connection);
    gt_reply(turn, message->bytes, message->size);
}

/* 300 bytes behind a length of one byte: refused, and the connection will close. */
static void reply_too_much(gt_turn *turn, const struct gt_message *message, void *context)
{
    char reply[300] = "";
    struct bytes *heard = context;
    assert_int_equal(gt_reply(turn, reply, sizeof reply), GT_WRONG);
    bytes_append(heard, slice_of(message->bytes, message->size));
}

/* The message waits in the connection's own input, of which the close needs nothing any more. */
static void a_message_outlives_the_close_of_its_connection(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_prepare(&world, 1);
    gt_on_message(world.server, close_then_echo, NULL);
    assert_int_equal(gt_set(world.server, "show", "none"), GT_DONE);
    sim_server_begin(&world, serving);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a message that comes in two pieces, and is");
    sim_server_run(&world, SEC);
    sim_client_says(client, " echoed\nwhat follows is not\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "a message that comes in two pieces, and is echoed\n"));
    gt_stop(world.server);
    sim_server_finish(&world);
}

static void a_message_outlives_a_reply_that_cannot_be_said(void **state)
{
    (void)state;
    static const char *const settings[] = {"count", "0", "frame", "length:1", NULL};
    struct sim_server world;
    struct bytes heard = {0};
    sim_server_prepare(&world, 1);
    gt_on_message(world.server, reply_too_much, &heard);
    assert_int_equal(gt_set(world.server, "show", "none"), GT_DONE);
    sim_server_begin(&world, settings);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "\x14"
                            "two pieces");
    sim_server_run(&world, SEC);
    sim_client_says(client, " of twenty");
    sim_server_run(&world, SEC);
    assert_true(slice_equal(bytes_slice(&heard), slice_of_text("two pieces of twenty")));
    bytes_free(&heard);
    gt_stop(world.server);
    sim_server_finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_outlives_the_close_of_its_connection),
        cmocka_unit_test(a_message_outlives_a_reply_that_cannot_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
