/* affected.h: a reply that something happens to on its way out (reply/effects.h): how much of it
 * leaves at all, and when the next of it may.
 *
 * It belongs to what holds the reply's bytes: a parcel that nothing else joins, or an exchange. Its
 * owner asks whenever the reply has its turn (everything before it has left, its message is
 * recorded), and is called when what was refused may leave. While its worker hurries nothing waits:
 * delays are over, and drips flow.
 *
 * A drip is smooth: a fiftieth of a second's bytes at a time, or a piece, each at its own moment of
 * a schedule that begins when the reply has its turn. Who falls behind it (a slow peer, a stopped
 * process) catches up for what a quarter of a second carries, and no more. */
#ifndef SERVE_AFFECTED_H
#define SERVE_AFFECTED_H

#include "base/timers.h"
#include "reply/effects.h"

struct worker;

struct affected {
    struct effects effects;
    struct worker *worker;
    void (*go_on)(void *owner); /* what was refused may leave */
    void *owner;
    struct timer timer; /* set while something was refused */
    int64_t taken_ns;   /* when its message was taken */
    int64_t next_ns;    /* when the next of it may leave */
    unsigned steps;     /* that have left since it was last refused */
    bool started;       /* its delay is over, and the schedule of its drip runs */
    bool stepping;      /* a part of it has left its owner */
};

/* For the reply to a message that is being taken now. NULL when memory is out. */
struct affected *affected_create(struct worker *worker, const struct effects *effects,
                                 void (*go_on)(void *owner), void *owner);

/* Give it back, if it is there; *affected becomes NULL. */
void affected_give(struct affected **affected);

/* How many of a reply's bytes are sent. */
size_t affected_size(const struct effects *effects, size_t size);

/* Whether a reply of which so many bytes are left may go on now. Else the timer is set for when it
 * may, unless it hangs. */
bool affected_may_leave(struct affected *affected, size_t left);

/* Whether its bytes leave in sends of their own, each asked for. */
static inline bool affected_in_steps(const struct affected *affected)
{
    return affected->effects.drip > 0 || affected->effects.pieces > 0 || affected->effects.hang;
}

/* It may leave: how many bytes of those that are left do so now. */
size_t affected_step(struct affected *affected, size_t left);

/* Whether nothing more will ever be sent of it, nor of what is behind it. */
static inline bool affected_hangs(const struct affected *affected, size_t left)
{
    return affected->effects.hang && left == 0;
}

/* Whether what is behind it, without bytes of its own, never leaves either. */
static inline bool affected_is_last(const struct affected *affected)
{
    return affected->effects.hang || affected->effects.close || affected->effects.reset;
}

#endif
