/* clocks.c: what happens to the clocks in a run: the wall clock is set, by hours, either way; the
 * server is stalled; the clock it times everything by leaps.
 *
 * Nothing may end early for it, and what is due is late by no more than the stall. While a leap
 * lasts what is on its way stands still: in the midst of a message that looks like silence, so
 * there are none where silence ends a message. */
#include "dice.h"

#define HOUR_MS INT64_C(3600000)

static void set_wall(void *engine, uint64_t number)
{
    (void)number;
    sim_set_wall(engine, sim_random(engine, -6 * HOUR_MS, 6 * HOUR_MS) * 1000);
}

/* Mostly moments, at times hours. */
static int64_t some_pause(struct engine *engine)
{
    static const int64_t most_ms[] = {5, 100, 1000, 10000, 60000, 2 * HOUR_MS};
    return sim_random(engine, 1, most_ms[sim_random(engine, 0, 5)]) * MS;
}

static void stall(void *engine, uint64_t number)
{
    (void)number;
    sim_stall(engine, some_pause(engine));
}

static void leap(void *engine, uint64_t number)
{
    (void)number;
    sim_leap(engine, some_pause(engine));
}

static void put(const struct dice *dice, sim_act *act)
{
    int64_t count = dice_between(dice, 1, 4);
    int64_t until_ns = dice->choice->plan.begin_ns * 2 + 500 * MS;
    for (int64_t i = 0; i < count; i++)
        sim_after(dice->engine, dice_between(dice, 0, until_ns), act, dice->engine, 0);
}

static bool silence_counts(const struct scenario_plan *plan)
{
    for (unsigned i = 0; i < plan->listener_count; i++)
        if (plan->listeners[i].speech.kind == SPEECH_TALK)
            return true;
    return false;
}

void choose_clocks(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    plan->jumps = dice_in_some(dice, 15);
    plan->leaps = dice_in_some(dice, 10) && !silence_counts(plan);
    if (plan->jumps)
        put(dice, set_wall);
    if (dice_in_some(dice, 12))
        put(dice, stall);
    if (plan->leaps)
        put(dice, leap);
}
