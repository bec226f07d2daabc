/* world.h: a server in a simulated world, while its memory runs out now and then.
 *
 * A scene says how the server is set and who talks to it: talkers, each with a connection and a
 * list of messages, said in rounds, the next one when all are replied to; and writers of datagrams.
 * Every message holds its talker's and its own number. What is held to, all the time:
 *
 *   - what is shown is what was said, whole, in each talker's order, each message once;
 *   - what a talker gets are the replies to its messages, whole, in order, each once, and no byte
 *     of one before its message is shown;
 *
 * and at the end, for everybody whose connection did not end for want of memory: nothing is
 * missing; there are not more such than allocations failed; who comes when there is memory again is
 * served; nothing is left behind. */
#ifndef MEMORY_WORLD_H
#define MEMORY_WORLD_H

#include "base/bytes.h"
#include "engine/sim.h"

#include <goodtalk.h>

#define TALKERS_MOST  16
#define MESSAGES_MOST 300

enum replies { REPLIES_TEXT, REPLIES_ECHO, REPLIES_BY_APPLICATION };

struct scene {
    const char *name;
    const char *settings[16]; /* pairs of name and value, ended by NULL */
    const char *talk;         /* what a talk file holds; NULL: there is none */
    enum replies replies;
    bool shown_slowly; /* on a pipe whose reader takes its time */
    unsigned talkers;  /* with streams */
    unsigned packets;  /* with packets */
    unsigned writers;  /* of datagrams: UDP and Unix in turn */
    unsigned messages; /* of each */
    unsigned round;    /* said at once by a talker */
    size_t size_most;  /* bytes of most messages */
    size_t large;      /* bytes of every seventh; 0: none */
    uint64_t count;    /* the goal; 0: told to stop when all are done */
};

struct world;

struct talker {
    struct world *world;
    unsigned number;
    bool packets;
    struct sim_client *client;
    unsigned sent;
    unsigned shown;
    unsigned replied;
    size_t replied_bytes; /* the greeting included */
    bool gone;            /* the server has ended it */
    bool stays;           /* until the server ends it */
    bool connected;       /* as the server said */
    char reason[32];      /* why its connection ended, or "" */
};

struct writer {
    struct world *world;
    unsigned number;
    struct sim_correspondent *correspondent;
    unsigned sent;
    uint8_t shown[MESSAGES_MOST];
    uint8_t replied[MESSAGES_MOST];
};

struct world {
    const struct scene *scene;
    struct engine *engine; /* the server's */
    gt_server *server;
    int shown_fd;
    int stream_fd, packets_fd, letter_fds[2];
    struct talker talkers[TALKERS_MOST];
    unsigned talker_count;
    struct writer writers[TALKERS_MOST];
    size_t looked_at; /* bytes of what is shown */
    unsigned shown_count;
    unsigned lost; /* datagrams told as not taken, or not replied to */
    bool late;     /* memory is back, and one more has come */
    bool over;     /* the server is */
    bool verbose;
    char broken[256]; /* the first thing that is, or "" */
};

/* One run; each allocation fails that allocations.h was told to. found: what was broken, or "". */
#define FOUND_SIZE 512
bool world_run(const struct scene *scene, bool verbose, char found[FOUND_SIZE]);

void world_break(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- talk.c: what is said, and what is to be replied ---- */

/* The text of a message, or of the reply to it; valid until the next call. */
struct slice message_text(const struct scene *scene, unsigned talker, unsigned message);
struct slice reply_text(const struct scene *scene, unsigned talker, unsigned message);

/* Whose message this text, or its first line, begins with; false: nobody's. */
bool message_find(struct slice text, unsigned *talker, unsigned *message);

/* ---- talker.c ---- */

void talker_connect(struct world *world, bool packets, bool stays);

/* It has got all it will. */
bool talker_done(const struct talker *talker);

/* It has lost its connection, or was never given one, for want of memory. */
bool talker_hit(const struct talker *talker);

void writer_begin(struct world *world, unsigned number, int fd);
bool writer_done(const struct writer *writer);

/* ---- world_judge.c ---- */

/* Look at what has been shown since the last time. */
void world_look(struct world *world);

/* The server is over with this status: what is missing, what is left behind. */
void world_judge(struct world *world, int status);

/* ---- scenes.c ---- */

/* The scenes, ended by one without a name. */
extern const struct scene scenes[];

#endif
