/* send_options.h: the command line of "goodtalk send": [OPTION]... ADDRESS [MESSAGE]... */
#ifndef TOOL_SEND_OPTIONS_H
#define TOOL_SEND_OPTIONS_H

#include "tool/client_target.h"
#include "tool/help.h"
#include "tool/report.h"

#define SEND_COUNT_MESSAGES (-1) /* one reply for each message */

struct send_options {
    bool help;            /* asked for: nothing else is read then */
    struct report report; /* -v, -q: as far as they were read, when reading fails */
    struct target target;
    struct framing framing; /* of messages and replies; codec_packet where --frame is not used */
    const char *frame;      /* as it was written */
    char **words;           /* owned: the address and the messages, all in argv */
    char **messages;
    size_t message_count;
    bool no_reply;      /* --no-reply, or -n 0 */
    int64_t count;      /* replies to wait for, or SEND_COUNT_MESSAGES */
    int64_t pause_ns;   /* -1: none, as for the others */
    int64_t timeout_ns; /* of the whole run */
    int64_t wait_ns;    /* how long to keep trying to connect; -1: one try */
};

extern const struct help help_send;

/* Read it; nothing is looked up and nothing opened. GT_DONE; GT_WRONG or GT_FAILED (memory is out)
 * with the reason. Either way send_options_free frees what it holds; argv has to live as long. */
int send_options_parse(struct send_options *options, int argc, char **argv, struct error *error);
void send_options_free(struct send_options *options);

#endif
