/* bench_summary.c: a result as a person reads it: what was asked for, how much was replied to, how
 * long that took, and how the times are spread.
 *
 * The rows of the spread end at round times, as many to a factor of ten as the page has room for.
 * What failed stands beside the rate, never after it on another page. */
#include "tool/bench_result.h"

#include "base/units.h"
#include "tool/bench_words.h"

#include <inttypes.h>
#include <stdio.h>

#define ROWS_MOST 20
#define BAR_WIDTH 40

/* Of a CPU: from there on the load itself may be what limits the rate. */
#define BUSY_PERCENT 90

/* ---- what was asked for, and what came of it ---- */

static int append_load(struct bytes *to, const struct bench_result *result)
{
    const struct bench_options *options = result->options;
    char size[BENCH_WORDS_SIZE];
    int failed = bytes_format(to, "%s: %" PRId64 " connection%s", result->address,
                              options->connections, options->connections == 1 ? "" : "s");
    if (options->brief)
        failed |= bytes_format(to, " at once, a new one for each message");
    else
        failed |= bytes_format(to, ", %" PRId64 " message%s in flight on each", options->depth,
                               options->depth == 1 ? "" : "s");
    return failed |
           bytes_format(to, ", %s each\n\n",
                        units_size_words(size, sizeof size, (int64_t)options->request_bytes));
}

static int append_rate(struct bytes *to, const struct bench_result *result)
{
    char count[BENCH_WORDS_SIZE], asked[BENCH_WORDS_SIZE];
    int64_t rate = result->options->rate;
    int failed =
        bytes_format(to, "  rate      %s messages/s",
                     bench_words_count(count, (uint64_t)(bench_result_rate(result) + 0.5)));
    if (rate > 0)
        failed |= bytes_format(to, " of %s asked for", bench_words_count(asked, (uint64_t)rate));
    if (result->failed > 0)
        failed |= bytes_format(to, ", NOT COUNTING %s THAT FAILED",
                               bench_words_count(count, result->failed));
    return failed | bytes_format(to, "\n");
}

static int append_bytes(struct bytes *to, const char *what, uint64_t bytes, double seconds)
{
    char size[BENCH_WORDS_SIZE], rate[BENCH_WORDS_SIZE];
    return bytes_format(to, "  %s%s, %s/s\n", what,
                        units_size_words(size, sizeof size, (int64_t)bytes),
                        units_size_words(rate, sizeof rate, (int64_t)((double)bytes / seconds)));
}

static int append_failures(struct bytes *to, const struct bench_result *result)
{
    char words[512];
    if (result->failed == 0)
        return bytes_format(to, "  failed    none\n");
    return bytes_format(to, "  failed    %s\n", bench_result_failures(result, words, sizeof words));
}

static int append_unsent(struct bytes *to, const struct bench_result *result)
{
    char count[BENCH_WORDS_SIZE];
    if (result->unsent == 0)
        return 0;
    return bytes_format(to, "  unsent    %s: they were due, and the server did not keep up\n",
                        bench_words_count(count, result->unsent));
}

static int append_cpu(struct bytes *to, const struct bench_result *result)
{
    double percent = 100.0 * (double)result->cpu_ns / (double)result->elapsed_ns;
    return bytes_format(to, "  own CPU   %.0f%% of one%s\n", percent,
                        percent < BUSY_PERCENT ? "" : ": the server may be capable of more");
}

static int append_figures(struct bytes *to, const struct bench_result *result)
{
    char count[BENCH_WORDS_SIZE], time[BENCH_WORDS_SIZE];
    double seconds = (double)result->elapsed_ns / 1e9;
    int failed = append_rate(to, result);
    failed |= bytes_format(to, "  messages  %s in %s\n", bench_words_count(count, result->messages),
                           bench_words_duration(time, result->elapsed_ns));
    failed |= append_failures(to, result);
    failed |= append_unsent(to, result);
    failed |= append_bytes(to, "sent      ", result->bytes_sent, seconds);
    failed |= append_bytes(to, "received  ", result->bytes_received, seconds);
    return failed | append_cpu(to, result);
}

/* ---- latency ---- */

static int append_quantiles(struct bytes *to, const struct bench_histogram *latency)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    char time[BENCH_WORDS_SIZE];
    int failed = bytes_format(to, "\n  latency   ");
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        failed |= bytes_format(
            to, "%s %s   ", quantiles[i].name,
            bench_words_duration(time, bench_histogram_quantile(latency, quantiles[i].share)));
    return failed | bytes_format(to, "max %s\n\n", bench_words_duration(time, latency->most));
}

/* Round numbers up to 100, so many to a factor of ten. The finest that fits is used. */
static const unsigned steps[][11] = {{10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 0},
                                     {10, 15, 20, 30, 50, 70, 0},
                                     {10, 20, 50, 0},
                                     {10, 0}};

struct spread {
    int64_t bounds[ROWS_MOST]; /* the row is up to here */
    uint64_t counts[ROWS_MOST];
    unsigned rows;
};

/* Bounds from the one that the smallest value reaches to the one that the largest does: false: more
 * than there is room for. */
static bool find_bounds(struct spread *spread, const unsigned *step, int64_t least, int64_t most)
{
    spread->rows = 0;
    for (int64_t factor = 1; factor < INT64_MAX / 1000; factor *= 10) {
        for (unsigned i = 0; step[i] != 0; i++) {
            int64_t bound = factor * step[i];
            if (bound < least)
                continue;
            if (spread->rows == ROWS_MOST)
                return false;
            spread->bounds[spread->rows++] = bound;
            if (bound >= most)
                return true;
        }
    }
    return true;
}

static void fill_spread(struct spread *spread, const struct bench_histogram *latency)
{
    int64_t least = bench_histogram_quantile(latency, 0);
    *spread = (struct spread){.rows = 0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (find_bounds(spread, steps[i], least, latency->most))
            break;
    }
    unsigned row = 0;
    for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        while (row + 1 < spread->rows && bench_histogram_upper(i) > spread->bounds[row])
            row++;
        spread->counts[row] += latency->buckets[i];
    }
}

static int append_row(struct bytes *to, int64_t bound, uint64_t count, uint64_t most,
                      uint64_t total)
{
    static const char bar[BAR_WIDTH + 1] = "########################################";
    char time[BENCH_WORDS_SIZE];
    int length = (int)((double)count / (double)most * BAR_WIDTH + 0.5);
    if (length == 0 && count > 0)
        length = 1;
    return bytes_format(to, "  up to %7s %7.3f%%  %.*s\n", bench_words_bound(time, bound),
                        100.0 * (double)count / (double)total, length, bar);
}

static int append_spread(struct bytes *to, const struct bench_histogram *latency)
{
    struct spread spread;
    uint64_t most = 1;
    int failed = 0;
    fill_spread(&spread, latency);
    for (unsigned i = 0; i < spread.rows; i++)
        most = spread.counts[i] > most ? spread.counts[i] : most;
    for (unsigned i = 0; i < spread.rows; i++)
        failed |= append_row(to, spread.bounds[i], spread.counts[i], most, latency->count);
    return failed;
}

/* ---- the whole ---- */

static int append_end(struct bytes *to, const struct bench_result *result)
{
    char time[BENCH_WORDS_SIZE];
    if (result->interrupted)
        return bytes_format(to, "\n  It was interrupted: this is the result so far.\n");
    if (result->given_up)
        return bytes_format(to, "\n  It was given up: for %s nothing but failures had come.\n",
                            units_duration_words(time, sizeof time, result->options->timeout_ns));
    return 0;
}

int bench_result_append_summary(struct bytes *to, const struct bench_result *result)
{
    int failed = append_load(to, result) | append_figures(to, result);
    if (result->latency->count > 0)
        failed |= append_quantiles(to, result->latency) | append_spread(to, result->latency);
    return failed | append_end(to, result);
}
