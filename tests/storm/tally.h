/* tally.h: what has happened in how many runs, so that it is known that everything does. */
#ifndef STORM_TALLY_H
#define STORM_TALLY_H

#include "base/reason.h"
#include "scenario.h"

/* What may happen to a run. */
#define TALLY_EVENTS(EVENT)                                                                        \
    EVENT(CROWDS, "crowds")                                                                        \
    EVENT(APPLICATIONS, "replies by the application")                                              \
    EVENT(LATER, "replies that come later")                                                        \
    EVENT(EFFECTS, "replies with effects")                                                         \
    EVENT(RATED, "a rate for each source")                                                         \
    EVENT(WALL_SET, "the wall clock set")                                                          \
    EVENT(STOOD_STILL, "stalls and leaps")                                                         \
    EVENT(ACCEPT_PAUSED, "accepting or receiving paused for want")                                 \
    EVENT(ABORTED, "connections aborted in the queue")                                             \
    EVENT(BROKEN, "connections broken by the network")                                             \
    EVENT(EARLY, "stops while clients talk")                                                       \
    EVENT(COUNTED, "runs that reached their goal")                                                 \
    EVENT(WANT, "allocations that failed")                                                         \
    EVENT(UNRECORDED, "runs that could record no more")

enum tally_event {
#define EVENT(name, words) TALLY_##name,
    TALLY_EVENTS(EVENT)
#undef EVENT
        TALLY_EVENT_COUNT
};

#define TALLY_SPEECHES (SPEECH_WHOLE + 1)
#define TALLY_SHOWS    (SHOWS_NONE + 1)
#define TALLY_SOCKETS  (SOCKET_UNIXGRAM + 1)

/* Runs in which each was met at least once. All zeros at first. */
struct tally {
    uint64_t runs;
    uint64_t events[TALLY_EVENT_COUNT];
    uint64_t speeches[TALLY_SPEECHES];
    uint64_t sockets[TALLY_SOCKETS];
    uint64_t shows[TALLY_SHOWS];
    uint64_t malices[MALICES];
    uint64_t reasons[REASON_COUNT];
};

/* Count what its clients met, after scenario_finish or where that was broken off. */
void tally_clients(struct tally *tally, const struct scenario *scenario);

/* Add one to the other. */
void tally_add(struct tally *to, const struct tally *tally);

/* Print all of it. */
void tally_print(const struct tally *tally);

/* Print what should happen and never did: whether there is nothing of that kind. */
bool tally_is_whole(const struct tally *tally);

#endif
