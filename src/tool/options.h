/* options.h: the command line.
 *
 * Reading it opens nothing and sets nothing: it becomes a list of settings and addresses, and the
 * few facts that the program itself has to know. The options are those of the settings table
 * (gt_setting_at). */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include "base/error.h"
#include "tool/given.h"
#include "tool/report.h"

enum options_action { OPTIONS_SERVE, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
    enum options_action action;
    struct given given;   /* the server's settings, in order, and where to listen */
    struct report report; /* -v, -q, --log-format: as far as they were read, when reading fails */
    int64_t count;        /* messages; 0: no limit */
    int64_t connections;  /* 0: no limit */
    bool shows;           /* messages go to standard output */
    bool tells_ready;     /* --ready was given */
    bool talks;           /* --talk was given: the file may say otherwise */
};

/* Read the command line. Options and addresses may be mixed; "--" ends the options. GT_DONE;
 * GT_WRONG or GT_FAILED (memory is out) with the reason. Either way options_free frees what it
 * holds; argv has to live as long. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);

/* Set a server as the program's defaults, then a talk file, then the options say; what the file
 * says that the program has to know is noted. GT_DONE, or what gt_set returned. */
int options_apply(struct options *options, gt_server *server);

/* Whether this run takes one message and ends. */
static inline bool options_one_shot(const struct options *options)
{
    return options->count == 1 && options->connections == 0;
}

void options_free(struct options *options);

#endif
