/* bench_result.c: what follows from a result. */
#include "tool/bench_result.h"

#include <goodtalk.h>

double bench_result_rate(const struct bench_result *result)
{
    return result->elapsed_ns > 0 ? (double)result->messages * 1e9 / (double)result->elapsed_ns : 0;
}

int bench_result_status(const struct bench_result *result)
{
    uint64_t timed_out = result->failures[BENCH_FAILURE_TIMED_OUT];
    if (result->failed == 0)
        return GT_DONE;
    return timed_out == result->failed ? GT_TIMED_OUT : GT_FAILED;
}
