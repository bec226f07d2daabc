/* server.h: the gt_server behind goodtalk.h. */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "base/error.h"
#include "base/list.h"
#include "base/peer.h"
#include "base/reason.h"
#include "reply/reply.h"
#include "reply/script_bounds.h"
#include "serve/crew.h"
#include "serve/draft.h"
#include "serve/goal.h"
#include "serve/settings.h"
#include "serve/worker.h"

#include <goodtalk.h>
#include <stdatomic.h>

/* The application's message callback as a replier. */
struct callback_replier {
    struct replier replier;
    gt_message_fn *heard;
    void *context;
};

struct connection_callbacks {
    gt_connection_fn *opened;
    gt_connection_fn *ended;
    void *context;
};

struct gt_server {
    struct settings settings;    /* the draft */
    struct given_settings given; /* what the draft was composed of */
    struct talk *talk;           /* the talk file; counted; NULL: there is none */
    struct list listeners; /* struct listener, until the run begins: then they are worker 0's */
    struct list origins;   /* struct origin: of the listeners, where there is a talk file */
    struct given_settings lasting; /* what the talk file said at the start and cannot change */
    unsigned loads;                /* of the talk file: worker 0's thread */
    unsigned loads_told;           /* likewise: that all workers have it */
    unsigned talk_reloads_seen;    /* likewise */
    atomic_uint renewals;          /* how often listeners were given other settings */
    atomic_uint renewing;          /* workers that have not taken over the last ones */
    struct script_bounds bounds;   /* of each worker's script */
    struct reply_host host;        /* what repliers may ask for, once the run begins */
    struct callback_replier callback;
    struct connection_callbacks on_connection;
    gt_event_fn *told;
    void *told_context;
    enum gt_level told_level;
    pthread_mutex_t
        told_lock; /* one event at a time; recursive, for a callback may cause another */
    struct crew crew;
    struct goal goal;
    struct limits limits;
    atomic_uint counters_asked; /* how often they were asked for */
    unsigned counters_told;
    struct engine *_Atomic engine; /* worker 0's; owned, until gt_free; gt_stop wakes it */
    atomic_uint stops;             /* how often gt_stop was called */
    unsigned stops_seen;           /* by worker 0's thread */
    atomic_uint reloads;           /* how often gt_reload was called */
    atomic_bool reloadable;        /* there is something to reload */
    atomic_uint recording_wants;   /* workers whose recorder waits for something */
    struct timer timeout;
    atomic_bool want_told; /* that accepting has to pause for want of descriptors or memory */
    bool failed;           /* error holds why */
    bool timed_out;
    bool drained;                    /* stopped before its goal */
    bool abandoned;                  /* left at once */
    bool begun;                      /* a run has begun */
    bool one_shot;                   /* the goal is one message */
    bool runs_commands;              /* --exec or --exec-connection, at some listener */
    bool hands_over;                 /* --exec-connection */
    struct outcome *_Atomic outcome; /* of talks; NULL: there is no talk file */
    int64_t begun_ns;                /* when the run began, by its engine */
    int64_t begun_us;                /* and by the wall clock */
    struct outlet outlet;            /* where shown messages go; fd -1: standard output */
    struct error error;
};

/* gt_run in pieces, for the simulated storm: over an engine that is given (and taken over). Start:
 * GT_DONE or the reason. Step until server_over. Finish: the run's status. */
int server_start(gt_server *server, struct engine *engine);
int server_step(gt_server *server, int64_t wait_ns);
bool server_over(const gt_server *server);
void server_abandon(gt_server *server);
int server_finish(gt_server *server);

/* The engine of worker 0, made when there is none; NULL with the reason in the server's error. */
struct engine *server_need_engine(gt_server *server);

/* ---- stopping.c: on the thread of worker 0 ---- */

/* The run fails, for this reason, unless it has failed already. */
void server_fail(gt_server *server, const struct error *error);

/* Begin to count its time. */
void server_limit_time(gt_server *server, struct engine *engine);

/* Do what gt_stop has asked for. */
void server_obey_stops(gt_server *server);

/* Listen on a descriptor of the server's engine, without asking the system about it: for the storm.
 * type: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. */
int server_listen_on(gt_server *server, int fd, int type, const char *name);

/* ---- counters.c ---- */

/* Tell the counters as an event. */
void counters_tell(gt_server *server);

/* ---- tell.c: the one event callback ---- */

struct event_origin {
    const struct peer *peer;         /* or NULL */
    const struct listener *listener; /* or NULL */
    enum reason reason;              /* or REASON_NONE */
};

/* Tell the application, if it wants to be told of this level. From any worker's thread, one at a
 * time. */
void tell(gt_server *server, enum gt_event_kind kind, enum gt_level level,
          struct event_origin origin, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Make its lock: GT_DONE or GT_FAILED. */
int tell_open(gt_server *server);
void tell_close(gt_server *server);

/* Hand an event to the application's callback, one at a time. */
void tell_event(gt_server *server, const struct gt_event *event);

/* Tell the application that a connection is open, and that it has ended. */
void tell_opened(struct connection *connection);
void tell_ended(struct connection *connection);

#endif
