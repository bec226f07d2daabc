/* command.h: commands of sh, from the wait for their turn to their end.
 *
 * Each worker has a room where so many run at once; the others wait there in order. One that runs
 * has a process group of its own, which is ended whole: told to (SIGTERM), and a second later
 * killed; and what is left of it when the command itself ends is killed at once.
 *
 * A command is given its input on its standard input; or a socket, as that and as standard output.
 * What it prints is gathered; its standard error is told as it comes, line by line, escaped, a long
 * line cut, and no more than COMMAND_LINES a second of all commands of the room together.
 *
 * Where there is no process, memory or descriptor for the next one, that is told once, and it is
 * tried again: it waits, as it does for its turn, but not longer than it may run.
 *
 * All of it belongs to the worker's thread. */
#ifndef REPLY_COMMAND_H
#define REPLY_COMMAND_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/peer.h"
#include "engine/engine.h"

#include <stdatomic.h>

struct reply_host;

#define COMMAND_LINES     100 /* a second */
#define COMMAND_LINE_MOST 240 /* bytes of a line */

/* What is run, and how long. Counted: commands keep it. */
struct command_plan {
    atomic_uint references;
    int64_t timeout_ns; /* negative: none */
    size_t output_most; /* bytes */
    char text[];        /* for sh */
};

/* With one reference; NULL when memory is out. */
struct command_plan *command_plan_create(const char *text, int64_t timeout_ns, size_t output_most);
struct command_plan *command_plan_keep(struct command_plan *plan);
void command_plan_release(struct command_plan **plan);

/* What came of it. */
enum command_fate {
    COMMAND_DONE,      /* its status is 0 */
    COMMAND_FAILED,    /* its status is another, or it died of a signal */
    COMMAND_TOO_SLOW,  /* it ran longer than it may */
    COMMAND_TOO_LONG,  /* it printed more than it may */
    COMMAND_NO_MEMORY, /* for what it printed */
    COMMAND_NOT_BEGUN,
    COMMAND_UNHEARD, /* its input could not be written */
    COMMAND_UNWANTED /* command_leave was called */
};

/* A pipe that is read from: its standard output, its standard error. */
struct command_pipe {
    struct receive_op read;
    int fd; /* -1: closed */
};

struct command {
    /* The owner's, set before command_submit. */
    struct command_plan *plan; /* it has a reference of its own */
    struct bytes environment;  /* environment.h; freed at the end, as are input and output */
    struct bytes input;
    int socket;           /* its standard input and output; -1: pipes */
    struct peer peer;     /* of whom it is told */
    const char *listener; /* likewise; outlives it */
    const char *id;       /* likewise, a part of the owner; "" where there is none */
    /* It is over, as fate says; output has what it printed. It is not in the room any more, and may
     * be freed. From within an engine pass. */
    void (*over)(struct command *command, enum command_fate fate);
    /* More or less is held for it. NULL: nobody wants to know. */
    void (*holds)(struct command *command);

    /* What it has printed so far. */
    struct bytes output;

    /* The room's. */
    struct command_room *room;
    struct list link;
    struct child_op child;
    struct command_pipe printed, complained;
    struct write_op feed;
    struct iovec feeding;
    int feed_fd;
    struct timer timer;
    int64_t
        wanting_ns; /* since when it could not begin for want of something; 0: it was not tried */
    uint8_t fate;   /* enum command_fate */
    bool begun;
    bool ended;     /* the child has */
    bool last_call; /* it was told to end, or has: the timer is for the rest */
    int status;
    uint8_t line[COMMAND_LINE_MOST]; /* of its standard error, unfinished */
    size_t line_size;
    bool line_cut;
};

/* A worker's, for most at once; NULL when memory is out. The host and its engine outlive it. */
struct command_room *command_room_create(const struct reply_host *host, unsigned worker,
                                         unsigned most);
/* It is empty (asserted). *room becomes NULL. */
void command_room_destroy(struct command_room **room);

/* Nothing runs and nothing waits. True for NULL. */
bool command_room_empty(const struct command_room *room);

/* Kill all that runs. */
void command_room_kill(struct command_room *room);

/* How many run at once, and what is there for each: descriptors; bytes besides what it is given and
 * prints. */
#define COMMAND_DESCRIPTORS 4
#define COMMAND_STARTING    3 /* descriptors more while one begins */

/* It waits for its turn, and runs: not from within this call. */
void command_submit(struct command_room *room, struct command *command);

/* Nobody wants it any more: it is ended, or never begins. over is called later. */
void command_leave(struct command *command);

/* Bytes that it holds. */
size_t command_bytes(const struct command *command);

#endif
