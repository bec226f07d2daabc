/* bench_summary.c: a result as a person reads it. */
#include "tool/bench_result.h"

int bench_result_append_summary(struct bytes *to, const struct bench_result *result)
{
    return bytes_format(to, "%.0f messages a second\n", bench_result_rate(result));
}
