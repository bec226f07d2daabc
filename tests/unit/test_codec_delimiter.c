/* crlf, nul and delim: messages that end with a delimiter, which may be cut anywhere. */
#include "codec_side.h"

#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define STREAM_SIZE 32

static void crlf_is_strict(void **state)
{
    (void)state;
    assert_heard("crlf", 100, "", "");
    assert_heard("crlf", 100, "one\r\ntwo\r\n", "one|two|");
    assert_heard("crlf", 100, "\r\n\r\n", "||");
    assert_heard("crlf", 100, "a\nb\rc\n\r\r\n", "a\\nb\\rc\\n\\r|");
    assert_heard("crlf", 100, "a\0b\r\n", "a\\x00b|");
    assert_heard("crlf", 100, "one\r\ntwo", "one|UNFINISHED");
    assert_heard("crlf", 100, "one\n", "UNFINISHED");
    assert_heard("crlf", 100, "one\r", "UNFINISHED");
}

static void nul_ends_with_a_nul(void **state)
{
    (void)state;
    assert_heard("nul", 100, "", "");
    assert_heard("nul", 100, "one\0\r\n\0\0", "one|\\r\\n||");
    assert_heard("nul", 100, "one\0two", "one|UNFINISHED");
}

static void any_text_can_be_a_delimiter(void **state)
{
    (void)state;
    assert_heard("delim:;", 100, "one;two;;", "one|two||");
    assert_heard("delim::", 100, "one:two:", "one|two|");
    assert_heard("delim:END", 100, "one ENENDtwoEND", "one EN|two|");
    assert_heard("delim:\\r\\n.\\r\\n", 100, "mail\r\n..\r\n\r\n.\r\n", "mail\\r\\n..\\r\\n|");
    assert_heard("delim:\\x1c\\r", 100, "\x0bHL7\rPID\x1c\r", "\\x0bHL7\\rPID|");
    assert_heard("delim:\\0\\0", 100, "a\0b\0\0\0\0", "a\\x00b||");
    assert_heard("delim:\\\\", 100, "one\\", "one|");
    assert_heard("delim:aa", 100, "aaaxaa", "|ax|");
    assert_heard("delim:aab", 100, "aaabaab", "a||");
    assert_heard("delim:;", 100, "one;two", "one|UNFINISHED");
}

static void the_longest_delimiter(void **state)
{
    (void)state;
    char framing[80] = "delim:";
    struct bytes stream = {0};
    memset(framing + 6, 'x', 64);
    bytes_append(&stream, BYTES("hello"));
    bytes_append(&stream, slice_of(framing + 6, 64));
    check_heard(framing, 5, bytes_slice(&stream), "hello|");
    bytes_append(&stream, slice_of(framing + 6, 63));
    check_heard(framing, 5, bytes_slice(&stream), "hello|UNFINISHED");
    bytes_append(&stream, BYTES("yy"));
    check_heard(framing, 5, bytes_slice(&stream), "hello|TOO LONG");
    bytes_free(&stream);
}

static void the_limit_does_not_count_the_delimiter(void **state)
{
    (void)state;
    assert_heard("crlf", 3, "abc\r\nabcd\r\n", "abc|TOO LONG");
    assert_heard("crlf", 3, "abc\r", "UNFINISHED");
    assert_heard("crlf", 3, "abc\r\r\n", "TOO LONG");
    assert_heard("crlf", 3, "abcd", "TOO LONG");
    assert_heard("nul", 3, "abc\0abcd\0", "abc|TOO LONG");
    assert_heard("delim:END", 3, "abcEND", "abc|");
    assert_heard("delim:END", 3, "abcEN", "UNFINISHED");
    assert_heard("delim:END", 3, "abcENEND", "TOO LONG");
    assert_heard("delim:END", 1, "E", "UNFINISHED");
    assert_heard("delim:END", 1, "EEEND", "TOO LONG");
}

/* The byte that makes it certain is the first at which it is said: nobody sends any more in vain.
 */
static void too_long_is_said_as_soon_as_it_is_certain(void **state)
{
    (void)state;
    static const struct {
        const char *framing;
        const char *fits; /* still possible */
        const char *over; /* the same and one byte */
    } rows[] = {
        {"crlf", "abc", "abcd"},          {"crlf", "abc\r", "abc\rd"},
        {"crlf", "ab\r\r", "ab\r\r\r"},   {"nul", "abc", "abcd"},
        {"delim:END", "abcEN", "abcENE"}, {"delim:aab", "xaaaa", "xaaaaa"},
        {"delim:aab", "xxaaa", "xxaaaa"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct owner owner;
        owner_open(&owner, rows[i].framing, 3);
        owner_give(&owner, slice_of_text(rows[i].fits));
        owner_ask(&owner, FRAME_BYTES);
        assert_string_equal(owner_heard(&owner), "");
        owner_give(&owner, slice_after(slice_of_text(rows[i].over), strlen(rows[i].fits)));
        owner_ask(&owner, FRAME_BYTES);
        assert_string_equal(owner_heard(&owner), "TOO LONG");
        owner_close(&owner);
    }
}

/* Bytes are not looked at again, but for as many as may begin a delimiter: one that is put in
 * afterwards is not seen. */
static void hardly_a_byte_is_searched_twice(void **state)
{
    (void)state;
    struct framing framing;
    struct frame frame = {0};
    struct frame_mark mark;
    char input[] = "aaaaaaaaEN";
    assert_int_equal(framing_parse(&framing, "delim:END", 100, NULL), 0);
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 10), FRAME_BYTES, &mark),
                     FRAME_MORE);
    assert_int_equal(frame.scanned, 10);
    memcpy(input, "ENDENDENDEN", 11);
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 10), FRAME_BYTES, &mark),
                     FRAME_MORE);
    memcpy(input + 7, "END", 3);
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 10), FRAME_BYTES, &mark),
                     FRAME_MORE);
    frame.scanned = 9;
    assert_int_equal(frame_scan(&framing, &frame, slice_of(input, 10), FRAME_BYTES, &mark),
                     FRAME_MESSAGE);
    assert_int_equal(mark.body.size, 7);
    assert_int_equal(frame.scanned, 0);
}

/* ---- any stream, any cut ---- */

static bool starts_with(const char *stream, size_t length, const char *start, size_t size)
{
    return length >= size && memcmp(stream, start, size) == 0;
}

/* Whether a delimiter could still begin at one of the first places, if more came. */
static bool may_still_end(const char *stream, size_t length, const char *delimiter, size_t size,
                          size_t max_message)
{
    for (size_t at = 0; at <= max_message && at <= length; at++)
        if (length - at < size && memcmp(stream + at, delimiter, length - at) == 0)
            return true;
    return false;
}

/* The messages by another way: the whole stream at once, place by place. */
static void model(const char *stream, size_t length, const char *delimiter, size_t size,
                  size_t max_message, struct bytes *heard)
{
    while (length > 0) {
        size_t at = 0;
        while (at < length && !starts_with(stream + at, length - at, delimiter, size))
            at++;
        bool fits = at == length ? may_still_end(stream, length, delimiter, size, max_message)
                                 : at <= max_message;
        if (!fits || at == length) {
            bytes_append(heard, slice_of_text(fits ? "UNFINISHED" : "TOO LONG"));
            break;
        }
        escape_text(heard, slice_of(stream, at));
        bytes_append(heard, BYTES("|"));
        stream += at + size;
        length -= at + size;
    }
    bytes_append(heard, slice_of("", 1));
}

static void check_model(const char *framing, struct slice delimiter, size_t max_message,
                        struct slice alphabet, unsigned longest)
{
    struct bytes expected = {0};
    for (unsigned length = 0; length <= longest; length++) {
        for (unsigned number = 0; number < count_streams(alphabet, length); number++) {
            char stream[STREAM_SIZE];
            write_stream(alphabet, number, length, stream);
            bytes_clear(&expected);
            model(stream, length, (const char *)delimiter.data, delimiter.size, max_message,
                  &expected);
            check_every_cut(framing, max_message, slice_of(stream, length),
                            (const char *)bytes_slice(&expected).data);
        }
    }
    bytes_free(&expected);
}

static void every_short_stream_is_heard_the_same_in_every_cut(void **state)
{
    (void)state;
    check_model("crlf", BYTES("\r\n"), 2, BYTES("a\r\n"), 6);
    check_model("nul", BYTES("\0"), 2, BYTES("a\0"), 7);
    check_model("delim:aa", BYTES("aa"), 2, BYTES("ab"), 8);
    check_model("delim:aab", BYTES("aab"), 2, BYTES("ab"), 8);
    check_model("delim:abab", BYTES("abab"), 1, BYTES("ab"), 9);
    check_model("delim:a", BYTES("a"), 1, BYTES("ab"), 6);
}

/* ---- replies ---- */

static void replies_end_with_the_delimiter(void **state)
{
    (void)state;
    static const enum frame_reply kinds[] = {FRAME_REPLY_DEFAULT, FRAME_REPLY_PLAIN};
    for (size_t i = 0; i < 2; i++) {
        assert_wrapped("crlf", "hello", kinds[i], "", "\r\n");
        assert_wrapped("crlf", "hello\r\n", kinds[i], "", "");
        assert_wrapped("crlf", "hello\n", kinds[i], "", "\r\n");
        assert_wrapped("crlf", "", kinds[i], "", "\r\n");
        assert_wrapped("nul", "hello", kinds[i], "", "\0");
        assert_wrapped("nul", "hello\0", kinds[i], "", "");
        assert_wrapped("delim:END", "hello", kinds[i], "", "END");
        assert_wrapped("delim:END", "the END", kinds[i], "", "");
        assert_wrapped("delim:END", "ND", kinds[i], "", "END");
        assert_wrapped("delim:END", "the end", kinds[i], "", "END");
    }
}

static void exact_replies_are_left_alone(void **state)
{
    (void)state;
    static const char *const framings[] = {"crlf", "nul", "delim:END"};
    for (size_t i = 0; i < 3; i++)
        assert_wrapped(framings[i], "hello", FRAME_REPLY_EXACT, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crlf_is_strict),
        cmocka_unit_test(nul_ends_with_a_nul),
        cmocka_unit_test(any_text_can_be_a_delimiter),
        cmocka_unit_test(the_longest_delimiter),
        cmocka_unit_test(the_limit_does_not_count_the_delimiter),
        cmocka_unit_test(too_long_is_said_as_soon_as_it_is_certain),
        cmocka_unit_test(hardly_a_byte_is_searched_twice),
        cmocka_unit_test(every_short_stream_is_heard_the_same_in_every_cut),
        cmocka_unit_test(replies_end_with_the_delimiter),
        cmocka_unit_test(exact_replies_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
