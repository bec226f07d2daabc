/* pool.h: objects of one size, taken and given back cheaply, the last given back first.
 *
 * Memory comes in slabs and goes back to the system with pool_free; that of large objects (8 KiB
 * and more) as soon as POOL_SPARE_BYTES of them are free. Not thread-safe. Under AddressSanitizer
 * objects in the pool are poisoned. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

/* So many bytes of large objects are kept for the next who takes one. */
#define POOL_SPARE_BYTES ((size_t)1024 * 1024)

struct pool {
    size_t object_size; /* bytes, as given to pool_init */
    void *free;         /* free objects, linked through their first bytes */
    void *slabs;        /* every slab, linked through its first bytes */
    size_t taken;       /* objects handed out and not given back */
    size_t spare;       /* objects in the free list */
};

/* object_size is at least that of a pointer. Allocates nothing. */
void pool_init(struct pool *pool, size_t object_size);

/* An object, its bytes undefined, aligned for pointers and 64-bit numbers; NULL when memory is out.
 */
void *pool_take(struct pool *pool);

/* Give an object of this pool back. */
void pool_give(struct pool *pool, void *object);

/* Free every slab. All objects must have been given back (asserted). */
void pool_free(struct pool *pool);

/* Free every slab, objects that were not given back included: whoever still has one must not use
 * it. Not for large objects, unless all have been given back (asserted). */
void pool_discard(struct pool *pool);

#endif
