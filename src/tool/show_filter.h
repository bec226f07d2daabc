/* show_filter.h: which messages are shown. */
#ifndef TOOL_SHOW_FILTER_H
#define TOOL_SHOW_FILTER_H

#include "base/turn.h"
#include "tool/show_match.h"
#include "tool/show_peer.h"

struct show_filter {
    int64_t since_us, until_us; /* from since on, before until */
    const char *listener;       /* NULL: any */
    struct show_peer peer;
    bool by_peer;
    struct show_match *match; /* owned; NULL: any */
    uint64_t undecided; /* messages that could not be held against match, and were not shown */
};

#define SHOW_FILTER_ALL ((struct show_filter){.since_us = INT64_MIN, .until_us = INT64_MAX})

/* Whether a message is to be shown; *matched is then the part of its body that the expression
 * matched (empty where there is none). */
bool show_filter_passes(struct show_filter *filter, const struct message *message,
                        struct slice *matched);

/* Whether no message is left out. */
bool show_filter_is_open(const struct show_filter *filter);

/* Whether a listener's name is wanted: it, or its beginning or end up to a colon ("udp", "9999").
 */
bool show_filter_listener(const char *wanted, const char *name);

#endif
