/* What --frame may say, and the sentence for each thing that it may not. */
#include "codec_side.h"

#include "goodtalk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define LIST                                                                                       \
    "talk, line, crlf, nul, delim:TEXT, length:N[be|le][@OFFSET][+K|-K], varint, netstring, "      \
    "octet, fixed:N, eof, chunk"

static void check_refused(const char *text, size_t max_message, const char *expected)
{
    struct framing framing;
    struct error error = {0};
    assert_int_equal(framing_parse(&framing, text, max_message, &error), GT_WRONG);
    assert_int_equal(error.status, GT_WRONG);
    assert_string_equal(error.text, expected);
    assert_int_equal(framing_parse(&framing, text, max_message, NULL), GT_WRONG);
}

static struct framing read_framing(const char *text, size_t max_message)
{
    struct framing framing;
    struct error error = {0};
    if (framing_parse(&framing, text, max_message, &error) != GT_DONE)
        fail_msg("%s: %s", text, error.text);
    return framing;
}

static void framings_are_known_by_name(void **state)
{
    (void)state;
    size_t count = 0;
    for (; codec_table[count]; count++) {
        const struct codec *codec = codec_table[count];
        struct framing framing;
        int status = framing_parse(&framing, codec->name, 77, NULL);
        assert_int_equal(status, codec->parameter ? GT_WRONG : GT_DONE);
        assert_ptr_equal(framing.codec, codec);
        assert_int_equal(framing.max_message, 77);
    }
    assert_int_equal(count, 12);
}

static void what_is_no_framing_is_explained(void **state)
{
    (void)state;
    check_refused("lien", 100, "not a framing; did you mean line? one of " LIST);
    check_refused("netsring", 100, "not a framing; did you mean netstring? one of " LIST);
    check_refused("lenght:4", 100, "not a framing; did you mean length? one of " LIST);
    check_refused("EOF", 100, "not a framing; one of " LIST);
    check_refused("", 100, "not a framing; one of " LIST);
    check_refused(":", 100, "not a framing; one of " LIST);
    check_refused("json\n", 100, "not a framing; one of " LIST);
}

static void most_framings_take_no_parameter(void **state)
{
    (void)state;
    check_refused("talk:x", 100, "talk takes no parameter");
    check_refused("line:", 100, "line takes no parameter");
    check_refused("crlf:x", 100, "crlf takes no parameter");
    check_refused("nul:0", 100, "nul takes no parameter");
    check_refused("varint:4", 100, "varint takes no parameter");
    check_refused("netstring:", 100, "netstring takes no parameter");
    check_refused("octet:1", 100, "octet takes no parameter");
    check_refused("eof:x", 100, "eof takes no parameter");
    check_refused("chunk:4096", 100, "chunk takes no parameter");
}

/* What serve asks of a framing besides. */
static void framings_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool pauses, lines, delimited, unframed;
    } rows[] = {
        {"talk", true, true, true, false},      {"line", false, true, true, false},
        {"crlf", false, true, true, false},     {"nul", false, false, true, false},
        {"delim:;", false, false, true, false}, {"length:4", false, false, false, false},
        {"varint", false, false, false, false}, {"netstring", false, false, false, false},
        {"octet", false, false, false, false},  {"fixed:4", false, false, false, false},
        {"eof", false, false, false, true},     {"chunk", false, false, false, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct codec *codec = read_framing(rows[i].text, 100).codec;
        assert_int_equal(codec->pauses, rows[i].pauses);
        assert_int_equal(codec->lines, rows[i].lines);
        assert_int_equal(codec->delimited, rows[i].delimited);
        assert_int_equal(codec->unframed, rows[i].unframed);
    }
    assert_true(codec_packet.unframed);
}

/* ---- delim ---- */

static void check_delimiter(const char *text, struct slice expected)
{
    struct framing framing = read_framing(text, 1);
    assert_true(slice_equal(slice_of(framing.delimiter.bytes, framing.delimiter.size), expected));
}

static void a_delimiter_is_read_as_a_reply_is(void **state)
{
    (void)state;
    char text[80] = "delim:";
    check_delimiter("delim:;", BYTES(";"));
    check_delimiter("delim::", BYTES(":"));
    check_delimiter("delim: ", BYTES(" "));
    check_delimiter("delim:\\r\\n\\t\\0\\\\\\xfF", BYTES("\r\n\t\0\\\xff"));
    check_delimiter("delim:\xc3\xa9", BYTES("\xc3\xa9"));
    memset(text + 6, 'x', 64);
    check_delimiter(text, slice_of(text + 6, 64));
}

static void what_is_no_delimiter_is_explained(void **state)
{
    (void)state;
    char text[80] = "delim:";
    check_refused("delim", 100,
                  "delim needs the text that ends a message: delim:TEXT, for example \"delim:;\"");
    check_refused("delim:", 100,
                  "delim needs the text that ends a message: delim:TEXT, for example \"delim:;\"");
    check_refused("delim:ab\\q", 100,
                  "the backslash at byte 3 of the delimiter begins none of \\n \\r \\t \\0 \\xHH "
                  "\\\\");
    check_refused("delim:\\", 100,
                  "the backslash at byte 1 of the delimiter begins none of \\n \\r \\t \\0 \\xHH "
                  "\\\\");
    check_refused("delim:\\x1", 100,
                  "the backslash at byte 1 of the delimiter begins none of \\n \\r \\t \\0 \\xHH "
                  "\\\\");
    memset(text + 6, 'x', 65);
    check_refused(text, 100, "the delimiter has 65 bytes; at most 64");
}

/* ---- length ---- */

static void check_length(const char *text, struct framing expected)
{
    struct framing framing = read_framing(text, SIZE_MAX);
    assert_int_equal(framing.length.size, expected.length.size);
    assert_int_equal(framing.length.little, expected.length.little);
    assert_int_equal(framing.length.header, expected.length.header);
    assert_int_equal(framing.length.offset, expected.length.offset);
    assert_int_equal(framing.length.surplus, expected.length.surplus);
}

static void every_part_of_a_length_is_read(void **state)
{
    (void)state;
    check_length("length:1", (struct framing){.length = {.size = 1}});
    check_length("length:8", (struct framing){.length = {.size = 8}});
    check_length("length:2be", (struct framing){.length = {.size = 2}});
    check_length("length:2le", (struct framing){.length = {.size = 2, .little = true}});
    check_length("length:4@0", (struct framing){.length = {.size = 4, .header = true}});
    check_length("length:4@1+4", (struct framing){.length = {4, false, true, 1, 4}});
    check_length("length:2@16+18", (struct framing){.length = {2, false, true, 16, 18}});
    check_length("length:3le-1", (struct framing){.length = {3, true, false, 0, -1}});
    check_length("length:2le@10-3", (struct framing){.length = {2, true, true, 10, -3}});
    check_length("length:2be@10-3", (struct framing){.length = {2, false, true, 10, -3}});
    check_length("length:1+255", (struct framing){.length = {.size = 1, .surplus = 255}});
    check_length("length:1-256", (struct framing){.length = {.size = 1, .surplus = -256}});
    check_length("length:4@4294967295",
                 (struct framing){.length = {4, false, true, UINT32_MAX, 0}});
    check_length("length:8+9223372036854775807",
                 (struct framing){.length = {.size = 8, .surplus = INT64_MAX}});
    check_length("length:8-9223372036854775807",
                 (struct framing){.length = {.size = 8, .surplus = -INT64_MAX}});
}

static void what_is_not_written_as_a_length_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "length",       "length:",       "length:x",     "length:be",  "length:-4",
        "length:+4",    "length: 4",     "length:4 ",    "length:4x",  "length:4bele",
        "length:4LE",   "length:4l",     "length:@1",    "length:4@",  "length:4@-1",
        "length:4@x",   "length:4@1@2",  "length:4+",    "length:4-",  "length:4+-1",
        "length:4+1-1", "length:4+1@1",  "length:4@1le", "length:4:1", "length:4+0x1",
        "length:4-1 ",  "length:4be@1+",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_refused(
            texts[i], 100,
            "length needs how it is written: length:N[be|le][@OFFSET][+K|-K], for example "
            "length:4, length:2le or length:4@1+4");
}

static void numbers_that_cannot_work_are_refused(void **state)
{
    (void)state;
    static const char size[] = "the number has 1 to 8 bytes, as in length:4";
    check_refused("length:0", 100, size);
    check_refused("length:9", 100, size);
    check_refused("length:16le", 100, size);
    check_refused("length:18446744073709551620", 100, size);
    check_refused("length:4@4294967296", SIZE_MAX,
                  "OFFSET is the bytes before the number, as in length:2@16");
    check_refused("length:8+9223372036854775808", SIZE_MAX, "K is at most 9223372036854775807");
    check_refused("length:8-99999999999999999999", SIZE_MAX, "K is at most 9223372036854775807");
    check_refused("length:1+256", 1000,
                  "the number is at most 255, and could not count 256 bytes more than follow it");
    check_refused("length:3le@2+16777216", 1000,
                  "the number is at most 16777215, and could not count 16777216 bytes more than "
                  "follow it");
}

static void lengths_that_leave_no_room_are_refused(void **state)
{
    (void)state;
    read_framing("length:1-100", 100);
    check_refused("length:1-101", 100,
                  "the shortest message in length:1-101 has 101 bytes, over --max-message 100");
    read_framing("length:4@96", 100);
    check_refused("length:4@97", 100,
                  "the shortest message in length:4@97 has 101 bytes, over --max-message 100");
    read_framing("length:4@90-6", 100);
    check_refused("length:4@90-7", 100,
                  "the shortest message in length:4@90-7 has 101 bytes, over --max-message 100");
    read_framing("length:4+200", 1);
    check_refused("length:8@4294967295-9223372036854775807", 100,
                  "the shortest message in length:8@4294967295-9223372036854775807 has "
                  "9223372041149743110 bytes, over --max-message 100");
}

/* ---- fixed ---- */

static void fixed_needs_a_size(void **state)
{
    (void)state;
    static const char sentence[] =
        "fixed needs how many bytes a message has, 1 or more: fixed:N, for example fixed:188";
    static const char *const texts[] = {
        "fixed",     "fixed:",     "fixed:0",  "fixed:-1", "fixed:+1",
        "fixed:1.5", "fixed:4KiB", "fixed: 4", "fixed:x",  "fixed:99999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_refused(texts[i], 100, sentence);
    assert_int_equal(read_framing("fixed:1", 1).fixed, 1);
    assert_int_equal(read_framing("fixed:100", 100).fixed, 100);
    check_refused("fixed:101", 100, "a message in fixed:101 has more bytes than --max-message 100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framings_are_known_by_name),
        cmocka_unit_test(what_is_no_framing_is_explained),
        cmocka_unit_test(most_framings_take_no_parameter),
        cmocka_unit_test(framings_say_what_they_are),
        cmocka_unit_test(a_delimiter_is_read_as_a_reply_is),
        cmocka_unit_test(what_is_no_delimiter_is_explained),
        cmocka_unit_test(every_part_of_a_length_is_read),
        cmocka_unit_test(what_is_not_written_as_a_length_is_refused),
        cmocka_unit_test(numbers_that_cannot_work_are_refused),
        cmocka_unit_test(lengths_that_leave_no_room_are_refused),
        cmocka_unit_test(fixed_needs_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
