/* send_datagrams.h: a talk in datagrams, over a socket that is connected to the server. */
#ifndef TOOL_SEND_DATAGRAMS_H
#define TOOL_SEND_DATAGRAMS_H

#include "tool/send_run.h"

struct send_datagrams {
    struct send_run *run; /* NULL: never begun */
    int fd;               /* the connector's */
    enum send_state state;
    int failure;          /* the errno that came back, or 0; with SEND_REFUSED it is the reason */
    bool waits;           /* a refusal of the first datagram would not be the end */
    bool begun;           /* the first datagram is on its way */
    bool settled;         /* somebody is there, as far as can be told */
    struct bytes sending; /* messages, the next first, as packet_keep keeps them */
    uint64_t sent;        /* messages that have left and are no longer kept */
    bool held_back;       /* the receiver's queue was full, and retry is set */
    bool heard;           /* a datagram came in this pass */
    struct send_datagrams_op send;
    struct datagram datagram;
    struct receive_datagrams_op receive;
    struct timer settle; /* when silence means that nobody refuses */
    struct timer retry;  /* when to send again */
    struct timer quiet;  /* when a person has waited enough for the last replies */
    int64_t delay_ns;    /* of retry */
    bool quiet_passed;
};

/* Begin on a connected descriptor, or, after SEND_REFUSED, again on another: all zeros the first
 * time. waits: should the first datagram be refused, there are other places or more time; it is
 * kept until it is certain that it was not. */
void send_datagrams_begin(struct send_datagrams *datagrams, struct send_run *run, int fd,
                          bool waits);

/* After each pass of the engine: do what can be done now. See state. */
void send_datagrams_step(struct send_datagrams *datagrams);

/* End what is under way: true once nothing is active; else ask again after a pass. */
bool send_datagrams_stop(struct send_datagrams *datagrams);

void send_datagrams_free(struct send_datagrams *datagrams);

#endif
