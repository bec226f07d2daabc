/* show.h: the command "goodtalk show": look at what was recorded. */
#ifndef TOOL_SHOW_H
#define TOOL_SHOW_H

#include <stdbool.h>

/* The whole of it; argv[0] is "show". output_closed: there is no standard output. Returns the exit
 * status: 0 done, 1 something failed or the record is damaged, 2 the command line is wrong; what
 * failed is said on standard error. */
int show_command(int argc, char **argv, bool output_closed);

#endif
