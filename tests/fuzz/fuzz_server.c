/* The whole server over the simulated engine, with settings and peers that the input chooses.
 *
 * Whatever they do: it does not crash and leaks nothing; it holds no more than max-memory; told to
 * stop it is over within its drain timeout; nothing of it is left afterwards; what each client was
 * told is what it is owed, in order, each once; what was shown are whole messages, all of them. */
#include "server_world.h"

#include <stdio.h>

#define ACTS_MOST  150
#define STEPS_MOST 2000000

static void told(const struct gt_event *event, void *context)
{
    struct world *world = context;
    char name[PEER_NAME_SIZE];
    require(fit_for_terminal(slice_of_text(event->text)));
    if (event->kind != GT_EVENT_ENDED)
        return;
    for (size_t i = 0; i < world->client_count; i++) {
        struct peer peer = sim_client_peer(world->clients[i].sim);
        if (strcmp(peer_name(&peer, name), event->peer) == 0)
            snprintf(world->clients[i].reason, sizeof world->clients[i].reason, "%s",
                     event->reason);
    }
}

/* It is over in time, whatever its peers do. */
static void end(struct world *world)
{
    world_stop(world);
    for (int i = 0; i < STEPS_MOST && !server_over(world->server); i++)
        server_step(world->server, -1);
    require(server_over(world->server));
    if (world->stopped_ns)
        require(sim_now(world->engine) - world->stopped_ns <= world->drain_timeout_ns + SECOND_NS);
}

/* What is on its way arrives; what the application still has it gives back. */
static void settle(struct world *world)
{
    while (world->later_count > 0)
        world_reply(world);
    do {
        for (int i = 0; i < STEPS_MOST && !sim_idle(world->engine); i++)
            engine_pass(world->engine, -1);
        require(sim_idle(world->engine) && sim_check(world->engine) == NULL);
    } while (world_read(world) > 0); /* what is read makes room for more */
}

static void check_left_behind(const struct world *world)
{
    const struct worker *worker = &world->server->crew.workers[0];
    require(sim_open_count(world->engine) == 1); /* what is shown on */
    require(worker->connections.taken == 0 && worker->outputs.taken == 0);
    require(worker->turns.taken == (worker->at_hand != NULL));
    require(worker->parcels.taken == 0 && worker->stagings.taken == 0);
    require(worker->memory_bytes == 0);
}

static void run(struct world *world)
{
    for (int i = 0; i < ACTS_MOST && world->input.size > 0; i++)
        world_act(world);
    if (!world->stopped_ns)
        world_part(world);
    end(world);
    bool unfinished = world->server->crew.workers[0].unfinished > 0;
    bool failed = server_finish(world->server) == GT_FAILED;
    settle(world);
    check_left_behind(world);
    for (size_t i = 0; i < world->client_count; i++)
        model_check(world, &world->clients[i]);
    if (!failed && !unfinished)
        model_check_shown(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    world = (struct world){.input = slice_of(data, size)};
    bool begun = world_begin(&world);
    gt_on_event(world.server, GT_DETAIL, told, &world);
    if (begun)
        run(&world);
    for (size_t i = 0; i < world.client_count; i++)
        bytes_free(&world.clients[i].said);
    bool engine_taken = world.server->engine != NULL;
    gt_free(&world.server);
    if (!engine_taken)
        engine_destroy(&world.engine);
    return 0;
}
