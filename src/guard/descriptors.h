/* descriptors.h: how many descriptors the process may open, and the first three. */
#ifndef GUARD_DESCRIPTORS_H
#define GUARD_DESCRIPTORS_H

#include <stdint.h>

/* Raise the soft limit of open files to the hard one: the limit afterwards. */
int64_t descriptors_raise(void);

/* Open /dev/null in place of standard descriptors that are closed, so that no socket becomes one. A
 * bit set (1 << fd) of those that were closed. */
unsigned descriptors_fill_standard(void);

#endif
