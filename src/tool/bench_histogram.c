/* bench_histogram.c: what is read out of a histogram. Bucket by bucket, from the shortest duration
 * on; nothing can fail. */
#include "tool/bench_histogram.h"

int64_t bench_histogram_upper(size_t bucket)
{
    if (bucket < 2 * BENCH_HISTOGRAM_PARTS)
        return (int64_t)bucket;
    size_t shift = (bucket >> BENCH_HISTOGRAM_PART_BITS) - 1;
    uint64_t part = bucket - (shift << BENCH_HISTOGRAM_PART_BITS);
    return (int64_t)(((part + 1) << shift) - 1);
}

int64_t bench_histogram_quantile(const struct bench_histogram *histogram, double share)
{
    double exact = share * (double)histogram->count;
    uint64_t rank = (uint64_t)exact;
    uint64_t seen = 0;
    if (histogram->count == 0)
        return 0;
    if ((double)rank < exact || rank == 0)
        rank++;
    for (size_t bucket = 0; bucket < BENCH_HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= rank) {
            int64_t upper = bench_histogram_upper(bucket);
            return upper < histogram->most ? upper : histogram->most;
        }
    }
    return histogram->most;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    return histogram->count > 0 ? histogram->sum / (double)histogram->count : 0;
}
