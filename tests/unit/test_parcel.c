/* Replies that are known at once wait together, leave when they are recorded, and take no turn. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define REPLY "Good talking to you\n"

static struct worker *worker_in(struct sim_server *world)
{
    return &world->server->crew.workers[0];
}

/* A pipe that holds one byte, and so takes nothing of a message until it is read. */
static void start_stuck(struct sim_server *world, const char *const *settings)
{
    sim_server_start_piped(world, 1, settings);
    sim_faults(world->engine)->latency_ns = (struct sim_range){0, 0};
}

/* Read what is shown until nothing is held back any more. */
static void unstick(struct sim_server *world)
{
    for (int i = 0; i < 1000; i++) {
        sim_stream_read(world->engine, world->shown, 1000);
        sim_server_run(world, MS);
    }
}

/* The output of the only connection that waits. */
static struct output *waiting_output(struct sim_server *world)
{
    struct worker *worker = worker_in(world);
    assert_int_equal(worker->outputs.taken, 1);
    struct list *link = worker->proven.next;
    while (!list_item(link, struct connection, link)->output)
        link = link->next;
    return list_item(link, struct connection, link)->output;
}

static struct parcel *parcel_at(struct output *output, unsigned index)
{
    struct list *link = output->queue.next;
    while (index-- > 0)
        link = link->next;
    assert_true(link != &output->queue);
    struct part *part = list_item(link, struct part, link);
    assert_null(part->turn);
    return list_item(part, struct parcel, part);
}

static void assert_waits(struct sim_server *world, unsigned index, unsigned messages,
                         const char *bytes)
{
    const struct parcel *parcel = parcel_at(waiting_output(world), index);
    assert_int_equal(parcel->messages, messages);
    assert_true(slice_equal(parcel->part.bytes, slice_of_text(bytes)));
}

static void finish(struct sim_server *world)
{
    gt_stop(world->server);
    sim_server_finish(world);
    assert_int_equal(world->status, GT_DONE);
}

static void a_lone_shared_reply_is_not_copied(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "x\n");
    sim_server_run(&world, SEC);
    struct output *output = waiting_output(&world);
    assert_waits(&world, 0, 1, REPLY);
    assert_ptr_equal(parcel_at(output, 0)->part.bytes.data,
                     output->connection->settings->replier->bytes.data);
    assert_int_equal(worker_in(&world)->memory_bytes, 0);
    unstick(&world);
    assert_true(sim_client_got(client, REPLY));
    finish(&world);
}

static void a_pipeline_shares_a_parcel_and_takes_no_turn(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a\nb\nc\n");
    sim_server_run(&world, SEC);
    assert_waits(&world, 0, 3, REPLY REPLY REPLY);
    assert_int_equal(worker_in(&world)->turns.taken, 0);
    assert_true(sim_client_got(client, ""));
    unstick(&world);
    assert_true(sim_client_got(client, REPLY REPLY REPLY));
    finish(&world);
}

/* Promise 1: what came after the recorder began to write waits for the next write. */
static void a_parcel_does_not_grow_past_a_commit(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", "echo", "on", "show", "raw", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "aa\n");
    sim_server_run(&world, SEC);
    sim_client_says(client, "bb\ncc\n");
    sim_server_run(&world, SEC);
    assert_waits(&world, 0, 1, "aa\n");
    assert_waits(&world, 1, 2, "bb\ncc\n");
    for (int i = 0; i < 2; i++) { /* the pipe takes the last byte of aa, and a byte of bb */
        sim_stream_read(world.engine, world.shown, 1);
        sim_server_run(&world, SEC);
    }
    assert_true(sim_client_got(client, "aa\n"));
    assert_waits(&world, 0, 2, "bb\ncc\n");
    unstick(&world);
    assert_true(sim_client_got(client, "aa\nbb\ncc\n"));
    finish(&world);
}

/* Nothing is sent for a silent reply, yet the connection ends only when its message is recorded. */
static void silence_waits_too(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", "silent", "on", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a\nb\n");
    sim_client_shutdown(client);
    sim_server_run(&world, SEC);
    assert_waits(&world, 0, 2, "");
    sim_client_read(client, 1);
    assert_false(sim_client_state(client).ended);
    unstick(&world);
    sim_client_read(client, 1);
    assert_true(sim_client_state(client).ended);
    finish(&world);
}

/* Those whose messages will never be recorded get no reply. */
static void a_failed_record_ends_those_who_wait(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a\nb\n");
    sim_server_run(&world, SEC);
    sim_stream_leave(world.engine, world.shown);
    sim_server_run(&world, SEC);
    assert_true(sim_server_told(&world, "unrecorded"));
    assert_true(sim_client_got(client, ""));
    sim_server_finish(&world);
    assert_int_equal(world.status, GT_FAILED);
}

static char *repeated(const char *text, unsigned times)
{
    struct bytes bytes = {0};
    while (times-- > 0)
        assert_int_equal(bytes_append(&bytes, slice_of_text(text)), 0);
    assert_int_equal(bytes_append(&bytes, slice_of("", 1)), 0);
    return (char *)bytes.data;
}

/* Beyond the output's own space they go on in buffers, which count until they are sent. */
static void many_replies_take_buffers_that_count(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", "show", "raw", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    char *said = repeated("\n", 511);
    char *heard = repeated(REPLY, 511);
    sim_client_says(client, said);
    sim_server_run(&world, SEC);
    assert_int_equal(waiting_output(&world)->waiting_turns, 511);
    assert_int_equal(waiting_output(&world)->waiting_bytes, 511 * strlen(REPLY));
    assert_int_equal(worker_in(&world)->memory_bytes,
                     sizeof(struct staging) + sizeof(struct parcel));
    unstick(&world);
    assert_int_equal(worker_in(&world)->memory_bytes, 0);
    assert_true(sim_client_got(client, heard));
    finish(&world);
    free(said);
    free(heard);
}

/* What is taken in another pass waits in a parcel of its own, and in the same buffer. */
static void parcels_that_wait_share_a_buffer(void **state)
{
    (void)state;
    struct sim_server world;
    start_stuck(&world, (const char *const[]){"keep", "on", "echo", "on", "show", "raw", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    const char *const said[] = {"aa\n", "bb\n", "cc\n", "dd\n"};
    for (unsigned i = 0; i < 4; i++) {
        sim_client_says(client, said[i]);
        sim_server_run(&world, SEC);
    }
    for (unsigned i = 0; i < 4; i++)
        assert_waits(&world, i, 1, said[i]);
    assert_int_equal(worker_in(&world)->stagings.taken, 1);
    assert_int_equal(worker_in(&world)->memory_bytes,
                     sizeof(struct staging) + 3 * sizeof(struct parcel));
    unstick(&world);
    assert_int_equal(worker_in(&world)->memory_bytes, 0);
    assert_true(sim_client_got(client, "aa\nbb\ncc\ndd\n"));
    finish(&world);
}

/* A reply too large to be copied with others has memory of its own, of its own size. */
static void a_large_echo_has_its_place(void **state)
{
    (void)state;
    struct sim_server world;
    sim_server_start(&world, 1,
                     (const char *const[]){"keep", "on", "echo", "on", "frame", "line", NULL});
    struct sim_client *client = sim_connect(world.engine, world.listener);
    char *said = repeated("0123456789abcdef", 1000);
    char *heard = malloc(20000);
    assert_non_null(heard);
    snprintf(heard, 20000, "a\n%s\nb\n", said);
    sim_client_says(client, heard);
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, heard));
    assert_int_equal(worker_in(&world)->memory_bytes, 0);
    finish(&world);
    free(said);
    free(heard);
}

/* ---- the application ---- */

static void reply_at_once(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    assert_int_equal(gt_reply(turn, message->bytes, message->size), GT_DONE);
}

static void start_with_callback(struct sim_server *world, gt_message_fn *heard, void *context)
{
    sim_server_prepare(world, 1);
    gt_on_message(world->server, heard, context);
    sim_server_begin(world, (const char *const[]){"keep", "on", "show", "none", NULL});
}

static void an_application_that_replies_at_once_needs_one_turn(void **state)
{
    (void)state;
    struct sim_server world;
    start_with_callback(&world, reply_at_once, NULL);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "a\nbb\nccc\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "a\nbb\nccc\n"));
    assert_int_equal(worker_in(&world)->turns.taken, 1); /* at hand for the next message */
    finish(&world);
}

struct kept {
    gt_turn *turn;
};

/* "later" has its reply when "now" comes, whose own is known first. */
static void reply_to_the_one_before(gt_turn *turn, const struct gt_message *message, void *context)
{
    struct kept *kept = context;
    if (message->size == 5) {
        kept->turn = turn;
        return;
    }
    assert_int_equal(gt_reply(turn, "second", 6), GT_DONE);
    if (kept->turn)
        assert_int_equal(gt_reply(kept->turn, "first", 5), GT_DONE);
    kept->turn = NULL;
}

static void what_is_known_at_once_waits_behind_a_turn(void **state)
{
    (void)state;
    struct sim_server world;
    struct kept kept = {NULL};
    start_with_callback(&world, reply_to_the_one_before, &kept);
    struct sim_client *client = sim_connect(world.engine, world.listener);
    sim_client_says(client, "now\nlater\nnow\nnow\n");
    sim_server_run(&world, SEC);
    assert_true(sim_client_got(client, "second\nfirst\nsecond\nsecond\n"));
    finish(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_shared_reply_is_not_copied),
        cmocka_unit_test(a_pipeline_shares_a_parcel_and_takes_no_turn),
        cmocka_unit_test(a_parcel_does_not_grow_past_a_commit),
        cmocka_unit_test(silence_waits_too),
        cmocka_unit_test(a_failed_record_ends_those_who_wait),
        cmocka_unit_test(many_replies_take_buffers_that_count),
        cmocka_unit_test(parcels_that_wait_share_a_buffer),
        cmocka_unit_test(a_large_echo_has_its_place),
        cmocka_unit_test(an_application_that_replies_at_once_needs_one_turn),
        cmocka_unit_test(what_is_known_at_once_waits_behind_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
