/* Foreign bytes made fit for a terminal, a log line, a JSON string. */
#include "base/escape.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A string literal as a slice, NULs inside it included. */
#define BYTES(literal) slice_of(literal, sizeof(literal) - 1)

typedef int append_fn(struct bytes *to, struct slice slice);

static void assert_appended(append_fn *append, struct slice slice, const char *expected)
{
    struct bytes to = {0};
    assert_int_equal(bytes_append(&to, slice_of_text("> ")), 0);
    assert_int_equal(append(&to, slice), 0);
    assert_int_equal(bytes_append(&to, slice_of("", 1)), 0);
    assert_string_equal((const char *)bytes_slice(&to).data + 2, expected);
    bytes_free(&to);
}

static void assert_text(struct slice slice, const char *expected)
{
    assert_appended(escape_text, slice, expected);
}

static void what_people_write_passes(void **state)
{
    (void)state;
    assert_text(BYTES(""), "");
    assert_text(BYTES("Who is there?"), "Who is there?");
    assert_text(BYTES("\"na\xc3\xafve\" \xe2\x82\xac \xf0\x9f\x98\x80"),
                "\"na\xc3\xafve\" \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_text(BYTES("\xc2\xa0"), "\xc2\xa0");
    assert_text(BYTES("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");
}

static void controls_are_escaped(void **state)
{
    (void)state;
    assert_text(BYTES("a\nb\rc\td\\e"), "a\\nb\\rc\\td\\\\e");
    assert_text(BYTES("\0\x01\x1b[31m\x7f"), "\\x00\\x01\\x1b[31m\\x7f");
    assert_text(BYTES("\xc2\x80\xc2\x9f"), "\\xc2\\x80\\xc2\\x9f");
    assert_text(BYTES("\xc2\x9b"
                      "31m"),
                "\\xc2\\x9b31m");
}

static void what_turns_text_around_is_escaped(void **state)
{
    (void)state;
    assert_text(BYTES("\xe2\x80\xae"), "\\xe2\\x80\\xae");
    assert_text(BYTES("\xe2\x80\xaf"), "\xe2\x80\xaf");
    assert_text(BYTES("\xe2\x80\xa8\xe2\x80\xa9"), "\\xe2\\x80\\xa8\\xe2\\x80\\xa9");
    assert_text(BYTES("\xe2\x81\xa5\xe2\x81\xa6"), "\xe2\x81\xa5\\xe2\\x81\\xa6");
    assert_text(BYTES("\xe2\x81\xa9\xe2\x81\xaa"), "\\xe2\\x81\\xa9\xe2\x81\xaa");
    assert_text(BYTES("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\x8d"),
                "\\xd8\\x9c\\xe2\\x80\\x8e\\xe2\\x80\\x8f\xe2\x80\x8d");
}

static void what_is_not_utf8_is_escaped(void **state)
{
    (void)state;
    assert_text(BYTES("a\xff\xfe"), "a\\xff\\xfe");
    assert_text(BYTES("\x80z"), "\\x80z");
    assert_text(BYTES("\xc0\xaf"), "\\xc0\\xaf");
    assert_text(BYTES("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf");
    assert_text(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80");
    assert_text(BYTES("\xf0\x8f\xbf\xbf"), "\\xf0\\x8f\\xbf\\xbf");
    assert_text(BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    assert_text(BYTES("\xe2\x82"), "\\xe2\\x82");
    assert_text(BYTES("\xe2\x82x"), "\\xe2\\x82x");
    assert_text(BYTES("\xe2\xc3\xa9"), "\\xe2\xc3\xa9");
}

static void validity_is_of_the_whole(void **state)
{
    (void)state;
    assert_true(utf8_valid(slice_of(NULL, 0)));
    assert_true(utf8_valid(BYTES("a\0\n\xc3\xa9\xef\xbf\xbf")));
    assert_false(utf8_valid(BYTES("a\xc3")));
    assert_false(utf8_valid(BYTES("\xc1\xbf")));
    assert_false(utf8_valid(BYTES("\xed\xbf\xbf")));
    assert_true(utf8_valid(BYTES("\xed\x9f\xbf\xee\x80\x80")));
}

/* Any two bytes, escaped, are printable ASCII or valid UTF-8 without controls, and can be read
 * back. */
static void everything_can_be_read_back(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t original[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        struct bytes text = {0};
        struct bytes back = {0};
        size_t wrong = 0;
        assert_int_equal(escape_text(&text, slice_of(original, 2)), 0);
        assert_true(utf8_valid(bytes_slice(&text)));
        for (size_t i = 0; i < text.size; i++)
            assert_true(text.data[i] >= 0x20 && text.data[i] != 0x7f);
        assert_int_equal(bytes_append(&text, slice_of("", 1)), 0);
        assert_int_equal(unescape(&back, (const char *)text.data, &wrong), 0);
        assert_true(slice_equal(bytes_slice(&back), slice_of(original, 2)));
        bytes_free(&text);
        bytes_free(&back);
    }
}

/* ---- into a string ---- */

static void assert_cut(size_t size, struct slice slice, const char *expected)
{
    char *text = malloc(size);
    assert_non_null(text);
    assert_ptr_equal(escape_string(text, size, slice), text);
    assert_string_equal(text, expected);
    free(text);
}

static void a_string_is_cut_between_characters(void **state)
{
    (void)state;
    assert_cut(8, BYTES("1234567"), "1234567");
    assert_cut(8, BYTES("12345678"), "1234...");
    assert_cut(8, BYTES("123\n45"), "123\\n45");
    assert_cut(8, BYTES("123\n456"), "123...");
    assert_cut(8, BYTES("12\n4567"), "12\\n...");
    assert_cut(8, BYTES("\xff\xff"), "\\xff...");
    assert_cut(8, BYTES("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), "\xe2\x82\xac...");
    assert_cut(8, BYTES("\xe2\x80\xae"), "...");
    assert_cut(8, slice_of(NULL, 0), "");
}

static void a_tiny_string_is_ended_too(void **state)
{
    (void)state;
    assert_cut(1, BYTES("abc"), "");
    assert_cut(2, BYTES("abc"), "a");
    assert_cut(3, BYTES("abc"), "ab");
    assert_cut(4, BYTES("abc"), "abc");
    assert_cut(4, BYTES("abcd"), "...");
    assert_cut(3, BYTES("\xff"), "");
}

/* ---- JSON and base64 ---- */

static void json_strings_are_fit_for_a_terminal(void **state)
{
    (void)state;
    assert_appended(escape_json, BYTES(""), "\"\"");
    assert_appended(escape_json, BYTES("say \"hi\" \\o/"), "\"say \\\"hi\\\" \\\\o/\"");
    assert_appended(escape_json, BYTES("\n\0\x1f\x7f"), "\"\\u000a\\u0000\\u001f\\u007f\"");
    assert_appended(escape_json, BYTES("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8"),
                    "\"\\u009b\\u202e\\u2028\"");
    assert_appended(escape_json, BYTES("\xe2\x82\xac\xf0\x9f\x98\x80"),
                    "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_appended(escape_json, BYTES("a\xff"), "\"a\\ufffd\"");
}

static void base64_is_padded(void **state)
{
    (void)state;
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_appended(escape_base64, slice_of("foobar", i), expected[i]);
    assert_appended(escape_base64, BYTES("\x00\xff\xfb\xef\xbe\xff"), "AP/7777/");
}

/* ---- reading back ---- */

static void what_people_write_is_read(void **state)
{
    (void)state;
    struct bytes to = {0};
    size_t wrong;
    assert_int_equal(unescape(&to, "a\\n\\r\\t\\0\\\\\\x41\\xfF\\x00z", &wrong), 0);
    assert_true(slice_equal(bytes_slice(&to), BYTES("a\n\r\t\0\\A\xff\0z")));
    bytes_free(&to);
}

static void what_means_nothing_is_pointed_at(void **state)
{
    (void)state;
    static const char *const texts[] = {"ab\\q", "ab\\", "ab\\x", "ab\\x4", "ab\\x4g", "ab\\X41"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bytes to = {0};
        size_t wrong = 99;
        bytes_append(&to, slice_of_text("before"));
        assert_int_equal(unescape(&to, texts[i], &wrong), -EINVAL);
        assert_int_equal(wrong, 2);
        assert_true(slice_equal(bytes_slice(&to), slice_of_text("before")));
        bytes_free(&to);
    }
}

/* Every byte at every place of a stretch of every length. */
static void test_what_json_has_as_it_is(void **state)
{
    (void)state;
    assert_true(escape_json_plain(slice_of(NULL, 0)));
    for (size_t size = 1; size <= 20; size++)
        for (size_t at = 0; at < size; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                uint8_t text[20];
                memset(text, 'x', sizeof text);
                text[at] = (uint8_t)byte;
                bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
                assert_int_equal(escape_json_plain(slice_of(text, size)), plain);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_json_has_as_it_is),
        cmocka_unit_test(what_people_write_passes),
        cmocka_unit_test(controls_are_escaped),
        cmocka_unit_test(what_turns_text_around_is_escaped),
        cmocka_unit_test(what_is_not_utf8_is_escaped),
        cmocka_unit_test(validity_is_of_the_whole),
        cmocka_unit_test(everything_can_be_read_back),
        cmocka_unit_test(a_string_is_cut_between_characters),
        cmocka_unit_test(a_tiny_string_is_ended_too),
        cmocka_unit_test(json_strings_are_fit_for_a_terminal),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(what_means_nothing_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
