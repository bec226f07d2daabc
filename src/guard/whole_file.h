/* whole_file.h: files that are there whole or not at all: written beside, then renamed into place.
 */
#ifndef GUARD_WHOLE_FILE_H
#define GUARD_WHOLE_FILE_H

#include "base/error.h"
#include "base/slice.h"

/* Write all to a descriptor; a full pipe is waited for, but not for ever. 0 or -errno. */
int whole_file_fill(int fd, struct slice rest);

/* Write content to path, synced to no disk. what: as errors name it, "the ready file". GT_DONE, or
 * GT_FAILED and there is what there was before. */
int whole_file_write(const char *path, const char *what, struct slice content, struct error *error);

/* Whether that could be done now: GT_DONE or GT_FAILED. Nothing is left behind. */
int whole_file_check(const char *path, const char *what, struct error *error);

#endif
