/* send_talk.h: a talk over a connection: a stream, or packets. */
#ifndef TOOL_SEND_TALK_H
#define TOOL_SEND_TALK_H

#include "tool/send_run.h"

struct send_talk {
    struct send_run *run; /* NULL: never begun */
    int fd;               /* the connector's */
    enum send_state state;
    struct send_op send;
    struct iovec part;
    struct bytes sending; /* what send points into, and packets that come after */
    bool shut;            /* our side is shut down */
    bool cut;             /* nothing can be sent any more */
    struct receive_op receive;
    bool server_ended;
    int failure;        /* the errno with which the connection failed, or 0 */
    bool heard;         /* something came in this pass */
    bool paused;        /* the pause has passed in this pass */
    struct timer pause; /* the silence that ends a reply */
    struct timer look;  /* closing: when to look again */
    int64_t heard_ns;   /* when something came last */
    int64_t closing_ns; /* when closing began */
    int64_t arrived_ns; /* closing: since when all is acknowledged; 0: it is not */
};

/* Begin on a connected descriptor. */
void send_talk_begin(struct send_talk *talk, struct send_run *run, int fd);

/* After each pass of the engine: do what can be done now. See state. */
void send_talk_step(struct send_talk *talk);

/* End what is under way: true once nothing is active; else ask again after a pass. */
bool send_talk_stop(struct send_talk *talk);

void send_talk_free(struct send_talk *talk);

#endif
