/* talk_side.h: a server over the simulated engine whose connections hold the conversation of a
 * script. */
#ifndef TALK_SIDE_H
#define TALK_SIDE_H

#include "sim_server.h"

#include "reply/script.h"

struct talk_side {
    struct sim_server world;
    struct outcome *outcome;
    struct script *script;
    int64_t ended_ns;  /* when it was over */
    struct bytes news; /* what the outcome told, a line each */
};

/* Start it: source is a chunk that calls talk(function (peer) ... end) once; it finds shared and
 * log, too. Settings as in sim_server_start. */
void talk_start(struct talk_side *side, const char *source, const char *const *settings);

/* The same, shown on a pipe of this capacity whose reader reads nothing by itself. */
void talk_start_piped(struct talk_side *side, size_t capacity, const char *source,
                      const char *const *settings);

/* As sim_server_finish; frees everything. */
void talk_finish(struct talk_side *side);

/* Told to stop, it ends well. */
void talk_stop(struct talk_side *side);

/* A client that connects, or says something, and has a moment to be served. */
struct sim_client *talk_come(struct talk_side *side);
void talk_say(struct talk_side *side, struct sim_client *client, const char *text);

/* Whether a line that the outcome told has this text in it. */
bool talk_told(const struct talk_side *side, const char *text);

/* Bytes of the script's state, when all that is garbage is gone. */
size_t talk_bytes(struct talk_side *side);

/* Run a chunk in the script's state. */
void talk_do(struct talk_side *side, const char *source);

#endif
