/* conversation.h: what `talk(function (peer) ... end)` says to one peer: a coroutine per
 * connection.
 *
 * The coroutine runs until it has to wait: for a message (hear, expect), for room (say), for time
 * (wait). Whoever has the connection (serve) sees what it waits for, and resumes it when that is
 * there; never from within a resume. It reaches its connection only through a struct
 * conversation_host.
 *
 *     begin -> resumed, waits, resumed, waits ... -> over
 *
 * It is over when its function has returned, when an expect was not met, when its script failed, or
 * when there is nobody left to talk to: then nothing of it runs any more but its to-be-closed
 * variables. The object `peer` may outlive it, in `shared` for instance, and knows that it is over.
 *
 * Everything belongs to the thread of the script. */
#ifndef REPLY_CONVERSATION_H
#define REPLY_CONVERSATION_H

#include "base/error.h"
#include "base/turn.h"
#include "reply/script.h"

#include <goodtalk.h>

struct conversation;
struct outcome;

/* How a connection is, as far as a conversation can tell. */
enum conversation_line {
    LINE_OPEN,
    LINE_FINISHED, /* the peer has ended its stream: nothing more is to be heard */
    LINE_CLOSING,  /* it closes: what is said still leaves, nothing is waited for but room */
    LINE_GONE      /* nobody hears what is said */
};

/* A connection's side: filled by serve, which finds the connection by the conversation's address.
 * None of these resumes anybody. */
struct conversation_host {
    /* How it is; *why: where it is not open and the peer has not simply ended its stream, in a word
     * ("timeout", "stopping", "malformed"). */
    enum conversation_line (*line)(const struct conversation *conversation, const char **why);
    int64_t (*now_ns)(const struct conversation *conversation);
    /* Whether more may be said without waiting. */
    bool (*room)(const struct conversation *conversation);
    /* Say these bytes, behind what was said before; a length goes in front where the framing has
     * one. They leave when every message heard so far is recorded. 0; -ENOMEM: the connection is
     * lost; -EMSGSIZE: the framing cannot say so many. */
    int (*say)(struct conversation *conversation, struct slice bytes);
    /* Speak another framing from the next byte on that is not taken: GT_DONE, GT_WRONG. */
    int (*frame)(struct conversation *conversation, const char *framing, struct error *error);
    /* Close when what was said has left: politely, or with a reset. The line is LINE_CLOSING from
     * then on. */
    void (*close)(struct conversation *conversation, bool reset);
    /* Tell a line about the peer, where there is no outcome; escaped. */
    void (*tell)(struct conversation *conversation, enum gt_level level, const char *text);
};

/* What it waits for. */
enum conversation_need {
    NEEDS_START,   /* nothing: it has not run yet */
    NEEDS_MESSAGE, /* until until_ns */
    NEEDS_ROOM,
    NEEDS_TIME,   /* until_ns */
    NEEDS_NOTHING /* it is over */
};

/* How it went. */
enum conversation_end {
    CONVERSATION_GOES_ON,
    CONVERSATION_RETURNED,
    CONVERSATION_UNMET,    /* an expect */
    CONVERSATION_FAILED,   /* its script */
    CONVERSATION_CUT_SHORT /* the peer went, or the server stops, in the middle */
};

struct conversation {
    /* The owner's, before it begins. */
    const struct conversation_host *host;
    const struct peer *peer;
    const char *listener;
    bool proven; /* the peer has said something: an expect that hears nothing is a failure */

    /* For the owner to look at. */
    uint8_t need;     /* enum conversation_need */
    uint8_t end;      /* enum conversation_end */
    bool timed;       /* until_ns was asked for by the script */
    int64_t until_ns; /* NEVER_NS: for ever */

    /* Its own. */
    struct script *script;
    struct outcome *outcome;       /* NULL: nobody asks */
    lua_State *lua;                /* the coroutine; NULL before it begins and once it is over */
    struct conversation **handle;  /* what its peer object holds */
    const struct message *message; /* what has come, during a resume */
    uint64_t number;               /* the outcome's */
    int64_t began_ns;
    int reference;    /* of the peer object, which has the coroutine, in the registry */
    uint8_t patience; /* how often it may still wait although its line closes */
    bool closed;      /* by the script */
};

#define NEVER_NS INT64_MAX

/* Make the coroutine, of the function with this registry reference; it does not run yet. The host,
 * peer and listener are there. GT_DONE; GT_FAILED: memory is out, and there is nothing to end. */
int conversation_begin(struct conversation *conversation, struct script *script, int function,
                       struct outcome *outcome);

/* What it waits for is there, or its line is no longer open, or its time has passed: let it run
 * until it waits again, or is over. message: what was taken for it, valid during the call; NULL:
 * none was. */
void conversation_resume(struct conversation *conversation, const struct message *message);

/* Whether it can be resumed now though no message has come. */
bool conversation_due(const struct conversation *conversation);

/* The connection is no more: let a script that hears learn it (say_it), then end it, and forget the
 * connection. Where it is over already, only the last. */
void conversation_release(struct conversation *conversation, bool say_it);

#endif
