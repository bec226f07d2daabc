/* sources.h: who connects and who sends, by address: how many connections a source has at once, and
 * how many messages it may still send.
 *
 * A source is an IPv4 address, or the /64 that an IPv6 address is in: one customer, one machine.
 * Unix peers have no address and are nobody's source. Connections keep a pointer to their source;
 * it is looked up, under a lock, when one comes and goes, and with each datagram.
 *
 * The rate is a bucket that holds a second's worth of messages, at least one. What is kept of it is
 * one number: until when the source has paid, as if each message took interval_ns, one after
 * another. Who is no more than a second ahead of the clock may go on at once, others wait until
 * they are; so that what many threads do to it is one atomic addition.
 *
 * The table has room for every connection and SOURCES_SPARE more, for those who have sent too much
 * lately, and for senders of datagrams. Who has no connection and a full bucket is forgotten. Where
 * forged addresses fill the table, the source that was used least lately is forgotten too: it may
 * begin anew, and service goes on. Where neither limit is set there are no sources at all. */
#ifndef SERVE_SOURCES_H
#define SERVE_SOURCES_H

#include "base/list.h"
#include "base/peer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCES_SPARE 16384

struct source {
    struct source *next; /* of those with the same hash, or of those that are free */
    struct list unused;  /* among those without a connection, the longest unused first */
    uint64_t prefix;
    unsigned connections;
    uint8_t kind;                      /* of the peers: enum peer_kind */
    atomic_int_fast64_t paid_until_ns; /* in the past: its bucket is full */
};

struct sources_bounds {
    unsigned connections; /* at once, of one source; 0: no bound */
    int64_t interval_ns;  /* between messages of one source, on average; 0: no bound */
};

struct sources;

/* An empty table with room for so many connections: NULL when memory is out. The seed is secret to
 * those who choose their addresses. */
struct sources *sources_create(struct sources_bounds bounds, size_t connections, uint64_t seed);
void sources_destroy(struct sources **sources);

/* Bytes that it takes, or would. */
size_t sources_memory(size_t connections);

/* A connection has come: false where its source has as many as it may. Else *source is its source,
 * NULL for who has none, until sources_leave. From any thread. */
bool sources_enter(struct sources *sources, const struct peer *peer, int64_t now_ns,
                   struct source **source);

/* It has gone; *source becomes NULL. NULL is allowed. From any thread. */
void sources_leave(struct sources *sources, struct source **source, int64_t now_ns);

/* Whether there is a rate. */
bool sources_rated(const struct sources *sources);

/* Pay for a message of this source, which may be taken from the returned time on: at once, or when
 * those that have paid before have had theirs. From any thread. */
int64_t source_pay(struct sources *sources, struct source *source, int64_t now_ns);

/* What was paid for was not taken. */
void source_refund(struct sources *sources, struct source *source);

/* Pay for a datagram, at once: false when its source has sent too much. From any thread. */
bool sources_admit(struct sources *sources, const struct peer *peer, int64_t now_ns);

#endif
