/* scenario.h: clients of a simulated server that know exactly what they said, and check what comes
 * of it.
 *
 * A scenario plans some clients from the engine's seed: each has a list of messages, sends their
 * bytes in random cuts with pauses, reads at once, slowly or not at all, and leaves in its own way.
 * Every message begins with its client's and its own number, so it is known when it is shown. What
 * is checked all the time:
 *
 *   - what is shown is what was sent, whole, in order for each client, each message at most once;
 *   - what a client is sent is the greeting and the replies to its messages, in order, each once;
 *   - no byte of a reply arrives before its message has been shown.
 *
 * And at the end (scenario_finish): nothing was lost that should not be. The first thing that is
 * broken is kept as a sentence. All chance comes from the engine, so a seed replays a scenario. */
#ifndef STORM_SCENARIO_H
#define STORM_SCENARIO_H

#include "base/bytes.h"
#include "engine/sim.h"

enum scenario_framing { SCENARIO_TALK, SCENARIO_LINE, SCENARIO_EOF };
enum scenario_reply { SCENARIO_TEXT, SCENARIO_ECHO, SCENARIO_SILENT };

/* What the server was told, as far as its clients must know; and what the clients should be like.
 */
struct scenario_plan {
    enum scenario_framing framing;
    enum scenario_reply reply;
    struct bytes reply_text; /* as it is sent, its end included; owned */
    struct bytes greeting;   /* owned */
    size_t max_message;      /* bytes */
    int64_t pause_ns;        /* of talk framing */
    bool one_each;           /* the server closes a connection after its first reply */
    bool shows_raw;          /* else as talk shows */
    unsigned clients;
    unsigned messages_most; /* of one client */
    size_t size_most;       /* of a usual message, bytes */
    int64_t begin_ns;       /* clients connect within so much time */
};

enum scenario_ending {
    LEAVES_BY_SHUTDOWN, /* shuts down, waits for the server's end */
    LEAVES_ANSWERED,    /* closes when all replies have come */
    LEAVES_AT_ONCE,     /* closes when all is sent, whatever comes */
    LEAVES_BY_RESET,    /* somewhere on its way */
    STAYS               /* until the server closes */
};

enum scenario_reading { READS_ALL, READS_SLOWLY, READS_NO_MORE };

struct scenario_message {
    size_t start; /* in the client's stream */
    size_t body_size;
    size_t raw_size;  /* with its delimiter */
    size_t reply_end; /* in what the client is to receive */
};

struct scenario_client {
    struct scenario *scenario;
    struct sim_client *sim; /* NULL before it connects */
    unsigned number;
    struct bytes stream;   /* all it will send */
    struct bytes expected; /* all it should receive, as far as messages are taken */
    struct scenario_message *messages;
    unsigned message_count;
    unsigned valid_count; /* of them: those the server may take */
    enum scenario_ending ending;
    enum scenario_reading reading;
    bool polite;      /* sends a message when the one before was replied to */
    bool pauses;      /* talk: each message is ended by a pause */
    size_t reset_at;  /* bytes sent */
    size_t read_most; /* READS_SLOWLY: at a time; READS_NO_MORE: altogether */
    int64_t haste_ns; /* the longest pause between two cuts */
    size_t sent;
    size_t verified;          /* received and right */
    unsigned begun;           /* replies of which a byte has come */
    unsigned shown;           /* messages seen in what is shown */
    bool queued_at_stop;      /* or accepted already */
    size_t arrived_at_stop;   /* bytes the server's system surely had at the stop */
    bool moving;              /* its next move is on the clock */
    bool ticking;             /* its next slow read is */
    bool left;                /* it does nothing any more */
    unsigned connected_count; /* how often the server said that it connected */
    unsigned ended_count;     /* and that the connection ended */
    char reason[32];          /* why, or "" */
};

struct scenario {
    struct engine *engine;
    int listener;
    int shown_fd; /* a file or a stream */
    struct scenario_plan plan;
    struct scenario_client *clients;
    size_t shown_at; /* bytes of what is shown that are checked */
    uint64_t shown_count;
    int64_t active_ns;      /* when a client last did something */
    struct bytes rendering; /* scratch */
    bool verbose;
    char broken[256]; /* the first thing that is broken, or "" */
};

/* Plan the clients and put them on the clock. plan's buffers are taken over. */
void scenario_begin(struct scenario *scenario, struct engine *engine, int listener, int shown_fd,
                    const struct scenario_plan *plan, bool verbose);
void scenario_free(struct scenario *scenario);

/* Say what is broken: the first stands. */
void scenario_break(struct scenario *scenario, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether no client will do anything more by itself, and none has for ten seconds. */
bool scenario_quiet(const struct scenario *scenario);

/* Bytes that all clients will send. */
size_t scenario_size(const struct scenario *scenario);

/* The server said that a peer ("127.0.0.1:40000") connected; that its connection ended, and why. */
void scenario_connected(struct scenario *scenario, const char *peer);
void scenario_ended(struct scenario *scenario, const char *peer, const char *reason);

/* The server is being told to stop: remember what had arrived. */
void scenario_stopping(struct scenario *scenario);

/* Check what has been shown since the last time. */
void scenario_look(struct scenario *scenario);

/* What may be asked of a run. */
struct scenario_outcome {
    bool show_failed; /* the last message shown may be torn, and replies may be missing */
    bool cut_off;     /* the server left with things in hand */
    bool counted;     /* the server ended when it had its number of messages */
    bool early;       /* it was stopped before the clients were done */
    bool crowded;     /* there may have been no room for some: they were never accepted */
};

/* The server is gone and all that was on its way has arrived: check that nothing is missing. */
void scenario_finish(struct scenario *scenario, struct scenario_outcome outcome);

/* ---- plan.c: what clients are like ---- */
void scenario_plan_client(struct scenario *scenario, struct scenario_client *client);

/* ---- client.c: what they do; act is a sim_act ---- */
void scenario_client_connect(void *client, uint64_t number);

/* Whether it reads everything at once and leaves in peace: then nothing of its own may be lost. */
bool scenario_client_honest(const struct scenario_client *client);

#endif
