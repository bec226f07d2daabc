/* scenario.h: clients of a simulated server that know exactly what they said, and check what comes
 * of it.
 *
 * A scenario plans some clients from the engine's seed: each talks to one of the server's
 * listeners, has a list of messages, sends them (a stream in random cuts, packets and datagrams
 * whole) with pauses, reads at once, slowly or not at all, and leaves in its own way. Every message
 * holds its client's and its own number, so it is known when it is shown. What is checked all the
 * time:
 *
 *   - what is shown is what was sent, whole, in order for each connection, each message at most
 *     once (a datagram as often as the network brought it);
 *   - what a client is sent is the greeting and the replies to its messages, in order, each once;
 *     of packets and datagrams each reply is one;
 *   - a datagram's reply goes to its sender, from the address that was asked, at most as often as
 *     it was shown, and is no longer than the amplification allows;
 *   - no byte of a reply arrives before its message has been shown.
 *
 * And at the end (scenario_finish): nothing was lost that should not be. The first thing that is
 * broken is kept as a sentence. All chance comes from the engine, so a seed replays a scenario. */
#ifndef STORM_SCENARIO_H
#define STORM_SCENARIO_H

#include "base/bytes.h"
#include "engine/sim.h"
#include "reply/effects.h"
#include "speech.h"

#include <goodtalk.h>

enum scenario_socket { SOCKET_STREAM, SOCKET_PACKETS, SOCKET_UDP, SOCKET_UNIXGRAM };

enum scenario_reply { REPLIES_TEXT, REPLIES_ECHO, REPLIES_SILENT, REPLIES_BY_APPLICATION };

#define LISTENERS_MOST 4

/* Clients of a crowd, at most. */
#define CLIENTS_MOST 400

/* One of the server's listeners, as far as its clients must know it. */
struct scenario_listener {
    int fd;
    char name[16];
    enum scenario_socket socket;
    struct speech speech;
    enum scenario_reply reply;
    struct bytes reply_text; /* as it is sent, all around it included; owned */
    struct bytes greeting;   /* likewise; owned */
    size_t max_message;      /* bytes */
    size_t text_most;        /* of a message that can be said, bytes */
    int64_t pause_ns;        /* of talk framing */
    size_t amplification;    /* 0: no bound */
    bool one_each;           /* the server closes a connection after its first reply */
};

enum scenario_show { SHOWS_TALK, SHOWS_RAW, SHOWS_JSON, SHOWS_HEX, SHOWS_NONE };

/* What may end a connection that does nothing wrong. */
struct scenario_limits {
    int64_t idle_ns, message_ns, write_ns; /* timeouts; -1: none */
    bool connections;                      /* there are places for few */
    bool memory;                           /* for little */
    bool show;                             /* messages may not be shown */
    unsigned per_source;                   /* connections of one source; 0: no bound */
    int64_t message_every_ns;              /* of one source; 0: no bound */
    unsigned sources;                      /* addresses that connections come from */
    bool want;                             /* the system may have no memory */
};

/* An address, or a net, that clients come from. */
struct scenario_source {
    unsigned clients;
    unsigned open;         /* connections */
    int64_t used_until_ns; /* it has used up what it may say until then */
};

#define SOURCES_MOST 8

/* What the server was told, as far as its clients must know; and what the clients should be like.
 */
struct scenario_plan {
    struct scenario_listener listeners[LISTENERS_MOST];
    unsigned listener_count;
    bool chunks; /* one of them speaks in chunks */
    enum scenario_show show;
    bool prompt;      /* what is taken is shown at once */
    bool application; /* replies to all messages */
    bool effects;     /* and something happens to the replies */
    bool talks;       /* conversations do what an echo would */
    int64_t later_ns; /* it may take so long */
    bool crowd;       /* many clients, and most of them hostile */
    bool jumps;       /* the wall clock is set now and then */
    bool leaps;       /* the clock that times everything leaps, the world standing still */
    struct scenario_limits limits;
    unsigned clients;
    unsigned messages_most; /* of one client */
    size_t size_most;       /* of a usual message, bytes */
    int64_t begin_ns;       /* clients connect within so much time */
    unsigned stop_at;       /* the server is told to stop when so many cuts and datagrams were
                             * sent, as soon as the last may have arrived; 0: not so */
};

enum scenario_ending {
    LEAVES_BY_SHUTDOWN, /* shuts down, waits for the server's end */
    LEAVES_ANSWERED,    /* closes when all replies have come */
    LEAVES_AT_ONCE,     /* closes when all is sent, whatever comes */
    LEAVES_BY_RESET,    /* somewhere on its way */
    STAYS               /* until the server closes */
};

/* How a client means to hurt others. */
enum scenario_malice {
    MEANS_NO_HARM,
    IS_SILENT,   /* connects and waits */
    PROBES,      /* connects and goes */
    HALF_CLOSES, /* ends its stream at once, and waits */
    TRICKLES,    /* a byte, a while, a byte */
    NEVER_READS, /* and sends as much as it can */
    NEVER_ENDS,  /* a message that goes on and on */
    FLOODS,      /* many messages, all at once */
    RESETS,      /* soon */
    MALICES
};

enum scenario_reading { READS_ALL, READS_SLOWLY, READS_NO_MORE };

/* What the application says to a message. */
enum scenario_answer { ANSWERS_ECHO, ANSWERS_TEXT, ANSWERS_NOTHING };

#define LOCALS 3 /* addresses of ours that datagrams are sent to */

/* Why the server must refuse a message. */
enum scenario_flaw { FLAWLESS, TOO_LONG, MALFORMED, UNFINISHED };

struct scenario_message {
    size_t start;           /* in the client's stream */
    size_t body_at;         /* from there */
    size_t body_size;       /* bytes */
    size_t raw_size;        /* with all that is around it */
    size_t reply_end;       /* in what the client is to receive */
    uint8_t answer;         /* enum scenario_answer */
    uint8_t flaw;           /* enum scenario_flaw */
    bool valid;             /* a datagram that the server may take */
    bool owed;              /* a datagram whose reply may leave */
    bool closes;            /* the application closes the connection after it, or the reply does */
    struct effects effects; /* what happens to the reply */
    uint8_t local;          /* a datagram: which address of ours it is sent to */
    uint8_t shown;          /* a datagram: how often */
    uint8_t replied;        /* a datagram: how often */
};

struct scenario_client {
    struct scenario *scenario;
    const struct scenario_listener *listener;
    struct sim_client *sim;                  /* a connection; NULL before it connects */
    struct sim_correspondent *correspondent; /* or of datagrams */
    unsigned number;
    unsigned source;
    enum sim_correspondent_kind kind;
    struct bytes stream;   /* all it will send */
    struct bytes expected; /* all it should receive, as far as messages are taken */
    struct scenario_message *messages;
    unsigned message_count;
    unsigned valid_count; /* of a connection's: those the server may take, the first ones */
    enum scenario_ending ending;
    enum scenario_reading reading;
    enum scenario_malice malice;
    bool hangs;       /* a reply to it does: what is behind it never comes */
    size_t hangs_at;  /* in its stream, behind that message */
    bool polite;      /* sends a message when the one before was replied to */
    bool pauses;      /* talk: each message is ended by a pause */
    size_t reset_at;  /* bytes sent */
    size_t read_most; /* READS_SLOWLY: at a time; READS_NO_MORE: altogether */
    int64_t haste_ns; /* the longest pause between two cuts */
    int64_t connected_ns;
    int64_t sent_ns;    /* when it last sent something */
    int64_t silence_ns; /* for how long at most it had not sent anything when it did */
    size_t sent;
    unsigned sent_count;      /* datagrams */
    unsigned refused_count;   /* since the last of them */
    size_t verified;          /* received and right */
    unsigned begun;           /* replies of which a byte has come */
    unsigned shown;           /* messages seen in what is shown */
    bool queued_at_stop;      /* it waited to be accepted when the server was told to stop */
    size_t arrived_at_stop;   /* bytes, or datagrams, the server's system surely had at the stop */
    bool moving;              /* its next move is on the clock */
    bool ticking;             /* its next slow read is */
    bool left;                /* it does nothing any more */
    unsigned connected_count; /* how often the server said that it connected */
    bool not_taken;           /* and that it was lost before that: one too many, or no memory */
    unsigned ended_count;     /* and that the connection ended */
    char reason[32];          /* why, or "" */
};

struct scenario {
    struct engine *engine;
    int shown_fd; /* a file or a stream */
    struct scenario_plan plan;
    struct scenario_client *clients;
    struct scenario_client *by_port[CLIENTS_MOST]; /* that have connected, by their port modulo */
    struct scenario_source sources[SOURCES_MOST];
    int64_t stopped_ns; /* when the server was told to stop; 0: not yet */
    size_t shown_at;    /* bytes of what is shown that are checked */
    uint64_t shown_count;
    char shown_time[32];    /* of the last message in json */
    int64_t active_ns;      /* when a client last did something */
    struct bytes rendering; /* scratch */
    struct list laters;     /* replies that the application owes */
    size_t reply_most;      /* bytes of the longest reply to a message */
    unsigned opened_count;  /* connections that the application was told of */
    unsigned closed_count;  /* and their ends */
    unsigned sends;         /* of cuts and datagrams */
    sim_act *stop;          /* tells the server to stop: stop(stop_context, 0) */
    void *stop_context;
    bool verbose;
    char broken[256]; /* the first thing that is broken, or "" */
};

/* Plan the clients and put them on the clock. plan's buffers are taken over. scenario is all zeros
 * but for stop. */
void scenario_begin(struct scenario *scenario, struct engine *engine, int shown_fd,
                    const struct scenario_plan *plan, bool verbose);
void scenario_free(struct scenario *scenario);

/* Say what is broken: the first stands. */
void scenario_break(struct scenario *scenario, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether no client will do anything more by itself, and none has for ten seconds. */
bool scenario_quiet(const struct scenario *scenario);

/* Bytes that will be shown, about. */
size_t scenario_size(const struct scenario *scenario);

/* The server said that a peer ("127.0.0.1:40000") connected; that its connection ended, and why:
 * whether it was lost before it was told as connected. */
void scenario_connected(struct scenario *scenario, const char *peer);
bool scenario_ended(struct scenario *scenario, const char *peer, const char *reason);

/* The server is being told to stop: remember what had arrived. */
void scenario_stopping(struct scenario *scenario);

/* What may be asked of a run. */
struct scenario_outcome {
    bool show_failed; /* the last message shown may be torn, and replies may be missing */
    bool cut_off;     /* the server left with things in hand */
    bool patient;     /* it would have waited as long as by default */
    bool counted;     /* the server ended when it had its number of messages */
    bool early;       /* it was stopped before the clients were done */
    bool crowded;     /* there may have been no room for some: they were never accepted */
};

/* The server is gone and all that was on its way has arrived: check that nothing is missing. */
void scenario_finish(struct scenario *scenario, struct scenario_outcome outcome);

/* ---- reasons.c ---- */

/* The connection of this client has ended: whether it may have, for this reason, so early. */
void scenario_see_reason(struct scenario *scenario, const struct scenario_client *client);

/* Whether the server had a good reason not to serve it to its end. */
bool scenario_excuses(const struct scenario_client *client);

/* Whether it speaks in datagrams. */
static inline bool is_correspondent(const struct scenario_client *client)
{
    return client->listener->socket >= SOCKET_UDP;
}

/* ---- plan.c: what clients are like ---- */
void scenario_plan_client(struct scenario *scenario, struct scenario_client *client);

/* ---- sources.c ---- */

/* Where this client comes from; before it connects. */
void source_choose(struct scenario_client *client);

/* It was told that a connection is open, and has ended: no source has too many. */
void source_opened(struct scenario *scenario, const struct scenario_client *client);
void source_closed(struct scenario *scenario, const struct scenario_client *client);

/* Whether this client's source had no room for it. */
bool source_is_full(const struct scenario_client *client);

/* A message of it was taken: whether its source may send so many. */
void source_takes(struct scenario *scenario, const struct scenario_client *client);

/* ---- malice.c ---- */

/* Whether it has a bound that a message can be over. */
bool listener_can_refuse(const struct scenario_listener *listener);

/* How this client means to hurt others, if at all; and what it does therefore, in what is planned
 * of it so far. */
enum scenario_malice malice_choose(const struct scenario_client *client);
void malice_plan(struct scenario_client *client);

/* ---- name.c: the names of messages ---- */

/* "c7.m3 " */
#define NAME_SIZE 24
struct slice name_write(char name[NAME_SIZE], unsigned client, unsigned message);

/* Find the first name within text: false: there is none, as far as it goes. */
bool name_find(struct slice text, unsigned *client, unsigned *message);

/* ---- reply.c: what a message is replied ---- */

/* Append it as it must arrive. */
void reply_expect(const struct scenario_client *client, const struct scenario_message *message,
                  struct bytes *to);
/* What the application says, its framing aside; valid until the next call. */
struct slice reply_words(const struct scenario_client *client,
                         const struct scenario_message *message);

/* ---- effects.c: what happens to replies on their way ---- */

/* What happens to this one. */
void effects_choose(const struct scenario_client *client, struct scenario_message *message);

/* Whether the connection closes, or is reset, with it. */
bool effects_close(const struct scenario_message *message);

/* Whether there may be more messages, behind a reply that hangs. */
bool effects_have_room(const struct scenario_client *client);

/* The reply stands at the end of expected, from before on: leave what arrives of it. */
void effects_apply(const struct scenario_client *client, const struct scenario_message *message,
                   struct bytes *expected, size_t before);

/* Reply as chosen, in the application's place. */
void effects_install(gt_server *server);

/* ---- shown.c: what is shown ---- */

/* Check what has been shown since the last time. */
void scenario_look(struct scenario *scenario);

/* ---- render.c: how a message is shown ---- */

/* Render a message as the plan has it, the count-th that is shown, at this time; chunk: of a
 * chunk's client so many bytes from there. Valid until the next call. */
struct slice render(struct scenario *scenario, const struct scenario_client *client,
                    const struct scenario_message *message, size_t chunk, const char *time);

/* ---- client.c: what clients with a connection do; act is a sim_act ---- */
void scenario_client_connect(void *client, uint64_t number);

/* Whether it reads everything at once and leaves in peace: then nothing of its own may be lost. */
bool scenario_client_honest(const struct scenario_client *client);

/* Something happened to a client. */
void scenario_client_say(const struct scenario_client *client, const char *what, size_t detail);

/* It is sending something. */
void scenario_client_sends(const struct scenario_client *client, const char *what, size_t size);

/* ---- correspondent.c: what those with datagrams do ---- */
void scenario_correspondent_begin(void *client, uint64_t number);

/* How often this datagram may have been taken. */
unsigned scenario_copies(const struct scenario_client *client,
                         const struct scenario_message *message);

/* ---- application.c: the application in whose place the storm replies ---- */
void application_install(struct scenario *scenario, gt_server *server);

/* How many replies it owes, and how many of them to nobody, whose message is recorded. */
void application_awaits(const struct scenario *scenario, unsigned *awaited, unsigned *forsaken);

#endif
