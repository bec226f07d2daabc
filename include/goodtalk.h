/* goodtalk.h: a message server in a few lines.
 *
 * A server listens, receives messages, records them and replies. The happy path:
 *
 *     gt_server *server = gt_create();
 *     gt_on_message(server, heard, NULL);          // or gt_set(server, "reply", "...")
 *     gt_listen(server, "9999");
 *     int status = gt_run(server);                 // until gt_stop, or the count is reached
 *     gt_free(&server);
 *
 * Every call that can fail returns a gt_status; the reason, as a sentence, is gt_error(server).
 *
 * A program with a loop of its own calls gt_step instead of gt_run: see "somebody else's loop".
 *
 * Threads: a server belongs to the thread that calls gt_run, or gt_step first. Only gt_stop,
 * gt_reply, gt_reply_none, gt_message_count, gt_counter_at, gt_reload and gt_tell_counters may be
 * called from other threads; gt_stop, gt_reload and gt_tell_counters also from a signal handler.
 * Callbacks run on the server's thread, within gt_run or gt_step, never from within another call of
 * the application into the library, gt_listen (which tells the address listened on) and gt_free
 * (which ends what is left) excepted.
 *
 * Workers: gt_set(server, "workers", "4") has gt_run serve with four threads, its own and three
 * more, which block all signals. A connection belongs to the worker that accepted it: all callbacks
 * about it and its messages run on that worker's thread, at the same time as those of other
 * workers, and "the server's thread" below is that one. Events are told one at a time, under a
 * lock, from whichever thread. "count" and the limits are exact for all workers together; but the
 * connection open longest without ever completing a message, which gives way at "max-connections",
 * is the longest of one worker.
 *
 * The library is quiet: it prints nothing, installs no signal handler, never exits. Shown messages
 * (gt_set "show") may raise SIGPIPE when standard output has gone; ignore it as usual.
 */
#ifndef GOODTALK_H
#define GOODTALK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GT_PUBLIC __attribute__((visibility("default")))
#else
#define GT_PUBLIC
#endif

typedef struct gt_server gt_server; /* a server: opaque, made by gt_create, freed by gt_free */
typedef struct gt_turn gt_turn;     /* one message and its reply: opaque, owned by the library */
typedef struct gt_connection gt_connection; /* one peer's connection: opaque, the library's */

/* What calls return. The numbers are the exit statuses of the goodtalk program. */
enum gt_status {
    GT_DONE = 0,   /* done; gt_run: the count is reached, or a server without a count was stopped */
    GT_FAILED = 1, /* something failed: see gt_error */
    GT_WRONG = 2,  /* a setting or an address is wrong: see gt_error */
    GT_TIMED_OUT = 3, /* "timeout" passed before the count was reached */
    GT_UNMET =
        4, /* a run with a count or a timeout: talks went otherwise than their file expects */
    GT_STOPPED = 5, /* gt_stop came before the count was reached, or came twice */
    GT_RUNNING = 6  /* gt_step: not over yet (never returned by gt_run) */
};

/* ---- a server ----------------------------------------------------------------------------------
 */

/* A new server with the library's defaults: show none, count 0 (no limit); otherwise those of
 * gt_setting_at. NULL only when memory is out. */
GT_PUBLIC gt_server *gt_create(void);

/* Set a setting by its name, as on the command line without the dashes: gt_set(s, "frame", "line").
 * A flag takes "on" or "off" (NULL means on). The value is copied. What belongs to listeners
 * applies to the gt_listen calls that follow. GT_DONE, or GT_WRONG with a sentence that says what
 * would be right. */
GT_PUBLIC int gt_set(gt_server *server, const char *name, const char *value);

/* What was set, in the order in which it counts (the last of a name does): index 0, 1, ...; 1, or 0
 * after the last. What a talk file sets stands where "talk" was set. name and value (NULL: a flag
 * that was set alone) are valid until the next call with this server. */
GT_PUBLIC int gt_given_at(const gt_server *server, size_t index, const char **name,
                          const char **value);

/* A talk file (goodtalk-talk(5)) is a setting: gt_set(s, "talk", "mail.lua") reads it at once, and
 * its settings are set in that place: what was set before gives way to it, what is set afterwards
 * counts instead. What bounds its script while it is read ("max-script-steps" and the like,
 * "trust") is set before. Where it has rules or a conversation, "reply" and its kind are refused
 * afterwards, and so is a run with a message callback. GT_WRONG begins with the file's name and the
 * line. */

/* Whether a run could begin with the talk file that was set, as far as can be known without opening
 * anything: its settings, addresses, rules or conversation, for each worker. GT_DONE, and a
 * GT_EVENT_NOTE (a notice) sums it up; GT_WRONG or GT_FAILED with the reason. */
GT_PUBLIC int gt_check(gt_server *server);

/* Listen on an address: PORT, :PORT, HOST:PORT, [V6]:PORT, tcp:..., tcp4:..., tcp6:..., udp:...,
 * udp4:..., udp6:..., unix:PATH, unix:@NAME (and so unixgram:, unixpacket:), fd:N, systemd[:NAME]
 * (sockets handed in, sd_listen_fds(3)). May be called several times, before gt_run. The socket is
 * bound at once; the address as it can be connected to is told as a GT_EVENT_LISTENING. GT_DONE,
 * GT_WRONG (not an address) or GT_FAILED (cannot listen there). NULL: on what the talk file lists,
 * each with the settings that it has there; where it lists nothing, or there is none, on 9999. */
GT_PUBLIC int gt_listen(gt_server *server, const char *address);

/* What gt_listen(server, NULL) listens on: index 0, 1, ...; NULL after the last. */
GT_PUBLIC const char *gt_listed_at(const gt_server *server, size_t index);

/* Serve until the count is reached, the timeout passes, or gt_stop. Returns a gt_status. A server
 * runs once. */
GT_PUBLIC int gt_run(gt_server *server);

/* Stop: the first call drains (what is in hand is finished, at most "drain-timeout"), a second one
 * makes gt_run return at once. Safe from any thread and from signal handlers, until gt_free. */
GT_PUBLIC void gt_stop(gt_server *server);

/* The last error as a sentence, valid until the next call with this server; "" when there was none.
 */
GT_PUBLIC const char *gt_error(const gt_server *server);

/* How many messages have been recorded so far. */
GT_PUBLIC uint64_t gt_message_count(const gt_server *server);

/* Free a server that does not run, and everything it opened; *server becomes NULL. Threads that may
 * still reply must have ended. */
GT_PUBLIC void gt_free(gt_server **server);

/* ---- somebody else's loop ----------------------------------------------------------------------
 *
 *     while ((status = gt_step(server)) == GT_RUNNING) {
 *         struct pollfd mine = {.fd = gt_fd(server), .events = POLLIN};
 *         poll(&mine, 1, gt_timeout_ms(server));     // among whatever else the loop waits for
 *     }
 */

/* Do what can be done without waiting: one pass. GT_RUNNING, or what gt_run would have returned:
 * then the run is over and gt_step is not called again. The first call begins the run, and the
 * server belongs to its thread from then on. With "workers" other than 1: GT_WRONG. */
GT_PUBLIC int gt_step(gt_server *server);

/* A descriptor that is readable (POLLIN) when gt_step has something to do; the same one until
 * gt_free. Only poll it: reading, writing and closing are the library's. -1 with gt_error when
 * there is none: the engine cannot be opened, or "workers" is not 1. May be called before the first
 * gt_step. */
GT_PUBLIC int gt_fd(gt_server *server);

/* After how many milliseconds to call gt_step even if gt_fd is not readable: 0: now; -1: no need
 * to. Ask anew after every gt_step; asked again in between it says what is left. */
GT_PUBLIC int gt_timeout_ms(gt_server *server);

/* ---- messages ----------------------------------------------------------------------------------
 */

/* A message, valid during the callback only: copy what you keep. */
struct gt_message {
    const void *bytes;    /* the message, without its delimiter; not NUL-terminated */
    size_t size;          /* its length in bytes; 0 is a message too */
    const char *peer;     /* who said it: "127.0.0.1:40312", "[::1]:40312", "unix:pid=812,uid=0" */
    const char *listener; /* where: "tcp:[::]:9999", "unix:/run/gt" */
    const char *id;       /* WORKER-SEQUENCE, unique within a run */
    gt_connection *connection; /* whose message it is; NULL: a datagram's */
};

/* Called for each message. Reply with gt_reply or gt_reply_none: within the callback, or later,
 * from any thread; exactly once per turn. Until then the replies to later messages of the
 * connection wait. With a message callback the settings reply, reply-file, echo and silent are not
 * used. */
typedef void gt_message_fn(gt_turn *turn, const struct gt_message *message, void *context);
GT_PUBLIC void gt_on_message(gt_server *server, gt_message_fn *heard, void *context);

/* Reply to a turn: the bytes are copied, and ended as the connection's framing ends a reply. The
 * turn belongs to the library again afterwards. A reply to a peer that has gone is harmless.
 * Returns GT_DONE; GT_FAILED when memory is out (the connection is then closed: no peer gets half a
 * reply); GT_WRONG when the framing cannot say it (300 bytes behind a length of one byte: the
 * connection is closed after the replies before it). From another thread the latter is only told,
 * as the reason of the connection's end. */
GT_PUBLIC int gt_reply(gt_turn *turn, const void *bytes, size_t size);

/* Let a turn end without a reply. */
GT_PUBLIC void gt_reply_none(gt_turn *turn);

/* ---- connections and peers ---------------------------------------------------------------------
 */

/* Called when a connection is open, before its first message, and once when it has ended: after
 * that the handle is gone (its turns may still be replied to, which is harmless). Either may be
 * NULL. Set before the run. */
typedef void gt_connection_fn(gt_connection *connection, void *context);
GT_PUBLIC void gt_on_connection(gt_server *server, gt_connection_fn *opened,
                                gt_connection_fn *ended, void *context);

/* A pointer of the application's own, for each connection: NULL until it is set. The library never
 * looks at it; free what it points at when the connection has ended. The server's thread only. */
GT_PUBLIC void gt_connection_set_data(gt_connection *connection, void *data);
GT_PUBLIC void *gt_connection_data(const gt_connection *connection);

/* Take no more messages from this connection, send the replies that are due, and close it politely.
 * The server's thread only. */
GT_PUBLIC void gt_connection_close(gt_connection *connection);

/* Who is at the other end. */
struct gt_peer {
    struct sockaddr_storage address; /* ss_family AF_INET, AF_INET6 (an IPv4 peer is AF_INET on
                                        every socket) or AF_UNIX, then without a path */
    socklen_t address_size;          /* bytes of it in use */
    int32_t pid;                     /* Unix sockets, SO_PEERCRED (unix(7)): the process that
                                        connected, or sent; 0: not known, and uid and gid neither */
    uint32_t uid;
    uint32_t gid;
};

/* Fill peer. The server's thread only; that of a turn within the message callback only. */
GT_PUBLIC void gt_connection_peer(const gt_connection *connection, struct gt_peer *peer);
GT_PUBLIC void gt_turn_peer(const gt_turn *turn, struct gt_peer *peer);

/* ---- events ------------------------------------------------------------------------------------
 */

enum gt_level { GT_ERROR, GT_WARNING, GT_NOTICE, GT_DETAIL };

struct gt_counter {
    const char *name; /* "messages", "bytes-received", "ended-idle-timeout": a constant string */
    uint64_t value;   /* since the run began */
};

enum gt_event_kind {
    GT_EVENT_LISTENING, /* a listener is open; listener is its address as it can be connected to */
    GT_EVENT_READY,     /* gt_run accepts connections now */
    GT_EVENT_CONNECTED, /* a peer connected */
    GT_EVENT_ENDED,     /* a connection ended, for reason */
    GT_EVENT_PAUSED,    /* intake pauses, for reason */
    GT_EVENT_RESUMED,   /* intake goes on */
    GT_EVENT_STOPPING,  /* draining has begun */
    GT_EVENT_FAILED,    /* the run is about to fail; text is the error */
    GT_EVENT_NOTE,      /* anything else worth a line */
    GT_EVENT_COUNTERS,  /* asked for by gt_tell_counters; text sums them up, gt_counter_at has them
                         */
    GT_EVENT_UNMET,  /* something went otherwise than a talk file expects, for reason: "expect" was
                        not met, a "script" failed, a message came that no rule matches while
                        "strict", a rule was "required" to match more often (told at the end) */
    GT_EVENT_OUTCOME /* the run has ended: text sums up what its talks came to. An error where
                        gt_run returns GT_UNMET, and is gt_error then; a warning where all was not
                        well but something else is returned; else a notice */
};

/* Something that happened; valid during the callback only. Strings that a peer can influence are
 * escaped: they may be printed. */
struct gt_event {
    enum gt_event_kind kind;
    enum gt_level level;
    const char *name;                  /* the kind as a word: "listening", "ended" */
    const char *text;                  /* one sentence, without a newline */
    const char *reason;                /* the reason's word ("idle-timeout"), or NULL */
    const char *peer;                  /* the peer's address, or NULL */
    const char *listener;              /* the listener's address, or NULL */
    const struct gt_counter *counters; /* GT_EVENT_COUNTERS: all of them */
    size_t counter_count;
    const char *expected; /* GT_EVENT_UNMET: the pattern, or NULL */
    const char *heard;    /* the message, "end of the stream" or "timeout"; or NULL */
};

/* Be told of events up to this level: GT_WARNING tells errors and warnings. Listening, being ready
 * and stopping are notices, connections that come and go as they should are details. */
typedef void gt_event_fn(const struct gt_event *event, void *context);
GT_PUBLIC void gt_on_event(gt_server *server, enum gt_level level, gt_event_fn *told,
                           void *context);

/* Reopen by its name what is written to (the log), and read the talk file again, soon: 1; or 0 and
 * nothing is done, where there is nothing of that kind. A talk file that is wrong is told, and the
 * old one stays. Open connections finish with what they were accepted with. What belongs to the
 * server, and listen, stay as they were at the start, which is told where the file says otherwise.
 * Safe from any thread and from signal handlers, until gt_free. */
GT_PUBLIC int gt_reload(gt_server *server);

/* ---- counters ----------------------------------------------------------------------------------
 */

/* The counters in order, index 0, 1, ...: 1, or 0 after the last. From any thread; each value is
 * exact, the sum of all workers; together they are of slightly different moments while the server
 * runs. */
GT_PUBLIC int gt_counter_at(const gt_server *server, size_t index, struct gt_counter *counter);

/* Have the counters told as a GT_EVENT_COUNTERS (a notice) by the server's thread, soon. Safe from
 * any thread and from signal handlers, until gt_free. */
GT_PUBLIC void gt_tell_counters(gt_server *server);

/* ---- the settings ------------------------------------------------------------------------------
 */

enum gt_scope {
    GT_SCOPE_LISTENER, /* belongs to the listeners opened after it is set */
    GT_SCOPE_SERVER,   /* belongs to the server */
    GT_SCOPE_PROGRAM,  /* the goodtalk program's own: gt_set refuses it */
    GT_SCOPE_LATER     /* known, but not built yet: refused everywhere, and in no list of options */
};

/* One row of the settings table; the strings are constants of the library. */
struct gt_setting {
    const char *name; /* "max-message" */
    char letter;      /* 'm', or 0 */
    enum gt_scope scope;
    const char *argument; /* "SIZE", or NULL for a flag */
    const char *initial;  /* its default as one would write it, or NULL */
    const char *help;     /* one line */
};

/* The settings in the order of the manual: index 0, 1, ...; NULL after the last. */
GT_PUBLIC const struct gt_setting *gt_setting_at(size_t index);

/* "0.1.0" */
GT_PUBLIC const char *gt_version(void);

#ifdef __cplusplus
}
#endif
#endif
