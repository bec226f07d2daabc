/* turn.h: one message and its reply: the struct that travels.
 *
 *   codec marks the message -> serve takes a turn -> record keeps the message -> reply fills the
 * turn, now or later -> serve sends the replies in order -> the turn is free again.
 *
 * The usual reply is known at once. Its bytes then join those that wait already (serve's parcel),
 * which know up to which message they must wait for the recorder: the turn has done its work and is
 * free for the next message. A reply that comes later keeps its turn, which keeps its place.
 *
 * Three may hold a turn: its connection (to send the reply in its place), the recorder (until the
 * message is recorded) and the replier (until the reply is known). The state says who still does:
 *
 *   HELD         taken: neither recorded nor replied to
 *   HELD_READY   replied to, not yet recorded: the reply waits
 *   OPEN         recorded, the reply not yet known
 *   READY        recorded and replied to: waits for its place in the connection's order
 *   ORPHAN_*     its connection died; the turn lives until recorder and replier have let go
 *
 * The moves are a table in turn.c; a move that is not in it is our own bug and aborts. */
#ifndef BASE_TURN_H
#define BASE_TURN_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/peer.h"

enum turn_state {
    TURN_FREE,
    TURN_HELD,
    TURN_HELD_READY,
    TURN_OPEN,
    TURN_READY,
    TURN_ORPHAN_HELD,       /* recorder and replier have it */
    TURN_ORPHAN_HELD_READY, /* only the recorder has it */
    TURN_ORPHAN_OPEN,       /* only the replier has it */
    TURN_STATE_COUNT
};

enum turn_event {
    TURN_TAKEN,    /* for a message */
    TURN_JOINED,   /* its reply was known at once and waits with others */
    TURN_RECORDED, /* its message is recorded */
    TURN_REPLIED,  /* its reply is whole (it may be empty) */
    TURN_SENT,     /* its reply has its place in the output */
    TURN_ORPHANED, /* its connection died */
    TURN_EVENT_COUNT
};

/* A message as it is handed to recorders and repliers: valid during the call. */
struct message {
    struct slice body; /* the message */
    struct slice raw;  /* the bytes it came in, delimiter and length included */
    const struct peer *peer;
    const char *listener; /* "tcp:[::]:9999" */
    unsigned worker;
    uint64_t sequence; /* 1, 2, ... within the worker */
    int64_t time_us;   /* wall clock, microseconds since 1970 UTC */
};

/* One entry of a connection's output: bytes that may leave when everything before them has left and
 * the messages they reply to are recorded. A turn embeds that of its reply; replies that were known
 * at once, and text that is no reply (a greeting), are in serve's parcels. */
struct part {
    struct list link;     /* in the connection's output queue */
    struct slice bytes;   /* shared bytes, or those of owned */
    struct bytes owned;   /* memory to free with the part; empty when the bytes are shared */
    struct gt_turn *turn; /* whose reply this is; NULL: a parcel */
};

#define TURN_MAGIC 0x7475726eu

/* What becomes of a turn whose replier will reply later, as he may want to know it: called on the
 * thread of its worker, from within what brings it about, until he has replied. He takes note, and
 * neither replies nor ends anything then. */
struct turn_keeper {
    void (*recorded)(struct gt_turn *turn); /* its message is recorded */
    void (*orphaned)(struct gt_turn *turn); /* nobody waits for the reply, which is still due */
};

struct gt_turn {
    uint32_t magic;
    uint8_t state;     /* enum turn_state, changed by turn_move only */
    bool mailed;       /* a reply from another thread is on its way */
    uint64_t sequence; /* of its message */
    void *connection;  /* serve's connection; NULL: a datagram's, or once orphaned */
    void *exchange;    /* serve's exchange; NULL: a connection's, or once orphaned */
    void *mailbox;     /* serve's mailbox of the worker: where other threads leave replies */
    struct part end;   /* the bytes of the reply, in the connection's queue */
    const struct turn_keeper *keeper; /* the replier's, which he sets as he keeps it, or NULL */
    void *kept;                       /* likewise */
    size_t kept_bytes;                /* what he holds for it: counts against max-memory */
    uint8_t ending;       /* enum reason: the connection closes when this part has left, and nothing
                             behind it leaves; or none */
    struct list held;     /* among the worker's turns that wait for the recorder */
    struct gt_turn *mail; /* the next in the mailbox */
    struct bytes letter;  /* the reply another thread left */
    bool letter_given;    /* with bytes (else: no reply) */
    bool letter_lost;     /* memory was out when it was left */
};

/* The table: the state a move leads to, one up; 0: there is no such move. */
extern const uint8_t turn_moves[TURN_STATE_COUNT][TURN_EVENT_COUNT];

/* Say what was tried with which turn, and abort. */
_Noreturn void turn_wrong_move(const struct gt_turn *turn, enum turn_event event)
    __attribute__((cold));

/* Make the move that event asks for: the new state. TURN_FREE means nobody holds the turn any more:
 * it may be taken again. Aborts on a move that is not in the table. (Inline: two of them are made
 * for every message, 16 instructions instead of 50.) */
static inline enum turn_state turn_move(struct gt_turn *turn, enum turn_event event)
{
    bool known = turn->magic == TURN_MAGIC && turn->state < TURN_STATE_COUNT &&
                 (unsigned)event < TURN_EVENT_COUNT;
    uint8_t to = known ? turn_moves[turn->state][event] : 0;
    if (to == 0)
        turn_wrong_move(turn, event);
    turn->state = (uint8_t)(to - 1);
    return (enum turn_state)turn->state;
}

/* "held-ready", for diagnostics. */
const char *turn_state_name(enum turn_state state);

#endif
