/* bench_json.c: a result as one JSON object on one line. Names are kept for ever; new members may
 * come. */
#include "tool/bench_result.h"

#include "base/escape.h"

#include <inttypes.h>

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

static int append_failures(struct bytes *to, const struct bench_result *result)
{
    int failed = bytes_format(to, ",\"failed\":%" PRIu64 ",\"failures\":{", result->failed);
    for (int i = 0; i < BENCH_FAILURE_COUNT; i++)
        failed |= bytes_format(to, "%s\"%s\":%" PRIu64, i > 0 ? "," : "",
                               bench_failure_name((enum bench_failure)i), result->failures[i]);
    return failed | bytes_format(to, "}");
}

static int append_latency(struct bytes *to, const struct bench_histogram *latency)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}};
    int failed =
        bytes_format(to, ",\"latency_us\":{\"mean\":%.3f", bench_histogram_mean(latency) / 1000);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        failed |=
            bytes_format(to, ",\"%s\":%.3f", quantiles[i].name,
                         (double)bench_histogram_quantile(latency, quantiles[i].share) / 1000);
    return failed | bytes_format(to, ",\"max\":%.3f}", (double)latency->most / 1000);
}

/* [[upper end of the bucket, count], ...], of those that are not empty. */
static int append_histogram(struct bytes *to, const struct bench_histogram *latency)
{
    const char *before = "";
    int failed = bytes_format(to, ",\"histogram\":[");
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        if (latency->buckets[i] == 0)
            continue;
        failed |= bytes_format(to, "%s[%.3f,%" PRIu64 "]", before,
                               (double)bench_histogram_upper(i) / 1000, latency->buckets[i]);
        before = ",";
    }
    return failed | bytes_format(to, "]}\n");
}

static int append_load(struct bytes *to, const struct bench_result *result)
{
    const struct bench_options *options = result->options;
    int failed = bytes_format(to, "{\"address\":");
    failed |= escape_json(to, slice_of_text(result->address));
    failed |= bytes_format(
        to, ",\"connections\":%" PRId64 ",\"depth\":%" PRId64 ",\"message_bytes\":%zu,\"short\":%s",
        options->connections, options->depth, options->request_bytes,
        options->brief ? "true" : "false");
    if (options->rate > 0)
        failed |= bytes_format(to, ",\"rate_asked\":%" PRId64 ",\"unsent\":%" PRIu64, options->rate,
                               result->unsent);
    return failed;
}

int bench_result_append_json(struct bytes *to, const struct bench_result *result)
{
    int failed = append_load(to, result);
    failed |= bytes_format(
        to, ",\"seconds\":%.6f,\"messages\":%" PRIu64 ",\"rate\":%.1f,\"late\":%" PRIu64,
        seconds(result->elapsed_ns), result->messages, bench_result_rate(result), result->late);
    failed |= append_failures(to, result);
    failed |=
        bytes_format(to, ",\"given_up\":%s,\"interrupted\":%s", result->given_up ? "true" : "false",
                     result->interrupted ? "true" : "false");
    failed |= bytes_format(
        to, ",\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64 ",\"cpu_seconds\":%.6f",
        result->bytes_sent, result->bytes_received, seconds(result->cpu_ns));
    failed |= append_latency(to, result->latency);
    return failed | append_histogram(to, result->latency);
}
