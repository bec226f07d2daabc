/* exchange.h: a datagram's message and the reply to it, each for itself: no order between them, and
 * nobody waits for another.
 *
 *     taken -> waits (recorder, replier) -> ready -> sent, or dropped and told -> ended
 *
 * An exchange belongs to the post it came in by (post.h). */
#ifndef SERVE_EXCHANGE_H
#define SERVE_EXCHANGE_H

#include "base/turn.h"
#include "engine/engine.h"

struct affected;
struct effects;
struct post;
struct terms;
struct worker;

struct exchange {
    struct list link; /* among its post's: waiting, or ready to be sent */
    struct post *post;
    struct terms *terms;   /* what it was taken under, counted */
    struct gt_turn *turn;  /* NULL once it has ended, or its turn is an orphan */
    struct datagram reply; /* where the message came from, and what goes back there */
    struct bytes owned;    /* the reply's memory, empty when it is shared */
    size_t request_bytes;
    struct affected *affected; /* NULL: the reply leaves as soon as it may */
    bool answered;             /* there is a reply, maybe an empty one */
    int failure;               /* why there is none though there should be (-errno), or 0 */
};

/* A new exchange for a datagram received, with its turn: NULL when memory is out. */
struct exchange *exchange_open(struct post *post, const struct datagram *received);

/* It was not taken after all; nobody else has seen its turn. */
void exchange_discard(struct exchange *exchange);

/* The reply is known: bytes of owned (taken over, may be NULL), or shared ones. Its turn is moved
 * by the caller, who then settles. */
void exchange_fill(struct exchange *exchange, struct slice bytes, struct bytes *owned);

/* Something happens to the reply, which is not known yet: 0; or -ENOMEM, and there is none. Of the
 * effects a datagram knows delay, truncate and hang (which its replier's caller sees to); the
 * others are told, once. */
int exchange_affect(struct exchange *exchange, const struct effects *effects);

/* Its turn has moved: when it is recorded and replied to, the reply is made ready, or dropped and
 * told where it cannot or must not leave. */
void exchange_settle(struct exchange *exchange);

/* The reply was sent (0), or could not be (-errno): told, and it ends. */
void exchange_sent(struct exchange *exchange, int status);

/* Bytes that it holds and that count against max-memory. */
size_t exchange_held(const struct exchange *exchange);

/* Whether its reply waits for who replies, or for its time: not only for the recorder or for the
 * system to take it, which come to everybody in turn. */
bool exchange_waits(const struct exchange *exchange);

/* max-memory is used up: its reply is dropped and told. */
void exchange_relieve(struct exchange *exchange);

/* End it without a reply; its turn becomes an orphan. */
void exchange_abandon(struct exchange *exchange);

#endif
