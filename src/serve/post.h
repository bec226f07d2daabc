/* post.h: the datagrams of one listening socket: received, taken, replied to, in batches. */
#ifndef SERVE_POST_H
#define SERVE_POST_H

#include "engine/engine.h"
#include "serve/exchange.h"

struct listener;
struct settings;
struct terms;

/* Exchanges of one post at once, at most about: then nothing is received until some have ended. */
#define POST_EXCHANGES_MAX 1024

struct post {
    struct listener *listener;
    struct terms *terms; /* what its next exchanges are taken under: owned */
    struct receive_datagrams_op receive;
    struct send_datagrams_op send;
    struct timer retry;
    struct list waiting;     /* exchanges whose reply is not known, or not recorded */
    struct list ready;       /* exchanges whose reply may leave */
    struct list dirty;       /* in its worker's list of those that may go on */
    unsigned exchange_count; /* waiting, ready and being sent */
    bool closing;
    bool told;                               /* that receiving fails */
    bool told_effects;                       /* that some mean nothing here */
    struct exchange *sending[DATAGRAMS_MAX]; /* whose replies the send under way holds */
    struct datagram replies[DATAGRAMS_MAX];
};

/* A post for this listener: NULL when memory is out. */
struct post *post_create(struct listener *listener);

/* Take what comes from now on under these settings, of which it keeps a reference: 0 or -ENOMEM,
 * and all stays as it was. */
int post_renew(struct post *post, struct settings *settings);

/* Do what can be done: send what is ready, receive or not as its listener's worker asks. */
void post_go_on(struct post *post);

/* What is only delayed is delayed no longer. */
void post_hurry(struct post *post);

/* Whichever holds more: most (NULL: nobody), or, of those whose replies are not being
 * sent, the last to come. */
struct exchange *post_greatest(struct post *post, struct exchange *most);

/* End every exchange without a reply, those under way when the engine lets go of them. */
void post_abandon(struct post *post);

/* Receive no more. True once nothing is received and no exchange is left. */
bool post_stop(struct post *post);

/* Free a post that has stopped, or never began; *post becomes NULL. */
void post_free(struct post **post);

#endif
