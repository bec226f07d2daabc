/* threads.h: replies from another thread, and the library in somebody else's loop, while the
 * library's allocations fail in turn. */
#ifndef MEMORY_THREADS_H
#define MEMORY_THREADS_H

#include <stdbool.h>

/* Each allocation of each way to run fails in turn, until there are none left: whether every client
 * was served, but for one for each that failed. What is wrong is printed. */
bool threads_all(void);

#endif
