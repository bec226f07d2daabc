/* sim_parts.h: what the parts of the simulated engine share; nobody else includes it.
 *
 * sim.c has the clock, the queue of events, the descriptors and the life of operations. It knows of
 * no sockets or files: a descriptor's table says how much it takes, and the network and the disk
 * say when something may have changed (sim_try). */
#ifndef ENGINE_SIM_PARTS_H
#define ENGINE_SIM_PARTS_H

#include "base/bytes.h"
#include "engine/sim.h"

#include <stdatomic.h>

struct sim;
struct descriptor;

/* Something that will happen. Events of one time happen in the order they were made. */
struct event {
    int64_t time_ns;
    uint64_t order;
    sim_act *act;
    void *subject;
    uint64_t number;
};

/* What kinds of descriptors fill. NULL where an operation makes no sense (then asserted). */
struct descriptor_table {
    /* Try a receive or an accept: see sim_finish and sim_deliver. cancelled: it is to end, but may
     * bring something first. */
    void (*input)(struct descriptor *descriptor, bool cancelled);
    /* Whether input would bring something. */
    bool (*has_input)(struct descriptor *descriptor);
    /* Take bytes: how many now (0: none for the moment, sim_try is called later), or -errno. */
    int64_t (*take)(struct descriptor *descriptor, struct slice bytes);
    /* Let as much of the output leave as may: where it is no stream of bytes. NULL: take is used.
     */
    void (*output)(struct descriptor *descriptor);
    /* How many bytes could be read. NULL: a connection's. */
    int64_t (*unread)(struct descriptor *descriptor);
    /* Sync: 0 or -errno. */
    int (*sync)(struct descriptor *descriptor);
    void (*close)(struct descriptor *descriptor, bool reset);
    /* Free what it owns: when the engine goes. */
    void (*free)(struct descriptor *descriptor);
};

struct descriptor {
    const struct descriptor_table *table;
    struct sim *sim;
    int fd;
    bool open;
    bool disk;       /* a file or stream: the disk's faults are for it */
    bool later;      /* its write waits for its time, not for room */
    uint64_t writes; /* how many outputs were submitted: which of them an event means */
    uint64_t syncs;
    struct op *input;  /* the active accept or receive, or NULL */
    struct op *output; /* the active send, write or connect, or NULL */
    unsigned part;     /* the output's part that leaves */
    struct op *sync;   /* the active sync, or NULL */
};

struct sim {
    struct engine engine;
    struct sim_faults faults;
    uint64_t world; /* states of two random sequences: what happens, */
    uint64_t own;   /* and what engine_random gives */
    uint64_t digest;
    atomic_bool woken;
    bool passing;
    int64_t stalled_until_ns; /* 0: the server runs */
    int64_t lost_ns;          /* in stalls and leaps */
    int64_t leapt_ns;         /* in leaps */
    int64_t wall_us;          /* how far the wall clock was set, altogether */
    unsigned open_count;
    unsigned child_count;
    unsigned write_count;
    unsigned sync_count;
    struct list due;      /* operations whose result is known */
    struct list tries;    /* operations that may have a result now */
    struct event *events; /* a heap, the earliest first */
    size_t event_count;
    size_t event_room;
    uint64_t event_order;
    struct descriptor **descriptors; /* by fd - SIM_FIRST_DESCRIPTOR, closed ones too */
    size_t descriptor_count;
    size_t descriptor_room;
    struct list clients; /* every client there ever was */
    struct list met;     /* clients that the engine's sockets connected to, not yet told of */
    struct peer from;    /* where clients connect from */
    uint16_t next_port;
};

/* How an active operation stands: struct op's phase. */
enum sim_phase { PHASE_WAITING, PHASE_CANCELLED, PHASE_DUE };

static inline struct sim *sim_of(struct engine *engine)
{
    return (struct sim *)(void *)engine;
}

static inline const struct sim *sim_of_const(const struct engine *engine)
{
    return (const struct sim *)(const void *)engine;
}

/* ---- sim_chance.c ---- */

/* Memory of zeros, or the simulation is over. */
void *sim_allocate(size_t size);
/* Append, or the simulation is over. */
void sim_append(struct bytes *bytes, struct slice slice);
/* The array with room for one more item. */
void *sim_grown(void *array, size_t count, size_t *room, size_t item_size);

uint64_t sim_mix(uint64_t value);
/* The next number of a sequence. */
uint64_t sim_next_random(uint64_t *state);
bool sim_happens(struct sim *sim, double chance);
int64_t sim_between(struct sim *sim, int64_t low, int64_t high);
int64_t sim_within(struct sim *sim, struct sim_range range);

/* At time_ns, or now if that is later, act(subject, number). */
void sim_at(struct sim *sim, int64_t time_ns, sim_act *act, void *subject, uint64_t number);
/* When what would arrive then does so, if it may not overtake the one before, whose time is at
 * latest_ns, leaps aside; all zeros at first. */
int64_t sim_in_order(const struct sim *sim, int64_t *latest_ns, int64_t arrival_ns);
bool sim_event_before(const struct event *a, const struct event *b);
/* Let happen what is due; in a stall, each in its time, until that is over. */
void sim_run_events(struct sim *sim);

/* Note in the digest that something happened. */
void sim_note(struct sim *sim, uint64_t what, uint64_t detail);

/* ---- sim_operations.c ---- */

/* Give a new descriptor, allocated by the caller, its number. */
int sim_open(struct sim *sim, struct descriptor *descriptor, const struct descriptor_table *table);

/* The open descriptor of this number; asserted. */
struct descriptor *sim_descriptor(struct sim *sim, int fd);
/* Also a closed one; asserted. */
struct descriptor *sim_descriptor_ever(const struct sim *sim, int fd);

/* An operation may have a result now: it is tried in this pass or the next one. NULL is allowed. */
void sim_try(struct sim *sim, struct op *op);
void sim_try_output(struct descriptor *descriptor);
/* The output goes on so much later, whatever is tried before. */
void sim_pause_output(struct descriptor *descriptor, int64_t delay_ns);

/* An operation is over; done is called in a pass to come, and until then it keeps its slot. */
void sim_finish(struct descriptor *descriptor, struct op *op, int64_t result);

/* Try what may have a result: one try each. */
void sim_run_tries(struct sim *sim);
/* Tell what is due; what becomes due meanwhile has to wait. Whether there was anything. */
bool sim_run_due(struct sim *sim);

/* Cancel a waiting operation: input may bring something first, the rest ends as it is. Not a
 * child's, which has to end itself. */
void sim_give_up(struct sim *sim, struct op *op);

/* The engine's table. */
void sim_accept(struct engine *engine, struct accept_op *op, int fd);
void sim_receive(struct engine *engine, struct receive_op *op, int fd);
void sim_read(struct engine *engine, struct receive_op *op, int fd);
void sim_receive_datagrams(struct engine *engine, struct receive_datagrams_op *op, int fd);
bool sim_send(struct engine *engine, struct send_op *op, int fd);
bool sim_write(struct engine *engine, struct write_op *op, int fd);
bool sim_send_datagrams(struct engine *engine, struct send_datagrams_op *op, int fd);
void sim_reach(struct engine *engine, struct connect_op *op, int fd); /* connect */
bool sim_sync(struct engine *engine, struct sync_op *op, int fd);

/* Wait on a descriptor for what it has to tell: an active op in its input. */
void sim_await(struct sim *sim, struct op *op, int fd, enum op_kind kind);

/* ---- sim_child.c ---- */

int sim_spawn(struct engine *engine, struct child_op *op, struct spawn *spawn);
void sim_kill(struct engine *engine, struct child_op *op, int signal);

/* ---- sim_network.c ---- */

int sim_network_shutdown(struct descriptor *descriptor);
int64_t sim_network_unacknowledged(struct descriptor *descriptor);
int64_t sim_network_unread(struct descriptor *descriptor);
const char *sim_network_check(const struct sim *sim);
void sim_network_free(struct sim *sim);

#endif
