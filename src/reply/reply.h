/* reply.h: a message to its reply.
 *
 * A replier is made once and shared by the connections of its listeners; answering changes nothing
 * in it. To add one: fill a struct replier_table. */
#ifndef REPLY_REPLY_H
#define REPLY_REPLY_H

#include "base/error.h"
#include "base/reason.h"
#include "base/turn.h"

#include <goodtalk.h>

struct command_plan;
struct command_room;
struct conversation;
struct effects;
struct engine;
struct outcome;
struct script_bounds;

/* What a replier says to a message. */
struct reply {
    struct slice bytes;
    bool shared; /* bytes live as long as the replier, and are sent as they are: what the framing
                    puts around them is there. Else they are valid during the call only, and copied
                    with what the framing puts around a reply. */
    const struct effects *effects; /* or NULL: sent at once, whole. Valid during the call. With
                                      REPLY_NONE: they happen to no bytes */
};

enum reply_when {
    REPLY_NOW,   /* reply is filled */
    REPLY_NONE,  /* recorded, that is all */
    REPLY_LATER, /* whoever answered has the turn, and has replied or will */
    REPLY_LOST   /* memory is out for it: there is no reply, and its connection is lost */
};

struct replier;

/* What a replier may ask of who runs it: filled by serve, and there as long as the replier is
 * asked. */
struct reply_host {
    void *owner;
    unsigned workers;                   /* message->worker is less */
    uint64_t seed;                      /* of what is left to chance; the same again with --seed */
    const struct script_bounds *bounds; /* of each worker's script */
    size_t match_bytes;                 /* of a message that patterns see */
    bool strict;                        /* a message that no rule matches is a failure */
    struct outcome *outcome;            /* what becomes of expectations; of all workers */
    /* The engine of a worker, on that worker's thread. */
    struct engine *(*engine)(void *owner, unsigned worker);
    /* Tell as an event, where it is wanted: about a peer and listener, either may be NULL; text is
     * one line, escaped. From any worker's thread. */
    void (*tell)(void *owner, enum gt_level level, const struct peer *peer, const char *listener,
                 const char *text);

    /* For repliers that keep turns, on the turn's worker's thread, from within an engine pass. */

    /* Reply to a turn that was kept; NULL: there is no reply. The turn is not the replier's any
     * more. A command's output is printed: where the framing ends a reply with a line feed, one
     * that is there already is not doubled. */
    void (*reply)(void *owner, struct gt_turn *turn, const struct slice *printed);
    /* There is no reply to it, and its connection closes in its place: replies to earlier messages
     * leave, those to later ones do not. */
    void (*fail)(void *owner, struct gt_turn *turn, enum reason reason);
    /* So many bytes are held for this turn now: they count against max-memory. */
    void (*hold)(void *owner, struct gt_turn *turn, size_t bytes);
    /* Which address of ours its peer has reached; false where that is not known. */
    bool (*local)(void *owner, const struct gt_turn *turn, struct peer *local);
    /* Where the commands of a worker run. */
    struct command_room *(*commands)(void *owner, unsigned worker);
};

struct replier_table {
    const char *name;
    /* NULL: its repliers are constant. */
    enum reply_when (*answer)(struct replier *replier, const struct message *message,
                              struct gt_turn *turn, struct reply *reply);
    void (*destroy)(struct replier *replier);
    /* Before it is asked by the host's workers, each on its own thread: GT_DONE, or the reason why
     * it cannot be. NULL: there is nothing to prepare. */
    int (*prepare)(struct replier *replier, const struct reply_host *host, struct error *error);
    /* Where the replier converses: begin the conversation of a new connection of this worker, on
     * its thread (conversation_begin): GT_DONE, or GT_FAILED, which is told. */
    int (*converse)(struct replier *replier, unsigned worker, struct conversation *conversation);
    bool keeps; /* it may reply later, and so is given a turn to keep; else there may be none */
};

struct replier {
    const struct replier_table *table;
    bool constant;      /* it says the same to every message, and need not be asked (35
                           instructions): */
    struct slice bytes; /* this, shared */
    bool converses;     /* a connection has a conversation instead of replies: its messages are not
                           answered */
};

static inline enum reply_when replier_answer(struct replier *replier, const struct message *message,
                                             struct gt_turn *turn, struct reply *reply)
{
    if (!replier->constant)
        return replier->table->answer(replier, message, turn, reply);
    *reply = (struct reply){.bytes = replier->bytes, .shared = true};
    return REPLY_NOW;
}

/* Free it; *replier becomes NULL. */
static inline void replier_destroy(struct replier **replier)
{
    if (*replier)
        (*replier)->table->destroy(*replier);
    *replier = NULL;
}

/* Reply with these bytes to every message (taken over, content becomes empty): shared. NULL when
 * memory is out. */
struct replier *replier_text(struct bytes *content);

/* Reply with the message. */
struct replier *replier_echo(void);

/* Never reply. */
struct replier *replier_silent(void);

/* Reply with what a command prints (command.h); the plan is taken over. NULL when memory is out,
 * and the plan stays the caller's. */
struct replier *replier_exec(struct command_plan *plan);

/* Read a whole file into content: GT_DONE, or GT_FAILED with the reason ("cannot read x: ...");
 * files over maximum bytes are refused. Used for --reply-file and --greeting-file. */
int reply_file_read(const char *path, size_t maximum, struct bytes *content, struct error *error);

#endif
