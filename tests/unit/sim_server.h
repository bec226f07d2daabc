/* sim_server.h: a whole server over the simulated engine, for tests of time and order. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "base/bytes.h"
#include "engine/sim.h"

#include <goodtalk.h>

#define MS  INT64_C(1000000)
#define SEC INT64_C(1000000000)

struct sim_server {
    gt_server *server;
    struct engine *engine; /* the server's */
    int listener;
    int shown;         /* a file or stream that messages are shown on */
    struct bytes told; /* every event's reason or name, a line each */
    int status;        /* what the run came to, after sim_server_finish */
    bool over;
};

/* Settings are pairs of name and value, ended by NULL; show is "talk" unless set. Then starts. */
void sim_server_start(struct sim_server *world, uint64_t seed, const char *const *settings);

/* The same, shown on a pipe of this capacity whose reader reads nothing by itself. */
void sim_server_start_piped(struct sim_server *world, size_t capacity, const char *const *settings);

/* Before starting: set one more. sim_server_start calls this for its pairs. */
void sim_server_prepare(struct sim_server *world, uint64_t seed);
void sim_server_begin(struct sim_server *world, const char *const *settings);

/* Let time pass: until nothing happens within it any more, or the server is over. */
void sim_server_run(struct sim_server *world, int64_t for_ns);

/* Run until it is over (bounded), and free everything; status is the run's. */
void sim_server_finish(struct sim_server *world);

/* What is shown, and what a client has got after reading everything. */
bool sim_server_shows(const struct sim_server *world, const char *text);
bool sim_client_got(struct sim_client *client, const char *text);

/* Whether a word was told as a reason or an event's name. */
bool sim_server_told(const struct sim_server *world, const char *word);

void sim_client_says(struct sim_client *client, const char *text);

#endif
