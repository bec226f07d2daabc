/* ready.h: telling others that the server listens: --ready. */
#ifndef GUARD_READY_H
#define GUARD_READY_H

#include "base/error.h"
#include "base/slice.h"

/* Tell the addresses (one a line, with newlines): where is a FILE (written whole beside it, synced
 * to no disk, then renamed into place), "-" (standard error) or "fd:N" (written, then closed unless
 * 0 to 2). GT_DONE, GT_WRONG (not a descriptor number) or GT_FAILED. */
int ready_tell(const char *where, struct slice addresses, struct error *error);

/* Whether where could be right, before anything is opened: GT_DONE or GT_WRONG. */
int ready_check(const char *where, struct error *error);

#endif
