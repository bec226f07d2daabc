/* bench_failure.h: the ways in which a message goes without its reply, each with its name. */
#ifndef TOOL_BENCH_FAILURE_H
#define TOOL_BENCH_FAILURE_H

/* name (as in --json), words (for people). The order is that of the summary. Wrong bytes are none
 * of a reply, or one of a reply too many; closed early: the end of the stream came before the
 * reply. */
#define BENCH_FAILURES(ROW)                                                                        \
    ROW(REFUSED, "refused", "connection refused")                                                  \
    ROW(RESET, "reset", "connection reset")                                                        \
    ROW(TIMED_OUT, "timed_out", "timed out")                                                       \
    ROW(WRONG_BYTES, "wrong_bytes", "wrong bytes")                                                 \
    ROW(CLOSED_EARLY, "closed_early", "closed early")                                              \
    ROW(OTHER, "other", "other errors")

enum bench_failure {
#define ROW(symbol, name, words) BENCH_FAILURE_##symbol,
    BENCH_FAILURES(ROW)
#undef ROW
        BENCH_FAILURE_COUNT
};

/* "timed_out", "timed out" */
const char *bench_failure_name(enum bench_failure failure);
const char *bench_failure_words(enum bench_failure failure);

/* What an errno means. */
enum bench_failure bench_failure_of(int number);

#endif
