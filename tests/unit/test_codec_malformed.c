/* Lengths that are wrong, or too large, or whose stream ends within: each is refused at the byte
 * that makes it certain, however it came, and the messages before it are heard. */
#include "codec_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOO_LONG   "TOO LONG"
#define MALFORMED  "MALFORMED"
#define UNFINISHED "UNFINISHED"

/* The last byte of a stream that is too long or malformed is the one that makes it so. */
struct row {
    const char *framing;
    const char *bytes;
    size_t size;
    const char *expected;
    size_t max_message;
};

#define ROW(framing, text, expected) ROW_WITHIN(framing, text, expected, 100)
#define ROW_WITHIN(framing, text, expected, max_message)                                           \
    {                                                                                              \
        framing, text, sizeof(text) - 1, expected, max_message                                     \
    }

#define NINES_19 "9999999999999999999"
#define BODY_99                                                                                    \
    "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "   \
    "123456789"

static const struct row decimal_rows[] = {
    /* signs and what is no digit */
    ROW("netstring", "-", MALFORMED),
    ROW("netstring", "+", MALFORMED),
    ROW("netstring", ":", MALFORMED),
    ROW("netstring", ",", MALFORMED),
    ROW("netstring", " ", MALFORMED),
    ROW("netstring", "\n", MALFORMED),
    ROW("netstring", "\0", MALFORMED),
    ROW("netstring", "\377", MALFORMED),
    ROW("netstring", "a", MALFORMED),
    ROW("netstring", "/", MALFORMED),
    ROW("netstring", "5 ", MALFORMED),
    ROW("netstring", "5,", MALFORMED),
    ROW("netstring", "5x", MALFORMED),
    ROW("netstring", "5;", MALFORMED),
    ROW("netstring", "1\0", MALFORMED),
    ROW("netstring", "1.", MALFORMED),
    ROW("netstring", "1e", MALFORMED),
    ROW("netstring", "0x", MALFORMED),
    ROW("netstring", "5\r", MALFORMED),
    ROW("octet", "-", MALFORMED),
    ROW("octet", "+", MALFORMED),
    ROW("octet", " ", MALFORMED),
    ROW("octet", "<", MALFORMED),
    ROW("octet", "\n", MALFORMED),
    ROW("octet", "\0", MALFORMED),
    ROW("octet", ":", MALFORMED),
    ROW("octet", "5:", MALFORMED),
    ROW("octet", "5\t", MALFORMED),
    ROW("octet", "5<", MALFORMED),
    ROW("octet", "5\0", MALFORMED),
    ROW("octet", "\262", MALFORMED),
    /* zeros at the start */
    ROW("netstring", "00", MALFORMED),
    ROW("netstring", "01", MALFORMED),
    ROW("netstring", "09", MALFORMED),
    ROW("octet", "0", MALFORMED),
    ROW("octet", "3 abc0", "abc|" MALFORMED),
    /* the comma */
    ROW("netstring", "0:x", MALFORMED),
    ROW("netstring", "0:0", MALFORMED),
    ROW("netstring", "5:hellox", MALFORMED),
    ROW("netstring", "5:hello\n", MALFORMED),
    ROW("netstring", "5:hello!", MALFORMED),
    /* the limit, and one more */
    ROW("netstring", "99:" BODY_99 ",", BODY_99 "|"),
    ROW("netstring", "100:x" BODY_99 ",", "x" BODY_99 "|"),
    ROW("netstring", "101", TOO_LONG),
    ROW("netstring", "200", TOO_LONG),
    ROW("netstring", "999", TOO_LONG),
    ROW_WITHIN("netstring", "5", TOO_LONG, 4),
    ROW_WITHIN("netstring", "2:ab,3", "ab|" TOO_LONG, 2),
    ROW("octet", "99 " BODY_99, BODY_99 "|"),
    ROW("octet", "100 x" BODY_99, "x" BODY_99 "|"),
    ROW("octet", "101", TOO_LONG),
    ROW_WITHIN("octet", "1048576 ", UNFINISHED, 1048576),
    ROW_WITHIN("octet", "1048577", TOO_LONG, 1048576),
    ROW_WITHIN("octet", "5", TOO_LONG, 4),
    /* numbers of 64 bits and more */
    ROW_WITHIN("netstring", "1844674407370955161", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("netstring", "18446744073709551615", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("netstring", "18446744073709551615:", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("netstring", "18446744073709551616", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("netstring", "18446744073709551619", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("netstring", "18446744073709551620", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("netstring", NINES_19 "9", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("octet", "18446744073709551615 ", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("octet", "18446744073709551616", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("octet", NINES_19 "0", TOO_LONG, SIZE_MAX),
    /* the end of the stream */
    ROW("netstring", "0", UNFINISHED),
    ROW("netstring", "5", UNFINISHED),
    ROW("netstring", "10", UNFINISHED),
    ROW("netstring", "5:", UNFINISHED),
    ROW("netstring", "5:hell", UNFINISHED),
    ROW("netstring", "5:hello", UNFINISHED),
    ROW("netstring", "0:", UNFINISHED),
    ROW("octet", "5", UNFINISHED),
    ROW("octet", "5 ", UNFINISHED),
    ROW("octet", "5 hell", UNFINISHED),
    ROW("octet", "1 x1", "x|" UNFINISHED),
};

static const struct row varint_rows[] = {
    /* not as short as it can be */
    ROW("varint", "\200\0", MALFORMED),
    ROW("varint", "\201\0", MALFORMED),
    ROW("varint", "\377\0", MALFORMED),
    ROW("varint", "\200\200\0", MALFORMED),
    ROW("varint", "\377\377\377\377\377\377\377\377\377\0", MALFORMED),
    /* more than 64 bits, more than ten bytes */
    ROW_WITHIN("varint", "\377\377\377\377\377\377\377\377\377\2", MALFORMED, SIZE_MAX),
    ROW_WITHIN("varint", "\200\200\200\200\200\200\200\200\200\2", MALFORMED, SIZE_MAX),
    ROW_WITHIN("varint", "\200\200\200\200\200\200\200\200\200\177", MALFORMED, SIZE_MAX),
    ROW("varint", "\200\200\200\200\200\200\200\200\200\200", MALFORMED),
    ROW_WITHIN("varint", "\377\377\377\377\377\377\377\377\377\377", MALFORMED, SIZE_MAX),
    ROW("varint", "\200\200\200\200\200\200\200\200\200\201", MALFORMED),
    /* the limit, and one more */
    ROW("varint", "\143" BODY_99, BODY_99 "|"),
    ROW("varint", "\144x" BODY_99, "x" BODY_99 "|"),
    ROW("varint", "\145", TOO_LONG),
    ROW("varint", "\177", TOO_LONG),
    ROW("varint", "\200\1", TOO_LONG),
    ROW_WITHIN("varint", "\200\1", UNFINISHED, 128),
    ROW_WITHIN("varint", "\201\1", TOO_LONG, 128),
    ROW("varint", "\377\377\377\377\7", TOO_LONG),
    ROW("varint", "\377\377\377\377\377\377\377\377\377\1", TOO_LONG),
    ROW_WITHIN("varint", "\376\377\377\377\377\377\377\377\377\1", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("varint", "\377\377\377\377\377\377\377\377\377\1", UNFINISHED, SIZE_MAX),
    ROW("varint", "\200\200\200\200\200\200\200\200\200\1", TOO_LONG),
    /* the end of the stream */
    ROW("varint", "\200", UNFINISHED),
    ROW("varint", "\377", UNFINISHED),
    ROW("varint", "\377\377\377\377\377\377\377\377\377", UNFINISHED),
    ROW("varint", "\5", UNFINISHED),
    ROW("varint", "\5hell", UNFINISHED),
    ROW("varint", "\1x\200", "x|" UNFINISHED),
};

static const struct row length_rows[] = {
    /* below its own K */
    ROW("length:1+1", "\0", MALFORMED),
    ROW("length:2+2", "\0\1", MALFORMED),
    ROW("length:2le+2", "\1\0", MALFORMED),
    ROW("length:4@1+4", "Q\0\0\0\3", MALFORMED),
    ROW("length:4@1+4", "Q\0\0\0\0", MALFORMED),
    ROW("length:2@1+18", "x\0\21", MALFORMED),
    ROW("length:1+255", "\376", MALFORMED),
    ROW("length:8+9223372036854775807", "\177\377\377\377\377\377\377\376", MALFORMED),
    ROW("length:8+9223372036854775807", "\0\0\0\0\0\0\0\0", MALFORMED),
    /* the limit, and one more */
    ROW("length:1", "\143" BODY_99, BODY_99 "|"),
    ROW("length:1", "\144x" BODY_99, "x" BODY_99 "|"),
    ROW("length:1", "\145", TOO_LONG),
    ROW("length:1", "\377", TOO_LONG),
    ROW("length:2", "\0\145", TOO_LONG),
    ROW("length:2", "\1\0", TOO_LONG),
    ROW("length:2le", "\145\0", TOO_LONG),
    ROW("length:2le", "\0\1", TOO_LONG),
    ROW("length:4", "\177\377\377\377", TOO_LONG),
    ROW("length:4", "\200\0\0\0", TOO_LONG),
    ROW("length:4", "\377\377\377\377", TOO_LONG),
    ROW("length:4le", "\0\0\0\200", TOO_LONG),
    ROW("length:3", "\0\0\1x\1\0\0", "x|" TOO_LONG),
    ROW("length:1+2", "\147", TOO_LONG),
    ROW("length:1+2", "\146x" BODY_99, "x" BODY_99 "|"),
    ROW("length:1-2", "\143", TOO_LONG),
    ROW("length:1-2", "\377", TOO_LONG),
    ROW("length:1-2", "\142x" BODY_99, "x" BODY_99 "|"),
    /* with a header, all of it counts */
    ROW_WITHIN("length:1@1", "h\2xy", "h\\x02xy|", 4),
    ROW_WITHIN("length:1@1", "h\3", TOO_LONG, 4),
    ROW_WITHIN("length:1@1-2", "h\1", TOO_LONG, 4),
    ROW_WITHIN("length:1@1+2", "h\4xy", "h\\x04xy|", 4),
    ROW_WITHIN("length:1@1+2", "h\5", TOO_LONG, 4),
    /* numbers of 64 bits */
    ROW("length:8", "\0\0\0\0\0\0\0\145", TOO_LONG),
    ROW("length:8", "\377\377\377\377\377\377\377\377", TOO_LONG),
    ROW_WITHIN("length:8", "\377\377\377\377\377\377\377\377", UNFINISHED, SIZE_MAX),
    ROW("length:8le", "\145\0\0\0\0\0\0\0", TOO_LONG),
    ROW_WITHIN("length:8-1", "\377\377\377\377\377\377\377\377", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("length:8-2", "\377\377\377\377\377\377\377\376", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("length:8-2", "\377\377\377\377\377\377\377\375", UNFINISHED, SIZE_MAX),
    ROW("length:8+1", "\377\377\377\377\377\377\377\377", TOO_LONG),
    ROW_WITHIN("length:8@0", "\377\377\377\377\377\377\377\377", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("length:8@0", "\377\377\377\377\377\377\377\367", UNFINISHED, SIZE_MAX),
    ROW_WITHIN("length:8@0", "\377\377\377\377\377\377\377\370", TOO_LONG, SIZE_MAX),
    ROW_WITHIN("length:8@0+8", "\377\377\377\377\377\377\377\377", UNFINISHED, SIZE_MAX),
    /* the end of the stream */
    ROW("length:1", "\5", UNFINISHED),
    ROW("length:1", "\5hell", UNFINISHED),
    ROW("length:1", "\1x\1", "x|" UNFINISHED),
    ROW("length:2", "\0", UNFINISHED),
    ROW("length:2", "\377", UNFINISHED),
    ROW("length:4", "\0\0\0", UNFINISHED),
    ROW("length:8", "\377\377\377\377\377\377\377", UNFINISHED),
    ROW("length:1-2", "\0x", UNFINISHED),
    ROW("length:4@1+4", "Q", UNFINISHED),
    ROW("length:4@1+4", "Q\377\377\377", UNFINISHED),
    ROW("length:4@1+4", "Q\0\0\0\5", UNFINISHED),
    ROW("fixed:3", "x", UNFINISHED),
    ROW("fixed:3", "xyzxy", "xyz|" UNFINISHED),
};

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void open_owner(struct owner *owner, const struct row *row)
{
    owner_open(owner, row->framing, row->max_message);
}

/* Nothing is wrong before the last byte, and more is not waited for after it. */
static void check_moment(const struct row *row, size_t index)
{
    struct owner owner;
    bool certain = ends_with(row->expected, TOO_LONG) || ends_with(row->expected, MALFORMED);
    open_owner(&owner, row);
    owner_give(&owner, slice_of(row->bytes, row->size - 1));
    owner_ask(&owner, FRAME_BYTES);
    if (owner.failed)
        fail_msg("%s, row %zu: %s is said early", row->framing, index, row->expected);
    owner_give(&owner, slice_of(row->bytes + row->size - 1, 1));
    owner_ask(&owner, FRAME_BYTES);
    if (owner.failed != certain)
        fail_msg("%s, row %zu: %s is said at the wrong time", row->framing, index, row->expected);
    owner_close(&owner);
}

/* The same after a message that is right: that one is heard. */
static void check_after_another(const struct row *row)
{
    struct owner owner;
    struct frame_wrapping wrapping;
    struct bytes stream = {0};
    char expected[256];
    open_owner(&owner, row);
    frame_wrap(&owner.framing, BYTES("ok"), FRAME_REPLY_PLAIN, &wrapping);
    bool wraps = wrapping.head_size > 0;
    owner_close(&owner);
    if (!wraps)
        return;
    bytes_append(&stream, slice_of(wrapping.head, wrapping.head_size));
    bytes_append(&stream, BYTES("ok"));
    bytes_append(&stream, wrapping.tail);
    bytes_append(&stream, slice_of(row->bytes, row->size));
    snprintf(expected, sizeof(expected), "ok|%s", row->expected);
    check_heard(row->framing, row->max_message, bytes_slice(&stream), expected);
    bytes_free(&stream);
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        if (SIZE_MAX < UINT64_MAX && row->max_message == SIZE_MAX)
            continue;
        check_heard(row->framing, row->max_message, slice_of(row->bytes, row->size), row->expected);
        check_moment(row, i);
        check_after_another(row);
    }
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

_Static_assert(COUNT(decimal_rows) + COUNT(varint_rows) + COUNT(length_rows) >= 80,
               "a table of at least 80");

static void decimals(void **state)
{
    (void)state;
    check_rows(decimal_rows, COUNT(decimal_rows));
}

static void varints(void **state)
{
    (void)state;
    check_rows(varint_rows, COUNT(varint_rows));
}

static void lengths(void **state)
{
    (void)state;
    check_rows(length_rows, COUNT(length_rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals),
        cmocka_unit_test(varints),
        cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
