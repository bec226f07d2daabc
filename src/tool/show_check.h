/* show_check.h: --verify and --repair: what is in a journal, and whether it is all there. */
#ifndef TOOL_SHOW_CHECK_H
#define TOOL_SHOW_CHECK_H

#include "base/error.h"
#include "tool/show_output.h"

/* Read all of a journal, and tell in a line for each worker what is there. GT_DONE; GT_FAILED: it
 * is damaged (what is, has been told; there is no error then), or it cannot be read. */
int show_verify(const char *path, struct show_output *output, struct error *error);

/* Set what is damaged aside: its bytes go into files of their own, beside the segments, and a GAP
 * takes their place, so that everything that is good can be read, and a server starts. What is done
 * is told, a line for each. Not while a server has the journal. GT_DONE, also where there is
 * nothing to do; GT_FAILED. */
int show_repair(const char *path, struct show_output *output, struct error *error);

#endif
