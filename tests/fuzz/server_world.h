/* server_world.h: a whole server over the simulated engine, and the peers that an input makes act.
 *
 * An input chooses the settings first (server_choice.c) and then what happens, one act after the
 * other (server_peers.c); every byte of it means something. What each client has said is kept, so
 * that it is known at the end what it should have been told (server_model.c). */
#ifndef FUZZ_SERVER_WORLD_H
#define FUZZ_SERVER_WORLD_H

#include "base/bytes.h"
#include "engine/sim.h"
#include "fuzz.h"
#include "serve/server.h"

#define LISTENERS_MOST 3
#define CLIENTS_MOST   8
#define LATER_MOST     16
#define SECOND_NS      INT64_C(1000000000)

enum replies { REPLIES_TEXT, REPLIES_ECHO, REPLIES_NOTHING, REPLIES_BY_US };

struct world;

struct client {
    struct world *world;
    struct sim_client *sim;
    bool packets;
    struct bytes said; /* a stream; packets as packet_keep has them */
    bool rude;         /* it reset or closed: what it was owed may be lost */
    char reason[24];   /* why its connection ended, or "" */
};

struct correspondent {
    struct sim_correspondent *sim;
    size_t sent;
    size_t heard; /* replies */
};

/* A message that the application replies to later, with the same bytes. */
struct later {
    gt_turn *turn;
    struct bytes body;
};

struct world {
    struct engine *engine; /* the server's */
    gt_server *server;
    struct slice input;
    /* what was chosen */
    const char *frame;
    enum replies replies;
    const char *greeting; /* or NULL */
    const char *show;
    size_t max_message;
    size_t max_memory;
    int64_t drain_timeout_ns;
    bool close, pauses, has_goal, doubles, unix_kinds;
    int shown_fd;
    bool shown_in_file;
    /* who is there */
    struct {
        int fd;
        int type;
    } listeners[LISTENERS_MOST];
    size_t listener_count;
    struct client clients[CLIENTS_MOST];
    size_t client_count;
    struct correspondent correspondents[CLIENTS_MOST];
    size_t correspondent_count;
    struct later later[LATER_MOST];
    size_t later_count;
    int64_t stopped_ns; /* when it was told to stop; 0: not yet */
};

/* ---- server_choice.c ---- */

/* Choose, set, listen and start: false when the settings are refused. The server is there in any
 * case. */
bool world_begin(struct world *world);

/* ---- server_peers.c ---- */

/* Do what the next byte says, and let the server go on. */
void world_act(struct world *world);

/* What the application does where it replies. */
void world_heard(gt_turn *turn, const struct gt_message *message, void *world);

/* Reply to the oldest message that waits for it. */
void world_reply(struct world *world);

/* Let time pass: until nothing happens within it any more, or the server is over. */
void world_pass(struct world *world, int64_t for_ns);

void world_stop(struct world *world);

/* Let every client finish what it says and read what it is told. */
void world_part(struct world *world);

/* Let every client read what has arrived: how many bytes. */
size_t world_read(struct world *world);

/* ---- server_model.c ---- */

/* Check what a client was told, and how its connection ended. */
void model_check(const struct world *world, struct client *client);

/* Check what was shown: whole messages, as many as were counted. */
void model_check_shown(const struct world *world);

#endif
