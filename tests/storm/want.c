/* want.c: in some runs memory is out now and then: each allocation of the server fails with a
 * chance, from its start to its end. Those who need it are lost, and nobody else. */
#include "dice.h"

#include "allocations.h"
#include "plant_parts.h"

#include <stdlib.h>

void choose_want(const struct dice *dice)
{
    static const double chances[] = {0.0005, 0.002, 0.01, 0.05, 0.3};
    struct choice *choice = dice->choice;
    choice->plan.limits.want = dice_in_some(dice, 12);
    if (!choice->plan.limits.want)
        return;
    choice->want = chances[dice_between(dice, 0, 4)];
    if (bytes_format(&choice->words, " [allocations fail: %g]", choice->want) < 0)
        abort();
}

void want_begin(const struct choice *choice, uint64_t seed)
{
    allocations_begin();
    allocations_fail_by_chance(choice->want, seed);
}

bool want_was_felt(void)
{
    return allocations_failed() > 0;
}

void want_end(void)
{
    allocations_succeed();
}

void plant_want_unrecorded(struct engine_table *table)
{
    (void)table;
    allocations_plant(PLANT_UNRECORDED);
}

void plant_want_unanswered(struct engine_table *table)
{
    (void)table;
    allocations_plant(PLANT_MISSING);
}
