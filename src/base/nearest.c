/* nearest.c: the Damerau-Levenshtein distance (its restricted form: no letter takes part in two
 * slips), by the table of all beginnings of both names. */
#include "base/nearest.h"

#include <limits.h>

/* The cheapest way from the beginnings before: change, drop, add, or swap with a neighbour. */
static unsigned step_cost(struct slice a, struct slice b, size_t i, size_t j,
                          unsigned cost[][NEAREST_LENGTH_MAX + 1])
{
    const uint8_t *one = a.data, *other = b.data;
    unsigned best = cost[i - 1][j - 1] + (one[i - 1] != other[j - 1]);
    if (cost[i - 1][j] + 1 < best)
        best = cost[i - 1][j] + 1;
    if (cost[i][j - 1] + 1 < best)
        best = cost[i][j - 1] + 1;
    bool swapped = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
    if (swapped && cost[i - 2][j - 2] + 1 < best)
        best = cost[i - 2][j - 2] + 1;
    return best;
}

unsigned nearest_slips(struct slice a, struct slice b)
{
    unsigned cost[NEAREST_LENGTH_MAX + 1][NEAREST_LENGTH_MAX + 1];
    if (a.size > NEAREST_LENGTH_MAX || b.size > NEAREST_LENGTH_MAX)
        return UINT_MAX;
    for (size_t i = 0; i <= a.size; i++)
        for (size_t j = 0; j <= b.size; j++)
            cost[i][j] = i && j ? step_cost(a, b, i, j, cost) : (unsigned)(i + j);
    return cost[a.size][b.size];
}
