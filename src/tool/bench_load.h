/* bench_load.h: what the parts of a load share: what is sent, what was counted, the connections.
 *
 * bench_wire.c sends and receives on one connection; bench_connection.c decides when, and what a
 * failure leads to; bench_pace.c tells it what is due where a rate is asked for; bench.c has the
 * stages. Calls go down only: who has to tell something upwards counts it here, and bench.c looks
 * after each pass of the engine. */
#ifndef TOOL_BENCH_LOAD_H
#define TOOL_BENCH_LOAD_H

#include "engine/engine.h"
#include "tool/bench_failure.h"
#include "tool/bench_histogram.h"
#include "tool/bench_options.h"
#include "tool/bench_replies.h"
#include "tool/bench_schedule.h"

#include <time.h>

enum bench_state {
    BENCH_IDLE, /* no socket; --short: between two messages */
    BENCH_CONNECTING,
    BENCH_OPEN,
    BENCH_CLOSING, /* what is under way is being cancelled */
    BENCH_WAITING  /* to connect again, after a failure */
};

/* Messages that count from the same time. */
struct bench_batch {
    int64_t since_ns;
    unsigned count;
};

struct bench_connection {
    struct bench_load *load;
    int fd; /* -1: none */
    enum bench_state state;
    unsigned in_flight; /* messages without a reply; --short: the one it is made for */
    unsigned to_send;   /* packets and datagrams: of those, the ones that are still to leave */
    unsigned first;     /* of batches: the oldest, and how many there are */
    unsigned used;
    struct bench_batch *batches; /* a ring of load->options->depth */
    struct bench_partial partial;
    struct iovec part;
    union {
        struct send_op send;
        struct send_datagrams_op send_datagrams;
    };
    union {
        struct receive_op receive;
        struct receive_datagrams_op receive_datagrams;
    };
    int64_t since_ns; /* connecting, or waiting for a reply, since */
    struct timer retry;
    uint64_t turn;              /* with a rate: messages that were sent */
    uint64_t due;               /* with a rate: messages that were due */
    struct datagram *datagrams; /* owned: where the transport has them */
    struct connect_op connect;  /* last: large, and seldom touched */
};

/* What is counted. */
struct bench_tally {
    uint64_t messages; /* that were replied to */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    struct bench_histogram latency;
};

struct bench_load {
    const struct bench_options *options;
    struct engine *engine;
    struct place place; /* of the server */
    bool spreads;       /* --short on loopback: each connection from another address */
    uint32_t spread;    /* the last of them */
    struct bytes block; /* the request, depth times; packets and datagrams: once, bare */
    size_t request_bytes;
    struct bench_pattern pattern;
    struct bench_connection *connections;
    size_t connection_count;
    struct bench_batch *batches; /* of all connections */
    struct bench_schedule schedule;
    bool started;    /* messages are being sent; before, a connection that fails is the end */
    bool over;       /* no connection is made again */
    uint64_t budget; /* messages that may still be sent */
    size_t connecting, open;
    uint64_t in_flight;
    uint64_t owed;            /* with a rate: messages that are due and were not sent */
    int64_t last_reply_ns;    /* when the last reply came, or when sending began */
    int64_t failing_since_ns; /* when the first of the failures came that no reply followed; 0: a
                                 reply did */
    struct bench_tally tally;
    uint64_t failures[BENCH_FAILURE_COUNT]; /* messages, and connections that could not be made */
    int other;          /* the errno of the last one that has no name of its own */
    struct error error; /* the load cannot go on */
};

/* The clock, read anew: what is sent late in a long pass must not count as if it had been sent at
 * its beginning. */
static inline int64_t bench_load_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline uint64_t bench_load_failed(const struct bench_load *load)
{
    uint64_t failed = 0;
    for (int i = 0; i < BENCH_FAILURE_COUNT; i++)
        failed += load->failures[i];
    return failed;
}

#endif
