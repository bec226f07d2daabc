/* bench_histogram.h: how often which duration was seen, in memory of a fixed size.
 *
 * Log-linear: each power of two is divided into BENCH_HISTOGRAM_PARTS equal parts, so that a value
 * is known to within 1/128 of itself, from a nanosecond to an hour and beyond. All zeros is an
 * empty one. Durations are nanoseconds. */
#ifndef TOOL_BENCH_HISTOGRAM_H
#define TOOL_BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_HISTOGRAM_PART_BITS 7
#define BENCH_HISTOGRAM_PARTS     (1u << BENCH_HISTOGRAM_PART_BITS)
#define BENCH_HISTOGRAM_BUCKETS   (BENCH_HISTOGRAM_PARTS * 37) /* up to 2^43 ns: two hours */

struct bench_histogram {
    uint64_t count; /* of all values */
    int64_t most;   /* the largest */
    double sum;
    uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

/* The bucket of a duration: one below 0 counts as 0, one beyond the last bucket is in it. */
static inline size_t bench_histogram_bucket(int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    if (value < BENCH_HISTOGRAM_PARTS)
        return (size_t)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - BENCH_HISTOGRAM_PART_BITS;
    size_t bucket = ((size_t)shift << BENCH_HISTOGRAM_PART_BITS) + (size_t)(value >> shift);
    return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket : BENCH_HISTOGRAM_BUCKETS - 1;
}

/* So many values of this duration. */
static inline void bench_histogram_add(struct bench_histogram *histogram, int64_t ns,
                                       uint64_t count)
{
    histogram->buckets[bench_histogram_bucket(ns)] += count;
    histogram->count += count;
    histogram->sum += (double)ns * (double)count;
    if (ns > histogram->most)
        histogram->most = ns;
}

/* The largest duration that is in this bucket. */
int64_t bench_histogram_upper(size_t bucket);

/* The duration that this share of all values (0 to 1) does not exceed: the upper end of its bucket,
 * at most the largest value; 0 where there are none. */
int64_t bench_histogram_quantile(const struct bench_histogram *histogram, double share);

/* The mean of all values, 0 where there are none. */
double bench_histogram_mean(const struct bench_histogram *histogram);

#endif
