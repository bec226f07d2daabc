/* memory.h: how much memory this process may have. */
#ifndef GUARD_MEMORY_H
#define GUARD_MEMORY_H

#include <stdint.h>

struct memory_limit {
    int64_t bytes;
    const char *what; /* what sets it, for people: "physical memory" */
};

/* The smallest of the machine's memory, the limits of this process, and those of its control group
 * and of the groups that that one is in. root: "", or where another /proc and /sys are found. */
struct memory_limit memory_allowed(const char *root);

#endif
