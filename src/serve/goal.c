/* goal.c: see goal.h. Reserving never goes past the limit: a compare-and-swap, not an add. Without
 * a limit nothing is counted: the counters are shared, and sharing costs. */
#include "serve/goal.h"

static bool reserve(atomic_int_fast64_t *reserved, int64_t limit)
{
    if (limit == 0)
        return true;
    int_fast64_t now = atomic_load(reserved);
    do {
        if (now >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(reserved, &now, now + 1));
    return true;
}

bool goal_reserve_message(struct goal *goal)
{
    return reserve(&goal->messages_reserved, goal->messages);
}

bool goal_reserve_connection(struct goal *goal)
{
    return reserve(&goal->connections_reserved, goal->connections);
}

void goal_return_message(struct goal *goal)
{
    if (goal->messages > 0)
        atomic_fetch_sub(&goal->messages_reserved, 1);
}

void goal_connection_ended(struct goal *goal)
{
    atomic_fetch_add(&goal->connections_ended, 1);
}

bool goal_reached(const struct goal *goal)
{
    if (goal->messages > 0 && atomic_load(&goal->messages_reserved) >= goal->messages)
        return true;
    return goal->connections > 0 && atomic_load(&goal->connections_ended) >= goal->connections;
}
