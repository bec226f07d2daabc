/* bench_progress.c: the line begins with a carriage return and covers what stood there with spaces,
 * which every terminal understands. One that cannot be written is not missed. */
#include "tool/bench_progress.h"

#include "base/units.h"
#include "tool/bench_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_SIZE 80

__attribute__((format(printf, 2, 3))) static void show(struct bench_progress *progress,
                                                       const char *format, ...)
{
    char text[LINE_SIZE], line[2 * LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int size = snprintf(line, sizeof line, "\r%-*s", progress->width, text);
    progress->width = (int)strlen(text);
    ssize_t written = write(STDERR_FILENO, line, (size_t)size);
    (void)written;
}

void bench_progress_opening(struct bench_progress *progress, size_t open, size_t connections)
{
    show(progress, "connecting: %zu of %zu", open, connections);
}

void bench_progress_warming(struct bench_progress *progress)
{
    show(progress, "warming up");
}

/* "2.4 s of 10 s: 1,234,567 replies, 514,402/s, 3 failed" */
void bench_progress_measuring(struct bench_progress *progress, const struct bench_options *options,
                              int64_t elapsed_ns, uint64_t messages, uint64_t failed)
{
    char goal[64] = "", time[BENCH_WORDS_SIZE];
    char replies[BENCH_WORDS_SIZE], rate[BENCH_WORDS_SIZE], failures[BENCH_WORDS_SIZE];
    double seconds = (double)(elapsed_ns > 0 ? elapsed_ns : 1) / 1e9;
    if (options->duration_ns >= 0)
        snprintf(goal, sizeof goal, " of %s",
                 units_duration_words(time, sizeof time, options->duration_ns));
    show(progress, "%.1f s%s: %s replies, %s/s, %s failed", seconds, goal,
         bench_words_count(replies, messages),
         bench_words_count(rate, (uint64_t)((double)messages / seconds)),
         bench_words_count(failures, failed));
}

void bench_progress_draining(struct bench_progress *progress, uint64_t messages)
{
    show(progress, "waiting for %" PRIu64 " more", messages);
}

/* What is told next begins where the line did. */
void bench_progress_end(struct bench_progress *progress)
{
    if (progress->width == 0)
        return;
    show(progress, "%s", "");
    ssize_t written = write(STDERR_FILENO, "\r", 1);
    (void)written;
}
