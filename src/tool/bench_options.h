/* bench_options.h: the command line of "goodtalk bench": [OPTION]... ADDRESS [MESSAGE] */
#ifndef TOOL_BENCH_OPTIONS_H
#define TOOL_BENCH_OPTIONS_H

#include "tool/client_target.h"
#include "tool/help.h"
#include "tool/report.h"

#define BENCH_NONE (-1) /* not limited by a duration, or by a number */

struct bench_options {
    bool help;            /* asked for: nothing else is read then */
    struct report report; /* -v, -q: as far as they were read, when reading fails */
    struct target target;
    int64_t connections;
    int64_t depth; /* messages in flight on each */
    int64_t duration_ns;
    int64_t count; /* of messages */
    int64_t warmup_ns;
    int64_t rate;           /* messages a second; 0: each follows a reply */
    int64_t timeout_ns;     /* patience with each message; BENCH_NONE: endless */
    int64_t wait_ns;        /* how long to keep trying to connect first; -1: one try */
    bool brief;             /* --short: a connection for each message */
    const char *frame;      /* as it was written */
    struct framing framing; /* of replies; codec_packet where --frame is not used */
    int64_t expect_bytes;   /* each reply has so many; 0: the framing tells */
    struct bytes request;   /* owned: one message as it is sent; packets as packet_keep has them */
    size_t request_bytes;   /* of it, on the wire */
    bool json;
    const char *plot;   /* a file, or NULL */
    const char *engine; /* a name, or auto */
};

extern const struct help help_bench;

/* Read it; nothing is looked up and nothing opened. GT_DONE; GT_WRONG or GT_FAILED (memory is out)
 * with the reason. Either way bench_options_free frees what it holds; argv has to live as long. */
int bench_options_parse(struct bench_options *options, int argc, char **argv, struct error *error);
void bench_options_free(struct bench_options *options);

#endif
