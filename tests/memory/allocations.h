/* allocations.h: the server's allocations, which can be told to fail.
 *
 * The linker puts these wrappers in the place of malloc, calloc, realloc, strdup, aligned_alloc and
 * pool_take, wherever the server calls them; what plays the world around it goes past them
 * (own_memory.h). An object from a pool counts as an allocation of its own: a pool may say that
 * memory is out at any time. All may be called from several threads. */
#ifndef MEMORY_ALLOCATIONS_H
#define MEMORY_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Count from nothing again, and none fails. */
void allocations_begin(void);

/* After allocations_begin: the first-th (from 1) fails, and those after it, count of them. */
void allocations_fail(uint64_t first, uint64_t count);

/* After allocations_begin: each fails with this chance (0 to 1), which the seed decides. */
void allocations_fail_by_chance(double chance, uint64_t seed);

/* From now on none fails. */
void allocations_succeed(void);

/* How many there were since allocations_begin, and how many of them failed. */
uint64_t allocations_counted(void);
uint64_t allocations_failed(void);

/* How many blocks of memory the server holds. */
int64_t allocations_held(void);

/* Bugs put in on purpose, each about what happens where memory is out. */
enum allocations_plant {
    PLANT_NONE,
    PLANT_UNCHECKED,  /* a buffer says that it has grown and has not */
    PLANT_LEAK,       /* after a failure a block is not freed */
    PLANT_UNRECORDED, /* a message that could not be recorded is taken for recorded */
    PLANT_MISSING,    /* a reply that could not be made is left out, and the next one follows */
    PLANT_COUNT
};

/* What is put in from now on, and its name. */
void allocations_plant(enum allocations_plant plant);
const char *allocations_plant_name(enum allocations_plant plant);

#endif
