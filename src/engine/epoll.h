/* epoll.h: what the parts of the epoll engine share. epoll.c waits and has epoll_connection.c,
 * epoll_stream.c, epoll_child.c and epoll_datagram_*.c do the work; all let epoll_operation.c keep
 * the books.
 *
 * Every operation is first tried, and waits only when it would block. A descriptor is made known to
 * epoll at that moment, once, edge-triggered: a conversation whose bytes are always there already
 * costs no epoll_ctl at all. Because edges are told once, the rule everywhere is: after a submit,
 * try; after a result that leaves anything possible, try again in the next pass; else wait for the
 * next edge. */
#ifndef ENGINE_EPOLL_H
#define ENGINE_EPOLL_H

#include "engine/engine.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Events fetched at once; connections accepted per listener and pass; bytes of the one buffer that
 * all receives share. Short messages keep its beginning hot in the cache; long pipelines want it
 * long (64 connections, 16 messages of 64 KiB in flight on each: 20,900 messages/s with 64 KiB,
 * 68,100 with 256). */
#define EPOLL_EVENTS_MAX   256
#define EPOLL_ACCEPTS_MAX  64
#define EPOLL_RECEIVE_SIZE (256 * 1024)

/* Bytes of the other one, for packets and datagrams, made when the first of them is received. */
#define EPOLL_ROOM_SIZE ((size_t)1024 * 1024)

/* How long a connect waits that nothing will wake. */
#define EPOLL_LATER_NS 10000000

/* What is known of a descriptor: 24 bytes each, in a table by number. */
struct descriptor {
    struct op *reader;   /* the active accept, receive, read or child, or NULL */
    struct op *writer;   /* the active connect, send or write, or NULL */
    uint32_t generation; /* grows as it is closed: old events are not taken for new ones */
    uint16_t pass;       /* the pass in which its reader had its share */
    uint8_t flags;       /* enum descriptor_flag */
    uint8_t error;       /* an errno that SO_ERROR or a send took from the receive, or 0 */
};

enum descriptor_flag {
    DESCRIPTOR_IN = 1,      /* epoll tells when it is readable */
    DESCRIPTOR_OUT = 2,     /* epoll tells when it is writable */
    DESCRIPTOR_REFUSED = 4, /* epoll does not take it: it is always ready */
    DESCRIPTOR_ENDED = 8,   /* its end was seen: receive until it comes, no edge will */
    DESCRIPTOR_SHARED = 16  /* others may hold it too: it leaves epoll only when told to */
};

/* An operation's phase: flags. */
enum epoll_phase {
    PHASE_DUE = 1,      /* over; done is called in the next pass */
    PHASE_GENTLE = 2,   /* the descriptor is in blocking mode: ask before each call */
    PHASE_RING = 4,     /* uring.c's: the kernel carries it out, nothing here tries it */
    PHASE_CANCELLED = 8 /* uring.c's: the kernel has been asked to end it */
};

struct epoll_engine {
    struct engine engine;

    /* Wait and tell what happened: how many things, EPOLL_EVENTS_MAX when more may have; or -errno.
     * epoll_gather, but for who waits in another way. */
    int (*gather)(struct epoll_engine *engine, int64_t wait_ns);

    int epoll_fd;
    int wake_fd;       /* an eventfd */
    atomic_bool woken; /* wake_fd was written and no pass has seen it yet */
    bool passing;      /* within a pass */
    bool happened;     /* a done was called in this pass */
    bool coarse;       /* the kernel waits in milliseconds only: no epoll_pwait2 */
    uint16_t pass;     /* counts passes */
    unsigned active;   /* operations */
    struct list due;   /* operations that are over, done not yet called */
    struct list ready; /* operations to be tried */
    struct list later; /* operations to be tried from later_ns on */
    int64_t later_ns;
    int64_t happened_ns; /* when something last did: an event, a wake, a done */
    struct descriptor *descriptors;
    size_t descriptor_count;
    uint8_t *buffer;       /* EPOLL_RECEIVE_SIZE bytes */
    struct batch *batch;   /* epoll_datagram_receive.c's, or NULL: not needed yet */
    struct syncer *syncer; /* epoll_sync.c's, or NULL: not needed yet */
    uint64_t random_state;
    struct epoll_event events[EPOLL_EVENTS_MAX];
};

/* ---- epoll_operation.c ---- */

static inline struct epoll_engine *epoll_of(struct engine *engine)
{
    return list_item(engine, struct epoll_engine, engine);
}

/* The row of fd, or NULL where the table has never grown that far. */
static inline struct descriptor *epoll_row(struct epoll_engine *engine, int fd)
{
    return (size_t)fd < engine->descriptor_count ? &engine->descriptors[fd] : NULL;
}

/* Whether a receive could get more without another edge. full: it got as much as it may. */
static inline bool epoll_more_to_come(const struct descriptor *row, bool full)
{
    return full || (row->flags & DESCRIPTOR_ENDED) || !(row->flags & DESCRIPTOR_IN);
}

/* Make op, whose phase is set, active on fd: its row, or NULL when memory is out (op is active
 * nevertheless). */
struct descriptor *epoll_begin(struct epoll_engine *engine, struct op *op, enum op_kind kind,
                               int fd);

/* op is no longer active and has this result. */
void epoll_end(struct epoll_engine *engine, struct op *op, int64_t result);

/* End op and call its done. op may be gone afterwards. */
void epoll_finish(struct epoll_engine *engine, struct op *op, int64_t result);

/* End op in the next pass. */
void epoll_finish_later(struct epoll_engine *engine, struct op *op, int64_t result);

/* Wait until op's descriptor is readable (DESCRIPTOR_IN) or writable (_OUT): 0 or -errno. */
int epoll_await(struct epoll_engine *engine, struct op *op, uint8_t flag);

/* Submit: make op, whose phase is set, active, to be tried in the next pass; its row. Or, where
 * memory is out, to be told so: NULL. */
struct descriptor *epoll_submit(struct epoll_engine *engine, struct op *op, enum op_kind kind,
                                int fd);

/* Make op, whose kind, fd and phase are set, active, and let it wait as epoll_await does: false; or
 * it cannot and is over, with its result: true. */
bool epoll_begin_waiting(struct epoll_engine *engine, struct op *op, uint8_t flag);

/* epoll_await; op is finished if that fails. */
void epoll_await_or_fail(struct epoll_engine *engine, struct op *op, uint8_t flag);

/* fd starts a new life: nothing known of it. */
void epoll_forget(struct epoll_engine *engine, int fd);

/* PHASE_GENTLE if fd is in blocking mode, else 0. */
uint8_t epoll_gentleness(int fd);

/* Whether poll says so; or it says nothing (no memory, a sandbox), and the call itself will tell.
 */
bool epoll_ready_now(int fd, short events);

/* ---- epoll.c ---- */

/* Make it ready to run behind this table: GT_DONE, or the reason, and nothing to release. */
int epoll_open(struct epoll_engine *engine, const struct engine_table *table, struct error *error);

/* Free what epoll_open made. */
void epoll_release(struct epoll_engine *engine);

int epoll_gather(struct epoll_engine *engine, int64_t wait_ns);

/* The monotonic clock now. */
int64_t epoll_clock_ns(void);

/* The rest are the table's functions, whose contract stands in engine.h; and for each kind of
 * operation its try: go on with an active one that is not due, and call done where there is a
 * result. */

void epoll_cancel(struct engine *engine, struct op *op);
int epoll_pass(struct engine *engine, int64_t wait_ns);
int64_t epoll_patience(struct engine *engine);
void epoll_wake(struct engine *engine);
int64_t epoll_wall_us(struct engine *engine);
uint64_t epoll_random(struct engine *engine);

/* ---- epoll_connection.c ---- */

void epoll_accept(struct engine *engine, struct accept_op *op, int fd);
void epoll_try_accept(struct epoll_engine *engine, struct accept_op *op);
void epoll_connect(struct engine *engine, struct connect_op *op, int fd);
void epoll_try_connect(struct epoll_engine *engine, struct connect_op *op);
int epoll_shutdown(struct engine *engine, int fd);
void epoll_close(struct engine *engine, int fd, bool reset);
int64_t epoll_unacknowledged(struct engine *engine, int fd);
int64_t epoll_unread(struct engine *engine, int fd);

/* ---- epoll_stream.c ---- */

void epoll_receive(struct engine *engine, struct receive_op *op, int fd);
void epoll_try_receive(struct epoll_engine *engine, struct receive_op *op);
void epoll_read(struct engine *engine, struct receive_op *op, int fd);
void epoll_try_read(struct epoll_engine *engine, struct receive_op *op);

/* Tell a receive that this many bytes are at data. */
void epoll_tell_received(struct epoll_engine *engine, struct receive_op *op, const uint8_t *data,
                         size_t size);

/* End a receive with this result, or the error of its connection that a send or SO_ERROR took. */
void epoll_end_receive(struct epoll_engine *engine, struct receive_op *op, int64_t result);

bool epoll_send(struct engine *engine, struct send_op *op, int fd);

/* What the system is told for OP_SEGMENT. TCP joins nothing to a segment that ends a record,
 * neither what waits for a slow network nor what is sent again. */
static inline int epoll_segment(const struct op *op)
{
    return op->flags & OP_SEGMENT ? MSG_EOR : 0;
}

/* What is left of a send. */
struct epoll_rest {
    struct iovec *part; /* the first that is not empty */
    unsigned count;     /* of parts; 0: all has left */
};

struct epoll_rest epoll_rest_of(const struct send_op *op);

/* So many bytes of it have left. */
void epoll_rest_advance(struct epoll_rest *rest, struct send_op *op, size_t sent);

/* A connection's error (status, -errno) is told once: what the send took is kept for the receive.
 */
void epoll_keep_error(struct epoll_engine *engine, const struct send_op *op, int status);
bool epoll_write(struct engine *engine, struct write_op *op, int fd);
void epoll_try_transfer(struct epoll_engine *engine, struct send_op *op);

/* ---- epoll_datagram_receive.c ---- */

/* EPOLL_ROOM_SIZE bytes, whose content lasts until the next receive; NULL: memory is out. */
uint8_t *epoll_room(struct epoll_engine *engine);

void epoll_receive_datagrams(struct engine *engine, struct receive_datagrams_op *op, int fd);
void epoll_try_receive_datagrams(struct epoll_engine *engine, struct receive_datagrams_op *op);

/* ---- epoll_datagram_send.c ---- */

bool epoll_send_datagrams(struct engine *engine, struct send_datagrams_op *op, int fd);
void epoll_try_send_datagrams(struct epoll_engine *engine, struct send_datagrams_op *op);

/* ---- epoll_child.c ---- */

int epoll_spawn(struct engine *engine, struct child_op *op, struct spawn *spawn);
void epoll_kill(struct engine *engine, struct child_op *op, int signal);
void epoll_try_child(struct epoll_engine *engine, struct child_op *op);

/* ---- epoll_sync.c ---- */

bool epoll_sync(struct engine *engine, struct sync_op *op, int fd);

/* Where there is a syncer: what is over is due. */
void epoll_collect_syncs(struct epoll_engine *engine);

/* A sync that is apart and not due: it becomes due. */
void epoll_cancel_sync(struct epoll_engine *engine, struct op *op);

void epoll_free_syncer(struct epoll_engine *engine);

#endif
