/* start.h: a server on real sockets, from its making to its end, whose allocations fail in turn. */
#ifndef MEMORY_START_H
#define MEMORY_START_H

#include <stdbool.h>

/* Each allocation of each way to start fails in turn, until there are none left (with a talk file,
 * each among others, and one in eight alone): whether every call either worked or failed with a
 * sentence, and nothing was left behind. What is wrong is printed. */
bool start_all(void);

#endif
