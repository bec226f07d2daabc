/* bench_words.c: see bench_words.h. */
#include "tool/bench_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *bench_words_count(char to[BENCH_WORDS_SIZE], uint64_t count)
{
    char digits[BENCH_WORDS_SIZE];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *end = to;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *end++ = ',';
        *end++ = digits[i];
    }
    *end = '\0';
    return to;
}

/* The unit that leaves one to three digits before the point; *ns becomes the number. */
static const char *unit_of(double *ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned unit = 0;
    for (; unit < 3 && *ns >= 999.5; unit++)
        *ns /= 1000;
    return units[unit];
}

char *bench_words_duration(char to[BENCH_WORDS_SIZE], int64_t ns)
{
    double number = (double)ns;
    const char *unit = unit_of(&number);
    int decimals = number < 9.995 ? 2 : number < 99.95;
    if (ns < 1000) /* there is nothing smaller to tell */
        decimals = 0;
    snprintf(to, BENCH_WORDS_SIZE, "%.*f %s", decimals, number, unit);
    return to;
}

char *bench_words_bound(char to[BENCH_WORDS_SIZE], int64_t ns)
{
    double number = (double)ns;
    const char *unit = unit_of(&number);
    snprintf(to, BENCH_WORDS_SIZE, "%g %s", number, unit);
    return to;
}
