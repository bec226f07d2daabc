/* show_sink.h: what becomes of the messages that are chosen: standard output in some form, a
 * database, a number. */
#ifndef TOOL_SHOW_SINK_H
#define TOOL_SHOW_SINK_H

#include "tool/show_options.h"
#include "tool/show_output.h"
#include "tool/show_sqlite.h"
#include "tool/show_table.h"

struct show_sink {
    enum show_form form;
    struct show_output *output;
    struct show_sqlite *sqlite;
    struct show_table table;
    bool terminal; /* standard output is one: nothing reaches it unescaped */
    bool is_log;   /* raw messages have lost their ends, and get one */
    bool headed;   /* the table's head has been shown */
    uint64_t count;
};

/* Get ready: the form, whether there is colour. GT_DONE; GT_FAILED with the reason. */
int show_sink_open(struct show_sink *sink, const struct show_options *options,
                   struct show_output *output, struct error *error);

/* Take a message. GT_DONE; GT_FAILED with the reason, as the next. */
int show_sink_take(struct show_sink *sink, const struct message *message, struct slice matched,
                   struct error *error);

/* Nothing more comes for now: everything leaves. */
int show_sink_settle(struct show_sink *sink, struct error *error);

/* Nothing more comes at all: so does what is known only then. */
int show_sink_finish(struct show_sink *sink, struct error *error);

void show_sink_close(struct show_sink *sink);

#endif
