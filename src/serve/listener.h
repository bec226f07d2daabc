/* listener.h: an open listening socket, and the accepting of connections; datagrams are its post's.
 *
 * Accepting pauses at max-connections when nobody can give way, and for a moment when descriptors
 * or memory are out: told once, never spinning. Where there are several workers, one that finds no
 * place keeps whom it has accepted as a guest: nobody reads from it until there is one. */
#ifndef SERVE_LISTENER_H
#define SERVE_LISTENER_H

#include "engine/engine.h"
#include "serve/connection.h"
#include "serve/socket.h"

struct gt_server;
struct origin;
struct post;
struct worker;

enum listener_pause { LISTENER_RUNS, LISTENER_FULL, LISTENER_EXHAUSTED };

/* A connection that waits for a place. */
struct guest {
    struct list link;
    struct newcomer newcomer;
};

struct listener {
    struct list link; /* in its worker's list; before the run, in the server's */
    struct worker *worker;
    struct listening_socket socket;
    struct settings *settings; /* what its next connections get; counted */
    struct listener *first;    /* worker 0's on the same address */
    struct settings *renewed;  /* of worker 0's: what all of them are to get, or NULL; counted */
    struct origin *origin;     /* the server's; of worker 0's listeners, or NULL */
    struct accept_op accept;
    struct post *post;  /* owned: the datagrams of a datagram socket; NULL: connections */
    struct list guests; /* struct guest, the first to come first */
    struct timer retry;
    uint8_t paused; /* enum listener_pause */
    bool closing;   /* no connection is wanted any more; fd is closed when accept is over */
    bool told;      /* the exhaustion has been told */
};

/* A listener on an open socket, which it takes over: NULL when memory is out (the socket stays the
 * caller's). Accepts nothing yet. */
struct listener *listener_create(const struct listening_socket *socket, struct settings *settings);

/* Begin to accept, for this worker. */
void listener_start(struct listener *listener, struct worker *worker);

/* Give its next connections, or datagrams, these settings: 0 or -ENOMEM. */
int listener_renew(struct listener *listener, struct settings *settings);

/* There is no place for more connections; and there is one again: for guests, then for others. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Let a connection of this worker give way where a guest of another one waits for its place. */
void listener_make_way(struct worker *worker);

/* Whether memory or descriptors were out, and it will try again in a moment. */
bool listener_awaits_retry(const struct listener *listener);

/* Accept no more. True once it is closed; else ask again after a pass. */
bool listener_stop(struct listener *listener);

/* Free a listener that never ran or has stopped; closes its socket and removes its file. */
void listener_free(struct listener *listener);

#endif
