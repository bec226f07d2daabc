/* log_file.h: the file of a log: opened, and freed of what is not whole. log_prepare is record.h's.
 */
#ifndef RECORD_LOG_FILE_H
#define RECORD_LOG_FILE_H

#include "base/error.h"

/* Open it to append to, created where there is none: the descriptor, or -1 with the reason. */
int log_open(const char *path, struct error *error);

/* Take off what a write that failed has left at the end, so many bytes: 0; -EBUSY where somebody
 * else has written behind it; -errno. */
int log_undo(int fd, size_t written);

#endif
