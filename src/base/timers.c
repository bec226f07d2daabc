/* timers.c: a pairing heap. Each timer is no later than its children; setting melds one timer with
 * the root; taking one out melds its children in pairs, then the pairs into one, by loops (a
 * million timers set in order are one list of a million children: recursion would not survive it).
 *
 * A timer that is set during timers_run for a time that has passed does not join the heap, where it
 * would fire at once and perhaps for ever: it waits among the children of timers->late, and joins
 * when the run is over. As it has no children of its own there, stopping it is the same unlinking
 * as in the heap. */
#include "base/timers.h"

#include <assert.h>

/* Make b the first child of a. */
static void adopt(struct timer *a, struct timer *b)
{
    b->previous = a;
    b->next = a->child;
    if (a->child)
        a->child->previous = b;
    a->child = b;
}

/* One heap of two; either may be NULL. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_ns < a->deadline_ns) {
        adopt(b, a);
        return b;
    }
    adopt(a, b);
    return a;
}

/* Meld a list of siblings in pairs: the list of pairs, the last pair first. */
static struct timer *meld_pairs(struct timer *first)
{
    struct timer *pairs = NULL;
    while (first) {
        struct timer *second = first->next;
        struct timer *rest = second ? second->next : NULL;
        struct timer *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    return pairs;
}

/* One heap of a list of siblings, or NULL. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *heap = NULL;
    struct timer *pair = meld_pairs(first);
    while (pair) {
        struct timer *rest = pair->next;
        heap = meld(heap, pair);
        pair = rest;
    }
    return heap;
}

static void set_root(struct timers *timers, struct timer *root)
{
    timers->root = root;
    if (!root)
        return;
    root->previous = root;
    root->next = NULL;
}

/* Take a timer that is not the root out of the list it is in, with its children. */
static void unlink_from_siblings(struct timer *timer)
{
    if (timer->previous->child == timer)
        timer->previous->child = timer->next;
    else
        timer->previous->next = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
}

void timer_stop(struct timers *timers, struct timer *timer)
{
    if (!timer_is_set(timer))
        return;
    struct timer *children = meld_siblings(timer->child);
    if (timers->root == timer) {
        set_root(timers, children);
    } else {
        unlink_from_siblings(timer);
        set_root(timers, meld(timers->root, children));
    }
    timer->child = timer->next = timer->previous = NULL;
}

void timer_set(struct timers *timers, struct timer *timer, int64_t deadline_ns)
{
    timer_stop(timers, timer);
    timer->deadline_ns = deadline_ns;
    if (timers->running && deadline_ns <= timers->late.deadline_ns)
        adopt(&timers->late, timer);
    else
        set_root(timers, meld(timers->root, timer));
}

int64_t timers_next(const struct timers *timers)
{
    return timers->root ? timers->root->deadline_ns : INT64_MAX;
}

unsigned timers_run(struct timers *timers, int64_t now_ns)
{
    assert(!timers->running);
    unsigned fired = 0;
    timers->running = true;
    timers->late.deadline_ns = now_ns;
    while (timers->root && timers->root->deadline_ns <= now_ns) {
        struct timer *timer = timers->root;
        timer_stop(timers, timer);
        timer->fire(timer, now_ns);
        fired++;
    }
    timers->running = false;
    set_root(timers, meld(timers->root, meld_siblings(timers->late.child)));
    timers->late.child = NULL;
    return fired;
}
