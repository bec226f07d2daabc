/* help.h: --help and --version. */
#ifndef TOOL_HELP_H
#define TOOL_HELP_H

#include "base/bytes.h"
#include "base/error.h"

#include <goodtalk.h>

/* A command's help: what stands before and after the options of its table. */
struct help {
    const char *beginning;
    const struct gt_setting *(*at)(size_t index); /* as gt_setting_at */
    const char *ending;
};

/* That of the main job. */
extern const struct help help_listen;

/* Append the help: usage, addresses, the options that are built (from the table), exit status. At
 * most 80 columns. 0 or -ENOMEM. */
int help_append(struct bytes *to, const struct help *help);

/* Write a help, or the version, to standard output: GT_DONE; GT_FAILED with the reason. */
int help_print(const struct help *help, struct error *error);
int help_print_version(struct error *error);

/* Write text to standard output: GT_DONE; GT_FAILED with the reason. */
int help_write(struct slice text, struct error *error);

#endif
