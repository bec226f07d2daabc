/* bench_progress.h: one line on a terminal that says how far a run of "goodtalk bench" is, written
 * over again and again, and gone at its end. All zeros: nothing is on the line. */
#ifndef TOOL_BENCH_PROGRESS_H
#define TOOL_BENCH_PROGRESS_H

#include "tool/bench_options.h"

struct bench_progress {
    int width; /* of what stands on the line */
};

void bench_progress_opening(struct bench_progress *progress, size_t open, size_t connections);
void bench_progress_warming(struct bench_progress *progress);
void bench_progress_measuring(struct bench_progress *progress, const struct bench_options *options,
                              int64_t elapsed_ns, uint64_t messages, uint64_t failed);
void bench_progress_draining(struct bench_progress *progress, uint64_t messages);

/* Clear the line. */
void bench_progress_end(struct bench_progress *progress);

#endif
