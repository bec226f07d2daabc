/* epoll.h: what the three parts of the epoll engine share. epoll.c waits and has epoll_io.c do
 * the work; both let epoll_operation.c keep the books.
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

/* Events fetched at once; connections accepted per listener and pass; bytes of the one buffer that
 * all receives share, hot in the cache. */
#define EPOLL_EVENTS_MAX   256
#define EPOLL_ACCEPTS_MAX  64
#define EPOLL_RECEIVE_SIZE (64 * 1024)

/* What is known of a descriptor: 24 bytes each, in a table by number. */
struct descriptor {
    struct op *reader;   /* the active accept or receive, or NULL */
    struct op *writer;   /* the active send or write, or NULL */
    uint32_t generation; /* grows as it is closed: old events are not taken for new ones */
    uint16_t pass;       /* the pass in which its reader had its share */
    uint8_t flags;       /* enum descriptor_flag */
    uint8_t error;       /* an errno that SO_ERROR or a send took from the receive, or 0 */
};

enum descriptor_flag {
    DESCRIPTOR_IN = 1,       /* epoll tells when it is readable */
    DESCRIPTOR_OUT = 2,      /* epoll tells when it is writable */
    DESCRIPTOR_REFUSED = 4,  /* epoll does not take it: it is always ready */
    DESCRIPTOR_ENDED = 8,    /* its end was seen: receive until it comes, no edge will */
    DESCRIPTOR_LISTENER = 16 /* others may hold it too: it leaves epoll only when told to */
};

/* An operation's phase: flags. */
enum epoll_phase {
    PHASE_DUE = 1,   /* over; done is called in the next pass */
    PHASE_GENTLE = 2 /* the descriptor is in blocking mode: ask before each call */
};

struct epoll_engine {
    struct engine engine;
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
    struct descriptor *descriptors;
    size_t descriptor_count;
    uint8_t *buffer; /* EPOLL_RECEIVE_SIZE bytes */
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

/* fd starts a new life: nothing known of it. */
void epoll_forget(struct epoll_engine *engine, int fd);

/* ---- epoll_io.c ---- */

/* Try an active operation that is not due, and call done where there is a result. */
void epoll_try(struct epoll_engine *engine, struct op *op);

/* The table's functions; the contract stands in engine.h. */
void epoll_accept(struct engine *engine, struct accept_op *op, int fd);
void epoll_receive(struct engine *engine, struct receive_op *op, int fd);
bool epoll_send(struct engine *engine, struct send_op *op, int fd);
bool epoll_write(struct engine *engine, struct write_op *op, int fd);
bool epoll_sync(struct engine *engine, struct sync_op *op, int fd);
int epoll_shutdown(struct engine *engine, int fd);
void epoll_close(struct engine *engine, int fd, bool reset);
int64_t epoll_unacknowledged(struct engine *engine, int fd);

#endif
