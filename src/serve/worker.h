/* worker.h: an engine and everything that lives on it.
 *
 * The life of a pass: the engine runs completions: connections receive, messages are taken, the
 * recorder gathers them. Then worker_finish_pass: replies from other threads are collected, the
 * recorder commits, the connections whose turns are recorded send, ended connections are freed.
 *
 * Everything in it belongs to the thread that runs its passes, but for the engine's wake, the
 * mailbox, the counters and failed. What it shares with others is atomic, or has a lock of its own:
 * the goal, the limits, the crew's orders, the recorder's outlet.
 *
 *     SERVING    everything
 *     DRAINING   told to stop, or the goal is reached: listening queues are accepted empty, what
 *                has arrived is taken as far as it may be
 *     FINISHING  nothing is taken any more; what is in hand is finished
 *     OVER       nothing is left */
#ifndef SERVE_WORKER_H
#define SERVE_WORKER_H

#include "base/pool.h"
#include "base/reason.h"
#include "base/turn.h"
#include "engine/engine.h"
#include "record/record.h"
#include "serve/connection.h"
#include "serve/counters.h"
#include "serve/limits.h"
#include "serve/listener.h"
#include "serve/mailbox.h"
#include "serve/output.h"

#include <errno.h>

struct command_room;
struct exchange;
struct gt_server;
struct post;

enum worker_phase { WORKER_SERVING, WORKER_DRAINING, WORKER_FINISHING, WORKER_OVER };

/* What two threads write to often lies this far apart, so that they do not wait for each other. */
#define CACHE_LINE 64

struct worker {
    _Alignas(CACHE_LINE) struct gt_server *server;
    struct engine *engine; /* not owned */
    struct recorder
        *recorder; /* owned; NULL: nothing is shown, turns are recorded as they are taken */
    struct counters *counters; /* its own, counted below */
    struct limits *limits;     /* shared; not owned */
    unsigned number;
    uint8_t phase;             /* enum worker_phase */
    bool intake_paused;        /* room is lacking: no messages are taken */
    bool reading_paused;       /* and it stayed so: nothing is read either */
    bool recording_failed;     /* the recorder's failure has been dealt with */
    bool recording_wants;      /* the recorder waits for something: told */
    bool more;                 /* something is left to do without waiting */
    bool reply_lost;           /* in a one-shot: the reply could not be delivered */
    bool abandoned;            /* everything was given up */
    bool hurried;              /* told to stop: what only waits, by its effects, waits no longer */
    bool stirred;              /* something was received, or a conversation went on, in this pass */
    bool alone;                /* there is no other worker */
    bool drained;              /* its queues are empty: it waits until those of all are */
    bool waits_for_place;      /* counted among the limits' hosts */
    bool wants_memory;         /* counted among those who want memory */
    uint8_t finish_reason;     /* enum reason: why its connections are closed */
    unsigned unfinished;       /* connections that drain-timeout cut off */
    bool unrecorded;           /* messages, too, whose connections may be gone */
    struct list listeners;     /* struct listener: its own */
    struct list fresh;         /* connections that never completed a message, the oldest first */
    struct list proven;        /* the others */
    struct list ended;         /* to be freed */
    struct list dirty;         /* outputs whose connections may go on */
    struct list posts;         /* posts that may go on */
    struct list held;          /* turns that wait for the recorder, in order */
    struct list held_parcels;  /* and parcels, in the order of their first messages */
    unsigned connection_count; /* open, closing, lingering */
    unsigned ended_count;      /* ended, their descriptors still open */
    unsigned guest_count;      /* of its listeners */
    unsigned exchange_count;   /* datagrams whose reply has not left */
    size_t memory_bytes;       /* unfinished messages and waiting replies */
    size_t memory_granted;     /* how much of max-memory it may use without asking */
    uint64_t sequence;         /* of the last message taken; at first where its journal stands */
    uint64_t published;        /* of the last one that the counters have as recorded */
    uint64_t arrived;          /* connections and datagrams, ever */
    uint64_t arrived_before;   /* draining: when the last pass ended */
    int64_t draining_ns;       /* draining: since when */
    unsigned drain_passes;     /* draining: how many so far */
    unsigned quiet_passes;     /* draining: how many in a row brought nothing new */
    uint64_t committed;        /* the last sequence the recorder was told to commit */
    int64_t wall_us;           /* this pass's wall clock, 0: not read yet */
    int64_t paused_ns;         /* when the intake was paused, if it is */
    struct pool connections, outputs, turns, parcels, stagings, exchanges, talkers, affected;
    struct gt_turn *at_hand; /* a turn for the next message: most are done with it at once */
    struct mailbox mailbox;
    struct command_room *commands; /* owned; NULL: none are run */
    struct timer drain_timer;
    unsigned obeyed; /* the crew's last order that it has followed */
    unsigned reloads_seen;
    unsigned renewals_seen; /* of its listeners' settings */
    struct error failure;   /* what went wrong, whole once failed is set */
    atomic_bool failed;
    pthread_t thread;
    struct counters counted;
};

/* Begin, with a recorder (taken over; NULL: none): GT_DONE or GT_FAILED. */
int worker_open(struct worker *worker, struct gt_server *server, struct engine *engine,
                struct recorder *recorder, struct error *error);

/* Free what it holds; it must be over. */
void worker_close(struct worker *worker);

static inline bool worker_over(const struct worker *worker)
{
    return worker->phase == WORKER_OVER;
}

/* Count memory that was allocated or freed. Over max-memory a connection that holds most ends when
 * the pass does. */
static inline void worker_count_memory(struct worker *worker, size_t before, size_t after)
{
    worker->memory_bytes += after - before;
}

/* Call visit for every connection; it may end any of them. */
void worker_each(struct worker *worker, void (*visit)(struct connection *connection));

/* The wall clock of this pass. */
int64_t worker_wall_us(struct worker *worker);

/* Put a turn at hand where there is none: NULL when memory is out. */
struct gt_turn *worker_make_turn(struct worker *worker);

/* The turn at hand, in state HELD, for a message of a connection or an exchange; NULL when memory
 * is out. It stays at hand, for the next message, unless somebody needs it for longer
 * (worker_hold). */
static inline struct gt_turn *worker_take_turn(struct worker *worker, struct connection *connection,
                                               struct exchange *exchange)
{
    struct gt_turn *turn = worker->at_hand ? worker->at_hand : worker_make_turn(worker);
    if (!turn)
        return NULL;
    turn->connection = connection;
    turn->exchange = exchange;
    turn_move(turn, TURN_TAKEN);
    return turn;
}

/* Keep the turn at hand for longer: its message, which the recorder was given, counts as recorded
 * at once where there is none; else the turn is held. */
void worker_hold(struct worker *worker, struct gt_turn *turn);

/* Move a turn that is not at hand; give it back when nobody holds it any more. */
void worker_move_turn(struct worker *worker, struct gt_turn *turn, enum turn_event event);

/* The turn at hand is not needed after all: nobody else has seen it. */
void worker_discard_turn(struct worker *worker, struct gt_turn *turn);

/* Record a message; its sequence is filled in, the rest is there already. 0, or -ENOMEM: nothing
 * was recorded, and its sequence is the one before. */
static inline int worker_record(struct worker *worker, struct message *message)
{
    uint64_t before = message->sequence;
    message->sequence = worker->sequence + 1;
    if (worker->recorder && recorder_take(worker->recorder, message) < 0) {
        message->sequence = before;
        return -ENOMEM;
    }
    worker->sequence = message->sequence;
    return 0;
}

/* Up to which message everything is recorded: without a recorder, as they are taken. */
static inline uint64_t worker_recorded(const struct worker *worker)
{
    return worker->recorder ? worker->recorder->recorded : worker->sequence;
}

/* No more messages are taken until there is room. */
static inline void worker_pause_intake(struct worker *worker)
{
    if (!worker->intake_paused)
        worker->paused_ns = worker->engine->now_ns;
    worker->intake_paused = true;
}

/* Let the connection of this output go on at the end of the pass. */
void worker_mark_dirty(struct worker *worker, struct output *output);

/* Let this post go on at the end of the pass. */
void worker_mark_post(struct worker *worker, struct post *post);

/* Let every other worker do a pass: something that all of them share has changed. */
void worker_wake_others(struct worker *worker);

/* ---- worker_limits.c ---- */

/* Take one of the places for connections, if one is free; or, where one of its own connections is
 * about to end for it, that one's. */
bool worker_take_place(struct worker *worker);
void worker_take_over_place(struct worker *worker);

/* A connection has ended. */
void worker_give_place(struct worker *worker);

/* Whether there is no place for one more, and nobody who could give way: no more are accepted.
 * Where there are others it never is: one more is accepted, as a guest, so that they know. */
static inline bool worker_full(const struct worker *worker)
{
    return worker->alone && worker->connection_count >= worker->limits->max_connections &&
           list_empty(&worker->fresh);
}

/* At the end of a pass: where there are guests a place is wanted, and it is woken for it. */
void worker_wait_for_place(struct worker *worker);

/* Whether one of its connections should give way for a guest of another worker; and whether it has
 * to: nobody else is asked then. */
bool worker_asked_for_place(const struct worker *worker);
bool worker_gives_way(struct worker *worker);

/* Ask for as much memory as it uses, more than it was granted: false where not even that is left.
 */
bool worker_ask_memory(struct worker *worker);

/* Whether the recorder is full, or max-memory is used up. */
static inline bool worker_lacks_room(struct worker *worker)
{
    return (worker->memory_bytes > worker->memory_granted && !worker_ask_memory(worker)) ||
           (worker->recorder && recorder_full(worker->recorder));
}

/* At the end of a pass: how many bytes it may hold at most; SIZE_MAX: nothing has to go. */
size_t worker_settle_memory(struct worker *worker);

/* Let those who want memory have what is not used. */
void worker_offer_memory(struct worker *worker);

/* It is over: it wants nothing any more and gives back what it has. */
void worker_leave_limits(struct worker *worker);

static inline struct worker *worker_of(const struct connection *connection)
{
    return connection->listener->worker;
}

/* The connection's output, made when there is none: NULL when memory is out. */
static inline struct output *output_need(struct connection *connection)
{
    return connection->output ? connection->output : output_create(connection);
}

#endif
