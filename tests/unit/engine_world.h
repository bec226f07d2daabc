/* engine_world.h: what stands around an engine in the contract tests: clients, a file, a stream.
 *
 * The same tests run in every world: over loopback TCP and Unix sockets with the epoll engine
 * (world_real.c), in the simulated network with the simulated engine (world_sim.c). Nothing here
 * waits and nothing here runs a pass: the test does, and asks again. What a client does reaches the
 * engine's side within the passes of the next 10 ms of the engine's clock, in the order in which it
 * was done. No world loses, resets or delays anything on its own beyond that; it may cut bytes into
 * any pieces. */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "engine/engine.h"

/* How the stream from the engine to a client stands, as far as the client has read. */
enum client_end {
    CLIENT_OPEN,  /* connected; there may be more to read */
    CLIENT_ENDED, /* everything was read, then came the end of the stream */
    CLIENT_RESET  /* the connection was reset */
};

struct world_table;

/* Every implementation begins with this. */
struct world {
    const struct world_table *table;
    struct engine *engine;
    int listener; /* listening already, non-blocking, for at least 1,000 connections in its queue;
                   * destroy closes it, unless the test did and put -1 here */
};

struct world_table {
    const char *name; /* "tcp", "unix", "sim" */
    bool resets;      /* client_reset, and engine_close with reset, are seen as resets */
    bool threads;     /* a pass waits in real time, so that another thread can wake it */
    bool kernel;      /* descriptors are the system's: fcntl and the like work on them */
    unsigned
        seeds; /* how many seeds, from 1 on, are worth running a test with: 1 for a real world */

    /* Never NULL: a world that cannot be made aborts. */
    struct world *(*create)(uint64_t seed);

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
};

extern const struct world_table world_tcp;
extern const struct world_table world_unix;
extern const struct world_table world_sim;

#endif
