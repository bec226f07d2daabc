/* sim_network.h: the simulated network's own: what sim_flow.c, sim_network.c and sim_client.c
 * share.
 *
 * A connection is two flows, one each way. A flow holds all bytes that its sender's system has
 * taken and its receiver has not read: first those that have arrived, then those on their way in
 * packets, then those that wait with the sender because the receiver's window is full.
 *
 * On a connection of packets (SOCK_SEQPACKET) each packet's length stands before its bytes in the
 * flow, and they travel and are read whole. */
#ifndef ENGINE_SIM_NETWORK_H
#define ENGINE_SIM_NETWORK_H

#include "engine/sim_parts.h"

enum fin { FIN_NONE, FIN_WAITING, FIN_FLYING, FIN_ARRIVED };

struct flow {
    struct sim_client *client;
    struct bytes bytes; /* arrived, then flying, then waiting */
    size_t arrived;
    size_t flying;
    size_t window;         /* arrived and flying together at most */
    size_t unacknowledged; /* FIN counted as one */
    int64_t latest_ns;     /* when the last packet on its way arrives, leaps aside */
    enum fin fin;
    bool to_server;
    bool packets;         /* what is sent in one go arrives in one go */
    bool dead;            /* nothing arrives any more */
    bool receiver_closed; /* what arrives is answered with a reset */
};

struct listening {
    struct descriptor descriptor;
    struct list queue; /* struct sim_client */
    size_t queued;
};

struct sim_client {
    struct sim *sim;
    struct list link;    /* among all clients */
    struct list waiting; /* in the listener's queue; or among those met */
    struct listening *listener;
    struct descriptor server; /* the server's end; fd 0 until it is accepted */
    struct flow to_server;
    struct flow to_client;
    struct peer peer;
    struct bytes received; /* all the client has read */
    int error;             /* the server's end has failed: to be told, once */
    bool failed;           /* the server's end has failed */
    struct sim_client_state state;
    sim_act *act;
    void *context;
    uint64_t number;
};

/* ---- sim_flow.c ---- */

/* Something may have changed for an end. */
void client_changed(struct sim_client *client);
void server_input(struct sim_client *client);
void server_output(struct sim_client *client);

void flow_send(struct flow *flow, struct slice bytes);
/* The same on a connection of packets. */
void flow_send_packet(struct flow *flow, struct slice packet);
/* The first packet that has arrived; there is one. */
struct slice flow_packet_arrived(const struct flow *flow);
/* How many bytes a packet of this size takes in a flow. */
size_t flow_packet_room(size_t size);
/* FIN, after what was sent; once. */
void flow_end(struct flow *flow);
/* The receiver has read this much of what arrived. */
void flow_consume(struct flow *flow, size_t size);
/* Nothing arrives any more; what has not arrived is gone. */
void flow_die(struct flow *flow);
/* The receiver closes; back is the other direction: it ends, or is reset when something was not
 * read. */
void flow_leave(struct flow *flow, struct flow *back, bool reset);
/* The connection fails, for no fault of its ends. */
void flow_break(struct sim_client *client);
/* Whether its bytes add up. */
bool flow_is_sound(const struct flow *flow);

/* ---- sim_network.c ---- */

/* The connection of a client and its server's end, which is open, begins. */
void connection_begin(struct sim_client *client);

struct listening *listening_of(struct descriptor *descriptor);

/* ---- sim_client.c ---- */

/* A client, known to the simulation, without a connection. */
struct sim_client *client_make(struct sim *sim, bool packets);

#endif
