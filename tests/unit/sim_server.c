/* sim_server.c: see sim_server.h. */
#include "sim_server.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void remember(const struct gt_event *event, void *context)
{
    struct sim_server *world = context;
    bytes_format(&world->told, "%s\n", event->reason ? event->reason : event->name);
}

void sim_server_prepare(struct sim_server *world, uint64_t seed)
{
    *world = (struct sim_server){.status = -1};
    world->engine = engine_sim_create(seed);
    world->listener = sim_listen(world->engine);
    world->server = gt_create();
    assert_non_null(world->server);
    gt_on_event(world->server, GT_DETAIL, remember, world);
    assert_int_equal(gt_set(world->server, "show", "talk"), GT_DONE);
}

void sim_server_begin(struct sim_server *world, const char *const *settings)
{
    for (; *settings; settings += 2) {
        if (gt_set(world->server, settings[0], settings[1]) != GT_DONE)
            fail_msg("%s", gt_error(world->server));
    }
    assert_int_equal(server_listen_on(world->server, world->listener, SOCK_STREAM, "tcp:sim"),
                     GT_DONE);
    assert_int_equal(server_start(world->server, world->engine), GT_DONE);
}

void sim_server_start(struct sim_server *world, uint64_t seed, const char *const *settings)
{
    sim_server_prepare(world, seed);
    world->shown = sim_file(world->engine);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_FILE};
    sim_server_begin(world, settings);
}

void sim_server_start_piped(struct sim_server *world, size_t capacity, const char *const *settings)
{
    sim_server_prepare(world, 1);
    world->shown = sim_stream(world->engine, capacity);
    sim_stream_pace(world->engine, world->shown, 0, SEC);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_STREAM};
    sim_server_begin(world, settings);
}

void sim_server_run(struct sim_server *world, int64_t for_ns)
{
    int64_t until = sim_now(world->engine) + for_ns;
    for (int i = 0; i < 1000000 && !server_over(world->server); i++) {
        int64_t left = until - sim_now(world->engine);
        if (left <= 0)
            return;
        server_step(world->server, left);
    }
}

void sim_server_finish(struct sim_server *world)
{
    sim_server_run(world, 100000 * SEC);
    world->over = server_over(world->server);
    assert_true(world->over);
    world->status = server_finish(world->server);
    if (world->status)
        print_message("ended: %s\n", gt_error(world->server));
    bytes_free(&world->told);
    gt_free(&world->server);
}

bool sim_server_shows(const struct sim_server *world, const char *text)
{
    return slice_equal(sim_content(world->engine, world->shown), slice_of_text(text));
}

bool sim_client_got(struct sim_client *client, const char *text)
{
    while (sim_client_read(client, SIZE_MAX) > 0)
        ;
    return slice_equal(sim_client_received(client), slice_of_text(text));
}

bool sim_server_told(const struct sim_server *world, const char *word)
{
    char line[80];
    int length = snprintf(line, sizeof line, "%s\n", word);
    return world->told.size &&
           memmem(world->told.data + world->told.start, world->told.size, line, (size_t)length);
}

void sim_client_says(struct sim_client *client, const char *text)
{
    assert_true(sim_client_send(client, slice_of_text(text)));
}
