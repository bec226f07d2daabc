/* send_input.h: what is to be sent: the messages of the command line, or standard input.
 *
 * Messages come out in ready, where whoever sends takes them: wrapped as the framing has it, back
 * to back; packets and datagrams as packet_keep keeps them. Standard input is read while it is
 * wanted, as the engine passes. */
#ifndef TOOL_SEND_INPUT_H
#define TOOL_SEND_INPUT_H

#include "engine/engine.h"
#include "tool/send_options.h"

enum send_source {
    SEND_ARGUMENTS, /* the words of the command line */
    SEND_LINES,     /* standard input, a message a line */
    SEND_WHOLE,     /* standard input, one message */
    SEND_BYTES      /* standard input as it comes */
};

struct send_input {
    struct engine *engine;
    const struct send_options *options;
    struct framing framing; /* of what is sent: without the limit that replies have */
    enum send_source source;
    struct receive_op reading; /* of standard input */
    struct bytes typed;        /* read, and no whole message yet */
    struct frame line;         /* the place in typed */
    struct bytes ready;
    uint64_t messages;  /* how many the server will count in all that was put into ready */
    bool ended;         /* no more will come */
    struct error error; /* GT_WRONG: a message cannot be said and was left out; else: it is over */
};

/* Begin; the words of the command line are ready, or error says why not. conversation: a person
 * types. */
void send_input_begin(struct send_input *input, struct engine *engine,
                      const struct send_options *options, bool conversation);

/* Have standard input read, or hold it. */
void send_input_want(struct send_input *input, bool wanted);

/* End the reading: true once nothing is active; else ask again after a pass. */
bool send_input_stop(struct send_input *input);

void send_input_free(struct send_input *input);

#endif
