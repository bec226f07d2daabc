/* talker.h: a connection that holds a conversation (reply/conversation.h) instead of replying to
 * each message.
 *
 * Its framing is its own, so that the script can change it: that is where the talker of a
 * connection is found, and a connection without one is no larger for it.
 *
 * A message is taken from the connection only while the conversation hears; until then it waits
 * unread, and peer:frame acts on what comes next. In one turn (advance in connection.c) it is
 * resumed a few times at most: then the others have theirs. */
#ifndef SERVE_TALKER_H
#define SERVE_TALKER_H

#include "reply/conversation.h"
#include "serve/connection.h"

struct talker {
    struct conversation conversation; /* first */
    struct framing framing;           /* what the connection speaks */
    struct connection *connection;
    int64_t paused_ns; /* since when it does not hear, while it does not */
    unsigned resumes;  /* in this turn */
    bool hears;        /* what it was told to wait for, when last seen */
};

/* How often a conversation is resumed in a turn. */
#define TALKER_RESUMES_MOST 16

static inline struct talker *talker_of(const struct connection *connection)
{
    uintptr_t framing = (uintptr_t)connection->framing; /* constant to all but its talker */
    return (struct talker *)(framing - offsetof(struct talker, framing));
}

/* Give a new connection its conversation, which runs when the connection goes on; or doom it, where
 * that has no memory. */
void talker_open(struct connection *connection);

/* A turn begins. */
static inline void talker_begin_turn(struct connection *connection)
{
    talker_of(connection)->resumes = 0;
}

/* Whether a message may be taken for it now. */
static inline bool talker_hears(const struct connection *connection)
{
    const struct talker *talker = talker_of(connection);
    return talker->conversation.need == NEEDS_MESSAGE && talker->resumes < TALKER_RESUMES_MOST;
}

/* Whether it is over. */
static inline bool talker_over(const struct connection *connection)
{
    return talker_of(connection)->conversation.need == NEEDS_NOTHING;
}

/* Whether it waits for a message, for as long as its connection may be idle. */
static inline bool talker_idles(const struct connection *connection)
{
    const struct conversation *conversation = &talker_of(connection)->conversation;
    return conversation->need == NEEDS_MESSAGE && !conversation->timed;
}

/* A message was taken for it, the last one of its connection. */
void talker_heard(struct connection *connection, const struct message *message);

/* Resume it as long as what it waits for, but a message, is there. */
void talker_go_on(struct connection *connection);

/* Whether that would do something, in this turn. */
bool talker_due(const struct connection *connection);

/* When it wants to go on if nothing comes: at once, at a time, NEVER_NS. */
int64_t talker_deadline(const struct connection *connection);

/* Its connection has ended: let go of it. */
void talker_close(struct connection *connection);

#endif
