/* goal.c: see goal.h. Reserving never goes past the limit: a compare-and-swap, not an add. */
#include "serve/goal.h"

bool goal_reserve(atomic_int_fast64_t *reserved, int64_t limit)
{
    int_fast64_t now = atomic_load(reserved);
    do {
        if (now >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(reserved, &now, now + 1));
    return true;
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
