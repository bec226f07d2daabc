/* allocations.c: each wrapper asks whether this one is to fail, and else does as it is told.
 *
 * The plants are wrappers too: of bytes_reserve, show_message, parcel_join and free, where the
 * server calls them from another file than the one they stand in. */
#include "allocations.h"

#include "base/pool.h"
#include "record/record.h"
#include "serve/parcel.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The linker's names for what is wrapped. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
void __real_free(void *memory);
void *__real_pool_take(struct pool *pool);
int __real_bytes_reserve(struct bytes *bytes, size_t count);
int __real_show_message(struct bytes *to, enum show_format format, const struct message *message);
uint8_t *__real_parcel_join(struct output *output, uint64_t sequence, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);
void __wrap_free(void *memory);
void *__wrap_pool_take(struct pool *pool);
int __wrap_bytes_reserve(struct bytes *bytes, size_t count);
int __wrap_show_message(struct bytes *to, enum show_format format, const struct message *message);
uint8_t *__wrap_parcel_join(struct output *output, uint64_t sequence, size_t size);

static struct {
    atomic_uint_fast64_t counted;
    atomic_uint_fast64_t failed;
    atomic_int_fast64_t held;
    uint64_t first; /* the first that fails; 0: none */
    uint64_t last;
    double chance;
    uint64_t seed;
    enum allocations_plant plant;
    atomic_bool leaked;
} allocations;

/* ---- which fail ---- */

/* splitmix64: a number for each allocation of a seed. */
static uint64_t mix(uint64_t number)
{
    number += 0x9e3779b97f4a7c15u;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

static bool is_unlucky(uint64_t number)
{
    if (allocations.chance <= 0)
        return false;
    double dice = (double)(mix(allocations.seed ^ mix(number)) >> 11) / (double)(1ull << 53);
    return dice < allocations.chance;
}

static bool fails(void)
{
    uint64_t number = atomic_fetch_add(&allocations.counted, 1) + 1;
    bool chosen = allocations.first && number >= allocations.first && number <= allocations.last;
    if (!chosen && !is_unlucky(number))
        return false;
    atomic_fetch_add(&allocations.failed, 1);
    errno = ENOMEM;
    return true;
}

void allocations_begin(void)
{
    atomic_store(&allocations.counted, 0);
    atomic_store(&allocations.failed, 0);
    atomic_store(&allocations.leaked, false);
    allocations_succeed();
}

void allocations_fail(uint64_t first, uint64_t count)
{
    allocations.first = first;
    allocations.last = count < UINT64_MAX - first ? first + count - 1 : UINT64_MAX;
}

void allocations_fail_by_chance(double chance, uint64_t seed)
{
    allocations.chance = chance;
    allocations.seed = seed;
}

void allocations_succeed(void)
{
    allocations.first = 0;
    allocations.chance = 0;
}

uint64_t allocations_counted(void)
{
    return atomic_load(&allocations.counted);
}

uint64_t allocations_failed(void)
{
    return atomic_load(&allocations.failed);
}

int64_t allocations_held(void)
{
    return atomic_load(&allocations.held);
}

/* ---- the allocator ---- */

static void *held(void *memory)
{
    if (memory)
        atomic_fetch_add(&allocations.held, 1);
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : held(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : held(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    void *grown = __real_realloc(memory, size);
    return memory ? grown : held(grown);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    if (fails())
        return NULL;
    void *grown = __real_reallocarray(memory, count, size);
    return memory ? grown : held(grown);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : held(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : held(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t most)
{
    return fails() ? NULL : held(__real_strndup(text, most));
}

/* Whether this is the block that the plant leaves behind. */
static bool is_leaked(void)
{
    return allocations.plant == PLANT_LEAK && allocations_failed() > 0 &&
           !atomic_exchange(&allocations.leaked, true);
}

void __wrap_free(void *memory)
{
    if (!memory || is_leaked())
        return;
    atomic_fetch_sub(&allocations.held, 1);
    __real_free(memory);
}

void *__wrap_pool_take(struct pool *pool)
{
    return fails() ? NULL : __real_pool_take(pool);
}

/* ---- plants ---- */

static const char *const plant_names[] = {
    [PLANT_NONE] = "none",       [PLANT_UNCHECKED] = "unchecked",
    [PLANT_LEAK] = "leak",       [PLANT_UNRECORDED] = "unrecorded",
    [PLANT_MISSING] = "missing",
};

void allocations_plant(enum allocations_plant plant)
{
    allocations.plant = plant;
}

const char *allocations_plant_name(enum allocations_plant plant)
{
    return plant_names[plant];
}

static bool planted(enum allocations_plant plant)
{
    return allocations.plant == plant;
}

int __wrap_bytes_reserve(struct bytes *bytes, size_t count)
{
    int result = __real_bytes_reserve(bytes, count);
    return planted(PLANT_UNCHECKED) ? 0 : result;
}

int __wrap_show_message(struct bytes *to, enum show_format format, const struct message *message)
{
    int result = __real_show_message(to, format, message);
    return planted(PLANT_UNRECORDED) ? 0 : result;
}

uint8_t *__wrap_parcel_join(struct output *output, uint64_t sequence, size_t size)
{
    static uint8_t nowhere[1 << 20];
    uint8_t *place = __real_parcel_join(output, sequence, size);
    return !place && planted(PLANT_MISSING) && size <= sizeof nowhere ? nowhere : place;
}
