/* Messages as standard output shows them, format by format. */
#include "record/json_line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct peer loopback = {.kind = PEER_IPV4, .port = 40312, .address = {127, 0, 0, 1}};

static struct message message_of(const void *raw, size_t raw_size, size_t body_size)
{
    return (struct message){
        .body = slice_of(raw, body_size),
        .raw = slice_of(raw, raw_size),
        .peer = &loopback,
        .listener = "tcp:[::]:9999",
        .worker = 2,
        .sequence = 17,
        .time_us = 1769860800000001, /* 2026-01-31 12:00:00.000001 UTC */
    };
}

static void assert_shown(enum show_format format, struct message message, const char *expected)
{
    struct bytes shown = {0};
    assert_int_equal(show_message(&shown, format, &message), 0);
    assert_int_equal(bytes_append(&shown, slice_of("", 1)), 0);
    assert_string_equal((const char *)bytes_slice(&shown).data, expected);
    bytes_free(&shown);
}

/* A message that came as this text, a line with its LF. */
static void assert_line_shown(enum show_format format, const char *line, const char *expected)
{
    size_t size = strlen(line);
    assert_shown(format, message_of(line, size, size - 1), expected);
}

static void test_formats_by_name(void **state)
{
    (void)state;
    assert_int_equal(show_format_parse("talk"), SHOW_TALK);
    assert_int_equal(show_format_parse("raw"), SHOW_RAW);
    assert_int_equal(show_format_parse("json"), SHOW_JSON);
    assert_int_equal(show_format_parse("hex"), SHOW_HEX);
    assert_int_equal(show_format_parse("none"), SHOW_NONE);
    assert_int_equal(show_format_parse("Talk"), -1);
    assert_int_equal(show_format_parse(""), -1);
    assert_string_equal(show_format_names[SHOW_HEX], "hex");
    assert_null(show_format_names[SHOW_NONE + 1]);
}

static void test_talk_is_a_sentence(void **state)
{
    (void)state;
    assert_line_shown(SHOW_TALK, "Who is there?\n", "The message was: Who is there?\n");
    assert_line_shown(SHOW_TALK, "\n", "The message was: \n");
    assert_line_shown(SHOW_TALK, "gr\xc3\xbc\xc3\x9f dich\n",
                      "The message was: gr\xc3\xbc\xc3\x9f dich\n");
}

static void test_talk_drives_no_terminal(void **state)
{
    (void)state;
    assert_line_shown(SHOW_TALK, "a\x1b[2Jb\n", "The message was: a\\x1b[2Jb\n");
    assert_line_shown(SHOW_TALK, "a\rb\tc\\\n", "The message was: a\\rb\\tc\\\\\n");
    assert_line_shown(SHOW_TALK, "\xff\n", "The message was: \\xff\n");
    assert_shown(SHOW_TALK, message_of("a\0b", 3, 3), "The message was: a\\x00b\n");
    assert_shown(SHOW_TALK, message_of("two\nlines", 9, 9), "The message was: two\\nlines\n");
}

static void test_raw_is_what_came(void **state)
{
    (void)state;
    struct bytes shown = {0};
    struct message first = message_of("a\0\xff\r\n", 5, 3), second = message_of("b\n", 2, 1);
    assert_int_equal(show_message(&shown, SHOW_RAW, &first), 0);
    assert_int_equal(show_message(&shown, SHOW_RAW, &second), 0);
    assert_true(slice_equal(bytes_slice(&shown), slice_of("a\0\xff\r\nb\n", 7)));
    bytes_free(&shown);
}

static void test_json_is_one_line(void **state)
{
    (void)state;
    const char *head = "{\"id\":\"2-17\",\"time\":\"2026-01-31T12:00:00.000001Z\","
                       "\"listener\":\"tcp:[::]:9999\",\"peer\":\"127.0.0.1:40312\",";
    static const struct {
        const char *body;
        size_t size;
        const char *tail;
    } rows[] = {
        {"Who is there?", 13, "\"size\":13,\"text\":\"Who is there?\"}\n"},
        {"", 0, "\"size\":0,\"text\":\"\"}\n"},
        {"say \"hi\"\\", 9, "\"size\":9,\"text\":\"say \\\"hi\\\"\\\\\"}\n"},
        {"\xc3\xbc", 2, "\"size\":2,\"text\":\"\xc3\xbc\"}\n"},
        {"\xff\x00\x01", 3, "\"size\":3,\"base64\":\"/wAB\"}\n"},
        {"\xc3", 1, "\"size\":1,\"base64\":\"ww==\"}\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "%s%s", head, rows[i].tail);
        assert_shown(SHOW_JSON, message_of(rows[i].body, rows[i].size, rows[i].size), expected);
    }
}

static void test_json_names_foreign_listeners_safely(void **state)
{
    (void)state;
    struct message message = message_of("x", 1, 1);
    message.listener = "unix:/run/a\"b";
    struct bytes shown = {0};
    assert_int_equal(show_message(&shown, SHOW_JSON, &message), 0);
    assert_int_equal(bytes_append(&shown, slice_of("", 1)), 0);
    const char *text = (const char *)bytes_slice(&shown).data;
    assert_non_null(strstr(text, "\"listener\":\"unix:/run/a\\\"b\",\"peer\""));
    bytes_free(&shown);
}

/* What was worked out for one message must not show in the next that differs in it. */
static void test_json_lines_after_each_other(void **state)
{
    struct envelope envelope = {0};
    struct bytes shown = {0};
    struct message base = message_of("hello", 5, 5);
    struct peer unix_peer = {.kind = PEER_UNIX};
    struct peer port = *base.peer, address = *base.peer;
    (void)state;
    port.port++;
    address.address[3]++;
    struct message list[] = {base, base, base, base, base, base, base, base};
    list[1].sequence = UINT64_MAX;
    list[2].time_us += 1;
    list[3].peer = &port;
    list[4].peer = &address;
    list[5].peer = &unix_peer;
    list[6].listener = "udp:[::]:9";
    list[7].body = slice_of(NULL, 0);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct bytes alone = {0};
        bytes_clear(&shown);
        assert_int_equal(json_line(&shown, &envelope, &list[i]), 0);
        assert_int_equal(show_message(&alone, SHOW_JSON, &list[i]), 0);
        assert_true(slice_equal(bytes_slice(&shown), bytes_slice(&alone)));
        bytes_free(&alone);
    }
    bytes_free(&shown);
    envelope_free(&envelope);
}

static void test_none_shows_nothing(void **state)
{
    (void)state;
    assert_line_shown(SHOW_NONE, "Who is there?\n", "");
}

#define ZEROS "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
#define AS    "61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n"
#define BS    "62 62 62 62 62 62 62 62  62 62 62 62 62 62 62 62  |bbbbbbbbbbbbbbbb|\n"

/* What hexdump -C (util-linux) says to these bytes. */
static void test_hex_is_as_hexdump(void **state)
{
    (void)state;
    static const char zeros[64], letters[] = "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                                             "aaaaaaaaaaaaaaaa";
    static const struct {
        const char *bytes;
        size_t size;
        const char *expected;
    } rows[] = {
        {"a\n", 2, "00000000  61 0a                                             |a.|\n00000002\n"},
        {"abc\x80\xff de\nxyz 123456", 19,
         "00000000  61 62 63 80 ff 20 64 65  0a 78 79 7a 20 31 32 33  |abc.. de.xyz 123|\n"
         "00000010  34 35 36                                          |456|\n"
         "00000013\n"},
        {"123456789", 9,
         "00000000  31 32 33 34 35 36 37 38  39                       |123456789|\n00000009\n"},
        {zeros, 16, "00000000  " ZEROS "00000010\n"},
        {zeros, 32, "00000000  " ZEROS "*\n00000020\n"},
        {zeros, 50,
         "00000000  " ZEROS "*\n"
         "00000030  00 00                                             |..|\n00000032\n"},
        {letters, 64,
         "00000000  " AS "00000010  " BS "*\n"
         "00000030  " AS "00000040\n"},
        {"", 0, "00000000\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_shown(SHOW_HEX, message_of(rows[i].bytes, rows[i].size, 0), rows[i].expected);
}

/* Ask the real hexdump: NULL where there is none. The caller frees. */
static char *ask_hexdump(const void *bytes, size_t size)
{
    char *said = calloc(1, 8192);
    FILE *file = tmpfile();
    assert_non_null(said);
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    rewind(file);
    fflush(file);
    char command[80];
    snprintf(command, sizeof command, "LC_ALL=C hexdump -C /dev/fd/%d 2>/dev/null", fileno(file));
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t count = fread(said, 1, 8191, pipe);
    int status = pclose(pipe);
    fclose(file);
    if (status == 0 && count > 0)
        return said;
    free(said);
    return NULL;
}

static void test_hex_against_the_real_hexdump(void **state)
{
    (void)state;
    uint8_t bytes[300];
    uint32_t seed = 7;
    for (size_t size = 1; size <= sizeof bytes; size += 23) {
        for (size_t i = 0; i < size; i++) { /* runs of repeated lines between lines of noise */
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (i / 48) % 2 ? (uint8_t)(seed >> 24) : (uint8_t)(i / 96);
        }
        char *said = ask_hexdump(bytes, size);
        if (!said)
            skip();
        assert_shown(SHOW_HEX, message_of(bytes, size, size), said);
        free(said);
    }
}

static void test_message_is_shown_whole_or_not_at_all(void **state)
{
    (void)state;
    struct bytes shown = {0};
    assert_int_equal(bytes_append(&shown, slice_of("before", 6)), 0);
    struct message message = message_of("x", SIZE_MAX / 2, SIZE_MAX / 2); /* more than memory */
    assert_int_equal(show_message(&shown, SHOW_RAW, &message), -ENOMEM);
    assert_int_equal(show_message(&shown, SHOW_TALK, &message), -ENOMEM);
    assert_true(slice_equal(bytes_slice(&shown), slice_of("before", 6)));
    bytes_free(&shown);
}

static void test_id(void **state)
{
    (void)state;
    char id[MESSAGE_ID_SIZE];
    assert_string_equal(message_id(0, 1, id), "0-1");
    assert_string_equal(message_id(4294967295u, UINT64_MAX, id), "4294967295-18446744073709551615");
}

static void test_time(void **state)
{
    (void)state;
    char time[MESSAGE_TIME_SIZE];
    assert_string_equal(message_time(0, time), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(message_time(1769860800000001, time), "2026-01-31T12:00:00.000001Z");
    assert_string_equal(message_time(951782399999999, time), "2000-02-28T23:59:59.999999Z");
    assert_string_equal(message_time(-1, time), "1969-12-31T23:59:59.999999Z");
    assert_string_equal(message_time(INT64_MAX, time), "294247-01-10T04:00:54.775807Z");
    assert_string_equal(message_time(INT64_MIN, time), "-290308-12-21T19:59:05.224192Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_by_name),
        cmocka_unit_test(test_talk_is_a_sentence),
        cmocka_unit_test(test_talk_drives_no_terminal),
        cmocka_unit_test(test_raw_is_what_came),
        cmocka_unit_test(test_json_is_one_line),
        cmocka_unit_test(test_json_names_foreign_listeners_safely),
        cmocka_unit_test(test_json_lines_after_each_other),
        cmocka_unit_test(test_none_shows_nothing),
        cmocka_unit_test(test_hex_is_as_hexdump),
        cmocka_unit_test(test_hex_against_the_real_hexdump),
        cmocka_unit_test(test_message_is_shown_whole_or_not_at_all),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
