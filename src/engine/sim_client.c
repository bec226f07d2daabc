/* sim_client.c: the clients of the simulated network, as a test plays them.
 *
 * Connecting takes one latency; the client need not wait for it to send. Whatever happens to it
 * sets its state and calls who watches it. A client stays until the engine goes, so that what it
 * received can be looked at; one that has closed, been refused or seen a reset does nothing more.
 */
#include "engine/sim_network.h"

static void connect_arrives(void *subject, uint64_t number)
{
    struct sim_client *client = subject;
    struct listening *listener = client->listener;
    (void)number;
    if (listener->descriptor.open) {
        client->state.queued = true;
        list_append(&listener->queue, &client->waiting);
        listener->queued++;
        sim_try(client->sim, listener->descriptor.input);
        return;
    }
    client->state.refused = true;
    client->failed = true;
    flow_die(&client->to_server);
    flow_die(&client->to_client);
    client_changed(client);
}

struct sim_client *client_make(struct sim *sim, bool packets)
{
    struct sim_client *client = sim_allocate(sizeof *client);
    client->sim = sim;
    client->state.fd = -1;
    list_init(&client->waiting);
    list_append(&sim->clients, &client->link);
    client->to_server =
        (struct flow){.client = client, .to_server = true, .window = sim->faults.window_to_server};
    client->to_client = (struct flow){.client = client, .window = sim->faults.window_to_client};
    client->to_server.packets = client->to_client.packets = packets;
    return client;
}

static struct peer client_peer(struct sim *sim)
{
    struct peer peer = sim->from;
    peer.port = sim->next_port++;
    return peer;
}

void sim_come_from(struct engine *engine, struct peer from)
{
    sim_of(engine)->from = from;
}

static struct sim_client *connect_to(struct engine *engine, int listener, bool packets)
{
    struct sim *sim = sim_of(engine);
    struct sim_client *client = client_make(sim, packets);
    client->listener = listening_of(sim_descriptor_ever(sim, listener));
    client->peer = client_peer(sim);
    int64_t arrival_ns = sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns);
    sim_in_order(sim, &client->to_server.latest_ns, arrival_ns);
    sim_in_order(sim, &client->to_client.latest_ns, arrival_ns);
    sim_at(sim, arrival_ns, connect_arrives, client, 0);
    return client;
}

struct sim_client *sim_connect(struct engine *engine, int listener)
{
    return connect_to(engine, listener, false);
}

struct sim_client *sim_connect_packets(struct engine *engine, int listener)
{
    return connect_to(engine, listener, true);
}

/* Whether the client can still do something to its connection. */
static bool client_alive(const struct sim_client *client)
{
    return !client->state.closed && !client->state.reset && !client->state.refused;
}

bool sim_client_send(struct sim_client *client, struct slice bytes)
{
    if (!client_alive(client) || client->to_server.fin != FIN_NONE)
        return false;
    if (client->to_server.dead) /* the server has gone, and its reset is on its way */
        client->to_server.unacknowledged += bytes.size;
    else if (client->to_server.packets && bytes.size == 0)
        flow_end(&client->to_server);
    else if (client->to_server.packets)
        flow_send_packet(&client->to_server, bytes);
    else
        flow_send(&client->to_server, bytes);
    return true;
}

void sim_client_shutdown(struct sim_client *client)
{
    if (client_alive(client))
        flow_end(&client->to_server);
}

static void client_leave(struct sim_client *client, bool reset)
{
    bool alive = client_alive(client);
    client->state.closed = true;
    if (alive)
        flow_leave(&client->to_client, &client->to_server, reset);
}

void sim_client_reset(struct sim_client *client)
{
    client_leave(client, true);
}

void sim_client_close(struct sim_client *client)
{
    client_leave(client, false);
}

/* The next packet that has arrived, as much of it as is asked for; the rest is lost. */
static size_t read_packet(struct sim_client *client, size_t most)
{
    struct slice packet = flow_packet_arrived(&client->to_client);
    size_t whole = packet.size;
    packet.size = whole < most ? whole : most;
    sim_append(&client->received, packet);
    flow_consume(&client->to_client, flow_packet_room(whole));
    return packet.size;
}

size_t sim_client_read(struct sim_client *client, size_t most)
{
    struct flow *flow = &client->to_client;
    if (client->state.closed)
        return 0;
    if (flow->packets && flow->arrived > 0)
        return read_packet(client, most);
    size_t size = flow->arrived < most ? flow->arrived : most;
    if (size > 0) {
        sim_append(&client->received, slice_of(bytes_slice(&flow->bytes).data, size));
        flow_consume(flow, size);
    }
    return size;
}

struct slice sim_client_received(const struct sim_client *client)
{
    return bytes_slice(&client->received);
}

void sim_client_watch(struct sim_client *client, sim_act *act, void *context, uint64_t number)
{
    client->act = act;
    client->context = context;
    client->number = number;
}

struct sim_client_state sim_client_state(const struct sim_client *client)
{
    struct sim_client_state state = client->state;
    state.readable = client->state.closed ? 0 : client->to_client.arrived;
    state.ended = client->to_client.fin == FIN_ARRIVED && client->to_client.arrived == 0;
    state.unacknowledged = client->to_server.unacknowledged;
    return state;
}

struct peer sim_client_peer(const struct sim_client *client)
{
    return client->peer;
}
