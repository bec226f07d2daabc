/* world_sim.c: the contract tests' world, simulated.
 *
 * The seed chooses how the world cuts bytes into pieces, whether sends are told at once or later,
 * and in which order things are told. What a client does arrives in the order in which it was done:
 * the latency is always the same. */
#include "engine_world.h"

#include "engine/sim.h"

#include <stdlib.h>

#define CLIENTS_MOST        2048
#define CORRESPONDENTS_MOST 64

static const struct world_table world_sim_unix;

struct sim_world {
    struct world world;
    struct sim_client *clients[CLIENTS_MOST];
    bool silent[CLIENTS_MOST]; /* does not read */
    int count;
    struct sim_correspondent *correspondents[CORRESPONDENTS_MOST];
    int correspondent_count;
};

static struct sim_world *world_of(struct world *world)
{
    return (struct sim_world *)(void *)world;
}

static struct sim_client *client_at(struct world *world, int client)
{
    return world_of(world)->clients[client];
}

/* A chance that is often none at all. */
static double some_chance(struct engine *engine)
{
    int64_t kind = sim_random(engine, 0, 3);
    return kind < 2 ? 0 : (double)sim_random(engine, 1, 100) / (kind == 2 ? 100 : 1000);
}

static void choose_faults(struct engine *engine)
{
    struct sim_faults *faults = sim_faults(engine);
    faults->short_receive = some_chance(engine);
    faults->late_input = some_chance(engine);
    faults->short_send = some_chance(engine);
    faults->send_later = some_chance(engine);
    faults->tiny_packet = some_chance(engine) / 10;
    faults->sync_later = some_chance(engine);
    faults->packet_most = (size_t)sim_random(engine, 1000, 64 * 1024);
    faults->window_to_server = (size_t)sim_random(engine, 4, 512) * 1024;
    faults->window_to_client = (size_t)sim_random(engine, 4, 512) * 1024;
    faults->send_buffer = (size_t)sim_random(engine, 4, 512) * 1024;
}

static struct world *create(const struct world_table *table, uint64_t seed)
{
    struct sim_world *world = calloc(1, sizeof *world);
    if (!world)
        abort();
    world->world.table = seed % 2 ? table : &world_sim_unix;
    world->world.engine = engine_sim_create(seed);
    if (seed > 1) /* the first world is perfect */
        choose_faults(world->world.engine);
    world->world.listener = sim_listen(world->world.engine);
    return &world->world;
}

static void destroy(struct world **world)
{
    struct sim_world *gone = world_of(*world);
    *world = NULL;
    if (gone->world.listener >= 0)
        engine_close(gone->world.engine, gone->world.listener, false);
    engine_destroy(&gone->world.engine);
    free(gone);
}

static int keep_client(struct world *world, struct sim_client *client)
{
    struct sim_world *here = world_of(world);
    if (here->count == CLIENTS_MOST)
        abort();
    here->clients[here->count] = client;
    return here->count++;
}

static int connect_client(struct world *world)
{
    return keep_client(world, sim_connect(world->engine, world->listener));
}

static size_t client_send(struct world *world, int client, const void *bytes, size_t size)
{
    return sim_client_send(client_at(world, client), slice_of(bytes, size)) ? size : 0;
}

static size_t client_receive(struct world *world, int client, void *bytes, size_t size)
{
    if (world_of(world)->silent[client])
        return 0;
    struct sim_client *sim_client = client_at(world, client);
    size_t before = sim_client_received(sim_client).size;
    size_t count = sim_client_read(sim_client, size);
    if (count > 0)
        memcpy(bytes, sim_client_received(sim_client).data + before, count);
    return count;
}

static enum client_end client_end(struct world *world, int client)
{
    struct sim_client_state state = sim_client_state(client_at(world, client));
    if (state.ended)
        return CLIENT_ENDED;
    return state.reset || state.refused ? CLIENT_RESET : CLIENT_OPEN;
}

static void client_read(struct world *world, int client, bool on)
{
    world_of(world)->silent[client] = !on;
}

static void client_shutdown(struct world *world, int client)
{
    sim_client_shutdown(client_at(world, client));
}

static void client_reset(struct world *world, int client)
{
    sim_client_reset(client_at(world, client));
}

static void client_close(struct world *world, int client)
{
    sim_client_close(client_at(world, client));
}

static int file(struct world *world)
{
    return sim_file(world->engine);
}

static size_t file_content(struct world *world, int fd, void *bytes, size_t size)
{
    struct slice content = sim_content(world->engine, fd);
    if (content.size < size)
        size = content.size;
    if (size > 0)
        memcpy(bytes, content.data, size);
    return size;
}

static int full(struct world *world)
{
    int fd = sim_file(world->engine);
    sim_file_bound(world->engine, fd, 0);
    return fd;
}

static int stream(struct world *world)
{
    int fd = sim_stream(world->engine, 64 * 1024);
    sim_stream_pace(world->engine, fd, 0, 0);
    return fd;
}

static size_t stream_read(struct world *world, int fd, void *bytes, size_t size)
{
    size_t before = sim_stream_read_size(world->engine, fd);
    size_t count = sim_stream_read(world->engine, fd, size);
    if (count > 0)
        memcpy(bytes, sim_content(world->engine, fd).data + before, count);
    return count;
}

static void stream_gone(struct world *world, int fd)
{
    sim_stream_leave(world->engine, fd);
}

static int packets(struct world *world, int *client)
{
    int fd;
    *client = keep_client(world, sim_packets(world->engine, &fd));
    return fd;
}

/* ---- datagrams ---- */

static int udp_open(struct world *world)
{
    return sim_datagrams(world->engine, SIM_UDP);
}

static int unix_open(struct world *world)
{
    return sim_datagrams(world->engine, SIM_UNIX);
}

static struct sim_correspondent *correspondent_at(struct world *world, int correspondent)
{
    return world_of(world)->correspondents[correspondent];
}

static int correspondent(struct world *world, int fd, bool named)
{
    struct sim_world *here = world_of(world);
    if (here->correspondent_count == CORRESPONDENTS_MOST)
        abort();
    here->correspondents[here->correspondent_count] =
        sim_correspondent(world->engine, fd, named ? SIM_NEAR : SIM_NAMELESS);
    return here->correspondent_count++;
}

static bool say(struct world *world, int number, const void *bytes, size_t size)
{
    struct local_address here = {.family = AF_INET, .interface = 1, .address = {127, 0, 0, 1}};
    return sim_correspondent_send(correspondent_at(world, number), slice_of(bytes, size), here);
}

static int64_t hear(struct world *world, int number, void *bytes, size_t size)
{
    struct sim_letter letter;
    if (!sim_correspondent_read(correspondent_at(world, number), &letter))
        return -1;
    if (letter.bytes.size < size)
        size = letter.bytes.size;
    if (size > 0)
        memcpy(bytes, letter.bytes.data, size);
    return (int64_t)letter.bytes.size;
}

static struct place place(struct world *world, int number)
{
    return sim_correspondent_place(correspondent_at(world, number));
}

/* Port 0. */
static struct place udp_nowhere(struct world *world)
{
    (void)world;
    struct place place = {.size = sizeof place.ipv4};
    place.ipv4.sin_family = AF_INET;
    return place;
}

static struct place unix_nowhere(struct world *world)
{
    (void)world;
    struct place place = {.size = sizeof place.local};
    place.local.sun_family = AF_UNIX;
    return place;
}

static const struct world_datagrams udp = {.largest = 65507,
                                           .nameless = false,
                                           .full_is_error = false,
                                           .open = udp_open,
                                           .correspondent = correspondent,
                                           .say = say,
                                           .hear = hear,
                                           .place = place,
                                           .nowhere = udp_nowhere};

static const struct world_datagrams unixgram = {.largest = PACKET_MAX,
                                                .nameless = true,
                                                .full_is_error = true,
                                                .open = unix_open,
                                                .correspondent = correspondent,
                                                .say = say,
                                                .hear = hear,
                                                .place = place,
                                                .nowhere = unix_nowhere};

/* ---- connecting ---- */

static int meeting(struct world *world, struct place *to, enum sim_place_kind kind)
{
    *to = sim_place(kind);
    return sim_socket(world->engine);
}

static int meeting_taken(struct world *world, struct place *to)
{
    return meeting(world, to, SIM_TAKES);
}

static int meeting_refused(struct world *world, struct place *to)
{
    return meeting(world, to, SIM_REFUSES);
}

static int meeting_unanswered(struct world *world, struct place *to)
{
    return meeting(world, to, SIM_SILENT);
}

static int met(struct world *world)
{
    struct sim_client *client = sim_met(world->engine);
    return client ? keep_client(world, client) : -1;
}

static const struct world_meetings meetings = {.open = meeting_taken,
                                               .refused = meeting_refused,
                                               .unanswered = meeting_unanswered,
                                               .met = met};

/* ---- sources ---- */

static int source_pipe(struct world *world)
{
    return sim_source(world->engine);
}

static size_t source_write(struct world *world, int fd, const void *bytes, size_t size)
{
    sim_source_write(world->engine, fd, slice_of(bytes, size));
    return size;
}

static void source_end(struct world *world, int fd)
{
    sim_source_end(world->engine, fd);
}

static int source_file(struct world *world, const void *bytes, size_t size)
{
    int fd = sim_source(world->engine);
    sim_source_write(world->engine, fd, slice_of(bytes, size));
    sim_source_end(world->engine, fd);
    return fd;
}

static const struct world_sources sources = {
    .pipe = source_pipe, .write = source_write, .end = source_end, .file = source_file};

/* A world's hooks; every second has Unix sockets of datagrams. */
#define WORLD(datagrams_of_it)                                                                     \
    {                                                                                              \
        .name = "sim", .engine = "sim", .resets = true, .threads = false, .kernel = false,         \
        .seeds = 100, .create = create, .destroy = destroy, .connect = connect_client,             \
        .client_send = client_send, .client_receive = client_receive, .client_end = client_end,    \
        .client_read = client_read, .client_shutdown = client_shutdown,                            \
        .client_reset = client_reset, .client_close = client_close, .file = file,                  \
        .file_content = file_content, .full = full, .stream = stream, .stream_read = stream_read,  \
        .stream_gone = stream_gone, .packets = packets, .meetings = &meetings,                     \
        .sources = &sources, .datagrams = &(datagrams_of_it),                                      \
    }

const struct world_table world_sim = WORLD(udp);
static const struct world_table world_sim_unix = WORLD(unixgram);
