/* dice.c: see dice.h. */
#include "dice.h"

#include <stdio.h>
#include <stdlib.h>

int64_t dice_between(const struct dice *dice, int64_t low, int64_t high)
{
    return sim_random(dice->engine, low, high);
}

bool dice_in_some(const struct dice *dice, int percent)
{
    return dice_between(dice, 1, 100) <= percent;
}

double dice_odds(const struct dice *dice, double most)
{
    return dice_in_some(dice, 60) ? 0 : most * (double)dice_between(dice, 1, 1000) / 1000;
}

void dice_set(const struct dice *dice, const char *name, const char *value)
{
    if (gt_set(dice->server, name, value) != GT_DONE) {
        fprintf(stderr, "storm: --%s %s: %s\n", name, value, gt_error(dice->server));
        abort();
    }
    size_t length = strlen(value);
    if (bytes_format(&dice->choice->words, " --%s %.60s%s", name, value, length > 60 ? "..." : "") <
        0)
        abort();
}

void dice_set_number(const struct dice *dice, const char *name, int64_t number, const char *unit)
{
    char value[40];
    snprintf(value, sizeof value, "%lld%s", (long long)number, unit);
    dice_set(dice, name, value);
}
