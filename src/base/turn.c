/* turn.c: the moves of a turn are the table below, and nothing else. The happy path runs down it:
 * taken, joined; or, where the reply comes later: taken, recorded, replied, sent (or replied before
 * recorded).
 *
 * A move that is not in the table, or a turn that is none, means that who holds what has been lost
 * track of: going on would mean replies to strangers, so it says what happened and aborts. */
#include "base/turn.h"

#include <stdio.h>
#include <stdlib.h>

/* Stored one up, so that an empty place (0) is no move. */
#define TO(state) ((TURN_##state) + 1)

const uint8_t turn_moves[TURN_STATE_COUNT][TURN_EVENT_COUNT] = {
    [TURN_FREE] = {[TURN_TAKEN] = TO(HELD)},
    [TURN_HELD] = {[TURN_JOINED] = TO(FREE),
                   [TURN_REPLIED] = TO(HELD_READY),
                   [TURN_RECORDED] = TO(OPEN),
                   [TURN_ORPHANED] = TO(ORPHAN_HELD)},
    [TURN_HELD_READY] = {[TURN_RECORDED] = TO(READY), [TURN_ORPHANED] = TO(ORPHAN_HELD_READY)},
    [TURN_OPEN] = {[TURN_REPLIED] = TO(READY), [TURN_ORPHANED] = TO(ORPHAN_OPEN)},
    [TURN_READY] = {[TURN_SENT] = TO(FREE), [TURN_ORPHANED] = TO(FREE)},
    [TURN_ORPHAN_HELD] =
        {[TURN_RECORDED] = TO(ORPHAN_OPEN), [TURN_REPLIED] = TO(ORPHAN_HELD_READY)},
    [TURN_ORPHAN_HELD_READY] = {[TURN_RECORDED] = TO(FREE)},
    [TURN_ORPHAN_OPEN] = {[TURN_REPLIED] = TO(FREE)},
};

static const char *const state_names[TURN_STATE_COUNT] = {
    [TURN_FREE] = "free",
    [TURN_HELD] = "held",
    [TURN_HELD_READY] = "held-ready",
    [TURN_OPEN] = "open",
    [TURN_READY] = "ready",
    [TURN_ORPHAN_HELD] = "orphan-held",
    [TURN_ORPHAN_HELD_READY] = "orphan-held-ready",
    [TURN_ORPHAN_OPEN] = "orphan-open",
};

static const char *const event_names[TURN_EVENT_COUNT] = {
    [TURN_TAKEN] = "taken",     [TURN_JOINED] = "joined", [TURN_RECORDED] = "recorded",
    [TURN_REPLIED] = "replied", [TURN_SENT] = "sent",     [TURN_ORPHANED] = "orphaned",
};

const char *turn_state_name(enum turn_state state)
{
    return (unsigned)state < TURN_STATE_COUNT ? state_names[state] : "no state";
}

static const char *event_name(enum turn_event event)
{
    return (unsigned)event < TURN_EVENT_COUNT ? event_names[event] : "no event";
}

void turn_wrong_move(const struct gt_turn *turn, enum turn_event event)
{
    if (turn->magic != TURN_MAGIC)
        fprintf(stderr, "goodtalk: bug: what should be %s is not a turn\n", event_name(event));
    else
        fprintf(stderr, "goodtalk: bug: a turn that is %s cannot be %s\n",
                turn_state_name((enum turn_state)turn->state), event_name(event));
    abort();
}
