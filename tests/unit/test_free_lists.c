/* Small blocks that were freed, kept for who needs one next. */
#include "reply/free_lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_block_has_room(void **state)
{
    struct free_lists lists = {.bytes = 0};
    (void)state;
    for (size_t size = 1; size <= 2 * FREE_LISTS_LARGEST; size++) {
        void *block = free_lists_take(&lists, size);
        assert_non_null(block);
        memset(block, 'x', size); /* a sanitizer sees what is too small */
        free_lists_give(&lists, block, size);
    }
    free_lists_empty(&lists);
    assert_int_equal(lists.bytes, 0);
}

/* Whoever asks for as much as was given last, or for a little more or less, gets that block. */
static void what_was_given_is_taken_again(void **state)
{
    struct free_lists lists = {.bytes = 0};
    (void)state;
    void *given = free_lists_take(&lists, 33);
    assert_non_null(given);
    uintptr_t address = (uintptr_t)given;
    free_lists_give(&lists, given, 33);
    if (FREE_LISTS_MOST > 0) {
        assert_int_equal(lists.bytes, 48);
        void *smaller = free_lists_take(&lists, 32);
        void *same = free_lists_take(&lists, 48);
        assert_int_not_equal((uintptr_t)smaller, address);
        assert_int_equal((uintptr_t)same, address);
        free_lists_give(&lists, smaller, 32);
        free_lists_give(&lists, same, 48);
    }
    free_lists_empty(&lists);
}

static void what_is_kept_has_a_bound(void **state)
{
    struct free_lists lists = {.bytes = 0};
    void *blocks[FREE_LISTS_MOST / FREE_LISTS_LARGEST + 10];
    size_t count = sizeof blocks / sizeof *blocks;
    (void)state;
    for (size_t i = 0; i < count; i++)
        assert_non_null(blocks[i] = free_lists_take(&lists, FREE_LISTS_LARGEST));
    for (size_t i = 0; i < count; i++)
        free_lists_give(&lists, blocks[i], FREE_LISTS_LARGEST);
    assert_int_equal(lists.bytes, FREE_LISTS_MOST);
    free_lists_empty(&lists);
}

/* From each size to each other, with what it held. */
static void a_resized_block_keeps_what_it_held(void **state)
{
    static const size_t sizes[] = {1, 15, 16, 17, 100, 255, 256, 257, 1000};
    struct free_lists lists = {.bytes = 0};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            size_t before = sizes[i], after = sizes[j];
            char *block = free_lists_take(&lists, before);
            assert_non_null(block);
            memset(block, (int)i + 1, before);
            char *resized = free_lists_resize(block, before, after);
            assert_non_null(resized);
            for (size_t k = 0; k < before && k < after; k++)
                assert_int_equal(resized[k], i + 1);
            memset(resized, 0, after);
            free_lists_give(&lists, resized, after);
        }
    free_lists_empty(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_has_room),
        cmocka_unit_test(what_was_given_is_taken_again),
        cmocka_unit_test(what_is_kept_has_a_bound),
        cmocka_unit_test(a_resized_block_keeps_what_it_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
