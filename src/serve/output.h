/* output.h: what waits to be sent to one peer, in order.
 *
 * A queue of parts: the end of each turn's reply in the order the messages were taken, replies in
 * pieces, text without a turn. The head leaves when it may: a turn's when it is recorded and
 * replied to; so whatever stands behind a turn waits for it. What may leave is gathered: small
 * parts are copied together, large ones are sent from where they are; one send at a time. */
#ifndef SERVE_OUTPUT_H
#define SERVE_OUTPUT_H

#include "base/turn.h"
#include "engine/engine.h"

struct connection;
struct worker;

/* Parts up to this size are copied together. */
#define OUTPUT_SMALL 4096

/* The copies of one send: lent by the worker, kept by an output only while a send is not finished.
 */
struct staging {
    uint8_t data[16 * 1024];
};

/* How much may wait before no more messages are taken from the peer: bytes ready or not, and turns.
 */
#define OUTPUT_BOUND_BYTES (128 * 1024)
#define OUTPUT_BOUND_TURNS 512

struct output {
    struct connection *connection;
    struct list queue; /* struct part */
    struct list dirty; /* in its worker's list of those that may go on */
    struct send_op send;
    struct staging *staging; /* the copies of the send under way, or NULL */
    bool staging_counted;    /* it stays here until the send is finished: it counts */
    size_t gathered;         /* bytes of the send under way */
    size_t owned_bytes;      /* of turns, replies, staging that wait: counts against max-memory */
    size_t waiting_bytes;
    unsigned waiting_turns;
    int failure;          /* -errno of a send that failed later */
    uint64_t sent_bytes;  /* by finished sends, since this output exists */
    int64_t acknowledged; /* when last looked at (output_progress) */
    int64_t progress_ns;  /* when the peer last acknowledged something */
    unsigned kept_count;  /* entries of kept in use */
    struct iovec vector[SEND_PARTS_MAX];
    struct bytes kept[SEND_PARTS_MAX]; /* memory of large parts, until the send is over */
};

/* The connection's output, made when there is none: NULL when memory is out. */
struct output *output_need(struct connection *connection);

/* Put a turn's end at the end of the queue; its bytes are filled in later. */
void output_append_turn(struct output *output, struct gt_turn *turn);

/* Append bytes that are shared, without a turn: 0 or -ENOMEM. */
int output_append_text(struct output *output, struct slice shared);

/* The bytes of a turn in the queue have become known. */
void output_filled(struct output *output, struct gt_turn *turn);

/* Send what may leave. 0; -errno: sending has failed and the connection must end. */
int output_flush(struct connection *connection);

/* Whether a send is under way. */
static inline bool output_sending(const struct output *output)
{
    return output && output->send.op.active;
}

/* Whether nothing waits and no send is under way; true for NULL. */
bool output_empty(const struct output *output);

/* Whether so much waits that no more messages should be taken. */
bool output_full(const struct output *output);

/* Whether the peer has acknowledged something since the last time: then progress_ns becomes now.
 * -errno when the connection has failed, else how many bytes are not acknowledged. */
int64_t output_progress(struct output *output);

/* Drop what waits: turns become orphans. Cancels a send under way. */
void output_drop(struct output *output);

/* Give it back to its worker when it is empty; *output becomes NULL then. */
void output_release(struct output **output);

#endif
