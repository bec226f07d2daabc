/* engine.h: the only place that waits.
 *
 * An engine carries out operations and says when each is done. The owner embeds the operation and
 * keeps it until it is over; the engine links it and allocates nothing per operation. It never
 * calls back from within a call: completions run inside engine_pass, on the thread that runs the
 * engine. All functions belong to that thread, engine_wake excepted.
 *
 * A pass: completions that are ready run; then, if there were none, it waits, at most as long as it
 * may and never past the next timer; then what happened runs; then the timers that are due. So what
 * arrived before a timer was due is seen before the timer fires.
 *
 * An operation that submits may be finished at once: engine_send, engine_write, engine_sync and
 * engine_send_datagrams then return true, op.result says how, and done is not called. Otherwise
 * done is called later, exactly once (accept, receive, read: once per thing that happened;
 * op.active tells whether more may come).
 *
 * Results: counts or descriptors, or -errno. Three implementations: epoll.c, uring.c, sim.c. The
 * same contract tests run against each: tests/unit/test_engine_*.c.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/error.h"
#include "base/list.h"
#include "base/peer.h"
#include "base/place.h"
#include "base/slice.h"
#include "base/timers.h"

#include <sys/types.h>
#include <sys/uio.h>

struct engine;
struct op;

/* op is over, or (accept, receive) has one more result. The owner may submit, cancel, close and
 * free from within; it may free op only when op->active is false. */
typedef void op_done(struct op *op, int64_t result);

/* What every operation has. The owner sets done, before the first submit; the rest is the engine's.
 */
struct op {
    op_done *done;
    struct list link; /* the engine's: among operations whose completion is due, or to be tried */
    int32_t fd;
    uint8_t kind;   /* enum op_kind */
    bool active;    /* submitted and not over */
    uint8_t phase;  /* the engine's own */
    uint8_t flags;  /* enum op_flag */
    int64_t result; /* after a submit that returned true: how it went */
};

enum op_kind {
    OP_NONE,
    OP_ACCEPT,
    OP_RECEIVE,
    OP_READ,
    OP_RECEIVE_DATAGRAMS,
    OP_CHILD,
    OP_CONNECT,
    OP_SEND,
    OP_WRITE,
    OP_SEND_DATAGRAMS,
    OP_SYNC
};

enum op_flag {
    OP_PACKETS = 1,   /* receive, the owner's: the socket is of type SOCK_SEQPACKET, see below */
    OP_TRUNCATED = 2, /* receive, the engine's, with a result: the packet was longer */
    OP_SEGMENT = 4    /* send, the owner's: what is sent later is in another segment (TCP) */
};

/* Accept connections until cancelled or an error ends it. done's result: a new descriptor
 * (non-blocking, close-on-exec, the caller's to close), or -errno and the operation is over:
 * -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM (the owner pauses and submits again), -ECANCELED. Connections
 * that died in the queue (ECONNABORTED and its relatives) are skipped, unless there seem to be
 * nothing else: then that is the error, and the owner pauses too. */
struct accept_op {
    struct op op;
    struct peer peer; /* who connected, valid within done */
};

/* Receive until end-of-stream, an error, or cancelled. done's result: more than 0: that many bytes
 * at data, the engine's own buffer, valid within done only; 0: end-of-stream, over; -errno: over.
 * At most one result per pass, at most engine->receive_size bytes: nobody starves the others. After
 * engine_cancel further bytes may still come before -ECANCELED does; they count.
 *
 * With OP_PACKETS each result is one packet of at most PACKET_MAX bytes (OP_TRUNCATED: the rest of
 * it is lost); an empty packet is the end of the stream.
 *
 * Reading (engine_read) is the same of a pipe, a terminal or a file, from its own position. The
 * descriptor may be in blocking mode and shared with others; a file is read within a pass, which
 * waits for the disk. */
struct receive_op {
    struct op op;
    const uint8_t *data;
};

/* Send all of it (also a write to a descriptor, see write_mode). The vector and what it points at
 * stay the owner's and unchanged until the operation is over. The result is the number of bytes
 * that left: all of them, or -errno (and transferred tells how many had left before). transferred
 * grows while the operation runs, so that the owner can tell a slow peer from a dead one. */
struct send_op {
    struct op op;
    struct iovec *parts; /* the engine may advance the entries */
    unsigned part_count; /* at most SEND_PARTS_MAX */
    size_t transferred;  /* bytes */
};

#define SEND_PARTS_MAX 16

/* How a descriptor that is written to behaves. */
enum write_mode {
    WRITE_FILE,   /* regular files and the like: written within the call, at the file's own position
                   */
    WRITE_STREAM, /* pipes and terminals, non-blocking: waits until they are writable */
    WRITE_SOCKET, /* sent without blocking and without SIGPIPE */
    WRITE_AT      /* a regular file: written within the call, at an offset */
};

struct write_op {
    struct send_op send;
    enum write_mode mode;
    uint64_t offset; /* WRITE_AT: where the first byte goes */
};

/* Connect a non-blocking socket. Result 0 or -errno, always told by done. A Unix listener whose
 * queue is full is waited for, as one of TCP is: the owner cancels when it has waited enough. The
 * descriptor is unusable after an error, a cancel too: its owner closes it. */
struct connect_op {
    struct op op;
    struct place to;
};

/* The longest packet or Unix datagram that is taken; UDP's are shorter. */
#define PACKET_MAX ((size_t)256 * 1024)

/* Datagrams handled at once, at most. */
#define DATAGRAMS_MAX 64

/* Which address of ours a datagram was sent to, so that the reply can leave from it: IP_PKTINFO of
 * ip(7), IPV6_RECVPKTINFO of ipv6(7), set on the socket by its owner. An IPv4 address on an IPv6
 * socket stands in it mapped (::ffff:a.b.c.d), unless its owner set IP_PKTINFO too: only that tells
 * which address answers for an IPv4 broadcast. */
struct local_address {
    uint8_t family; /* AF_INET or AF_INET6 as the control message was; 0: not known */
    uint32_t interface;
    uint8_t address[16]; /* network order; IPv4 uses the first four */
};

struct datagram {
    struct slice bytes; /* received: the engine's memory, valid within done */
    struct place place; /* who sent it (size 0: somebody without a name), or is sent it (size 0:
                           whom the socket is connected to) */
    struct peer peer;   /* received: who sent it; Unix: from SCM_CREDENTIALS if there */
    struct local_address local; /* to which address it came, or from which it leaves */
    bool truncated;             /* received: it was longer */
    bool to_many;               /* received: a broadcast, or a group's */
    int status;                 /* sent: 0 or -errno */
};

/* Receive datagrams until cancelled or an error ends it. done's result: how many are at list, valid
 * within done; or -errno: over. At most one result per pass, at most DATAGRAMS_MAX of them. */
struct receive_datagrams_op {
    struct op op;
    size_t size_most; /* bytes: longer ones are truncated; at most PACKET_MAX */
    const struct datagram *list;
};

/* Send datagrams, each for itself: one that fails (its status says why) does not keep the next from
 * leaving. UDP waits while our own buffer is full; a Unix receiver whose queue is full is a failure
 * (-EAGAIN): nobody waits for a receiver. Result: how many were sent; or -ECANCELED, or -errno
 * where waiting failed, and what comes after the first handled ones was not sent. */
struct send_datagrams_op {
    struct op op;
    struct datagram *list; /* the owner's until the operation is over */
    unsigned count;        /* at most DATAGRAMS_MAX */
    unsigned handled;      /* the engine's: how many have their status */
};

/* fdatasync of a file; or fsync, as a directory needs it: that names are data not every file system
 * knows. Result 0 or -errno. A failed sync must never be tried again.
 *
 * Within the call, which waits for the disk; or, where the owner sets apart, on a thread, while the
 * engine goes on: then it is told by done (but for want of a thread, within the call after all). A
 * sync cannot be ended: cancelling one that has begun waits for it. */
struct sync_op {
    struct op op;
    bool apart;      /* the owner's */
    bool whole;      /* the owner's: fsync */
    int64_t took_ns; /* the engine's: how long it took, once it is over */
};

/* A child process, from engine_spawn to its end. done's result: its status as waitpid(2) has it,
 * never negative, or -errno where the system does not know it any more (an application that ignores
 * SIGCHLD has none). By then it is reaped, and what was left of its process group is killed.
 * Cancelling kills the group; the end is told as ever. */
struct child_op {
    struct op op; /* its descriptor is the engine's */
    pid_t pid;    /* the child's, and its process group's */
};

#define SPAWN_PIPE (-1)

/* What a child begins with. It leads a process group of its own, its signals are as the system has
 * them at first, none blocked, and it has no descriptors but these three. */
struct spawn {
    const char *const *arguments;   /* ended by NULL; the first is the program's path */
    const char *const *environment; /* likewise: NAME=value */
    int standard[3]; /* its standard descriptors: the caller's, on which nothing is under way, and
                        which are in blocking mode from then on; or SPAWN_PIPE: then our
                        end of a new pipe takes its place here, non-blocking, the caller's to
                        engine_close */
};

/* What an implementation fills. */
struct engine_table {
    const char *name;
    void (*destroy)(struct engine *engine);
    void (*accept)(struct engine *engine, struct accept_op *op, int fd);
    void (*receive)(struct engine *engine, struct receive_op *op, int fd);
    bool (*send)(struct engine *engine, struct send_op *op, int fd);
    bool (*write)(struct engine *engine, struct write_op *op, int fd);
    bool (*sync)(struct engine *engine, struct sync_op *op, int fd);
    void (*read)(struct engine *engine, struct receive_op *op, int fd);
    void (*connect)(struct engine *engine, struct connect_op *op, int fd);
    void (*receive_datagrams)(struct engine *engine, struct receive_datagrams_op *op, int fd);
    bool (*send_datagrams)(struct engine *engine, struct send_datagrams_op *op, int fd);
    int (*spawn)(struct engine *engine, struct child_op *op, struct spawn *spawn);
    void (*kill)(struct engine *engine, struct child_op *op, int signal);
    void (*cancel)(struct engine *engine, struct op *op);
    int (*shutdown)(struct engine *engine, int fd);
    void (*close)(struct engine *engine, int fd, bool reset);
    int64_t (*unacknowledged)(struct engine *engine, int fd);
    int64_t (*unread)(struct engine *engine, int fd);
    int (*pass)(struct engine *engine, int64_t wait_ns);
    int64_t (*patience)(struct engine *engine);
    int (*descriptor)(struct engine *engine);
    void (*wake)(struct engine *engine);
    int64_t (*wall_us)(struct engine *engine);
    uint64_t (*random)(struct engine *engine);
};

/* The part every implementation begins with. */
struct engine {
    const struct engine_table *table;
    struct timers timers;
    int64_t now_ns;      /* the clock (monotonic), read once before and once after each wait */
    size_t receive_size; /* bytes one receive brings at most */
    size_t slot_bytes;   /* what it keeps for a descriptor */
    size_t own_bytes;    /* what it keeps besides: its buffers */
    bool crowded;        /* a pass told as much as it does at once: more has happened, it seems */
    int64_t spin_ns;     /* the owner's: a pass that would sleep polls instead until so long after
                            something last happened, and only then sleeps; 0: it sleeps. What ends
                            a sleep ends the polling too, but for a signal whose handler does not
                            wake. Where time does not pass by waiting (sim) it means nothing */
};

/* An engine by its name: "epoll" or "uring". NULL with the reason in error. */
struct engine *engine_create(const char *name, struct error *error);

/* The implementations, each ready to run or NULL with the reason. sim's is in engine/sim.h. uring's
 * belongs to the thread of its first pass, and is refused where the system denies io_uring, the
 * kernel is older than 6.0, or liburing was missing when this was built. */
struct engine *engine_epoll_create(struct error *error);
struct engine *engine_uring_create(struct error *error);

/* Free the engine; *engine becomes NULL. No operation may be active, no timer set (asserted). */
void engine_destroy(struct engine **engine);

/* Submit. fd is the caller's; the engine does not close it. op->op.done must be set. At most one
 * receive and one send (or write) per descriptor are active at a time; an active operation is never
 * submitted again (asserted). */
void engine_accept(struct engine *engine, struct accept_op *op, int fd);
void engine_receive(struct engine *engine, struct receive_op *op, int fd);
bool engine_send(struct engine *engine, struct send_op *op, int fd);
bool engine_write(struct engine *engine, struct write_op *op, int fd);
bool engine_sync(struct engine *engine, struct sync_op *op, int fd);
void engine_read(struct engine *engine, struct receive_op *op, int fd);
void engine_connect(struct engine *engine, struct connect_op *op, int fd);
void engine_receive_datagrams(struct engine *engine, struct receive_datagrams_op *op, int fd);
bool engine_send_datagrams(struct engine *engine, struct send_datagrams_op *op, int fd);

/* Begin a child: 0, and op is active; or -errno (-EAGAIN, -ENOMEM, -EMFILE and -ENFILE pass by;
 * -ENOENT, -EACCES, -E2BIG do not): there is no child then, and spawn is as it was. Waits until the
 * program has taken the child's place, which takes the system some 100 us. */
int engine_spawn(struct engine *engine, struct child_op *op, struct spawn *spawn);

/* Send a signal to the whole process group of an active child. */
void engine_kill(struct engine *engine, struct child_op *op, int signal);

/* Ask an active operation to end; its done comes in a later pass, with -ECANCELED or, if it was
 * quicker, its result. Cancelling twice is harmless, cancelling what is not active does nothing. */
void engine_cancel(struct engine *engine, struct op *op);

/* No more will be sent: FIN. 0 or -errno. */
int engine_shutdown(struct engine *engine, int fd);

/* Close a descriptor of this engine at once; with reset a TCP peer sees an RST. No operation may be
 * active on it (asserted). */
void engine_close(struct engine *engine, int fd, bool reset);

/* How many bytes sent on this descriptor the peer has not acknowledged (a TCP FIN counts as one; on
 * a Unix socket: not yet read); -errno when the connection has failed. */
int64_t engine_unacknowledged(struct engine *engine, int fd);

/* How many bytes have come on this descriptor that no receive has brought so far; -errno when that
 * cannot be told. The end of the stream is none. */
int64_t engine_unread(struct engine *engine, int fd);

/* One pass; wait at most wait_ns (0: do not wait; negative: as long as it takes). 0, or -errno when
 * the engine itself fails. */
int engine_pass(struct engine *engine, int64_t wait_ns);

/* How long the next pass may wait, for those who wait elsewhere: 0: something is to be done now; a
 * number of nanoseconds until the next timer; -1: until the descriptor is readable. */
int64_t engine_patience(struct engine *engine);

/* A descriptor that is readable when a pass would find something that happened. It is the engine's:
 * only poll it. -1 where there is none (sim; uring, where the system refuses it). Of the engine's
 * own thread, or before its first pass. */
int engine_descriptor(struct engine *engine);

/* End the wait of the current, or the next, pass. From any thread or signal handler. */
void engine_wake(struct engine *engine);

/* The wall clock in microseconds since 1970 UTC; seldom a system call. */
int64_t engine_wall_us(struct engine *engine);

/* A random number; in sim from its seed. */
uint64_t engine_random(struct engine *engine);

/* Timers fire within a pass, after what arrived. */
static inline void engine_timer_set(struct engine *engine, struct timer *timer, int64_t deadline_ns)
{
    timer_set(&engine->timers, timer, deadline_ns);
}

static inline void engine_timer_stop(struct engine *engine, struct timer *timer)
{
    timer_stop(&engine->timers, timer);
}

#endif
