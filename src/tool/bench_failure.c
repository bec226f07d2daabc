/* bench_failure.c: one table, and which errno belongs to which row. */
#include "tool/bench_failure.h"

#include <errno.h>

static const struct {
    const char *name;
    const char *words;
} rows[] = {
#define ROW(symbol, name, words) {name, words},
    BENCH_FAILURES(ROW)
#undef ROW
};

const char *bench_failure_name(enum bench_failure failure)
{
    return rows[failure].name;
}

const char *bench_failure_words(enum bench_failure failure)
{
    return rows[failure].words;
}

enum bench_failure bench_failure_of(int number)
{
    switch (number) {
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket that is gone */
        return BENCH_FAILURE_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return BENCH_FAILURE_RESET;
    case ETIMEDOUT:
        return BENCH_FAILURE_TIMED_OUT;
    case EBADMSG:
        return BENCH_FAILURE_WRONG_BYTES;
    case ENODATA:
        return BENCH_FAILURE_CLOSED_EARLY;
    default:
        return BENCH_FAILURE_OTHER;
    }
}
