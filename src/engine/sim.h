/* sim.h: a simulated engine, with its own clock, network and disk: the test's side of it.
 *
 * Behind engine/engine.h nothing differs from other engines, but nothing is real: time passes only
 * within engine_pass, from one thing that happens to the next (a delivery, a timer, a finished
 * write), never past the wait given. A seed decides all chance, so a seed and the same calls replay
 * a run exactly. A pass that may wait endlessly and has nothing left to wait for returns: see
 * sim_idle.
 *
 * A test plays the peers and the disk: it connects clients, sends, reads, resets, and looks at what
 * arrived. Its own acts can be put on the clock (sim_after), and a client can be watched
 * (sim_client_watch); both run within engine_pass, like everything that happens.
 *
 * Network, as TCP has it: what one side sends is cut anywhere and arrives in order, later; it is
 * acknowledged when the other side's system has it; a side that does not read fills its window, and
 * then the sender's buffer. A reset destroys what is on its way, and may destroy what has arrived
 * at a client and was not read. Closing with unread input, or input that comes after a close, is a
 * reset. What had arrived at the server before a reset can still be received, as in Linux.
 *
 * By chance a connection fails for a reason of the network's own (ETIMEDOUT, EHOSTUNREACH and
 * relatives): a receive, a send, a shutdown or the question of what is unacknowledged says so; the
 * client sees a reset, later.
 *
 * Clocks: the wall clock can be set, which nothing else notices; the server can be stalled, while
 * the world goes on; and the clock that everything is timed by can leap, with the world as it was.
 *
 * Datagrams, as UDP and Unix sockets have them: each arrives whole, later, or not at all; those of
 * one sender in order, unless chance says otherwise.
 *
 * Descriptors are small integers from 1000 on and are never used twice. Misuse is asserted: an
 * unknown or closed descriptor, a second operation of a kind, closing with an operation active. The
 * memory of a received piece is gone after done, so that AddressSanitizer sees who keeps it. Where
 * memory is out, the simulation aborts. It belongs to one thread, engine_wake excepted. */
#ifndef ENGINE_SIM_H
#define ENGINE_SIM_H

#include "base/slice.h"
#include "engine/engine.h"

#define SIM_FIRST_DESCRIPTOR 1000

/* From low to high, both included. */
struct sim_range {
    int64_t low;
    int64_t high;
};

/* What may go wrong, and how slow things are. Chances are from 0 to 1, each time anew. All zeros in
 * chances, and the other values of sim_faults_none, is a perfect world. May be changed at any time;
 * windows and buffers hold for the connections made afterwards. */
struct sim_faults {
    double short_receive;        /* a receive brings less than there is */
    double late_input;           /* input still comes between a cancel and its -ECANCELED */
    double short_send;           /* the system takes less than it has room for; the rest later */
    double send_later;           /* a send that could be finished at once is told by done */
    double tiny_packet;          /* a packet of 1 to 8 bytes */
    double accept_refused;       /* accept says -EMFILE or a relative, and is over */
    double accept_aborted;       /* a connection dies in the listening queue */
    double breaks;               /* a connection fails as it is used, see below */
    double reset_destroys;       /* a reset destroys what a client has not read */
    double datagrams_refused;    /* a receive of datagrams says -ENOMEM, and is over */
    double datagram_fails;       /* a datagram has a bad status and does not leave */
    double datagram_lost;        /* UDP: on its way to the engine */
    double datagram_doubled;     /* UDP: arrives there twice */
    double datagram_late;        /* UDP: later ones arrive there before it */
    double write_short;          /* a write is made in two goes, the second later */
    double write_later;          /* a write is made later */
    double sync_later;           /* a sync is made later */
    double spawn_fails;          /* there is no child: -EAGAIN, -ENOMEM or -EMFILE */
    double shuffle;              /* what is done goes first instead of last */
    struct sim_range latency_ns; /* from one side to the other */
    struct sim_range write_ns;   /* how much later */
    struct sim_range sync_ns;
    struct sim_range child_ns; /* from one thing that a child does to the next */
    struct sim_range pass_ns;  /* what a pass costs, besides waiting */
    size_t packet_most;        /* bytes */
    size_t window_to_server;   /* bytes the server's system holds unread, for each connection */
    size_t window_to_client;   /* bytes the client's system holds unread */
    size_t send_buffer;        /* bytes the server's system holds unacknowledged */
    unsigned descriptors_most; /* accept says -EMFILE when so many are open; 0: no bound */
    unsigned
        fail_write_at;   /* which write to a file or stream fails, from 1, and all after; 0: none */
    int fail_write_with; /* errno */
    unsigned fail_sync_at; /* which sync fails, from 1; 0: none. Later ones say 0 and lie */
    int fail_sync_with;
};

/* A perfect world: 50 us away, no chance of failure, large windows. What sim begins with. */
struct sim_faults sim_faults_none(void);

/* An engine, never NULL; engine_destroy frees it with all clients, files and streams. */
struct engine *engine_sim_create(uint64_t seed);

/* The faults, to be changed in place. */
struct sim_faults *sim_faults(struct engine *engine);

/* The simulated clock, in nanoseconds. */
int64_t sim_now(const struct engine *engine);

/* Whether nothing is left that could happen by itself: nothing on its way, nothing due, no timer
 * set. */
bool sim_idle(const struct engine *engine);

/* How many descriptors are open, listeners, files and streams included. */
unsigned sim_open_count(const struct engine *engine);

/* A number that depends on everything that has happened, and when: equal runs have equal digests.
 */
uint64_t sim_digest(const struct engine *engine);

/* NULL, or which of the simulation's own invariants is broken. */
const char *sim_check(const struct engine *engine);

/* Chance for the test, from the seed. range: from low to high, both included. */
bool sim_chance(struct engine *engine, double chance);
int64_t sim_random(struct engine *engine, int64_t low, int64_t high);

/* Call act within a pass, delay_ns from now. It may use everything here, but run no pass. */
typedef void sim_act(void *context, uint64_t number);
void sim_after(struct engine *engine, int64_t delay_ns, sim_act *act, void *context,
               uint64_t number);

/* ---- clocks ---- */

/* Set the wall clock, so much forward or (negative) back. */
void sim_set_wall(struct engine *engine, int64_t by_us);

/* From within an act: the server does nothing for so long, stopped or starved of CPU; what happens
 * around it happens in its time, and is there when it goes on: then many timers may be due at once.
 */
void sim_stall(struct engine *engine, int64_t for_ns);

/* From within an act: the clock is later all at once, and what is on its way has not moved: the
 * whole machine stood still, or was moved to another. */
void sim_leap(struct engine *engine, int64_t by_ns);

/* For how long it has stood still by now, in stalls and leaps together. */
int64_t sim_lost(const struct engine *engine);

/* ---- listeners and clients ---- */

/* A listener's descriptor; engine_close resets what waits in its queue. */
int sim_listen(struct engine *engine);

/* How many connections wait in a listener's queue. */
size_t sim_listen_waiting(const struct engine *engine, int listener);

struct sim_client;

/* Connect: the client may send at once. The listener may be closed by now: it is refused, later. */
struct sim_client *sim_connect(struct engine *engine, int listener);

/* From which address (of enum peer_kind; their ports are their own) clients connect from now on:
 * 127.0.0.1 until it is said. */
void sim_come_from(struct engine *engine, struct peer from);

/* The same to a listener of packets (SOCK_SEQPACKET): what is sent in one go is one packet, an
 * empty one the end of the stream, and one read takes one packet: what is asked too little for is
 * lost. The server must receive with OP_PACKETS; what it sends in one go is one packet. */
struct sim_client *sim_connect_packets(struct engine *engine, int listener);

/* Send; the client's system takes any amount. False (nothing sent) when the client has shut down,
 * closed, been refused or seen a reset. */
bool sim_client_send(struct sim_client *client, struct slice bytes);

/* No more will be sent: FIN. */
void sim_client_shutdown(struct sim_client *client);

/* Go with a reset: what is on its way may be lost. */
void sim_client_reset(struct sim_client *client);

/* Go as close(2) does: FIN, or a reset when something was not read; a reset for what comes later.
 */
void sim_client_close(struct sim_client *client);

/* Read up to most bytes of what has arrived: how many. They are appended to what was received. */
size_t sim_client_read(struct sim_client *client, size_t most);

/* Everything read so far; valid until the next read. */
struct slice sim_client_received(const struct sim_client *client);

/* Call act(context, number) whenever something has happened to the client: accepted, refused,
 * bytes, end of stream, reset. */
void sim_client_watch(struct sim_client *client, sim_act *act, void *context, uint64_t number);

struct sim_client_state {
    bool refused; /* nobody listened */
    bool queued;  /* it waits, or has waited, in the listening queue */
    bool accepted;
    bool aborted;          /* it died in the listening queue, by chance */
    bool broken;           /* its connection failed, by chance */
    bool ended;            /* end-of-stream has come and everything before it was read */
    bool reset;            /* the other side reset the connection */
    bool closed;           /* by the client itself */
    int fd;                /* the server's descriptor, or -1 before it is accepted */
    size_t readable;       /* bytes that have arrived and are not read; packets: 0 or not */
    size_t unacknowledged; /* bytes sent that the server's system does not have */
};

struct sim_client_state sim_client_state(const struct sim_client *client);

/* Who the server sees. */
struct peer sim_client_peer(const struct sim_client *client);

/* ---- connecting ---- */

/* A socket for engine_connect; and places to connect it to. */
int sim_socket(struct engine *engine);

enum sim_place_kind {
    SIM_TAKES = 1, /* somebody takes connections */
    SIM_REFUSES,   /* nobody does */
    SIM_SILENT     /* nobody answers */
};

struct place sim_place(enum sim_place_kind kind);

/* The client at the other end of the next connection that was made, oldest first; NULL: none. */
struct sim_client *sim_met(struct engine *engine);

/* A connected socket of packets, and the client at its other end. */
struct sim_client *sim_packets(struct engine *engine, int *fd);

/* ---- datagrams ---- */

enum sim_datagrams_kind { SIM_UDP, SIM_UNIX };

/* A datagram socket's descriptor. */
int sim_datagrams(struct engine *engine, enum sim_datagrams_kind kind);

/* How many datagrams were sent from it to places of nobody, or to no place. */
unsigned sim_datagrams_stray(const struct engine *engine, int fd);

struct sim_correspondent;

enum sim_correspondent_kind {
    SIM_NEAR,    /* UDP: on the loopback */
    SIM_FAR,     /* UDP: elsewhere */
    SIM_NAMELESS /* Unix: nobody can write to it */
};

/* Somebody who writes to that socket. */
struct sim_correspondent *sim_correspondent(struct engine *engine, int fd,
                                            enum sim_correspondent_kind kind);

/* Where it is written to (size 0: nowhere), and who the engine sees. */
struct place sim_correspondent_place(const struct sim_correspondent *correspondent);
struct peer sim_correspondent_peer(const struct sim_correspondent *correspondent);

/* Write a datagram to this address of ours. False: it was not taken, because the socket is closed
 * or its queue full (Unix; UDP takes all of them, and loses these). */
bool sim_correspondent_send(struct sim_correspondent *correspondent, struct slice bytes,
                            struct local_address to);

/* A datagram that the engine has sent; valid until the next is read. */
struct sim_letter {
    struct slice bytes;
    struct local_address local; /* which address of ours it says it comes from */
};

/* How many of its datagrams have arrived at the socket, read or not. */
size_t sim_correspondent_arrived(const struct sim_correspondent *correspondent);

/* Read the next that has arrived; false: there is none. */
bool sim_correspondent_read(struct sim_correspondent *correspondent, struct sim_letter *letter);

/* How many may wait unread (4000 at first): beyond that a Unix sender is told -EAGAIN, others'
 * datagrams are lost. */
void sim_correspondent_room(struct sim_correspondent *correspondent, size_t most);

/* It goes: a Unix sender is told -ECONNREFUSED. */
void sim_correspondent_leave(struct sim_correspondent *correspondent);

/* Call act(context, number) whenever a datagram has arrived. */
void sim_correspondent_watch(struct sim_correspondent *correspondent, sim_act *act, void *context,
                             uint64_t number);

/* ---- files and streams: what the server writes to ---- */

/* An empty file's descriptor. */
int sim_file(struct engine *engine);

/* The disk has room for most bytes of this file: beyond them writes fail with -ENOSPC. */
void sim_file_bound(struct engine *engine, int file, size_t most);

/* A pipe's descriptor, with room for capacity bytes unread. Its reader reads at once what comes. */
int sim_stream(struct engine *engine, size_t capacity);

/* The reader reads most bytes every interval_ns from now on; most 0: nothing by itself. */
void sim_stream_pace(struct engine *engine, int stream, size_t most, int64_t interval_ns);

/* The reader reads up to most bytes now: how many. See sim_content and sim_stream_read_size. */
size_t sim_stream_read(struct engine *engine, int stream, size_t most);

/* The reader goes: writes fail with -EPIPE. */
void sim_stream_leave(struct engine *engine, int stream);

/* ---- sources: what the server reads from ---- */

/* A pipe for engine_read. */
int sim_source(struct engine *engine);

/* Its writer writes; goes: end-of-stream after what was written. */
void sim_source_write(struct engine *engine, int fd, struct slice bytes);
void sim_source_end(struct engine *engine, int fd);

/* ---- children ---- */

/* engine_spawn of any program whose last argument is one of these commands of sh: it does what that
 * would. With others: asserted.
 *
 *     true            exit 3           kill -9 $$           echo wrong >&2
 *     cat             cat; exit 3      cat >/dev/null       exec >&-; cat >/dev/null
 *     sleep 1000      yes              trap '' TERM; sleep 1000
 *
 * yes never waits for its reader. */

/* How many children there are that have not ended. */
unsigned sim_children(const struct engine *engine);

/* ---- what became of it ---- */

/* Everything that was written to a file or stream, read or not, also after it was closed; valid
 * until the next write. */
struct slice sim_content(const struct engine *engine, int fd);

/* How many bytes of the content a stream's reader has read. */
size_t sim_stream_read_size(const struct engine *engine, int stream);

/* What of a file would survive a power cut: the content that successful syncs cover. */
struct slice sim_file_durable(const struct engine *engine, int file);

#endif
