/* server_peers.c: what peers do, a byte for each act and some for what belongs to it; what is not
 * possible (nobody is there yet, he has gone) is not done. */
#include "server_world.h"

#include <stdio.h>

#define STEPS_MOST  400           /* of the server, while some time passes */
#define BUFFER_MOST (size_t)18000 /* bytes of a buffer that is sent from, and its parcel */
#define LETTER_MOST (size_t)700   /* and of a datagram with its reply */

/* ---- time ---- */

/* Over max-memory are only: what a connection that ended for it holds until its send is over;
 * buffers that were taken since it was last looked at, to send from; the datagrams of one batch.
 */
static void check_bounds(const struct world *world)
{
    const struct worker *worker = &world->server->crew.workers[0];
    size_t buffers = worker->stagings.taken * BUFFER_MOST;
    size_t letters = worker->exchange_count * LETTER_MOST;
    if (list_empty(&worker->ended))
        require(worker->memory_bytes <= world->max_memory + buffers + letters);
}

static void step(struct world *world, int64_t wait_ns)
{
    if (server_over(world->server))
        return;
    server_step(world->server, wait_ns);
    check_bounds(world);
}

void world_pass(struct world *world, int64_t for_ns)
{
    int64_t until = sim_now(world->engine) + for_ns;
    for (int i = 0; i < STEPS_MOST && !server_over(world->server); i++) {
        int64_t left = until - sim_now(world->engine);
        if (left <= 0)
            return;
        step(world, left);
    }
}

void world_stop(struct world *world)
{
    if (world->stopped_ns || server_over(world->server))
        return;
    world->stopped_ns = sim_now(world->engine);
    gt_stop(world->server);
}

static void let_time_pass(struct world *world)
{
    static const int64_t scales_ns[] = {10000, 1000000, 20000000, SECOND_NS};
    uint8_t byte = next_byte(&world->input);
    world_pass(world, scales_ns[byte % 4] * (byte / 4 + 1));
}

/* ---- the application ---- */

/* A message's first byte says what is replied; see expect_ours in server_model.c. */
void world_heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    struct world *world = context;
    struct slice body = slice_of(message->bytes, message->size);
    uint8_t first = body.size > 0 ? body.data[0] : 0;
    if (first == 'c' && message->connection)
        gt_connection_close(message->connection);
    if (first == 'n') {
        gt_reply_none(turn);
    } else if (first == 'l' && world->later_count < LATER_MOST) {
        struct later *later = &world->later[world->later_count++];
        *later = (struct later){.turn = turn};
        require(bytes_append(&later->body, body) == 0);
    } else {
        gt_reply(turn, body.data, body.size);
    }
}

void world_reply(struct world *world)
{
    struct later later = world->later[0];
    if (world->later_count == 0)
        return;
    world->later_count--;
    memmove(world->later, world->later + 1, world->later_count * sizeof later);
    struct slice body = bytes_slice(&later.body);
    gt_reply(later.turn, body.data, body.size);
    bytes_free(&later.body);
}

/* ---- clients ---- */

static void connect_client(struct world *world)
{
    size_t number = next_byte(&world->input) % world->listener_count;
    int type = world->listeners[number].type, fd = world->listeners[number].fd;
    if (world->client_count == CLIENTS_MOST || type == SOCK_DGRAM)
        return;
    struct client *client = &world->clients[world->client_count++];
    client->world = world;
    client->packets = type == SOCK_SEQPACKET;
    client->sim =
        client->packets ? sim_connect_packets(world->engine, fd) : sim_connect(world->engine, fd);
}

static struct client *some_client(struct world *world)
{
    uint8_t number = next_byte(&world->input);
    return world->client_count > 0 ? &world->clients[number % world->client_count] : NULL;
}

static void say(struct client *client, struct slice bytes)
{
    if (bytes.size == 0 || !sim_client_send(client->sim, bytes))
        return;
    int kept =
        client->packets ? packet_keep(&client->said, bytes) : bytes_append(&client->said, bytes);
    require(kept == 0);
}

static void say_some(struct world *world)
{
    struct client *client = some_client(world);
    size_t size = next_byte(&world->input) % 64u;
    struct slice bytes = next_bytes(&world->input, size);
    if (client)
        say(client, bytes);
}

/* A byte many times; or a line many times, in one go. */
static void say_much(struct world *world)
{
    struct client *client = some_client(world);
    struct bytes much = {0};
    size_t times = (size_t)next_byte(&world->input) * 4;
    size_t size = next_byte(&world->input) % 8u + 1;
    struct slice bytes = next_bytes(&world->input, size);
    for (size_t i = 0; i < times; i++)
        require(bytes_append(&much, bytes) == 0);
    if (client)
        say(client, bytes_slice(&much));
    bytes_free(&much);
}

static size_t read_all(struct client *client)
{
    size_t size, all = 0;
    while ((size = sim_client_read(client->sim, SIZE_MAX)) > 0)
        all += size;
    return all;
}

static void read_some(struct world *world)
{
    struct client *client = some_client(world);
    size_t most = next_byte(&world->input);
    if (client && client->packets)
        read_all(client);
    else if (client)
        sim_client_read(client->sim, most);
}

static void shut_down(struct world *world)
{
    struct client *client = some_client(world);
    if (client)
        sim_client_shutdown(client->sim);
}

static void reset(struct world *world)
{
    struct client *client = some_client(world);
    if (!client)
        return;
    client->rude = true;
    sim_client_reset(client->sim);
}

static void close_client(struct world *world)
{
    struct client *client = some_client(world);
    if (!client)
        return;
    client->rude = true;
    sim_client_close(client->sim);
}

size_t world_read(struct world *world)
{
    size_t size = 0;
    for (size_t i = 0; i < world->client_count; i++)
        size += read_all(&world->clients[i]);
    return size;
}

void world_part(struct world *world)
{
    for (size_t i = 0; i < world->client_count; i++)
        if (!world->clients[i].rude)
            sim_client_shutdown(world->clients[i].sim);
    for (int round = 0; round < 20 && !server_over(world->server); round++) {
        world_read(world);
        if (!world->shown_in_file)
            sim_stream_read(world->engine, world->shown_fd, SIZE_MAX);
        world_reply(world);
        world_pass(world, SECOND_NS / 10);
    }
}

/* ---- correspondents ---- */

static void greet_correspondent(struct world *world)
{
    uint8_t byte = next_byte(&world->input);
    size_t number = byte % world->listener_count;
    if (world->correspondent_count == CLIENTS_MOST || world->listeners[number].type != SOCK_DGRAM)
        return;
    struct correspondent *correspondent = &world->correspondents[world->correspondent_count++];
    bool other = byte & 8;
    correspondent->sim = sim_correspondent(world->engine, world->listeners[number].fd,
                                           !other              ? SIM_NEAR
                                           : world->unix_kinds ? SIM_NAMELESS
                                                               : SIM_FAR);
}

static struct correspondent *some_correspondent(struct world *world)
{
    uint8_t number = next_byte(&world->input);
    return world->correspondent_count > 0
               ? &world->correspondents[number % world->correspondent_count]
               : NULL;
}

static void write_letter(struct world *world)
{
    struct correspondent *correspondent = some_correspondent(world);
    size_t size = next_byte(&world->input) % 64u;
    struct slice bytes = next_bytes(&world->input, size);
    if (correspondent &&
        sim_correspondent_send(correspondent->sim, bytes, (struct local_address){0}))
        correspondent->sent++;
}

static void read_letters(struct world *world)
{
    struct correspondent *correspondent = some_correspondent(world);
    struct sim_letter letter;
    while (correspondent && sim_correspondent_read(correspondent->sim, &letter))
        correspondent->heard++;
    if (correspondent)
        require(correspondent->heard <= correspondent->sent * (world->doubles ? 2 : 1));
}

static void leave(struct world *world)
{
    struct correspondent *correspondent = some_correspondent(world);
    if (correspondent)
        sim_correspondent_leave(correspondent->sim);
}

/* ---- all of it ---- */

static void read_shown(struct world *world)
{
    size_t most = (size_t)next_byte(&world->input) * 4;
    if (!world->shown_in_file)
        sim_stream_read(world->engine, world->shown_fd, most);
}

static void ask_counters(struct world *world)
{
    gt_tell_counters(world->server);
}

static void step_once(struct world *world)
{
    step(world, 0);
}

void world_act(struct world *world)
{
    static void (*const acts[])(struct world *) = {
        let_time_pass, connect_client, say_some,   say_some,     say_much,
        read_some,     shut_down,      reset,      close_client, greet_correspondent,
        write_letter,  read_letters,   leave,      read_shown,   world_reply,
        ask_counters,  step_once,      world_stop,
    };
    acts[next_byte(&world->input) % (sizeof acts / sizeof *acts)](world);
    step(world, 0);
}
