/* bench_pace.h: tells the connections of a load what is due, where a rate is asked for. */
#ifndef TOOL_BENCH_PACE_H
#define TOOL_BENCH_PACE_H

#include "tool/bench_load.h"

struct bench_pace {
    struct bench_load *load;
    uint64_t next;  /* the message that is due next */
    uint64_t limit; /* how many there are */
    struct timer timer;
};

/* Begin with the load's schedule, of which so many messages are sent. */
void bench_pace_begin(struct bench_pace *pace, struct bench_load *load, uint64_t limit);

/* Nothing more becomes due; what is due and was not sent stays owed. */
void bench_pace_stop(struct bench_pace *pace);

#endif
