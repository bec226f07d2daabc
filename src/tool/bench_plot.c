/* bench_plot.c: how the latencies are spread, over time on a logarithmic axis: an area, as high
 * where there are many; lines where the percentiles are.
 *
 * The axis is that of the histogram, which is linear within each power of two: so a bin of the
 * picture is a whole number of buckets, and nothing is counted twice. Colours follow what the
 * reader has chosen, light or dark. */
#include "tool/bench_plot.h"

#include "tool/bench_words.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Pixels: the picture, and the area within it. */
#define WIDTH  640
#define HEIGHT 300
#define LEFT   24
#define RIGHT  616
#define TOP    92
#define BOTTOM 252

/* Buckets of a bin: 16 bins to a power of two. */
#define BIN_BUCKETS 8
_Static_assert(BIN_BUCKETS * 16 == BENCH_HISTOGRAM_PARTS, "a bin is whole within a power of two");
#define BINS_LEAST 48

/* What the name of a percentile takes up. */
#define MARK_WIDTH  92
#define MARK_HEIGHT 14

/* The part of the axis that is shown: bins, the last one included. */
struct axis {
    size_t first;
    size_t last;
    uint64_t most; /* values in the fullest bin */
};

static uint64_t bin_count(const struct bench_histogram *latency, size_t bin)
{
    uint64_t count = 0;
    for (size_t i = bin * BIN_BUCKETS; i < (bin + 1) * BIN_BUCKETS; i++)
        count += latency->buckets[i];
    return count;
}

static struct axis find_axis(const struct bench_histogram *latency)
{
    size_t least = bench_histogram_bucket(bench_histogram_quantile(latency, 0));
    struct axis axis = {least / BIN_BUCKETS, bench_histogram_bucket(latency->most) / BIN_BUCKETS,
                        1};
    axis.first -= axis.first > 0;
    axis.last += axis.last + 1 < BENCH_HISTOGRAM_BUCKETS / BIN_BUCKETS;
    while (axis.last - axis.first < BINS_LEAST && axis.first > 0)
        axis.first--;
    if (axis.last - axis.first < BINS_LEAST)
        axis.last = axis.first + BINS_LEAST;
    for (size_t bin = axis.first; bin <= axis.last; bin++) {
        uint64_t count = bin_count(latency, bin);
        axis.most = count > axis.most ? count : axis.most;
    }
    return axis;
}

/* ---- places ---- */

static double x_of_bin(const struct axis *axis, double bin)
{
    double width = (double)(axis->last + 1 - axis->first);
    return LEFT + (bin - (double)axis->first) / width * (RIGHT - LEFT);
}

static double x_of(const struct axis *axis, int64_t ns)
{
    return x_of_bin(axis, ((double)bench_histogram_bucket(ns) + 0.5) / BIN_BUCKETS);
}

static double y_of(const struct axis *axis, uint64_t count)
{
    return BOTTOM - (double)count / (double)axis->most * (BOTTOM - TOP);
}

/* ---- parts ---- */

/* Text that may hold what XML uses: an address is the user's word. */
static int append_text(struct bytes *to, const char *text)
{
    int failed = 0;
    for (; *text; text++) {
        if (*text == '&' || *text == '<' || *text == '>')
            failed |= bytes_format(to, "&#%d;", *text);
        else
            failed |= bytes_format(to, "%c", (unsigned char)*text < ' ' ? '?' : *text);
    }
    return failed;
}

static int append_head(struct bytes *to)
{
    return bytes_format(
        to,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\" role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"12\">\n"
        "<style>\n"
        "text{fill:#1c2733}.faint{fill:#66727f}.middle{text-anchor:middle}.paper{fill:#fff}\n"
        ".line{stroke:#d5dbe1}.mark{stroke:#1c2733;stroke-dasharray:2 3}.area{fill:#5089c2}\n"
        ".name{paint-order:stroke;stroke:#fff;stroke-width:4px}\n"
        "@media(prefers-color-scheme:dark){text{fill:#e6ebf0}.faint{fill:#93a0ad}"
        ".paper{fill:#14191f}.line{stroke:#323c46}.mark{stroke:#e6ebf0}.name{stroke:#14191f}}\n"
        "</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" class=\"paper\"/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
}

static int append_title(struct bytes *to, const struct bench_result *result)
{
    const struct bench_options *options = result->options;
    char rate[BENCH_WORDS_SIZE], failures[BENCH_WORDS_SIZE];
    int failed = bytes_format(to, "<title>Latency of ");
    failed |= append_text(to, result->address);
    failed |= bytes_format(to,
                           "</title>\n<text x=\"%d\" y=\"24\" font-size=\"15\" "
                           "font-weight=\"600\">Latency of ",
                           LEFT);
    failed |= append_text(to, result->address);
    failed |= bytes_format(to, "</text>\n<text x=\"%d\" y=\"43\" class=\"faint\">", LEFT);
    failed |= bytes_format(
        to, "%" PRId64 " connection%s%s, depth %" PRId64 ", %zu bytes: %s replies/s",
        options->connections, options->connections == 1 ? "" : "s",
        options->brief ? ", a new one each time" : "", options->depth, options->request_bytes,
        bench_words_count(rate, (uint64_t)(bench_result_rate(result) + 0.5)));
    if (options->rate > 0)
        failed |=
            bytes_format(to, " of %s asked for", bench_words_count(rate, (uint64_t)options->rate));
    if (result->failed > 0)
        failed |= bytes_format(to, ", %s failed", bench_words_count(failures, result->failed));
    return failed | bytes_format(to, "</text>\n");
}

/* Steps, like the bins they stand for. */
static int append_area(struct bytes *to, const struct axis *axis,
                       const struct bench_histogram *latency)
{
    int failed = bytes_format(to, "<path class=\"area\" d=\"M%.1f %d",
                              x_of_bin(axis, (double)axis->first), BOTTOM);
    for (size_t bin = axis->first; bin <= axis->last; bin++) {
        uint64_t count = bin_count(latency, bin);
        double y = y_of(axis, count);
        if (count > 0 && y > BOTTOM - 1) /* a single one is seen too */
            y = BOTTOM - 1;
        failed |= bytes_format(to, "V%.1fH%.1f", y, x_of_bin(axis, (double)bin + 1));
    }
    return failed | bytes_format(to, "V%dZ\"/>\n", BOTTOM);
}

static int append_tick(struct bytes *to, const struct axis *axis, int64_t ns)
{
    char time[BENCH_WORDS_SIZE];
    double x = x_of(axis, ns);
    return bytes_format(to,
                        "<path class=\"line\" d=\"M%.1f %dv5\"/>"
                        "<text class=\"faint middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                        x, BOTTOM, x, BOTTOM + 19, bench_words_bound(time, ns));
}

/* Ticks at 1, 2 and 5, or at 1 alone where there are many powers of ten. */
static int append_ticks(struct bytes *to, const struct axis *axis)
{
    static const int steps[] = {1, 2, 5};
    bool all = (axis->last - axis->first) / 16 <= 14; /* powers of two */
    int failed = bytes_format(to, "<path class=\"line\" d=\"M%d %dH%d\"/>\n", LEFT, BOTTOM, RIGHT);
    for (int64_t factor = 1; factor < INT64_C(10000000000000); factor *= 10) {
        for (size_t i = 0; i < (all ? 3u : 1u); i++) {
            size_t bin = bench_histogram_bucket(factor * steps[i]) / BIN_BUCKETS;
            if (bin > axis->first && bin < axis->last)
                failed |= append_tick(to, axis, factor * steps[i]);
        }
    }
    return failed |
           bytes_format(to,
                        "<text class=\"faint\" x=\"%d\" y=\"%d\">"
                        "time from a message to its reply (logarithmic); the height is the "
                        "number of messages</text>\n",
                        LEFT, BOTTOM + 38);
}

/* A percentile: a line, and its name beside it. */
struct mark {
    const char *name;
    double share;
    int64_t ns;
    double x;
    int y; /* of the name */
};

/* Names that would touch the one before stand a row lower. */
static void place_marks(struct mark *marks, size_t count, const struct axis *axis,
                        const struct bench_histogram *latency)
{
    double before = -WIDTH;
    int row = 0;
    for (size_t i = 0; i < count; i++) {
        marks[i].ns = bench_histogram_quantile(latency, marks[i].share);
        marks[i].x = x_of(axis, marks[i].ns);
        row = marks[i].x - before < MARK_WIDTH ? row + 1 : 0;
        marks[i].y = TOP - 24 + row * MARK_HEIGHT;
        before = marks[i].x;
    }
}

/* On the side of its line where there is room. */
static int append_name(struct bytes *to, const struct mark *mark)
{
    char time[BENCH_WORDS_SIZE];
    bool left = mark->x > RIGHT - MARK_WIDTH;
    return bytes_format(to, "<text class=\"name\" x=\"%.1f\" y=\"%d\"%s>%s %s</text>\n",
                        left ? mark->x - 4 : mark->x + 4, mark->y,
                        left ? " text-anchor=\"end\"" : "", mark->name,
                        bench_words_duration(time, mark->ns));
}

/* The lines first: names stand over them. */
static int append_marks(struct bytes *to, const struct axis *axis,
                        const struct bench_histogram *latency)
{
    struct mark marks[] = {{"p50", 0.5, 0, 0, 0},
                           {"p90", 0.9, 0, 0, 0},
                           {"p99", 0.99, 0, 0, 0},
                           {"p99.9", 0.999, 0, 0, 0}};
    size_t count = sizeof marks / sizeof *marks;
    int failed = 0;
    place_marks(marks, count, axis, latency);
    for (size_t i = 0; i < count; i++)
        failed |= bytes_format(to, "<path class=\"mark\" d=\"M%.1f %dV%d\"/>\n", marks[i].x,
                               marks[i].y - 10, BOTTOM);
    for (size_t i = 0; i < count; i++)
        failed |= append_name(to, &marks[i]);
    return failed;
}

int bench_plot_append(struct bytes *to, const struct bench_result *result)
{
    int failed = append_head(to) | append_title(to, result);
    if (result->latency->count > 0) {
        struct axis axis = find_axis(result->latency);
        failed |= append_area(to, &axis, result->latency) | append_ticks(to, &axis);
        failed |= append_marks(to, &axis, result->latency);
    } else {
        failed |= bytes_format(to, "<text x=\"%d\" y=\"%d\">No reply came.</text>\n", LEFT, TOP);
    }
    return failed | bytes_format(to, "</svg>\n");
}

/* ---- the file ---- */

int bench_plot_open(const char *file, struct error *error)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        error_errno(error, errno, "--plot: cannot write it");
    return fd;
}

static int write_all(int fd, struct slice text)
{
    if (ftruncate(fd, 0) != 0 && errno != EINVAL) /* a pipe or a terminal has no length */
        return -errno;
    while (text.size > 0) {
        ssize_t written = write(fd, text.data, text.size);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0)
            text = slice_after(text, (size_t)written);
    }
    return 0;
}

int bench_plot_write(int fd, const struct bench_result *result, struct error *error)
{
    struct bytes text = {0};
    int status = bench_plot_append(&text, result) ? -ENOMEM : write_all(fd, bytes_slice(&text));
    bytes_free(&text);
    if (close(fd) != 0 && status == 0)
        status = -errno;
    return status ? error_errno(error, -status, "--plot: cannot write it") : GT_DONE;
}
