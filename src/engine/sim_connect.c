/* sim_connect.c: sockets that the simulated server connects, and whom it meets.
 *
 * Connecting takes a round trip. What comes of it is in the place: somebody takes connections
 * there, somebody refuses them, or nobody answers at all. Whoever is met is a client like others.
 */
#include "engine/sim_network.h"

#include <assert.h>
#include <errno.h>

/* A round trip later it is known. */
static void unconnected_output(struct descriptor *descriptor)
{
    struct sim *sim = descriptor->sim;
    struct op *op = descriptor->output;
    assert(op->kind == OP_CONNECT);
    in_port_t port = list_item(op, struct connect_op, op)->to.ipv4.sin_port;
    if (descriptor->part++ == 0) {
        sim_pause_output(descriptor, 2 * sim_within(sim, sim->faults.latency_ns));
    } else if (ntohs(port) == SIM_TAKES) {
        connection_begin(list_item(descriptor, struct sim_client, server));
        sim_finish(descriptor, op, 0);
    } else if (ntohs(port) == SIM_REFUSES) {
        sim_finish(descriptor, op, -ECONNREFUSED);
    }
}

static void unconnected_close(struct descriptor *descriptor, bool reset)
{
    (void)descriptor;
    (void)reset;
}

static void unconnected_free(struct descriptor *descriptor)
{
    (void)descriptor; /* the client's memory: sim_network_free */
}

static const struct descriptor_table unconnected_table = {
    .output = unconnected_output, .close = unconnected_close, .free = unconnected_free};

static struct sim_client *somebody(struct engine *engine, bool packets)
{
    struct sim_client *client = client_make(sim_of(engine), packets);
    client->state.fd = sim_open(sim_of(engine), &client->server, &unconnected_table);
    return client;
}

int sim_socket(struct engine *engine)
{
    return somebody(engine, false)->state.fd;
}

struct place sim_place(enum sim_place_kind kind)
{
    struct place place = {.size = sizeof place.ipv4};
    place.ipv4.sin_family = AF_INET;
    place.ipv4.sin_port = htons((uint16_t)kind);
    place.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return place;
}

struct sim_client *sim_met(struct engine *engine)
{
    struct list *link = list_take(&sim_of(engine)->met);
    return link ? list_item(link, struct sim_client, waiting) : NULL;
}

struct sim_client *sim_packets(struct engine *engine, int *fd)
{
    struct sim_client *client = somebody(engine, true);
    connection_begin(client);
    list_remove(&client->waiting);
    *fd = client->state.fd;
    return client;
}
