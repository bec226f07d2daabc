/* show_options.h: the command line of "goodtalk show": [OPTION]... RECORD */
#ifndef TOOL_SHOW_OPTIONS_H
#define TOOL_SHOW_OPTIONS_H

#include "tool/help.h"
#include "tool/report.h"
#include "tool/show_filter.h"

enum show_form {
    SHOW_FORM_TABLE,
    SHOW_FORM_JSON,
    SHOW_FORM_RAW,
    SHOW_FORM_HEX,
    SHOW_FORM_COUNT,
    SHOW_FORM_SQLITE,
    SHOW_FORM_VERIFY,
    SHOW_FORM_REPAIR
};

struct show_options {
    bool help;            /* asked for: nothing else is read then */
    struct report report; /* -v, -q: as far as they were read, when reading fails */
    const char *path;     /* of the record */
    enum show_form form;
    const char *sqlite; /* SHOW_FORM_SQLITE: the database's path */
    bool follows;
    int64_t last; /* show only so many, the last; -1: all */
    enum show_colour { SHOW_COLOUR_AUTO, SHOW_COLOUR_ALWAYS, SHOW_COLOUR_NEVER } colour;
    struct show_filter filter; /* owned: its match */
};

extern const struct help help_show;

/* Read it; nothing is opened. now_us: what --since 10min counts back from, in microseconds since
 * 1970 UTC. GT_DONE; GT_WRONG or GT_FAILED (memory is out) with the reason. Either way
 * show_options_free frees what it holds; argv has to live as long. */
int show_options_parse(struct show_options *options, int argc, char **argv, int64_t now_us,
                       struct error *error);
void show_options_free(struct show_options *options);

#endif
