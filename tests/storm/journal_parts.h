/* journal_parts.h: what the files of the storm with a journal share; nobody else includes it. */
#ifndef STORM_JOURNAL_PARTS_H
#define STORM_JOURNAL_PARTS_H

#include "journal.h"
#include "platter.h"
#include "speech.h"

#include "engine/sim.h"

#define TALKERS_MOST  40 /* of all servers of a seed */
#define MESSAGES_MOST 40 /* of one of them */

/* A client that sends messages and knows which: they follow from its number and theirs. */
struct talker {
    struct sim_client *client; /* NULL: its server is gone */
    uint16_t port;
    unsigned planned, sent;
    unsigned replied;                  /* how many replies have come, */
    size_t checked;                    /* how many bytes they had, */
    int64_t replied_ns[MESSAGES_MOST]; /* and when */
    unsigned promised;                 /* how many messages must be in the journal, */
    unsigned durable;                  /* and even after a cut before the next start */
    unsigned recorded;                 /* how many are */
};

struct journal_world {
    uint64_t seed;
    bool verbose;
    struct speech speech;
    struct talker talkers[TALKERS_MOST];
    unsigned talker_count;
    struct engine *engine;
    struct bytes scratch;
    uint64_t messages; /* in the journal */
    char broken[STORM_TEXT_SIZE];
};

/* It is broken, for this reason unless there was one before. */
void journal_break(struct journal_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- journal_talkers.c ---- */

/* Some more clients, who connect to a server that begins. */
void journal_talkers_begin(struct journal_world *world, int listener);

/* Everybody reads what has come, for the last time. What was replied to is promised; what was until
 * durable_ns even if the power is cut. */
void journal_talkers_end(struct journal_world *world, int64_t durable_ns);

/* The power is cut. */
void journal_talkers_cut(struct journal_world *world);

/* The text of a message; valid until the next. */
struct slice journal_text(struct journal_world *world, unsigned talker, unsigned number);

/* ---- journal_look.c ---- */

/* What is in the journal, after a start has made it fit. */
void journal_look(struct journal_world *world);

#endif
