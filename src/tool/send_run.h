/* send_run.h: what a run of "goodtalk send" is made of, and when it is over. */
#ifndef TOOL_SEND_RUN_H
#define TOOL_SEND_RUN_H

#include "tool/send_input.h"
#include "tool/send_replies.h"

struct send_run {
    const struct send_options *options;
    struct engine *engine;
    bool conversation; /* a person types, and reads what comes */
    struct send_input input;
    struct send_replies replies;
    struct error error; /* the first failure */
};

/* How a talk stands. */
enum send_state {
    SEND_TALKING,
    SEND_CLOSING, /* all is said and heard; the end is being made polite */
    SEND_OVER,    /* done, or failed: run->error */
    SEND_REFUSED  /* datagrams: nobody is there */
};

/* Whether nothing can be told by counting: the server's end, or a person's, ends the talk. */
static inline bool send_run_is_open(const struct send_run *run)
{
    return run->conversation || run->options->framing.codec == &codec_eof;
}

/* How many replies there must be: fewer are a failure. */
static inline uint64_t send_run_replies_due(const struct send_run *run)
{
    if (run->options->no_reply || run->conversation)
        return 0;
    return run->options->count >= 0 ? (uint64_t)run->options->count : run->input.messages;
}

/* How many are printed at most. */
static inline uint64_t send_run_replies_most(const struct send_run *run)
{
    bool all = send_run_is_open(run) && !run->options->no_reply;
    return all ? SEND_ALL_REPLIES : send_run_replies_due(run);
}

#endif
