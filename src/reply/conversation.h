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
 * when there is nobody left to talk to: then nothing of it runs any more. The object `peer` may
 * outlive it, in `shared` for instance, and knows that it is over.
 *
 * Everything belongs to the thread of the script. */
#ifndef REPLY_CONVERSATION_H
#define REPLY_CONVERSATION_H

#include "base/error.h"
#include "base/turn.h"
#include "reply/script.h"

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
     * ("timeout", "stopping", "malformed"); else NULL. */
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
};

/* What it waits for. */
enum conversation_need {
    NEEDS_START,   /* it has not run yet */
    NEEDS_MESSAGE, /* until until_ns */
    NEEDS_ROOM,
    NEEDS_TIME,   /* until_ns */
    NEEDS_NOTHING /* it is over */
};

/* How it went. */
enum conversation_end {
    CONVERSATION_GOES_ON,
    CONVERSATION_RETURNED,
    CONVERSATION_UNMET,    /* an expect was not met */
    CONVERSATION_FAILED,   /* its script failed */
    CONVERSATION_CUT_SHORT /* the peer went, or the server stops, in the middle */
};

#define NEVER_NS INT64_MAX

struct conversation {
    /* The owner's, from before it begins. */
    const struct conversation_host *host;
    const struct peer *peer;
    const char *listener;
    bool answered; /* the peer has sent something: else nobody was there who could have failed */

    /* For the owner to look at. */
    uint8_t need;     /* enum conversation_need */
    uint8_t end;      /* enum conversation_end */
    bool deserted;    /* the script has learned that the peer has gone */
    bool timed;       /* the script has said how long it waits for the message */
    int64_t until_ns; /* or NEVER_NS */

    /* Its own. */
    bool closed;      /* by the script */
    uint8_t patience; /* how often it may still ask for something though its line closes */
    int reference;    /* of the peer object, which has the coroutine, in the registry */
    struct script *script;
    struct outcome *outcome;
    lua_State *lua;                /* the coroutine; NULL once nothing may wait in it */
    struct conversation **handle;  /* what its peer object holds */
    const struct message *message; /* that has come, until it is heard */
    uint64_t number;               /* the outcome's */
    int64_t began_ns;
};

/* What a conversation is made of: the script, the function that talk was given (its registry
 * reference), who is told what comes of it, and how much of a message patterns see. All outlive it.
 */
struct conversation_terms {
    struct script *script;
    int function;
    struct outcome *outcome;
    size_t match_bytes;
};

/* Make the coroutine; it does not run yet. What is the owner's is there. GT_DONE; GT_FAILED: the
 * script's memory is out, which is told, and there is nothing to release. */
int conversation_begin(struct conversation *conversation, const struct conversation_terms *terms);

/* Let it run until it waits again, or is over: what it waits for is there. message: what was taken
 * for it, valid during the call; NULL: none was. */
void conversation_resume(struct conversation *conversation, const struct message *message);

/* Whether it can be resumed now though no message has come. */
bool conversation_due(const struct conversation *conversation);

/* The connection is no more (LINE_GONE): let a script that hears learn it, where there is time for
 * that, and end it. Does nothing to one that is over. */
void conversation_release(struct conversation *conversation, bool learns_it);

#endif
