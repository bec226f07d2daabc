/* dice.h: what choose.c and choose_listeners.c share: chance from the seed, and settings. */
#ifndef STORM_DICE_H
#define STORM_DICE_H

#include "choose.h"

#define MS INT64_C(1000000)

struct dice {
    struct choice *choice;
    struct engine *engine;
    gt_server *server;
};

int64_t dice_between(const struct dice *dice, int64_t low, int64_t high);
bool dice_in_some(const struct dice *dice, int percent);

/* A chance for a fault: in most runs none. */
double dice_odds(const struct dice *dice, double most);

/* Set one of the server's settings; a wrong one ends the storm. */
void dice_set(const struct dice *dice, const char *name, const char *value);
void dice_set_number(const struct dice *dice, const char *name, int64_t number, const char *unit);

/* ---- choose_listeners.c ---- */

/* What the listeners listen to, how they speak and what they reply; but not yet listen. */
void choose_listeners(const struct dice *dice);

/* ---- clocks.c ---- */

/* What happens to the clocks; after everything else is chosen. */
void choose_clocks(const struct dice *dice);

/* ---- want.c ---- */

/* Whether memory is out now and then; after everything else is chosen. */
void choose_want(const struct dice *dice);

#endif
