/* A buffer that grows at its end and is consumed at its start. */
#include "base/bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_content(const struct bytes *bytes, const char *expected)
{
    assert_int_equal(bytes->size, strlen(expected));
    assert_true(slice_equal(bytes_slice(bytes), slice_of_text(expected)));
}

static void nothing_is_an_empty_buffer(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    assert_int_equal(bytes_slice(&bytes).size, 0);
    assert_null(bytes_slice(&bytes).data);
    assert_int_equal(bytes_append(&bytes, slice_of(NULL, 0)), 0);
    bytes_consume(&bytes, 0);
    bytes_clear(&bytes);
    assert_content(&bytes, "");
    bytes_free(&bytes);
}

static void what_is_appended_stands_at_the_end(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    assert_int_equal(bytes_append(&bytes, slice_of_text("Who is ")), 0);
    assert_int_equal(bytes_append(&bytes, slice_of_text("there?")), 0);
    assert_content(&bytes, "Who is there?");
    bytes_consume(&bytes, 7);
    assert_content(&bytes, "there?");
    bytes_free(&bytes);
    assert_null(bytes.data);
    assert_int_equal(bytes_append(&bytes, slice_of_text("again")), 0);
    assert_content(&bytes, "again");
    bytes_free(&bytes);
}

static void room_is_reserved_without_a_change_of_content(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, slice_of_text("abc"));
    assert_int_equal(bytes_reserve(&bytes, 100000), 0);
    assert_true(bytes.capacity - bytes.start - bytes.size >= 100000);
    assert_content(&bytes, "abc");
    memset(bytes_end(&bytes), 'x', 100000);
    assert_content(&bytes, "abc");
    bytes_free(&bytes);
}

static void too_much_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, slice_of_text("abc"));
    assert_int_equal(bytes_reserve(&bytes, SIZE_MAX), -ENOMEM);
    assert_int_equal(bytes_reserve(&bytes, SIZE_MAX - 3), -ENOMEM);
    assert_content(&bytes, "abc");
    bytes_free(&bytes);
}

static void doubling_stops_at_what_is_enough_once(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    assert_int_equal(bytes_reserve_within(&bytes, 600, 1000), 0);
    assert_int_equal(bytes.capacity, 600);
    bytes.size = 600;
    assert_int_equal(bytes_reserve_within(&bytes, 1, 1000), 0);
    assert_int_equal(bytes.capacity, 1000);
    bytes.size = 1000;
    assert_int_equal(bytes_reserve_within(&bytes, 1, 1000), 0);
    assert_int_equal(bytes.capacity, 2000);
    bytes_free(&bytes);
}

static void clearing_keeps_the_memory(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    bytes_append(&bytes, slice_of_text("abc"));
    size_t capacity = bytes.capacity;
    bytes_consume(&bytes, 1);
    bytes_clear(&bytes);
    assert_content(&bytes, "");
    assert_int_equal(bytes.capacity, capacity);
    assert_int_equal(bytes.start, 0);
    bytes_free(&bytes);
}

static void text_is_formatted_short_and_long(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    char digits[301];
    char expected[600];
    memset(digits, '7', 300);
    digits[300] = '\0';
    assert_int_equal(bytes_format(&bytes, "%d,", 5), 0);
    assert_int_equal(bytes_format(&bytes, "%s", digits), 0);
    assert_int_equal(bytes_format(&bytes, "%s", ""), 0);
    snprintf(expected, sizeof(expected), "5,%s", digits);
    assert_content(&bytes, expected);
    bytes_free(&bytes);
}

/* A text of exactly the room there is needs one byte more for its NUL. */
static void text_of_every_length_fits(void **state)
{
    (void)state;
    for (int length = 0; length < 300; length++) {
        struct bytes bytes = {0};
        bytes_append(&bytes, slice_of_text("ab"));
        bytes_consume(&bytes, 1);
        assert_int_equal(bytes_format(&bytes, "%*d", length, 1), 0);
        assert_int_equal(bytes.size, 1 + (length > 1 ? length : 1));
        assert_int_equal(bytes_slice(&bytes).data[bytes.size - 1], '1');
        bytes_free(&bytes);
    }
}

/* Consumed from the front as it is filled: the content is that of a simple queue, and the memory
 * stays near what is held. */
static void a_long_stream_passes_through_little_memory(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    unsigned seed = 1;
    uint8_t in = 0;
    uint8_t out = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t piece[64];
        size_t filled = (size_t)rand_r(&seed) % sizeof(piece);
        if (bytes.size + filled <= 4096) {
            for (size_t i = 0; i < filled; i++)
                piece[i] = in++;
            assert_int_equal(bytes_append(&bytes, slice_of(piece, filled)), 0);
        }
        size_t taken = (size_t)rand_r(&seed) % sizeof(piece);
        taken = taken < bytes.size ? taken : bytes.size;
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(bytes_slice(&bytes).data[i], out++);
        bytes_consume(&bytes, taken);
    }
    assert_true(bytes.capacity <= 4 * 4096);
    bytes_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_an_empty_buffer),
        cmocka_unit_test(what_is_appended_stands_at_the_end),
        cmocka_unit_test(room_is_reserved_without_a_change_of_content),
        cmocka_unit_test(too_much_is_refused_and_changes_nothing),
        cmocka_unit_test(doubling_stops_at_what_is_enough_once),
        cmocka_unit_test(clearing_keeps_the_memory),
        cmocka_unit_test(text_is_formatted_short_and_long),
        cmocka_unit_test(text_of_every_length_fits),
        cmocka_unit_test(a_long_stream_passes_through_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
