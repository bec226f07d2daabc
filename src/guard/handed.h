/* handed.h: the sockets that a service manager has opened and handed in: LISTEN_FDS, as
 * sd_listen_fds(3) describes it. */
#ifndef GUARD_HANDED_H
#define GUARD_HANDED_H

#include "base/error.h"

/* The descriptors of this name ("": all of them), in their order. *count is how many of
 * descriptors, which has room for most, were filled. All that were handed in become close-on-exec.
 * GT_DONE with at least one; GT_FAILED with the reason. The environment is left as it is, so that
 * it may be asked again; LISTEN_PID keeps other processes from taking it for theirs. */
int handed_find(const char *name, int *descriptors, unsigned most, unsigned *count,
                struct error *error);

#endif
