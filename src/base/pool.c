/* pool.c: an object comes from the free list; where that is empty, from the untouched end of the
 * newest slab (so that a fresh slab costs no page faults until it is used); where that is used up,
 * from a new slab.
 *
 * Large objects are each allocated for themselves, and few that were given back are kept: what a
 * crowd once needed of one kind would else be missing for every other kind, and be more than what
 * memory is bounded to.
 *
 * Failing: no memory for a slab is NULL, and the pool is as before. */
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_POISONS 1
#endif
#endif

#ifdef POOL_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define SLAB_SIZE    (64 * 1024)
#define SLAB_OBJECTS 8 /* at least */

/* From this size on an object is a large one. */
#define LARGE_SIZE (8 * 1024)

struct slab {
    struct slab *next;
    size_t fresh; /* objects at the end that were never handed out */
    _Alignas(int64_t) uint8_t objects[];
};

struct free_object {
    struct free_object *next;
};

static bool is_large(const struct pool *pool)
{
    return pool->object_size >= LARGE_SIZE;
}

/* The distance from one object to the next. */
static size_t stride(const struct pool *pool)
{
    size_t alignment = _Alignof(int64_t);
    return (pool->object_size + alignment - 1) / alignment * alignment;
}

static size_t objects_per_slab(const struct pool *pool)
{
    size_t count = (SLAB_SIZE - sizeof(struct slab)) / stride(pool);
    return count > SLAB_OBJECTS ? count : SLAB_OBJECTS;
}

void pool_init(struct pool *pool, size_t object_size)
{
    assert(object_size >= sizeof(struct free_object));
    *pool = (struct pool){.object_size = object_size};
}

static struct slab *slab_add(struct pool *pool)
{
    size_t count = objects_per_slab(pool);
    struct slab *slab = malloc(sizeof(struct slab) + count * stride(pool));
    if (!slab)
        return NULL;
    ASAN_POISON_MEMORY_REGION(slab->objects, count * stride(pool));
    slab->next = pool->slabs;
    slab->fresh = count;
    pool->slabs = slab;
    return slab;
}

static void *take_freed(struct pool *pool)
{
    struct free_object *object = pool->free;
    ASAN_UNPOISON_MEMORY_REGION(object, pool->object_size);
    pool->free = object->next;
    pool->spare--;
    return object;
}

static void *take_fresh(struct pool *pool)
{
    if (is_large(pool))
        return malloc(pool->object_size);
    struct slab *slab = pool->slabs;
    if (!slab || slab->fresh == 0)
        slab = slab_add(pool);
    if (!slab)
        return NULL;
    size_t index = objects_per_slab(pool) - slab->fresh--;
    void *object = slab->objects + index * stride(pool);
    ASAN_UNPOISON_MEMORY_REGION(object, pool->object_size);
    return object;
}

void *pool_take(struct pool *pool)
{
    void *object = pool->free ? take_freed(pool) : take_fresh(pool);
    if (object)
        pool->taken++;
    return object;
}

void pool_give(struct pool *pool, void *object)
{
    assert(pool->taken > 0);
    pool->taken--;
    if (is_large(pool) && pool->spare * pool->object_size >= POOL_SPARE_BYTES) {
        free(object);
        return;
    }
    struct free_object *freed = object;
    freed->next = pool->free;
    pool->free = freed;
    pool->spare++;
    ASAN_POISON_MEMORY_REGION(object, pool->object_size);
}

static void free_large(struct pool *pool)
{
    while (pool->free)
        free(take_freed(pool));
}

void pool_free(struct pool *pool)
{
    assert(pool->taken == 0);
    if (is_large(pool))
        free_large(pool);
    struct slab *slab = pool->slabs;
    while (slab) {
        struct slab *next = slab->next;
        ASAN_UNPOISON_MEMORY_REGION(slab->objects, objects_per_slab(pool) * stride(pool));
        free(slab);
        slab = next;
    }
    pool->slabs = NULL;
    pool->free = NULL;
    pool->spare = 0;
}

void pool_discard(struct pool *pool)
{
    assert(!is_large(pool) || pool->taken == 0);
    pool->taken = 0;
    pool_free(pool);
}
