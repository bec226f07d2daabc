/* output.h: what waits to be sent to one peer, in order.
 *
 * A queue of parts: parcels of replies that were known at once (parcel.h), and the ends of turns
 * whose replies come later, in the order the messages were taken. The head leaves when it may: a
 * parcel's when its messages are recorded, a turn's when it is recorded and replied to; so whatever
 * stands behind a turn waits for it. What may leave leaves in one send; one send at a time. What
 * effects happen to (affected.h) may leave later than that, or in several sends, or never. */
#ifndef SERVE_OUTPUT_H
#define SERVE_OUTPUT_H

#include "base/turn.h"
#include "engine/engine.h"
#include "serve/parcel.h"

struct affected;
struct connection;
struct worker;

/* How many bytes may wait before no more messages are taken from the peer; how many turns, and
 * replies in parcels, --max-waiting says. */
#define OUTPUT_BOUND_BYTES (128 * 1024)

/* Bytes for the first parcel: enough for what a peer is usually owed at once; and so few that
 * outputs which wait (for the recorder, for an engine that sends later) stay in the cache. */
#define OUTPUT_SPACE 1024

struct output {
    struct connection *connection;
    struct worker *worker;
    struct list queue;    /* struct part */
    struct list sending;  /* parcels (by their part) that the send under way reads from */
    struct list dirty;    /* in its worker's list of those that may go on */
    struct parcel *open;  /* the parcel at the end of the queue, if it may take in more */
    size_t owned_bytes;   /* of turns, replies, parcels that wait: counts against max-memory */
    size_t waiting_bytes; /* in the queue */
    unsigned waiting_turns;
    unsigned turns_most;  /* max-waiting */
    int failure;          /* -errno of a send that failed later */
    uint64_t sent_bytes;  /* by finished sends, since this output exists */
    int64_t acknowledged; /* when last looked at (output_progress) */
    int64_t progress_ns;  /* when the peer last acknowledged something */
    struct send_op send;
    uint8_t ending; /* enum reason: nothing behind what has left leaves, and the connection closes;
                       or none */
    bool first_taken;    /* the first parcel is in use */
    struct parcel first; /* most outputs never need another */
    struct iovec vector[SEND_PARTS_MAX];
    uint8_t space[OUTPUT_SPACE]; /* the first parcel's */
};

/* Make the connection's output, which has none: NULL when memory is out. */
struct output *output_create(struct connection *connection);

/* Put a turn's end at the end of the queue; its bytes are filled in later. */
void output_append_turn(struct output *output, struct gt_turn *turn);

/* The bytes of a turn in the queue have become known. */
void output_filled(struct output *output, struct gt_turn *turn);

/* Send what may leave. 0; -errno: sending has failed and the connection must end. */
int output_flush(struct output *output);

/* Whether a send is under way. */
static inline bool output_sending(const struct output *output)
{
    return output && output->send.op.active;
}

/* Whether nothing waits and no send is under way; true for NULL. */
static inline bool output_empty(const struct output *output)
{
    return !output || (list_empty(&output->queue) && !output->send.op.active);
}

/* Whether so much waits that no more messages should be taken. */
static inline bool output_full(const struct output *output)
{
    return output && (output->waiting_bytes >= OUTPUT_BOUND_BYTES ||
                      output->waiting_turns >= output->turns_most);
}

/* Whether the peer has acknowledged something since the last time: then progress_ns becomes now.
 * -errno when the connection has failed, else how many bytes are not acknowledged. */
int64_t output_progress(struct output *output);

/* What hangs at the head, so that nothing waits for anything but the end of the connection; NULL:
 * nothing does. output may be NULL. */
const struct affected *output_hangs(const struct output *output);

/* Whether bytes are still to come for the peer, now or later: not where it hangs, or waits for no
 * more than a close or reset. output may be NULL. */
bool output_owes(const struct output *output);

/* Drop what waits: turns become orphans. A send under way goes on. */
void output_forget(struct output *output);

/* The same, and a send under way is cancelled. */
void output_drop(struct output *output);

/* Give it back to its worker when it is empty; *output becomes NULL then. */
void output_release(struct output **output);

#endif
