/* mathematics.h: Lua's mathematics, loaded on first use.
 *
 * Lua calls sin, pow and their kind. Linked to libm, a program would load it at every start, a
 * one-shot's too that has no script. So the names are defined here, and go to libm once it is
 * needed. */
#ifndef REPLY_MATHEMATICS_H
#define REPLY_MATHEMATICS_H

#include "base/error.h"

/* Load libm unless it is there: GT_DONE or GT_FAILED. Before any Lua runs; from any thread. */
int mathematics_load(struct error *error);

#endif
