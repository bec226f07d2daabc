/* world_real.h: what the parts of the kernel's world share: world_real.c has listeners, clients,
 * files and streams, world_real_meeting.c what engines connect to and read from,
 * world_real_datagram.c datagrams. */
#ifndef WORLD_REAL_H
#define WORLD_REAL_H

#include "engine_world.h"

#define CLIENTS_MAX        1200
#define STREAMS_MAX        16
#define CORRESPONDENTS_MAX 64
#define OTHERS_MAX         32
#define SOCKET_BUFFER      (32 * 1024) /* bytes */

struct client {
    int fd; /* -1: it has gone */
    bool deaf;
    enum client_end end;
};

/* A pipe. */
struct stream {
    int engines; /* the engine's end */
    int ours;    /* -1: it has gone */
};

struct correspondent {
    int fd;
    struct place to; /* the engine's socket */
};

struct world_real {
    struct world world;
    struct place place; /* of the listener */
    struct client clients[CLIENTS_MAX];
    int client_count;
    struct stream streams[STREAMS_MAX];
    int stream_count;
    struct correspondent correspondents[CORRESPONDENTS_MAX];
    int correspondent_count;
    int meeting;            /* a listener that clients take connections from; -1: not yet */
    int others[OTHERS_MAX]; /* sockets that are only there */
    int other_count;
};

struct world_real *real_of(struct world *world);

/* What the system said, which must not be an error. */
int must(int result, const char *what);

/* A new socket of this type and the world's family. */
int real_socket(struct world *world, int type);
void set_number(int fd, int name, int value);

/* The place a socket is bound to. */
struct place place_of(int fd);

/* Bind to a place of the world's family that the system chooses. */
void bind_anywhere(int fd, int family);

/* Client and stream handles. */
int add_client(struct world *world, int fd);
void add_stream(struct world *world, int engines, int ours);
struct stream *stream_of(struct world *world, int fd);

/* Close it if it is open; -1 then. */
void close_ours(int *fd);

/* Closed at the end. Returns fd. */
int add_other(struct world *world, int fd);

int real_packets(struct world *world, int *client);
extern const struct world_datagrams real_datagrams, real_unix_datagrams;
extern const struct world_meetings real_meetings;
extern const struct world_sources real_sources;

#endif
