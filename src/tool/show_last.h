/* show_last.h: the last N messages, copied, for when the end is known. */
#ifndef TOOL_SHOW_LAST_H
#define TOOL_SHOW_LAST_H

#include "base/turn.h"

struct show_kept {
    struct message message; /* into content and peer */
    struct slice matched;
    struct peer peer;
    struct bytes content;
};

struct show_last {
    size_t most;
    struct show_kept *kept; /* owned; a ring once there are most of them */
    size_t count;
    size_t capacity;
    size_t oldest;
};

/* Keep a copy of a message, in place of the oldest one where there are as many as may be. 0 or
 * -ENOMEM. matched is part of its body. */
int show_last_keep(struct show_last *last, const struct message *message, struct slice matched);

/* The i-th, the oldest first; NULL: there are not so many. */
const struct show_kept *show_last_at(const struct show_last *last, size_t i);

void show_last_free(struct show_last *last);

#endif
