/* send.h: the command "goodtalk send": say something, print the replies. */
#ifndef TOOL_SEND_H
#define TOOL_SEND_H

#include <stdbool.h>

/* The whole of it; argv[0] is "send". output_closed: there is no standard output. Returns the exit
 * status: 0 done, 1 something failed, 2 the command line is wrong, 3 --timeout passed first; what
 * failed is said on standard error. */
int send_command(int argc, char **argv, bool output_closed);

#endif
