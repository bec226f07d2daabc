/* goal.h: what a run is to achieve, counted exactly by all its workers together.
 *
 * A message is reserved before it is taken, a connection when its first bytes come: so that no
 * message beyond the N-th is taken, in pipelines and across workers. Thread-safe. */
#ifndef SERVE_GOAL_H
#define SERVE_GOAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct goal {
    int64_t messages;    /* to take; 0: no limit */
    int64_t connections; /* to hear out; 0: no limit */
    atomic_int_fast64_t messages_reserved;
    atomic_int_fast64_t messages_recorded;
    atomic_int_fast64_t connections_reserved;
    atomic_int_fast64_t connections_ended;
};

/* Take one of limit that are shared; false when all are taken. */
bool goal_reserve(atomic_int_fast64_t *reserved, int64_t limit);

/* Reserve one more; false when all are taken. Without a limit nothing is counted: the counters are
 * shared, and sharing costs. */
static inline bool goal_reserve_message(struct goal *goal)
{
    return goal->messages == 0 || goal_reserve(&goal->messages_reserved, goal->messages);
}

static inline bool goal_reserve_connection(struct goal *goal)
{
    return goal->connections == 0 || goal_reserve(&goal->connections_reserved, goal->connections);
}

/* Give back a message that could not be taken after all. */
void goal_return_message(struct goal *goal);

/* A connection that was reserved has ended. */
void goal_connection_ended(struct goal *goal);

/* Whether nothing more is to be taken: all messages reserved, or all connections ended. */
static inline bool goal_reached(const struct goal *goal)
{
    if (goal->messages > 0 && atomic_load(&goal->messages_reserved) >= goal->messages)
        return true;
    return goal->connections > 0 && atomic_load(&goal->connections_ended) >= goal->connections;
}

/* Whether there is a goal at all; without one a server is kept until it is stopped. */
static inline bool goal_exists(const struct goal *goal)
{
    return goal->messages > 0 || goal->connections > 0;
}

#endif
