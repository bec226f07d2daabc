/* send_replies.h: what the server says: told apart by the framing, counted, printed.
 *
 * Replies are printed as they are: with the delimiter they came with, in other framings their
 * content. On a terminal each is escaped and stands on a line of its own. A recorder of standard
 * output does the writing. */
#ifndef TOOL_SEND_REPLIES_H
#define TOOL_SEND_REPLIES_H

#include "codec/frame.h"
#include "record/record.h"
#include "tool/send_options.h"

#define SEND_ALL_REPLIES UINT64_MAX

struct send_replies {
    struct framing framing;
    bool conversation;
    bool terminal;          /* standard output is one */
    struct frame frame;     /* the place in heard */
    struct bytes heard;     /* what came, and no whole reply yet */
    uint64_t count;         /* replies printed */
    struct bytes shown;     /* a reply, escaped */
    struct recorder *paper; /* standard output; NULL where nothing is printed */
};

/* Begin: GT_DONE; GT_FAILED with the reason where standard output cannot be written to. */
int send_replies_begin(struct send_replies *replies, struct engine *engine,
                       const struct send_options *options, bool conversation, struct error *error);

/* Keep what came: 0 or -ENOMEM. */
int send_replies_hear(struct send_replies *replies, struct slice bytes);

/* Print the replies that are whole, until there have been most of them. Where that fails, error
 * says why, unless it said something before. */
void send_replies_take(struct send_replies *replies, enum frame_event event, uint64_t most,
                       struct error *error);

/* Whether a pause would make what is left a reply. */
bool send_replies_pause(const struct send_replies *replies);

/* Whether no more should be received for now: what is held is at its bound. */
bool send_replies_full(const struct send_replies *replies);

/* Whether nothing that was printed waits to be written any more; where it never will be, error says
 * why, unless it said something before. */
bool send_replies_written(const struct send_replies *replies, struct error *error);

/* End the writing: true once nothing is active; else ask again after a pass. */
bool send_replies_stop(struct send_replies *replies);

void send_replies_free(struct send_replies *replies);

#endif
