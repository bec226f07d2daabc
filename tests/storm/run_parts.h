/* run_parts.h: what run.c, watch.c and judge.c share; nobody else includes it. */
#ifndef STORM_RUN_PARTS_H
#define STORM_RUN_PARTS_H

#include "choose.h"
#include "run.h"

#include "serve/server.h"

#define SECOND_NS INT64_C(1000000000)

struct run {
    gt_server *server;
    struct engine *engine; /* the server's */
    struct choice choice;
    struct scenario scenario;
    int shown_fd;
    int64_t stopped_ns;           /* when it was told to stop; 0: not yet */
    uint64_t connected;           /* as it was told */
    uint64_t not_taken;           /* of those, lost before they were told as connected */
    uint64_t ended[REASON_COUNT]; /* likewise, for each reason */
    unsigned passes;
    unsigned standstill;     /* passes in a row in which no time passed */
    unsigned unwalked;       /* passes in a row after which not everything was looked at */
    int64_t pass_ns;         /* when the last one ended */
    size_t shown_size;       /* bytes shown by then */
    int64_t lost_at_stop_ns; /* sim_lost when it was told to stop */
    bool paused;             /* for want of descriptors or memory */
    bool early;
    bool over;
    bool verbose;
};

/* What is on its way arrives, without the server. */
void run_settle(struct run *run);

/* ---- watch.c ---- */

/* A pass is over: whether all is as it must be. */
void run_watch(struct run *run);

/* ---- judge.c ---- */

/* The server is over: whether it came to what it should have, and nothing is left behind. */
void run_judge(struct run *run);

#endif
