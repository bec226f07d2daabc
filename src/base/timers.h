/* timers.h: deadlines, the earliest first: an intrusive pairing heap.
 *
 * The owner embeds the timer; nothing is allocated. Setting and stopping are immediate and silent:
 * a stopped timer never fires. Times are nanoseconds of the engine's clock. Not thread-safe. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void timer_fire(struct timer *timer, int64_t now_ns);

/* All zeros but fire is a timer that is not set. */
struct timer {
    struct timer *child; /* first child */
    struct timer *next;  /* next sibling */
    struct timer
        *previous; /* previous sibling, or the parent of a first child; self when the root */
    int64_t deadline_ns;
    timer_fire *fire; /* called with the timer no longer set; it may set it again */
};

/* All zeros is an empty heap. */
struct timers {
    struct timer *root; /* the earliest, or NULL */
    struct timer late;  /* during timers_run: its children wait for the next call */
    bool running;       /* timers_run is at work */
};

static inline bool timer_is_set(const struct timer *timer)
{
    return timer->previous != NULL;
}

/* Set, or set anew, to fire at deadline_ns. */
void timer_set(struct timers *timers, struct timer *timer, int64_t deadline_ns);

/* Stop, if it is set. */
void timer_stop(struct timers *timers, struct timer *timer);

/* The earliest deadline, or INT64_MAX. */
int64_t timers_next(const struct timers *timers);

/* Fire all whose deadline is at or before now_ns, earliest first. A timer set from within a fire
 * for a time at or before now_ns waits for the next call. Returns how many fired. */
unsigned timers_run(struct timers *timers, int64_t now_ns);

#endif
