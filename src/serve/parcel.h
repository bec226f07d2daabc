/* parcel.h: replies that were known as soon as their messages were taken, packed together.
 *
 * Those that follow one another on a connection share a parcel, in its output's queue. So a reply
 * costs a copy and a few additions (20 instructions; a turn of its own, queued, gathered and given
 * back, was 450). Text that is no reply, a greeting, makes a parcel too.
 *
 * A parcel leaves when the last of its messages is recorded. So it takes in no more once the
 * recorder was told to commit: what is taken later may be recorded much later.
 *
 * Where its bytes are: a single shared reply stays where it is and is sent from there, whatever its
 * size. When a second one comes both are copied, into the output's own space or, when that does not
 * do, into a staging buffer. Large replies that are not shared have memory of their own. A parcel
 * behind one that still waits goes on in what is left of its staging buffer: where a little comes
 * in each pass, what waits for a slow peer takes the room of its bytes, not a buffer a pass. */
#ifndef SERVE_PARCEL_H
#define SERVE_PARCEL_H

#include "base/turn.h"

struct effects;
struct output;

/* Replies up to this size are copied together. */
#define PARCEL_SMALL 4096

struct staging {
    unsigned users; /* parcels whose bytes are in here */
    uint8_t data[16 * 1024];
};

struct parcel {
    struct part part; /* in its output's queue, or among those being sent */
    struct list held; /* among its worker's parcels that wait for the recorder */
    struct output *output;
    struct affected *affected; /* NULL: it leaves as soon as it may */
    struct staging *staging;   /* or NULL */
    uint8_t *end;              /* where more bytes go */
    size_t room;               /* and how many */
    uint64_t sequence;         /* of the last message; 0: no message's, only text */
    unsigned messages;         /* whose replies are in here, the empty ones too */
    unsigned replies;          /* that have bytes */
};

/* Give the reply to a message of its connection, the last one taken, its place at the end of the
 * output: where its size bytes go, now. NULL when memory is out. For size 0: not NULL. */
uint8_t *parcel_join(struct output *output, uint64_t sequence, size_t size);

/* The same with shared bytes, which outlive the connection's settings: false when memory is out. */
bool parcel_join_shared(struct output *output, uint64_t sequence, struct slice shared);

/* A reply that something happens to (affected.h) has a parcel for itself: where its size bytes go,
 * of which no more than leave are in the queue. NULL when memory is out. For size 0: not NULL. */
uint8_t *parcel_join_affected(struct output *output, uint64_t sequence, size_t size,
                              const struct effects *effects);

/* Text without a message, shared: false when memory is out. */
bool parcel_add_text(struct output *output, struct slice shared);

/* Text of a conversation, which may leave when everything up to that message is recorded, whoever's
 * it is: where its size bytes go, now. NULL when memory is out. For size 0: not NULL. */
uint8_t *parcel_say(struct output *output, uint64_t sequence, size_t size);

/* For the output: a parcel to send from, in no queue yet, with room for size bytes; with room for 0
 * it has no memory. NULL when memory is out. */
struct parcel *parcel_take(struct output *output, size_t size);

/* Out of the queue: it is no longer waited for, and takes in nothing. */
void parcel_leave(struct parcel *parcel);

/* Give it back, with its memory. */
void parcel_give(struct parcel *parcel);

#endif
