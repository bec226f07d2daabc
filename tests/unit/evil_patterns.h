/* evil_patterns.h: patterns that take very long where nobody stops them, and subjects that make
 * them. */
#ifndef EVIL_PATTERNS_H
#define EVIL_PATTERNS_H

#include "base/slice.h"

#define EVIL_PATTERNS 240
#define EVIL_SUBJECTS 6

/* The pattern of this number, in a buffer that the next call overwrites. */
const char *evil_pattern(unsigned number);

/* Fill size bytes as the subject of this number has them. */
void evil_subject(unsigned number, char *to, size_t size);

#endif
