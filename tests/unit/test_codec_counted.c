/* length, varint, netstring, octet and fixed: messages whose bytes are counted. What is malformed
 * is in test_codec_malformed.c. */
#include "codec_side.h"

#include "base/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define STREAM_SIZE 32

static void a_length_is_1_to_8_bytes(void **state)
{
    (void)state;
    assert_heard("length:1", 100, "", "");
    assert_heard("length:1", 100, "\5hello\0\1x", "hello||x|");
    assert_heard("length:2", 100, "\0\5hello\0\0", "hello||");
    assert_heard("length:2be", 100, "\0\5hello", "hello|");
    assert_heard("length:2le", 100, "\5\0hello", "hello|");
    assert_heard("length:3", 100, "\0\0\5hello", "hello|");
    assert_heard("length:4", 100, "\0\0\0\5hello", "hello|");
    assert_heard("length:4le", 100, "\5\0\0\0hello\0\0\0\0", "hello||");
    assert_heard("length:5", 100, "\0\0\0\0\5hello", "hello|");
    assert_heard("length:6le", 100, "\5\0\0\0\0\0hello", "hello|");
    assert_heard("length:7", 100, "\0\0\0\0\0\0\5hello", "hello|");
    assert_heard("length:8", 100, "\0\0\0\0\0\0\0\5hello", "hello|");
    assert_heard("length:8le", 100, "\5\0\0\0\0\0\0\0hello", "hello|");
}

static void a_length_may_count_more_or_less_than_follows(void **state)
{
    (void)state;
    assert_heard("length:2+2", 100, "\0\7hello\0\2", "hello||");
    assert_heard("length:1-3", 100, "\2hello\0abc", "hello|abc|");
    assert_heard("length:1+255", 100, "\377\377", "||");
    assert_heard("length:1+0", 100, "\1x", "x|");
    assert_heard("length:1-0", 100, "\1x", "x|");
}

static void a_header_belongs_to_the_message(void **state)
{
    (void)state;
    assert_heard("length:1@0", 100, "\1x\0", "\\x01x|\\x00|");
    assert_heard("length:1@2", 100, "ab\3xyzcd\0", "ab\\x03xyz|cd\\x00|");
    assert_heard("length:2le@1-1", 100, "a\1\0xy", "a\\x01\\x00xy|");
}

/* As the protocols have it that the manual names. */
static void real_protocols(void **state)
{
    (void)state;
    assert_heard("length:4@1+4", 100, "Q\0\0\0\15SELECT 1\0X\0\0\0\4",
                 "Q\\x00\\x00\\x00\\rSELECT 1\\x00|X\\x00\\x00\\x00\\x04|");
    assert_heard("length:2@16+18", 100,
                 "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\0\23\4",
                 "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"
                 "\\x00\\x13\\x04|");
    assert_heard("length:3le-1", 100, "\1\0\0\0\16\1\0\0\1\1", "\\x00\\x0e|\\x01\\x01|");
    assert_heard("length:2be", 100, "\0\3dns", "dns|");
    assert_heard("octet", 100, "11 <13>1 - - -5 <14>x", "<13>1 - - -|<14>x|");
}

static void varints_are_protobuf_s(void **state)
{
    (void)state;
    struct bytes stream = {0};
    assert_heard("varint", 1000, "", "");
    assert_heard("varint", 1000, "\5hello\0\1x", "hello||x|");
    bytes_append(&stream, BYTES("\254\2"));
    for (int i = 0; i < 300; i++)
        bytes_append(&stream, BYTES("x"));
    struct owner owner;
    owner_open(&owner, "varint", 300);
    owner_listen(&owner, bytes_slice(&stream), UINT64_MAX);
    assert_false(owner.failed);
    assert_int_equal(owner.heard.size, 301);
    owner_close(&owner);
    bytes_free(&stream);
}

static void decimals(void **state)
{
    (void)state;
    assert_heard("netstring", 100, "", "");
    assert_heard("netstring", 100, "5:hello,0:,12:hello world!,", "hello||hello world!|");
    assert_heard("netstring", 100, "1:,,2:\0\n,", ",|\\x00\\n|");
    assert_heard("octet", 100, "", "");
    assert_heard("octet", 100, "5 hello12 hello world!1  ", "hello|hello world!| |");
}

static void fixed_messages(void **state)
{
    (void)state;
    assert_heard("fixed:3", 100, "", "");
    assert_heard("fixed:3", 3, "onetwo\r\n\0", "one|two|\\r\\n\\x00|");
    assert_heard("fixed:1", 100, "abc", "a|b|c|");
    assert_heard("fixed:3", 100, "onetw", "one|UNFINISHED");
}

static void messages_may_be_as_long_as_the_limit(void **state)
{
    (void)state;
    assert_heard("length:1", 5, "\5hello\5hello", "hello|hello|");
    assert_heard("length:1+1", 5, "\6hello", "hello|");
    assert_heard("length:1@2+1", 5, "ab\3xy", "ab\\x03xy|");
    assert_heard("varint", 5, "\5hello", "hello|");
    assert_heard("netstring", 5, "5:hello,", "hello|");
    assert_heard("octet", 5, "5 hello", "hello|");
}

/* ---- any stream, any cut ---- */

/* What a reference says about the message at the start of the rest of a stream. */
struct found {
    const char *error; /* or NULL */
    size_t body_at;
    size_t body_size;
    size_t size;
};

typedef struct found find_message(const uint8_t *rest, size_t size, size_t max_message);

/* A number of any width is compared before it is used; what is left must reach. */
static struct found find_counted(size_t size, size_t max_message, uint64_t body, size_t head,
                                 size_t tail)
{
    if (body > max_message)
        return (struct found){.error = "TOO LONG"};
    if (head + body + tail > size)
        return (struct found){.error = "UNFINISHED"};
    return (struct found){.body_at = head, .body_size = body, .size = head + body + tail};
}

/* As sscanf reads a number; strict about how it is written. */
static struct found find_decimal(const uint8_t *rest, size_t size, size_t max_message,
                                 char separator, size_t tail)
{
    char text[STREAM_SIZE] = "";
    unsigned number = 0;
    memcpy(text, rest, size);
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 1; i <= digits; i++) {
        char prefix[STREAM_SIZE] = "";
        memcpy(prefix, text, i);
        sscanf(prefix, "%u", &number);
        if (i > 1 && text[0] == '0')
            return (struct found){.error = "MALFORMED"};
        if (number > max_message)
            return (struct found){.error = "TOO LONG"};
    }
    if (digits == size)
        return (struct found){.error = "UNFINISHED"};
    if (digits == 0 || text[digits] != separator)
        return (struct found){.error = "MALFORMED"};
    return find_counted(size, max_message, number, digits + 1, tail);
}

static struct found find_netstring(const uint8_t *rest, size_t size, size_t max_message)
{
    struct found found = find_decimal(rest, size, max_message, ':', 1);
    if (!found.error && rest[found.size - 1] != ',')
        found.error = "MALFORMED";
    return found;
}

static struct found find_octet(const uint8_t *rest, size_t size, size_t max_message)
{
    if (rest[0] == '0')
        return (struct found){.error = "MALFORMED"};
    return find_decimal(rest, size, max_message, ' ', 0);
}

static struct found find_varint(const uint8_t *rest, size_t size, size_t max_message)
{
    if (rest[0] < 128)
        return find_counted(size, max_message, rest[0], 1, 0);
    if (size == 1)
        return (struct found){.error = "UNFINISHED"};
    if (rest[1] == 0)
        return (struct found){.error = "MALFORMED"};
    if (rest[1] < 128)
        return find_counted(size, max_message, rest[0] - 128u + rest[1] * 128u, 2, 0);
    for (size_t i = 2; i < size; i++) {
        if (rest[i] == 0)
            return (struct found){.error = "MALFORMED"};
        if (rest[i] < 128)
            return (struct found){.error = "TOO LONG"};
    }
    return (struct found){.error = "UNFINISHED"};
}

static struct found find_length_1(const uint8_t *rest, size_t size, size_t max_message)
{
    return find_counted(size, max_message, rest[0], 1, 0);
}

static struct found find_length_2le(const uint8_t *rest, size_t size, size_t max_message)
{
    if (size < 2)
        return (struct found){.error = "UNFINISHED"};
    return find_counted(size, max_message, rest[0] + rest[1] * 256u, 2, 0);
}

/* length:2+1 */
static struct found find_length_2_plus(const uint8_t *rest, size_t size, size_t max_message)
{
    if (size < 2)
        return (struct found){.error = "UNFINISHED"};
    if (rest[0] == 0 && rest[1] == 0)
        return (struct found){.error = "MALFORMED"};
    return find_counted(size, max_message, rest[0] * 256u + rest[1] - 1u, 2, 0);
}

/* length:1-1 */
static struct found find_length_1_minus(const uint8_t *rest, size_t size, size_t max_message)
{
    return find_counted(size, max_message, rest[0] + 1u, 1, 0);
}

/* length:1@1+2: all of it is the message. */
static struct found find_length_1_header(const uint8_t *rest, size_t size, size_t max_message)
{
    if (size < 2)
        return (struct found){.error = "UNFINISHED"};
    if (rest[1] < 2)
        return (struct found){.error = "MALFORMED"};
    return find_counted(size, max_message, rest[1], 0, 0);
}

static struct found find_fixed_2(const uint8_t *rest, size_t size, size_t max_message)
{
    (void)rest;
    return find_counted(size, max_message, 2, 0, 0);
}

static void model(find_message *find, const char *stream, size_t length, size_t max_message,
                  struct bytes *heard)
{
    while (length > 0) {
        const uint8_t *rest = (const uint8_t *)stream;
        struct found found = find(rest, length, max_message);
        if (found.error) {
            bytes_append(heard, slice_of_text(found.error));
            break;
        }
        escape_text(heard, slice_of(rest + found.body_at, found.body_size));
        bytes_append(heard, BYTES("|"));
        stream += found.size;
        length -= found.size;
    }
    bytes_append(heard, slice_of("", 1));
}

static void check_model(const char *framing, find_message *find, size_t max_message,
                        struct slice alphabet, unsigned longest)
{
    struct bytes expected = {0};
    for (unsigned length = 0; length <= longest; length++) {
        for (unsigned number = 0; number < count_streams(alphabet, length); number++) {
            char stream[STREAM_SIZE];
            write_stream(alphabet, number, length, stream);
            bytes_clear(&expected);
            model(find, stream, length, max_message, &expected);
            check_every_cut(framing, max_message, slice_of(stream, length),
                            (const char *)bytes_slice(&expected).data);
        }
    }
    bytes_free(&expected);
}

static void every_short_decimal_is_heard_the_same_in_every_cut(void **state)
{
    (void)state;
    check_model("netstring", find_netstring, 2, BYTES("012:,-"), 5);
    check_model("netstring", find_netstring, 10, BYTES("01:,"), 6);
    check_model("octet", find_octet, 2, BYTES("012 x-"), 5);
    check_model("octet", find_octet, 11, BYTES("012 "), 6);
}

static void every_short_binary_length_is_heard_the_same_in_every_cut(void **state)
{
    (void)state;
    check_model("varint", find_varint, 2, BYTES("\0\1\2\3\200\377"), 5);
    check_model("varint", find_varint, 128, BYTES("\0\1\200\201"), 6);
    check_model("length:1", find_length_1, 2, BYTES("\0\1\2\3"), 6);
    check_model("length:2le", find_length_2le, 2, BYTES("\0\1\2\3"), 6);
    check_model("length:2+1", find_length_2_plus, 2, BYTES("\0\1\2\4"), 6);
    check_model("length:1-1", find_length_1_minus, 2, BYTES("\0\1\2\377"), 6);
    check_model("length:1@1+2", find_length_1_header, 4, BYTES("\0\2\4\5"), 6);
    check_model("fixed:2", find_fixed_2, 2, BYTES("ab"), 6);
}

/* ---- replies ---- */

static void replies_get_their_length(void **state)
{
    (void)state;
    static const enum frame_reply kinds[] = {FRAME_REPLY_DEFAULT, FRAME_REPLY_PLAIN,
                                             FRAME_REPLY_EXACT};
    for (size_t i = 0; i < 3; i++) {
        assert_wrapped("length:1", "hello", kinds[i], "\5", "");
        assert_wrapped("length:4", "hello", kinds[i], "\0\0\0\5", "");
        assert_wrapped("length:3le", "hello", kinds[i], "\5\0\0", "");
        assert_wrapped("length:8", "hello", kinds[i], "\0\0\0\0\0\0\0\5", "");
        assert_wrapped("length:2+2", "hello", kinds[i], "\0\7", "");
        assert_wrapped("length:1-5", "hello", kinds[i], "\0", "");
        assert_wrapped("length:1", "", kinds[i], "\0", "");
        assert_wrapped("varint", "hello", kinds[i], "\5", "");
        assert_wrapped("varint", "", kinds[i], "\0", "");
        assert_wrapped("netstring", "hello", kinds[i], "5:", ",");
        assert_wrapped("netstring", "", kinds[i], "0:", ",");
        assert_wrapped("octet", "hello", kinds[i], "5 ", "");
    }
}

static void who_speaks_headers_or_fixed_messages_says_them_whole(void **state)
{
    (void)state;
    static const enum frame_reply kinds[] = {FRAME_REPLY_DEFAULT, FRAME_REPLY_PLAIN,
                                             FRAME_REPLY_EXACT};
    for (size_t i = 0; i < 3; i++) {
        assert_wrapped("length:4@1+4", "hello", kinds[i], "", "");
        assert_wrapped("length:1@0", "hello", kinds[i], "", "");
        assert_wrapped("fixed:3", "hello", kinds[i], "", "");
    }
}

/* A reply of this size begins like that: the bytes are not looked at. */
static void check_head(const char *framing, uint64_t size, struct slice head)
{
    struct owner owner;
    struct frame_wrapping wrapping;
    owner_open(&owner, framing, SIZE_MAX);
    bool said =
        frame_wrap(&owner.framing, slice_of("", (size_t)size), FRAME_REPLY_PLAIN, &wrapping);
    assert_int_equal(said, head.data != NULL);
    if (said)
        assert_true(slice_equal(slice_of(wrapping.head, wrapping.head_size), head));
    owner_close(&owner);
}

static void the_largest_reply_of_each(void **state)
{
    (void)state;
    static const struct slice none = {NULL, 0};
    check_head("length:1", 255, BYTES("\377"));
    check_head("length:1", 256, none);
    check_head("length:2", 65535, BYTES("\377\377"));
    check_head("length:2le", 65536, none);
    check_head("length:3", 0xffffff, BYTES("\377\377\377"));
    check_head("length:3", 0x1000000, none);
    check_head("length:4", 0x12345678, BYTES("\x12\x34\x56\x78"));
    check_head("length:4le", 0x12345678, BYTES("\x78\x56\x34\x12"));
    check_head("length:1+5", 250, BYTES("\377"));
    check_head("length:1+5", 251, none);
    check_head("length:1-5", 260, BYTES("\377"));
    check_head("length:1-5", 261, none);
    check_head("length:1-5", 5, BYTES("\0"));
    check_head("length:1-5", 4, none);
    check_head("length:8-1", 0, none);
    check_head("varint", 127, BYTES("\177"));
    check_head("varint", 128, BYTES("\200\1"));
    check_head("varint", 16383, BYTES("\377\177"));
    check_head("varint", 16384, BYTES("\200\200\1"));
    check_head("netstring", 1234567890, BYTES("1234567890:"));
    check_head("octet", 1, BYTES("1 "));
    check_head("octet", 0, none);
}

static void the_largest_numbers_of_64_bits(void **state)
{
    (void)state;
    if (SIZE_MAX < UINT64_MAX)
        skip();
    check_head("length:8", UINT64_MAX, BYTES("\377\377\377\377\377\377\377\377"));
    check_head("length:8+1", UINT64_MAX, slice_of(NULL, 0));
    check_head("length:8-1", UINT64_MAX, BYTES("\377\377\377\377\377\377\377\376"));
    check_head("varint", UINT64_MAX, BYTES("\377\377\377\377\377\377\377\377\377\1"));
    check_head("netstring", UINT64_MAX, BYTES("18446744073709551615:"));
    check_head("octet", UINT64_MAX, BYTES("18446744073709551615 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_1_to_8_bytes),
        cmocka_unit_test(a_length_may_count_more_or_less_than_follows),
        cmocka_unit_test(a_header_belongs_to_the_message),
        cmocka_unit_test(real_protocols),
        cmocka_unit_test(varints_are_protobuf_s),
        cmocka_unit_test(decimals),
        cmocka_unit_test(fixed_messages),
        cmocka_unit_test(messages_may_be_as_long_as_the_limit),
        cmocka_unit_test(every_short_decimal_is_heard_the_same_in_every_cut),
        cmocka_unit_test(every_short_binary_length_is_heard_the_same_in_every_cut),
        cmocka_unit_test(replies_get_their_length),
        cmocka_unit_test(who_speaks_headers_or_fixed_messages_says_them_whole),
        cmocka_unit_test(the_largest_reply_of_each),
        cmocka_unit_test(the_largest_numbers_of_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
