/* help.h: --help and --version. */
#ifndef TOOL_HELP_H
#define TOOL_HELP_H

#include "base/bytes.h"
#include "base/error.h"

/* Append the help: usage, addresses, the options that are built (from the settings table), exit
 * status. At most 80 columns. 0 or -ENOMEM. */
int help_append(struct bytes *to);

/* Write the help, or the version, to standard output: GT_DONE; GT_FAILED with the reason. */
int help_print(struct error *error);
int help_print_version(struct error *error);

#endif
