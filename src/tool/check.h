/* check.h: goodtalk check: is this talk file right? */
#ifndef TOOL_CHECK_H
#define TOOL_CHECK_H

#include "tool/help.h"

#include <stdbool.h>

extern const struct help help_check;

/* The command; argv[0] is its name. output_closed: there is no standard output. Returns the exit
 * status, having said what was wrong. */
int check_command(int argc, char **argv, bool output_closed);

#endif
