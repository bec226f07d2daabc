/* A line of a log, read back. */
#include "tool/show_json.c"
#include "tool/show_log_line.c"
#include "tool/show_time.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct show_log_line line;
static struct message message;

static enum show_log_result read_line(const char *text)
{
    return show_log_line_read(&line, slice_of_text(text), &message);
}

#define BEGINNING                                                                                  \
    "{\"id\":\"1-17\",\"time\":\"2026-01-31T12:00:00.000001Z\",\"listener\":\"tcp:a:1\","          \
    "\"peer\":\"[::1]:5\","

static void a_line_is_a_message(void **state)
{
    (void)state;
    assert_int_equal(read_line(BEGINNING "\"size\":5,\"text\":\"hello\"}"), SHOW_LOG_MESSAGE);
    assert_int_equal(message.worker, 1);
    assert_int_equal(message.sequence, 17);
    assert_int_equal(message.time_us, INT64_C(1769860800000001));
    assert_string_equal(message.listener, "tcp:a:1");
    assert_int_equal(message.peer->port, 5);
    assert_true(slice_equal(message.body, slice_of_text("hello")));
    assert_true(slice_equal(message.raw, message.body));
}

static void bytes_are_in_base64(void **state)
{
    (void)state;
    assert_int_equal(read_line(BEGINNING "\"size\":2,\"base64\":\"/wA=\"}"), SHOW_LOG_MESSAGE);
    assert_true(slice_equal(message.body, slice_of("\xff\0", 2)));
}

static void escapes_mean_characters(void **state)
{
    (void)state;
    assert_int_equal(read_line(BEGINNING
                               "\"size\":20,\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u202E"
                               "\\ud83d\\ude00\xc3\xbc\\u00fc\"}"),
                     SHOW_LOG_MESSAGE);
    assert_true(slice_equal(message.body, slice_of("\"\\/\b\f\n\r\t\0\xe2\x80\xae\xf0\x9f\x98\x80"
                                                   "\xc3\xbc\xc3\xbc",
                                                   20)));
}

static void order_and_others_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(read_line(" { \"text\" : \"\" , \"more\":[1,{\"a\":[null,\"]\"]},-1e5,true], "
                               "\"size\":0 ,\"peer\":\"unix\",\"listener\":\"udp:a:1\",\"x\":{},"
                               "\"time\":\"1970-01-01T00:00:00.000000Z\",\"id\":\"0-1\"} \t\r"),
                     SHOW_LOG_MESSAGE);
    assert_int_equal(message.body.size, 0);
}

static void what_is_wrong(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{}",
        "[]",
        "null",
        "The message was: hello",
        BEGINNING "\"size\":5,\"text\":\"hello\"",
        BEGINNING "\"size\":5,\"text\":\"hello\"}}",
        BEGINNING "\"size\":5,\"text\":\"hello\"},",
        BEGINNING "\"size\":5}",
        BEGINNING "\"size\":4,\"text\":\"hello\"}",
        BEGINNING "\"size\":-5,\"text\":\"hello\"}",
        BEGINNING "\"size\":\"5\",\"text\":\"hello\"}",
        BEGINNING "\"size\":5,\"text\":\"hello\",\"text\":\"hello\"}",
        BEGINNING "\"size\":5,\"text\":\"hello\",\"base64\":\"aGVsbG8=\"}",
        BEGINNING "\"size\":5,\"text\":\"hell\\o\"}",
        BEGINNING "\"size\":5,\"text\":\"hell\xff\"}",
        BEGINNING "\"size\":5,\"text\":\"hell\t\"}",
        BEGINNING "\"size\":3,\"text\":\"\\ud83d\"}",
        BEGINNING "\"size\":3,\"text\":\"\\ude00\"}",
        BEGINNING "\"size\":3,\"text\":\"\\ud83dx\"}",
        BEGINNING "\"size\":3,\"text\":\"\\u12g4\"}",
        BEGINNING "\"size\":2,\"base64\":\"/wA\"}",
        BEGINNING "\"size\":2,\"base64\":\"/=A=\"}",
        BEGINNING "\"size\":2,\"base64\":\"====\"}",
        BEGINNING "\"size\":4,\"base64\":\"/wA=/wA=\"}",
        BEGINNING "\"size\":5,\"text\":\"hello\",\"id\":\"1-17\"}",
        "{\"id\":\"01-17\",\"time\":\"2026-01-31T12:00:00.000001Z\",\"listener\":\"a\","
        "\"peer\":\"unix\",\"size\":0,\"text\":\"\"}",
        "{\"id\":\"1-17\",\"time\":\"10min\",\"listener\":\"a\",\"peer\":\"unix\",\"size\":0,"
        "\"text\":\"\"}",
        "{\"id\":\"1-17\",\"time\":\"2026-01-31T12:00:00.000001Z\",\"listener\":\"a\\u0000\","
        "\"peer\":\"unix\",\"size\":0,\"text\":\"\"}",
        "{\"id\":\"1-17\",\"time\":\"2026-01-31T12:00:00.000001Z\",\"listener\":\"a\","
        "\"peer\":\"nobody\",\"size\":0,\"text\":\"\"}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(read_line(lines[i]), SHOW_LOG_WRONG);
}

static void brackets_have_a_depth(void **state)
{
    (void)state;
    struct bytes text = {0};
    assert_int_equal(bytes_format(&text, "{\"x\":"), 0);
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(bytes_append(&text, slice_of("[", 1)), 0);
    assert_int_equal(show_log_line_read(&line, bytes_slice(&text), &message), SHOW_LOG_WRONG);
    bytes_free(&text);
}

/* What the server writes is read back, and written again it is the same. */
static void a_line_as_it_is_written(void **state)
{
    (void)state;
    static const struct slice bodies[] = {
        {(const uint8_t *)"hello", 5},
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\xff\xfe\0", 3},
        {(const uint8_t *)"\"\\\x1b\xc2\x9b\xe2\x80\xae\x7f\n", 10},
    };
    struct peer peer;
    struct bytes written = {0};
    struct bytes again = {0};
    assert_true(peer_parse(&peer, "[fe80::1%2]:99"));
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct message first = {.body = bodies[i],
                                .peer = &peer,
                                .listener = "unix:/a\"b",
                                .worker = 3,
                                .sequence = UINT64_MAX,
                                .time_us = -1};
        bytes_clear(&written);
        bytes_clear(&again);
        assert_int_equal(show_message(&written, SHOW_JSON, &first), 0);
        struct slice text = bytes_slice(&written);
        text.size--;
        assert_int_equal(show_log_line_read(&line, text, &message), SHOW_LOG_MESSAGE);
        assert_int_equal(show_message(&again, SHOW_JSON, &message), 0);
        assert_true(slice_equal(bytes_slice(&written), bytes_slice(&again)));
    }
    bytes_free(&written);
    bytes_free(&again);
}

static int finish(void **state)
{
    (void)state;
    show_log_line_free(&line);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_message),     cmocka_unit_test(bytes_are_in_base64),
        cmocka_unit_test(escapes_mean_characters), cmocka_unit_test(order_and_others_do_not_matter),
        cmocka_unit_test(what_is_wrong),           cmocka_unit_test(brackets_have_a_depth),
        cmocka_unit_test(a_line_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}
