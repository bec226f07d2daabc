/* bench_schedule.h: when each message is due, where a rate is asked for (an open loop).
 *
 * The times follow from the rate alone, never from when replies come: message k is due k / rate
 * seconds after the start. Latency counts from there, so a server that stalls is seen to stall for
 * every message that was due meanwhile, sent or not (there is no coordinated omission). The
 * messages go round: connection i of n has the messages i, i + n, i + 2n... */
#ifndef TOOL_BENCH_SCHEDULE_H
#define TOOL_BENCH_SCHEDULE_H

#include <stdint.h>

struct bench_schedule {
    int64_t start_ns;
    uint64_t rate;        /* messages a second, at least 1 */
    uint64_t connections; /* at least 1 */
};

/* When message k is due. Exact: nothing adds up over time. */
static inline int64_t bench_schedule_due(const struct bench_schedule *schedule, uint64_t k)
{
    uint64_t seconds = k / schedule->rate, rest = k % schedule->rate;
    return schedule->start_ns + (int64_t)(seconds * 1000000000u) +
           (int64_t)(rest * 1000000000u / schedule->rate);
}

/* Which message the turn-th of a connection is. */
static inline uint64_t bench_schedule_message(const struct bench_schedule *schedule,
                                              uint64_t connection, uint64_t turn)
{
    return turn * schedule->connections + connection;
}

#endif
