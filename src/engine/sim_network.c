/* sim_network.c: the server's end of the simulated network: connections and listeners.
 *
 * A client that has connected waits in its listener's queue; an accept takes it out and gives the
 * server's end its descriptor. Receives take what has arrived in the flow to the server; sends put
 * into the flow to the client what its sender's buffer has room for, unacknowledged bytes counted.
 * On a connection of packets a receive takes one packet, a send puts one in, whole or not yet.
 *
 * Ways to fail: accept finds the descriptors used up (by number, or by chance); connections die in
 * the queue, silently; a reset fails the connection, and chance may as it is used, see sim_flow.c.
 */
#include "engine/sim_network.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* How many connections one try of an accept brings at most. */
#define ACCEPT_MOST 64

/* ---- the server's end ---- */

static struct sim_client *client_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct sim_client, server);
}

static bool connection_has_input(struct descriptor *descriptor)
{
    const struct sim_client *client = client_of(descriptor);
    return client->to_server.arrived > 0 || client->to_server.fin == FIN_ARRIVED || client->failed;
}

/* It is being used: by chance it breaks now. */
static void may_break(struct sim_client *client)
{
    if (sim_happens(client->sim, client->sim->faults.breaks))
        flow_break(client);
}

/* Hand out a piece of what has arrived. Its memory is gone afterwards: who keeps it is noticed. */
static void connection_deliver(struct sim_client *client, struct receive_op *op, bool cancelled)
{
    struct sim *sim = client->sim;
    size_t size = client->to_server.arrived;
    if (size > sim->engine.receive_size)
        size = sim->engine.receive_size;
    if (sim_happens(sim, sim->faults.short_receive))
        size = (size_t)sim_between(sim, 1, (int64_t)size);
    uint8_t *piece = sim_allocate(size);
    memcpy(piece, bytes_slice(&client->to_server.bytes).data, size);
    flow_consume(&client->to_server, size);
    if (cancelled || connection_has_input(&client->server))
        sim_try(sim, &op->op);
    op->data = piece;
    sim_note(sim, OP_RECEIVE, size);
    op->op.done(&op->op, (int64_t)size);
    free(piece);
}

/* The same of one packet. */
static void packet_deliver(struct sim_client *client, struct receive_op *op, bool cancelled)
{
    struct sim *sim = client->sim;
    struct slice packet = flow_packet_arrived(&client->to_server);
    size_t size = packet.size < PACKET_MAX ? packet.size : PACKET_MAX;
    op->op.flags = OP_PACKETS | (packet.size > size ? OP_TRUNCATED : 0);
    uint8_t *piece = sim_allocate(size);
    memcpy(piece, packet.data, size);
    flow_consume(&client->to_server, flow_packet_room(packet.size));
    if (cancelled || connection_has_input(&client->server))
        sim_try(sim, &op->op);
    op->data = piece;
    sim_note(sim, OP_RECEIVE, size);
    op->op.done(&op->op, (int64_t)size);
    free(piece);
}

static int connection_take_error(struct sim_client *client)
{
    int error = client->error;
    client->error = 0;
    return -error;
}

static void connection_input(struct descriptor *descriptor, bool cancelled)
{
    struct sim_client *client = client_of(descriptor);
    struct op *op = descriptor->input;
    may_break(client);
    bool any = connection_has_input(descriptor);
    assert(((op->flags & OP_PACKETS) != 0) == client->to_server.packets && "packets or not?");
    if (cancelled && !(any && sim_happens(client->sim, client->sim->faults.late_input)))
        sim_finish(descriptor, op, -ECANCELED);
    else if (client->to_server.arrived > 0 && client->to_server.packets)
        packet_deliver(client, list_item(op, struct receive_op, op), cancelled);
    else if (client->to_server.arrived > 0)
        connection_deliver(client, list_item(op, struct receive_op, op), cancelled);
    else if (client->to_server.fin == FIN_ARRIVED)
        sim_finish(descriptor, op, 0);
    else if (client->failed)
        sim_finish(descriptor, op, connection_take_error(client));
}

/* Why nothing can be sent any more, or 0. */
static int connection_broken(struct sim_client *client)
{
    may_break(client);
    if (client->failed)
        return client->error ? connection_take_error(client) : -EPIPE;
    return client->to_client.fin != FIN_NONE ? -EPIPE : 0;
}

static int64_t connection_take(struct descriptor *descriptor, struct slice bytes)
{
    struct sim_client *client = client_of(descriptor);
    struct flow *flow = &client->to_client;
    size_t buffer = client->sim->faults.send_buffer;
    int broken = connection_broken(client);
    if (broken)
        return broken;
    if (flow->unacknowledged >= buffer)
        return 0;
    if (bytes.size > buffer - flow->unacknowledged)
        bytes.size = buffer - flow->unacknowledged;
    if (flow->dead) /* the client has gone, and its reset is on its way */
        flow->unacknowledged += bytes.size;
    else
        flow_send(flow, bytes);
    return (int64_t)bytes.size;
}

/* All parts as one packet; to be freed. */
static struct bytes packet_of(const struct send_op *op)
{
    struct bytes packet = {0};
    for (unsigned i = 0; i < op->part_count; i++)
        sim_append(&packet, slice_of(op->parts[i].iov_base, op->parts[i].iov_len));
    return packet;
}

/* Whether the sender's buffer has room for this packet; one that is too long for it goes alone. */
static bool packet_fits(const struct sim_client *client, size_t size)
{
    size_t used = client->to_client.unacknowledged;
    return used == 0 || used + flow_packet_room(size) <= client->sim->faults.send_buffer;
}

/* Let a packet leave, if it may now: how many bytes, 0, or -errno. */
static int64_t packet_take(struct sim_client *client, struct slice packet)
{
    int broken = packet.size > PACKET_MAX ? -EMSGSIZE : connection_broken(client);
    if (broken || !packet_fits(client, packet.size))
        return broken;
    if (client->to_client.dead) /* the client has gone, and its reset is on its way */
        client->to_client.unacknowledged += flow_packet_room(packet.size);
    else
        flow_send_packet(&client->to_client, packet);
    return (int64_t)packet.size;
}

/* All parts are one packet, which leaves whole, when there is room; chance may have it wait, once.
 */
static void packets_output(struct descriptor *descriptor)
{
    struct sim_client *client = client_of(descriptor);
    struct send_op *op = list_item(descriptor->output, struct send_op, op);
    if (descriptor->part++ == 0 && sim_happens(client->sim, client->sim->faults.short_send)) {
        sim_try_output(descriptor);
        return;
    }
    struct bytes packet = packet_of(op);
    int64_t taken = packet_take(client, bytes_slice(&packet));
    if (taken > 0)
        op->transferred = packet.size;
    if (taken != 0 || packet.size == 0)
        sim_finish(descriptor, &op->op, taken);
    bytes_free(&packet);
}

static void connection_close(struct descriptor *descriptor, bool reset)
{
    struct sim_client *client = client_of(descriptor);
    if (!client->failed)
        flow_leave(&client->to_server, &client->to_client, reset);
}

static void connection_free(struct descriptor *descriptor)
{
    (void)descriptor; /* the client's memory: sim_network_free */
}

static const struct descriptor_table connection_table = {
    .input = connection_input,
    .has_input = connection_has_input,
    .take = connection_take,
    .close = connection_close,
    .free = connection_free,
};

static const struct descriptor_table packets_table = {
    .input = connection_input,
    .has_input = connection_has_input,
    .take = connection_take,
    .output = packets_output,
    .close = connection_close,
    .free = connection_free,
};

static const struct descriptor_table *table_of(const struct sim_client *client)
{
    return client->to_server.packets ? &packets_table : &connection_table;
}

void connection_begin(struct sim_client *client)
{
    client->server.table = table_of(client);
    client->state.accepted = true;
    list_append(&client->sim->met, &client->waiting);
}

static bool is_connection(const struct descriptor *descriptor)
{
    return descriptor->table == &connection_table || descriptor->table == &packets_table;
}

int sim_network_shutdown(struct descriptor *descriptor)
{
    assert(is_connection(descriptor) && "shutdown of what is no connection");
    struct sim_client *client = client_of(descriptor);
    may_break(client);
    if (client->failed)
        return -ENOTCONN;
    flow_end(&client->to_client);
    server_output(client);
    return 0;
}

int64_t sim_network_unacknowledged(struct descriptor *descriptor)
{
    assert(is_connection(descriptor));
    struct sim_client *client = client_of(descriptor);
    may_break(client);
    return client->failed ? -ECONNRESET : (int64_t)client->to_client.unacknowledged;
}

int64_t sim_network_unread(struct descriptor *descriptor)
{
    assert(is_connection(descriptor));
    return (int64_t)client_of(descriptor)->to_server.arrived;
}

/* ---- listeners ---- */

struct listening *listening_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct listening, descriptor);
}

static bool listening_has_input(struct descriptor *descriptor)
{
    return !list_empty(&listening_of(descriptor)->queue);
}

static void listening_drop(struct sim_client *client)
{
    list_remove(&client->waiting);
    client->listener->queued--;
}

/* A connection dies in the listening queue: nobody is told but the client, if it is still there. */
static void listening_abort(struct sim_client *client, bool by_chance)
{
    client->state.aborted = by_chance;
    listening_drop(client);
    flow_leave(&client->to_server, &client->to_client, true);
    client->failed = true;
}

/* What accept says instead of a connection, or 0. */
static int listening_refuse(struct sim *sim)
{
    static const int numbers[] = {EMFILE, EMFILE, ENFILE, ENOBUFS, ENOMEM};
    unsigned most = sim->faults.descriptors_most;
    if (most > 0 && sim->open_count >= most)
        return -EMFILE;
    if (sim_happens(sim, sim->faults.accept_refused))
        return -numbers[sim_between(sim, 0, 4)];
    return 0;
}

static void listening_deliver(struct sim *sim, struct accept_op *op, struct sim_client *client)
{
    listening_drop(client);
    int fd = sim_open(sim, &client->server, table_of(client));
    client->state.accepted = true;
    client->state.fd = fd;
    client_changed(client);
    op->peer = client->peer;
    sim_note(sim, OP_ACCEPT, (uint64_t)fd);
    op->op.done(&op->op, fd);
}

static void listening_input(struct descriptor *descriptor, bool cancelled)
{
    struct sim *sim = descriptor->sim;
    struct listening *listener = listening_of(descriptor);
    struct accept_op *op = list_item(descriptor->input, struct accept_op, op);
    unsigned most = cancelled && !sim_happens(sim, sim->faults.late_input) ? 0 : ACCEPT_MOST;
    for (unsigned count = 0; count < most && !list_empty(&listener->queue); count++) {
        struct sim_client *client = list_item(listener->queue.next, struct sim_client, waiting);
        int refused = listening_refuse(sim);
        if (refused < 0) {
            sim_finish(descriptor, &op->op, refused);
            return;
        }
        if (sim_happens(sim, sim->faults.accept_aborted))
            listening_abort(client, true);
        else
            listening_deliver(sim, op, client);
        if (!cancelled && op->op.phase == PHASE_CANCELLED)
            return; /* by done; it ends in a later pass */
    }
    if (cancelled)
        sim_finish(descriptor, &op->op, -ECANCELED);
    else if (!list_empty(&listener->queue))
        sim_try(sim, &op->op);
}

static void listening_close(struct descriptor *descriptor, bool reset)
{
    struct listening *listener = listening_of(descriptor);
    (void)reset;
    while (!list_empty(&listener->queue))
        listening_abort(list_item(listener->queue.next, struct sim_client, waiting), false);
}

static void listening_free(struct descriptor *descriptor)
{
    free(listening_of(descriptor));
}

static const struct descriptor_table listening_table = {
    .input = listening_input,
    .has_input = listening_has_input,
    .close = listening_close,
    .free = listening_free,
};

int sim_listen(struct engine *engine)
{
    struct listening *listener = sim_allocate(sizeof *listener);
    list_init(&listener->queue);
    return sim_open(sim_of(engine), &listener->descriptor, &listening_table);
}

size_t sim_listen_waiting(const struct engine *engine, int listener)
{
    return listening_of(sim_descriptor_ever(sim_of_const(engine), listener))->queued;
}

/* ---- the whole ---- */

const char *sim_network_check(const struct sim *sim)
{
    for (struct list *at = sim->clients.next; at != &sim->clients; at = at->next) {
        const struct sim_client *client = list_item(at, struct sim_client, link);
        if (!flow_is_sound(&client->to_server) || !flow_is_sound(&client->to_client))
            return "a connection's bytes are miscounted";
    }
    return NULL;
}

void sim_network_free(struct sim *sim)
{
    struct list *link;
    while ((link = list_take(&sim->clients))) {
        struct sim_client *client = list_item(link, struct sim_client, link);
        bytes_free(&client->to_server.bytes);
        bytes_free(&client->to_client.bytes);
        bytes_free(&client->received);
        free(client);
    }
}
