/* sim_flow.c: how bytes travel in the simulated network, and how a reset destroys them.
 *
 * What the window has room for is put on its way in packets at once. A packet arrives after the
 * latency, never before an earlier one; the acknowledgement takes as long back. FIN is the last
 * packet. On a connection of packets nothing is cut, and a packet longer than the window goes when
 * the window is empty.
 *
 * A reset overtakes: it arrives after the latency whatever else is on its way, and what arrives
 * after it is lost. It comes about when a side asks for it, closes with unread input, or gets bytes
 * after it closed. At the server what arrived before the reset can still be received, then comes
 * -ECONNRESET, once, to whoever asks first; afterwards receives give 0 and sends -EPIPE. That is
 * Linux. At the client a reset may destroy what was not read.
 *
 * A connection that breaks by chance fails at the server at once, likewise, for one of the reasons
 * that a network has; its client sees a reset. */
#include "engine/sim_network.h"

#include <errno.h>

/* ---- what the two ends are told ---- */

void client_changed(struct sim_client *client)
{
    if (client->act)
        client->act(client->context, client->number);
}

void server_input(struct sim_client *client)
{
    if (client->state.accepted)
        sim_try(client->sim, client->server.input);
}

void server_output(struct sim_client *client)
{
    if (client->state.accepted)
        sim_try_output(&client->server);
}

/* ---- resets ---- */

void flow_die(struct flow *flow)
{
    flow->dead = true;
    flow->bytes.size = flow->arrived;
    flow->flying = 0;
}

static void reset_reaches_client(void *subject, uint64_t number)
{
    struct sim_client *client = subject;
    (void)number;
    struct flow *flow = &client->to_client;
    if (client->state.closed || client->state.reset || client->state.refused)
        return;
    flow_die(flow);
    flow_die(&client->to_server);
    if (flow->arrived > 0)
        flow->fin = FIN_NONE; /* whoever has not read it all by now reads no end */
    if (!flow->packets && sim_happens(client->sim, client->sim->faults.reset_destroys)) {
        flow->arrived = (size_t)sim_between(client->sim, 0, (int64_t)flow->arrived);
        flow->bytes.size = flow->arrived;
    }
    client->state.reset = true;
    sim_note(client->sim, 1, client->peer.port);
    client_changed(client);
}

static void reset_reaches_server(void *subject, uint64_t number)
{
    struct sim_client *client = subject;
    (void)number;
    if (client->failed)
        return;
    flow_die(&client->to_server);
    flow_die(&client->to_client);
    client->failed = true;
    client->error = client->to_server.fin == FIN_ARRIVED ? EPIPE : ECONNRESET;
    sim_note(client->sim, 2, client->peer.port);
    server_input(client);
    server_output(client);
}

static void send_reset(struct sim_client *client, bool to_server)
{
    struct sim *sim = client->sim;
    struct flow *flow = to_server ? &client->to_server : &client->to_client;
    flow->bytes.size = flow->arrived + flow->flying; /* what waits with the sender never leaves */
    flow->fin = flow->fin == FIN_WAITING ? FIN_NONE : flow->fin;
    sim_at(sim, sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns),
           to_server ? reset_reaches_server : reset_reaches_client, client, 0);
}

void flow_break(struct sim_client *client)
{
    static const int errors[] = {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH};
    if (client->failed)
        return;
    flow_die(&client->to_server);
    flow_die(&client->to_client);
    client->failed = client->state.broken = true;
    client->error = errors[sim_between(client->sim, 0, 4)];
    sim_note(client->sim, 10, client->peer.port);
    send_reset(client, false);
    server_input(client);
    server_output(client);
}

/* ---- flows ---- */

static size_t flow_waiting(const struct flow *flow)
{
    return flow->bytes.size - flow->arrived - flow->flying;
}

static void flow_acknowledge(void *subject, uint64_t count)
{
    struct flow *flow = subject;
    flow->unacknowledged -= (size_t)count;
    if (!flow->to_server && !flow->client->failed)
        server_output(flow->client);
}

static void flow_arrive(void *subject, uint64_t size)
{
    struct flow *flow = subject;
    struct sim_client *client = flow->client;
    struct sim *sim = client->sim;
    if (flow->dead)
        return;
    if (flow->receiver_closed && size > 0) {
        flow_die(flow);
        send_reset(client, !flow->to_server);
        return;
    }
    flow->flying -= (size_t)size;
    flow->arrived += (size_t)size;
    flow->fin = size == 0 ? FIN_ARRIVED : flow->fin;
    sim_at(sim, sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns), flow_acknowledge,
           flow, size == 0 ? 1 : size);
    sim_note(sim, 3 + flow->to_server, size);
    if (flow->to_server)
        server_input(client);
    else
        client_changed(client);
}

/* How much the next packet carries. */
static size_t flow_cut(struct sim *sim, size_t most)
{
    if (most > sim->faults.packet_most)
        most = sim->faults.packet_most;
    if (sim_happens(sim, sim->faults.tiny_packet))
        return (size_t)sim_between(sim, 1, most < 8 ? (int64_t)most : 8);
    return most;
}

static void flow_fly(struct flow *flow, size_t size)
{
    struct sim *sim = flow->client->sim;
    int64_t arrival_ns = sim->engine.now_ns + sim_within(sim, sim->faults.latency_ns);
    sim_at(sim, sim_in_order(sim, &flow->latest_ns, arrival_ns), flow_arrive, flow, size);
}

/* What stands before each packet's bytes. */
typedef size_t packet_head;

static size_t packet_size_at(const struct flow *flow, size_t at)
{
    packet_head size;
    memcpy(&size, bytes_slice(&flow->bytes).data + at, sizeof size);
    return size;
}

/* How much of what waits the window has room for: 0: nothing. */
static size_t flow_next(const struct flow *flow, size_t waiting)
{
    size_t used = flow->arrived + flow->flying;
    if (flow->packets) {
        size_t size = flow_packet_room(packet_size_at(flow, used));
        return used > 0 && used + size > flow->window ? 0 : size;
    }
    size_t room = flow->window - used;
    return room > 0 ? flow_cut(flow->client->sim, waiting < room ? waiting : room) : 0;
}

/* Put on its way what the window has room for. */
static void flow_go(struct flow *flow)
{
    size_t waiting;
    while (!flow->dead && (waiting = flow_waiting(flow)) > 0) {
        size_t size = flow_next(flow, waiting);
        if (size == 0)
            return;
        flow->flying += size;
        flow_fly(flow, size);
    }
    if (!flow->dead && flow->fin == FIN_WAITING) {
        flow->fin = FIN_FLYING;
        flow_fly(flow, 0);
    }
}

void flow_send(struct flow *flow, struct slice bytes)
{
    sim_append(&flow->bytes, bytes);
    flow->unacknowledged += bytes.size;
    flow_go(flow);
}

size_t flow_packet_room(size_t size)
{
    return sizeof(packet_head) + size;
}

void flow_send_packet(struct flow *flow, struct slice packet)
{
    packet_head size = packet.size;
    sim_append(&flow->bytes, slice_of(&size, sizeof size));
    flow->unacknowledged += sizeof size;
    flow_send(flow, packet);
}

struct slice flow_packet_arrived(const struct flow *flow)
{
    const uint8_t *data = bytes_slice(&flow->bytes).data;
    return slice_of(data + sizeof(packet_head), packet_size_at(flow, 0));
}

void flow_end(struct flow *flow)
{
    if (flow->dead || flow->fin != FIN_NONE)
        return;
    flow->fin = FIN_WAITING;
    flow->unacknowledged++;
    flow_go(flow);
}

void flow_consume(struct flow *flow, size_t size)
{
    bytes_consume(&flow->bytes, size);
    flow->arrived -= size;
    flow_go(flow);
}

void flow_leave(struct flow *flow, struct flow *back, bool reset)
{
    bool unread = flow->arrived > 0;
    flow->receiver_closed = true;
    if (reset || unread) {
        flow_die(flow);
        send_reset(flow->client, back->to_server);
    } else {
        flow_end(back);
    }
}

bool flow_is_sound(const struct flow *flow)
{
    if (flow->packets)
        return flow->arrived + flow->flying <= flow->bytes.size;
    return flow->arrived + flow->flying <= flow->bytes.size &&
           (flow->dead || flow->arrived + flow->flying <= flow->window) &&
           (flow->dead || flow->unacknowledged >= flow_waiting(flow)) &&
           (flow->dead || flow->window == flow->arrived + flow->flying || flow_waiting(flow) == 0);
}
