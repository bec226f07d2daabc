/* connection.h: one peer, from accept to close.
 *
 *     OPEN       messages are received, taken, replied to
 *     CLOSING    no message is taken any more; what is due is still sent; input is read and dropped
 *     LINGERING  all is sent and our side is shut down: wait until the reply has arrived
 * (closing.c) ENDED      nothing more will happen; freed when no operation is active
 *
 * An idle connection is this struct and the engine's slot, no more: 270 bytes (a test counts). Its
 * output exists only while something waits to be sent, its input buffer only while a message is
 * unfinished. */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H

#include "base/reason.h"
#include "base/turn.h"
#include "codec/frame.h"
#include "engine/engine.h"
#include "serve/settings.h"

struct listener;
struct output;
struct source;
struct worker;

enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_CLOSING,
    CONNECTION_LINGERING,
    CONNECTION_ENDED
};

struct connection {
    struct list link;          /* in one of its worker's lists: fresh, proven, ended */
    struct listener *listener; /* where it came in */
    struct settings *settings; /* what it was accepted with; counted */
    struct output *output;     /* NULL: nothing waits to be sent */
    struct receive_op receive;
    struct timer timer;            /* the next of its deadlines (deadlines.c) */
    struct bytes input;            /* received, not yet taken */
    const struct framing *framing; /* what it speaks: its settings', until it changes */
    struct frame frame;            /* where its framing is in the input */
    struct peer peer;
    struct source *source; /* NULL: no limit by source is set, or it has none */
    void *data;            /* the application's own */
    int64_t active_ns;     /* when bytes last came or left */
    int64_t started_ns;    /* when the unfinished message began, or, paid for, may be taken;
                              LINGERING: when all was acknowledged */
    int32_t fd;
    uint8_t reason; /* enum reason: why it is closing or ended */
    /* What is looked at after each message, together. */
    uint8_t state : 2;      /* enum connection_state */
    uint8_t doom : 6;       /* enum reason: why it must end when it goes on next, or none */
    bool singly : 1;        /* something follows from each message it completes (intake.c) */
    bool paid : 1;          /* max-rate: its next message is paid for, from started_ns on */
    bool end_of_stream : 1; /* the peer has shut down its side */
    bool finished : 1;      /* end_of_stream, and its last message is taken */
    bool proven : 1;        /* has completed a message */
    bool heard : 1;         /* has sent something, and holds a place in the goal for it */
    bool spoken : 1;        /* has been sent something */
    bool starved : 1;       /* input is left that could not be taken: nothing is read meanwhile */
    bool packets : 1;       /* the socket is one of packets, each a message */
    bool talks : 1;         /* it holds a conversation; its framing is its talker's (talker.h) */
    bool handed : 1;        /* it is in the hands of a command; its framing is its handover's */
    bool last_try : 1;      /* its pause has passed; one more receive is being tried */
    bool hung : 1;          /* a reply of its hangs: nobody misses what it does not get */
};

/* Somebody who has been accepted. */
struct newcomer {
    int fd;
    struct peer peer;
    struct source *source; /* that it was counted in, or NULL */
};

/* A new connection, which takes over the descriptor, the place in its source and a place for itself
 * (worker_take_place): NULL when memory is out (all are given back then). */
struct connection *connection_open(struct listener *listener, const struct newcomer *newcomer);

/* Do all that can be done now: take messages, send what may leave, read on, close. Whatever changes
 * for a connection (input, a reply, a message recorded, room in the recorder) ends in this call. */
void connection_go_on(struct connection *connection);

/* Append text without a turn (a greeting): 0 or -ENOMEM. The bytes are shared and outlive the
 * settings. */
int connection_say(struct connection *connection, struct slice bytes);

/* Read, or stop reading, as its state asks. */
void connection_update_reading(struct connection *connection);

/* ---- ending.c ---- */

/* Take no more messages, finish what is due, then close politely, beginning with the next
 * connection_go_on, which also drops what was received: until then a message being taken, whose
 * callback may have asked for this, stays what it is. The first reason stands. */
void connection_close(struct connection *connection, enum reason reason);

/* The same, but in the end it is reset: what was due has arrived by then, as far as can be seen,
 * and nothing comes after it. This reason stands. */
void connection_reset(struct connection *connection);

/* End it now: what is not sent is not sent. Turns that others hold become orphans. */
void connection_end(struct connection *connection, enum reason reason);

/* Let it end when it goes on next: for those who are in the middle of using it. */
void connection_doom(struct connection *connection, enum reason reason);

/* Give back an ended connection: true when it was freed, false while operations are still active.
 */
bool connection_reap(struct connection *connection);

/* Forget what was received and not taken. */
void connection_drop_input(struct connection *connection);

/* Bytes it holds that count against max-memory. */
size_t connection_memory(const struct connection *connection);

/* ---- intake.c ---- */

/* Take the messages that are complete in its input and in what was received, as far as the output,
 * the recorder, the memory and the goal have room; keep the rest. Sets starved. */
void intake_take(struct connection *connection, struct slice received, enum frame_event event);

/* It is safe from giving way to others. */
void connection_prove(struct connection *connection);

/* Whether its messages may be taken now. */
bool intake_open(const struct connection *connection);

/* ---- paying.c ---- */

/* Pay for its next message where there is a rate: whether that may be taken now. */
bool paying_for_next(struct connection *connection);

/* Whether its next message, though paid for, waits to be due: until started_ns. */
bool paying_waits(const struct connection *connection);

/* Its next message begins now, or when what was paid for it is due. */
void paying_begin(struct connection *connection);

/* What it has paid for will not be taken. */
void paying_refund(struct connection *connection);

/* ---- deadlines.c ---- */

/* Set its timer for the next of its deadlines. */
void deadlines_update(struct connection *connection);
/* The worker's intake was paused and is no more: that time does not count. */
void deadlines_resume(struct connection *connection);
/* Do what is due; it goes on afterwards. */
void deadlines_act(struct connection *connection, int64_t now_ns);

/* ---- closing.c ---- */

/* All that was due has been sent: shut down, or end at once where nothing can be cut short. */
void closing_begin(struct connection *connection);
/* See whether the reply has arrived; sets its next look. */
void closing_look(struct connection *connection);

#endif
