/* Objects of one size, the last given back first. */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONED 1
#endif
#endif

#ifdef POISONED
#include <sanitizer/asan_interface.h>
#endif

static void the_last_given_back_is_taken_first(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 40);
    void *first = pool_take(&pool);
    void *second = pool_take(&pool);
    assert_int_equal(pool.taken, 2);
    pool_give(&pool, second);
    pool_give(&pool, first);
    assert_int_equal(pool.taken, 0);
    assert_ptr_equal(pool_take(&pool), first);
    assert_ptr_equal(pool_take(&pool), second);
    pool_give(&pool, first);
    pool_give(&pool, second);
    pool_free(&pool);
}

/* Fill object with a byte of its own, all of it. */
static void *take_filled(struct pool *pool, size_t size, uint8_t fill)
{
    void *object = pool_take(pool);
    assert_non_null(object);
    assert_int_equal((uintptr_t)object % _Alignof(int64_t), 0);
    memset(object, fill, size);
    return object;
}

static void assert_filled(const uint8_t *object, size_t size, uint8_t fill)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(object[i], fill);
}

/* Objects of this size: aligned, none over another, over several slabs. */
static void check_objects(size_t size)
{
    enum { COUNT = 2000 };
    static void *objects[COUNT];
    size_t count = size > 5000 ? 40 : COUNT;
    struct pool pool;
    pool_init(&pool, size);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++)
            objects[i] = take_filled(&pool, size, (uint8_t)(i * 7 + 1));
        for (size_t i = 0; i < count; i++) {
            assert_filled(objects[i], size, (uint8_t)(i * 7 + 1));
            pool_give(&pool, objects[i]);
        }
    }
    pool_free(&pool);
}

static void objects_do_not_overlap(void **state)
{
    (void)state;
    static const size_t sizes[] = {sizeof(void *), 17, 100, 270, 9000, 70000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_objects(sizes[i]);
}

static void given_back_objects_are_used_again(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 64);
    void *slab = NULL;
    for (int i = 0; i < 100000; i++) {
        pool_give(&pool, pool_take(&pool));
        if (i == 0)
            slab = pool.slabs;
    }
    assert_ptr_equal(pool.slabs, slab);
    pool_free(&pool);
}

static void a_freed_pool_can_be_used_again(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 64);
    pool_free(&pool);
    pool_give(&pool, pool_take(&pool));
    pool_free(&pool);
    assert_null(pool.slabs);
    void *object = pool_take(&pool);
    assert_non_null(object);
    pool_give(&pool, object);
    pool_free(&pool);
}

static void a_discarded_pool_takes_its_objects_along(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 1000);
    for (int i = 0; i < 200; i++)
        assert_non_null(pool_take(&pool));
    pool_discard(&pool);
    assert_int_equal(pool.taken, 0);
    assert_null(pool.slabs);
    pool_give(&pool, pool_take(&pool));
    pool_free(&pool);
}

static void few_large_objects_are_kept(void **state)
{
    (void)state;
    enum { COUNT = 400, SIZE = 16 * 1024 };
    static void *objects[COUNT];
    struct pool pool;
    pool_init(&pool, SIZE);
    for (int i = 0; i < COUNT; i++)
        objects[i] = take_filled(&pool, SIZE, (uint8_t)i);
    for (int i = 0; i < COUNT; i++)
        pool_give(&pool, objects[i]);
    assert_int_equal(pool.taken, 0);
    assert_int_equal(pool.spare, POOL_SPARE_BYTES / SIZE);
    void *spare = pool.free;
    assert_ptr_equal(pool_take(&pool), spare);
    pool_give(&pool, spare);
    pool_free(&pool);
    assert_int_equal(pool.spare, 0);
}

static void what_is_in_the_pool_is_poisoned(void **state)
{
    (void)state;
#ifdef POISONED
    struct pool pool;
    pool_init(&pool, 64);
    uint8_t *object = pool_take(&pool);
    assert_null(__asan_region_is_poisoned(object, 64));
    assert_true(__asan_address_is_poisoned(object + 64));
    pool_give(&pool, object);
    assert_true(__asan_address_is_poisoned(object));
    assert_true(__asan_address_is_poisoned(object + 63));
    pool_free(&pool);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_given_back_is_taken_first),
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(given_back_objects_are_used_again),
        cmocka_unit_test(a_freed_pool_can_be_used_again),
        cmocka_unit_test(a_discarded_pool_takes_its_objects_along),
        cmocka_unit_test(few_large_objects_are_kept),
        cmocka_unit_test(what_is_in_the_pool_is_poisoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
