/* bench_result.c: what follows from a result. */
#include "tool/bench_result.h"

#include "tool/bench_words.h"

#include <errno.h>
#include <goodtalk.h>
#include <stdio.h>

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

char *bench_result_failures(const struct bench_result *result, char *text, size_t size)
{
    char count[BENCH_WORDS_SIZE], reason[128];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < BENCH_FAILURE_COUNT && used < size; i++) {
        if (result->failures[i] == 0)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s %s", used > 0 ? ", " : "",
                                 bench_words_count(count, result->failures[i]),
                                 bench_failure_words((enum bench_failure)i));
    }
    if (result->failures[BENCH_FAILURE_OTHER] > 0 && used < size)
        snprintf(text + used, size - used, " (the last: %s)",
                 error_words(result->other, reason, sizeof reason));
    return text;
}
