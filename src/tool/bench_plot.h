/* bench_plot.h: the latencies of a run of "goodtalk bench" as a picture: SVG, one file. */
#ifndef TOOL_BENCH_PLOT_H
#define TOOL_BENCH_PLOT_H

#include "tool/bench_result.h"

/* Append the picture: 0 or -ENOMEM. Without a reply there is an empty one, that says so. */
int bench_plot_append(struct bytes *to, const struct bench_result *result);

/* Open the file it will be written to, so that a run is not made in vain; what is in it stays until
 * bench_plot_write. A descriptor; or -1 with the reason. */
int bench_plot_open(const char *file, struct error *error);

/* Write the picture and close: GT_DONE, or GT_FAILED with the reason. */
int bench_plot_write(int fd, const struct bench_result *result, struct error *error);

#endif
