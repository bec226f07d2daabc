/* bench_result.h: what a run of "goodtalk bench" came to, and telling it. */
#ifndef TOOL_BENCH_RESULT_H
#define TOOL_BENCH_RESULT_H

#include "tool/bench_failure.h"
#include "tool/bench_histogram.h"
#include "tool/bench_options.h"

struct bench_result {
    const struct bench_options *options;
    char address[320];  /* "tcp:127.0.0.1:9999": where the server was found */
    int64_t elapsed_ns; /* what was measured, without the warm-up */
    uint64_t messages;  /* that were replied to in this time */
    uint64_t late;      /* and afterwards: sent within it; in latency, not in the rate */
    uint64_t unsent;    /* with a rate: due within it, never sent */
    uint64_t failed;    /* since the load began: the sum of failures */
    uint64_t failures[BENCH_FAILURE_COUNT];
    int other; /* the errno of the last one without a name of its own */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t cpu_ns;   /* our own, in this time */
    bool given_up;    /* it was ended because nothing but failures came */
    bool interrupted; /* it was ended by a signal */
    const struct bench_histogram *latency;
};

/* Messages a second. */
double bench_result_rate(const struct bench_result *result);

/* The exit status: GT_DONE; GT_TIMED_OUT: messages failed, and all by timing out; GT_FAILED. */
int bench_result_status(const struct bench_result *result);

/* "2 connection reset, 1 timed out": into text, which is returned. */
char *bench_result_failures(const struct bench_result *result, char *text, size_t size);

/* Append a summary for people; or one JSON object and a newline: 0 or -ENOMEM. */
int bench_result_append_summary(struct bytes *to, const struct bench_result *result);
int bench_result_append_json(struct bytes *to, const struct bench_result *result);

#endif
