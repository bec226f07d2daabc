/* bench_words.h: numbers as people read them. */
#ifndef TOOL_BENCH_WORDS_H
#define TOOL_BENCH_WORDS_H

#include <stdint.h>

#define BENCH_WORDS_SIZE 32

/* "1,234,567". Returns to, as the others do. */
char *bench_words_count(char to[BENCH_WORDS_SIZE], uint64_t count);

/* Three digits: "950 ns", "8.32 us", "12.0 ms", "1.50 s". */
char *bench_words_duration(char to[BENCH_WORDS_SIZE], int64_t ns);

/* As a bound that is exact: "100 us", "1.5 ms", "2 s". */
char *bench_words_bound(char to[BENCH_WORDS_SIZE], int64_t ns);

#endif
