/* engine_world.h: what stands around an engine in the contract tests: clients, a file, a stream.
 *
 * The same tests run in every world: over loopback TCP and Unix sockets with the epoll and uring
 * engines (world_real.c), in the simulated network with the simulated engine (world_sim.c). Nothing
 * here waits and nothing here runs a pass: the test does, and asks again. What a client does
 * reaches the engine's side within the passes of the next 10 ms of the engine's clock, in the order
 * in which it was done. No world loses, resets or delays anything on its own beyond that; it may
 * cut bytes into any pieces. */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "engine/engine.h"

/* How the stream from the engine to a client stands, as far as the client has read. */
enum client_end {
    CLIENT_OPEN,  /* connected; there may be more to read */
    CLIENT_ENDED, /* everything was read, then came the end of the stream */
    CLIENT_RESET  /* the connection was reset */
};

struct world;
struct world_table;

/* Datagrams: a socket of the engine's and correspondents who write to it and read what it sends.
 * Datagrams keep their order; one that was taken is not lost while fewer than 300 small ones wait.
 */
struct world_datagrams {
    size_t largest;     /* bytes of the longest datagram */
    bool nameless;      /* a correspondent may have no name: Unix */
    bool full_is_error; /* a reader that is full fails a send with -EAGAIN (Unix); where this is
                         * false nobody notices */

    /* A new bound socket for the engine, which tells what the system can tell: local addresses or
     * credentials. The test's to engine_close. */
    int (*open)(struct world *world);

    /* A correspondent of that socket: its handle, 0 or more, valid until destroy. At least 16. */
    int (*correspondent)(struct world *world, int fd, bool named);

    /* Send one datagram: whether it was taken (no: ask again after a pass). */
    bool (*say)(struct world *world, int correspondent, const void *bytes, size_t size);

    /* Take the next datagram that has arrived: how long it is, at most size of it at bytes; -1:
     * none so far. */
    int64_t (*hear)(struct world *world, int correspondent, void *bytes, size_t size);

    /* Where a correspondent with a name is written to. */
    struct place (*place)(struct world *world, int correspondent);

    /* A place of the right kind that cannot be written to: the send fails at once. */
    struct place (*nowhere)(struct world *world);
};

/* Connecting: the engine's sockets and the clients they meet. */
struct world_meetings {
    /* A new socket for engine_connect, the test's to engine_close, and where to connect it: where
     * somebody takes connections, */
    int (*open)(struct world *world, struct place *place);
    /* where nobody does (-ECONNREFUSED), */
    int (*refused)(struct world *world, struct place *place);
    /* or where nobody answers: connecting takes as long as the test does. */
    int (*unanswered)(struct world *world, struct place *place);

    /* The client at the other end of the next connection that was made, oldest first: a handle for
     * client_send and the others; -1: none so far. */
    int (*met)(struct world *world);
};

/* What is read from: the engine's ends of pipes, and files. */
struct world_sources {
    /* A new pipe for engine_read, the test's to engine_close; its writer writes when write is
     * called (how many bytes were taken, at most size) and goes away with end. */
    int (*pipe)(struct world *world);
    size_t (*write)(struct world *world, int fd, const void *bytes, size_t size);
    void (*end)(struct world *world, int fd);

    /* A new file that holds these bytes, to be read from its start. */
    int (*file)(struct world *world, const void *bytes, size_t size);
};

/* Every implementation begins with this. */
struct world {
    const struct world_table *table;
    struct engine *engine;
    int listener; /* listening already, non-blocking, for at least 1,000 connections in its queue;
                   * destroy closes it, unless the test did and put -1 here */
};

struct world_table {
    const char *name;   /* "tcp", "unix", "sim" */
    const char *engine; /* by which engine it is served, of those that the kernel has */
    bool resets;        /* client_reset, and engine_close with reset, are seen as resets */
    bool threads;       /* a pass waits in real time, so that another thread can wake it */
    bool kernel;        /* descriptors are the system's: fcntl and the like work on them */
    unsigned
        seeds; /* how many seeds, from 1 on, are worth running a test with: 1 for a real world */

    /* A world of this table. Never NULL: one that cannot be made aborts. */
    struct world *(*create)(const struct world_table *table, uint64_t seed);

    /* Close the clients, the listener, the other ends of streams; destroy the engine. Descriptors
     * that the engine handed out or that file, full and stream returned are the test's to
     * engine_close. */
    void (*destroy)(struct world **world);

    /* Connect a client to the listener: its handle, 0 or more, valid until destroy. It counts as
     * connected at once: it can send right away. At least 1,100 clients per world. */
    int (*connect)(struct world *world);

    /* Send: how many bytes were taken (0 to size; ask again with the rest after a pass). */
    size_t (*client_send)(struct world *world, int client, const void *bytes, size_t size);

    /* What has arrived at the client and was not taken yet: how many bytes, at most size. */
    size_t (*client_receive)(struct world *world, int client, void *bytes, size_t size);

    /* Whether the end was met. Ask after client_receive returned 0. */
    enum client_end (*client_end)(struct world *world, int client);

    /* Clients read at first. One that does not leaves everything in the network, which holds less
     * than 4 MiB per connection; client_receive then returns 0. */
    void (*client_read)(struct world *world, int client, bool on);

    /* No more will be sent: end-of-stream for the engine, after all bytes before it. */
    void (*client_shutdown)(struct world *world, int client);
    /* The client goes with a reset: the engine sees -ECONNRESET. Not called where resets is false.
     */
    void (*client_reset)(struct world *world, int client);
    /* The client goes, all that arrived was read before: end-of-stream for the engine's receives,
     * -EPIPE or -ECONNRESET for its sends. */
    void (*client_close)(struct world *world, int client);

    /* A new empty file, for WRITE_FILE and sync; and what it holds, from its start: how many bytes
     * were put into bytes, at most size. */
    int (*file)(struct world *world);
    size_t (*file_content)(struct world *world, int fd, void *bytes, size_t size);

    /* A file that has no room: every WRITE_FILE gives -ENOSPC. NULL: this world has none. */
    int (*full)(struct world *world);

    /* A new pipe, for WRITE_STREAM: it holds less than 1 MiB; its reader reads when stream_read is
     * called (how many bytes, at most size) and goes away with stream_gone. */
    int (*stream)(struct world *world);
    size_t (*stream_read)(struct world *world, int fd, void *bytes, size_t size);
    void (*stream_gone)(struct world *world, int fd);

    /* A new connected socket of packets (SOCK_SEQPACKET) for the engine, the test's to
     * engine_close, and the client at its other end: client_send sends one packet, all of it or
     * nothing, client_receive takes one. NULL: this world has none. */
    int (*packets)(struct world *world, int *client);

    /* NULL: this world has none. */
    const struct world_datagrams *datagrams;
    const struct world_meetings *meetings;
    const struct world_sources *sources;
};

extern const struct world_table world_tcp;
extern const struct world_table world_unix;
extern const struct world_table world_sim;

#endif
