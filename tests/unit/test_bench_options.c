/* The command line of goodtalk bench, and the message that follows from it. */
#include "tool/bench_options.c"
#include "tool/client_target.c"
#include "tool/client_wrapped.c"
#include "tool/command_line.c"
#include "tool/grammar.c"
#include "tool/refusal.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define WORDS_MAX 32

static struct bench_options options;
static struct error error;

static int clear(void **state)
{
    (void)state;
    bench_options_free(&options);
    return 0;
}

/* Read "bench" and these words, split at spaces. */
static int parse(const char *line)
{
    static char text[512];
    static char command[] = "bench";
    static char *words[WORDS_MAX];
    int count = 1;
    bench_options_free(&options);
    words[0] = command;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    words[count] = NULL;
    return bench_options_parse(&options, count, words, &error);
}

static void expect_refused(const char *line, const char *part)
{
    assert_int_equal(parse(line), GT_WRONG);
    if (!strstr(error.text, part))
        fail_msg("%s: '%s' is not in: %s", line, part, error.text);
}

static void expect_request(const char *line, const char *request)
{
    assert_int_equal(parse(line), GT_DONE);
    assert_true(slice_equal(bytes_slice(&options.request), slice_of_text(request)));
    assert_int_equal(options.request_bytes, strlen(request));
}

/* ---- options ---- */

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("9999"), GT_DONE);
    assert_int_equal(options.connections, 64);
    assert_int_equal(options.depth, 1);
    assert_true(options.duration_ns == 10 * SECOND && options.count == BENCH_NONE);
    assert_int_equal(options.rate, 0);
    assert_true(options.timeout_ns == 10 * SECOND && options.warmup_ns == 0);
    assert_false(options.brief || options.json || options.plot);
    assert_ptr_equal(options.framing.codec, &codec_line);
    assert_int_equal(options.request_bytes, 32);
}

static void test_every_option(void **state)
{
    (void)state;
    assert_int_equal(parse("-c 5 -p 3 -d 250ms -n 1000 -b 100 -f crlf --expect-bytes 7 "
                           "--rate 50 --warmup 1 --wait 2s"),
                     GT_WRONG); /* no address */
    assert_int_equal(parse("-c 5 -p 3 -d 250ms -n 1000 -b 100 -f crlf --rate 50 --json x:1"),
                     GT_DONE);
    assert_true(options.connections == 5 && options.depth == 3 && options.count == 1000);
    assert_true(options.duration_ns == 250 * MILLISECOND && options.rate == 50 && options.json);
    assert_int_equal(options.request_bytes, 100);
    assert_int_equal(parse("--expect-bytes 1KiB --warmup none --wait none -w none --short x:1"),
                     GT_DONE);
    assert_true(options.expect_bytes == 1024 && options.warmup_ns == 0 && options.brief);
    assert_true(options.wait_ns == COMMAND_LONGEST && options.timeout_ns == BENCH_NONE);
    assert_int_equal(parse("--plot a.svg --engine epoll -6 x:1"), GT_DONE);
    assert_string_equal(options.plot, "a.svg");
    assert_string_equal(options.engine, "epoll");
    assert_int_equal(options.target.address.family, FAMILY_IPV6);
}

/* As many messages as asked for take as long as they take; a duration may still end them. */
static void test_a_count_alone_has_no_duration(void **state)
{
    (void)state;
    assert_int_equal(parse("-n 10 9999"), GT_DONE);
    assert_true(options.duration_ns == BENCH_NONE);
    assert_int_equal(parse("-n 10 -d 1s 9999"), GT_DONE);
    assert_true(options.duration_ns == SECOND);
}

static void test_help_needs_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("--help"), GT_DONE);
    assert_true(options.help);
}

/* ---- the message ---- */

static void test_a_message_is_framed(void **state)
{
    (void)state;
    expect_request("9999 PING", "PING\n");
    expect_request("-f crlf 9999 PING", "PING\r\n");
    expect_request("-f netstring 9999 PING", "4:PING,");
}

static void test_a_size_is_that_of_the_whole(void **state)
{
    (void)state;
    expect_request("-b 6 9999", "abcde\n");
    expect_request("-b 1 9999", "\n");
    expect_request("-b 6 -f crlf 9999", "abcd\r\n");
    expect_request("-b 12 -f netstring 9999", "9:abcdefghi,");
    expect_request("-b 14 -f netstring 9999", "10:abcdefghij,");
    expect_request("-b 30 -f fixed:30 9999", "abcdefghijklmnopqrstuvwxyzabcd");
    expect_request("-f fixed:3 9999", "abc");
    expect_refused("-b 13 -f netstring 9999", "--bytes 13");
}

/* Every size that a framing has is found: the last one below it that has none was really none. */
static void test_all_sizes(void **state)
{
    (void)state;
    static const char *const frames[] = {"varint", "octet", "length:2", "delim:=======end"};
    static const size_t without[] = {1, 5, 1, 9}; /* sizes up to 400 that no message has, at most */
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        size_t refused = 0;
        for (int size = 1; size <= 400; size++) {
            char line[64];
            snprintf(line, sizeof line, "-b %d -f %s 9999", size, frames[i]);
            if (parse(line) == GT_DONE)
                assert_int_equal(options.request.size, size);
            else
                refused++;
        }
        assert_true(refused <= without[i]);
    }
}

static void test_packets_have_no_frame(void **state)
{
    (void)state;
    assert_int_equal(parse("-b 10 udp:9999"), GT_DONE);
    assert_int_equal(options.request_bytes, 10);
    assert_ptr_equal(options.framing.codec, &codec_packet);
    assert_int_equal(parse("unixpacket:x PING"), GT_DONE);
    assert_int_equal(options.request_bytes, 4);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    expect_refused("-b 4 9999 x", "only one of them");
    expect_refused("9999 x y", "one MESSAGE");
    expect_refused("-f eof 9999", "--short");
    expect_refused("-f chunk -p 2 9999", "--expect-bytes");
    expect_refused("--short -p 2 9999", "without --depth");
    expect_refused("-b 64MiB -p 5 9999", "256 MiB");
    expect_refused("-b 2GiB 9999", "at most 1 GiB");
    expect_refused("--expect-bytes 0 9999", "from 1 byte");
    expect_refused("--rate 0 9999", "from 1 to");
}

/* What a shell's completion or a script has put there must not drive the terminal. */
static void test_a_framing_is_escaped_in_sentences(void **state)
{
    (void)state;
    expect_refused("-f delim:long\033[2Jer -b 4 9999", "delim:long\\x1b[2Jer");
    expect_refused("-f delim:\033 9999 a\033b", "delim:\\x1b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_defaults, clear),
        cmocka_unit_test_teardown(test_every_option, clear),
        cmocka_unit_test_teardown(test_a_count_alone_has_no_duration, clear),
        cmocka_unit_test_teardown(test_help_needs_nothing_else, clear),
        cmocka_unit_test_teardown(test_a_message_is_framed, clear),
        cmocka_unit_test_teardown(test_a_size_is_that_of_the_whole, clear),
        cmocka_unit_test_teardown(test_all_sizes, clear),
        cmocka_unit_test_teardown(test_packets_have_no_frame, clear),
        cmocka_unit_test_teardown(test_what_is_refused, clear),
        cmocka_unit_test_teardown(test_a_framing_is_escaped_in_sentences, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
