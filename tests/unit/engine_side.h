/* engine_side.h: the engine's side of the contract tests: operations that remember what they were
 * told.
 *
 * Every call goes through a wrapper that notes that the engine is being called; every done checks
 * that it is not. Every receive checks that it has one result per pass, of at most receive_size
 * bytes. */
#ifndef ENGINE_SIDE_H
#define ENGINE_SIDE_H

#include "base/bytes.h"
#include "engine_world.h"

#define STEPS_MAX 5000 /* passes, of 2 ms at most, until something that must happen has */

/* One pass: of 2 ms at most, or as long as it takes. Where the test is run for those who wait
 * elsewhere: a pass that does not wait, when engine_patience or engine_descriptor say that it is
 * time for one, and none otherwise. */
void step(struct world *world);
void step_patiently(struct world *world);
void steps(struct world *world, unsigned count);

/* For helpers that call the engine themselves: between these no done may be called, which each done
 * asserts with the third. */
void call_begins(void);
void call_ends(void);
void assert_within_a_pass(void);

/* Passes so far. */
unsigned pass_count(void);

/* Passes until the condition holds; fails when it never does. */
#define UNTIL(world, condition)                                                                    \
    do {                                                                                           \
        for (unsigned steps_taken = 0; steps_taken < STEPS_MAX && !(condition); steps_taken++)     \
            step(world);                                                                           \
        assert_true(condition);                                                                    \
    } while (0)

/* Who accepts. */
struct lobby {
    struct accept_op accept;
    struct world *world;
    int fds[1200];
    unsigned count;
    struct peer peer; /* of the last */
    unsigned endings;
    int64_t result;                                /* of the ending */
    void (*accepted)(struct lobby *lobby, int fd); /* instead of counting; or NULL */
};

void lobby_open(struct lobby *lobby, struct world *world);
void lobby_resume(struct lobby *lobby);
void lobby_pause(struct lobby *lobby); /* until the accept is over */

/* The engine's end of one connection, or a stream or file that is written to. */
struct side {
    struct world *world;
    int fd;
    struct receive_op receive;
    struct bytes bytes;               /* everything received */
    unsigned results;                 /* how many had bytes */
    unsigned last_pass;               /* of the last of those */
    unsigned endings;                 /* 0 or 1 per submit */
    int64_t end;                      /* the result that ended it */
    void (*heard)(struct side *side); /* called at the end of each done of the receive, or NULL */
    struct write_op write;            /* its send part also for engine_send */
    struct iovec parts[SEND_PARTS_MAX];
    bool sending;
    int64_t sent;                        /* the result */
    void (*sent_all)(struct side *side); /* called at the end of each done of the send, or NULL */
    struct sync_op sync;
    bool syncing;
    int64_t synced; /* the result */
};

/* A side for fd, nothing submitted. */
void side_init(struct side *side, struct world *world, int fd);

/* A client connects and is accepted: its handle; the side receives already. */
int side_open(struct side *side, struct world *world);

void side_receive(struct side *side);
void side_send(struct side *side, const void *bytes, size_t size);
void side_send_parts(struct side *side, unsigned count); /* the first count of side->parts */
void side_write(struct side *side, enum write_mode mode, const void *bytes, size_t size);
void side_sync(struct side *side);
void side_cancel(struct side *side, struct op *op);

/* End what is active; free what is not the descriptor. */
void side_end(struct side *side);

/* The same, and close. */
void side_close(struct side *side);

/* Have all of it sent by the client, with passes as needed. */
void client_says(struct world *world, int client, const void *bytes, size_t size);

/* What the client hears, with passes, until it has size bytes; compared with expected. */
void client_hears(struct world *world, int client, const void *expected, size_t size);

/* The end the client meets, with passes; bytes before it are dropped and counted. */
enum client_end client_meets(struct world *world, int client, size_t *dropped);

/* size bytes of which no two neighbourhoods are alike. Free it. */
uint8_t *noise(size_t size);

/* A test of the contract, run in every world with each of its seeds. */
struct contract {
    const char *name;
    void (*hold)(struct world *world);
};

#define CONTRACT(function)                                                                         \
    {                                                                                              \
#function, function                                                                        \
    }
#define CONTRACTS_MAX 64

/* Run them all, where the engine has a descriptor also waiting elsewhere: what main returns. */
int contracts_run(const struct contract *contracts, size_t count);

#endif
