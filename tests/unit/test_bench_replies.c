/* Replies counted by comparing are those that scanning alone would count: streams of replies that
 * repeat, and that do not, cut anywhere, on connections that take turns. */
#include "tool/bench_replies.c"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct bench_pattern pattern;
static struct framing framing;

static void speak(const char *frame, size_t expected_bytes)
{
    struct error error = {0};
    assert_int_equal(framing_parse(&framing, frame, 1000, &error), GT_DONE);
    bench_pattern_free(&pattern);
    bench_pattern_begin(&pattern, &framing, expected_bytes, 16);
}

static int clear(void **state)
{
    (void)state;
    bench_pattern_free(&pattern);
    return 0;
}

static uint64_t chance = 99;

static size_t some(size_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(chance >> 33) % below;
}

static int64_t take(struct bench_partial *partial, const char *text)
{
    return bench_replies_take(&pattern, partial, slice_of_text(text));
}

/* ---- streams ---- */

/* Append a reply of this framing; mostly the same one. */
static void append_reply(struct bytes *stream, unsigned differ_percent)
{
    struct frame_wrapping wrapping;
    char body[200];
    size_t size = some(100) < differ_percent ? some(150) : 20;
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('a' + (size == 20 ? i : some(26)));
    assert_true(frame_wrap(&framing, slice_of(body, size), FRAME_REPLY_PLAIN, &wrapping));
    bytes_append(stream, slice_of(wrapping.head, wrapping.head_size));
    bytes_append(stream, slice_of(body, size));
    bytes_append(stream, wrapping.tail);
}

#define SIDES   3
#define REPLIES 400

/* Each connection gets pieces of its own stream; what is counted is never more than has come, and
 * all of it in the end. */
static void check_streams(const char *frame, unsigned differ_percent, size_t piece_most)
{
    struct bytes streams[SIDES] = {{0}};
    struct bench_partial partials[SIDES] = {{0}};
    int64_t counts[SIDES] = {0};
    size_t left = 0;
    speak(frame, 0);
    for (size_t i = 0; i < (size_t)SIDES * REPLIES; i++)
        append_reply(&streams[i % SIDES], differ_percent);
    for (size_t i = 0; i < SIDES; i++)
        left += streams[i].size;
    while (left > 0) {
        size_t side = some(SIDES), size = 1 + some(piece_most);
        struct slice rest = bytes_slice(&streams[side]);
        rest.size = rest.size < size ? rest.size : size;
        int64_t count = bench_replies_take(&pattern, &partials[side], rest);
        assert_true(count >= 0);
        counts[side] += count;
        left -= rest.size;
        bytes_consume(&streams[side], rest.size);
    }
    for (size_t i = 0; i < SIDES; i++) {
        assert_int_equal(counts[i], REPLIES);
        assert_false(bench_partial_begun(&partials[i]));
        bench_partial_free(&partials[i]);
        bytes_free(&streams[i]);
    }
    assert_int_equal(pattern.begun, 0);
}

static void test_any_stream_in_any_pieces(void **state)
{
    (void)state;
    static const char *const frames[] = {"line",     "crlf",       "nul",    "delim:ab!", "talk",
                                         "length:2", "length:1le", "varint", "netstring", "octet"};
    static const unsigned percents[] = {0, 3, 50, 100};
    static const size_t pieces[] = {1, 30, 700};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        for (size_t j = 0; j < 12; j++) {
            if (strcmp(frames[i], "octet") != 0 || percents[j % 4] == 0) /* none is empty there */
                check_streams(frames[i], percents[j % 4], pieces[j / 4]);
        }
    }
}

/* ---- what is compared ---- */

static void test_a_reply_that_is_not_whole_is_not_copied(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("line", 0);
    assert_int_equal(take(&partial, "good talking\n"), 1);
    assert_int_equal(take(&partial, "good talking\ngood ta"), 1);
    assert_null(partial.input.data);
    assert_true(bench_partial_begun(&partial));
    assert_int_equal(take(&partial, "lking\ngood talking\n"), 2);
    assert_null(partial.input.data);
    bench_partial_free(&partial);
}

static void test_one_that_goes_on_differently_is_scanned(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("line", 0);
    assert_int_equal(take(&partial, "good talking\n"), 1);
    assert_int_equal(take(&partial, "good"), 0);
    assert_int_equal(take(&partial, "bye\ngood talking\n"), 2);
    bench_partial_free(&partial);
}

/* The pattern stays while another connection is in the middle of one. */
static void test_the_pattern_does_not_change_under_a_connection(void **state)
{
    (void)state;
    struct bench_partial one = {0}, other = {0};
    speak("line", 0);
    assert_int_equal(take(&one, "first\n"), 1);
    assert_int_equal(take(&one, "fir"), 0);
    assert_int_equal(take(&other, "something else\n"), 1);
    assert_int_equal(take(&one, "st\n"), 1);
    assert_int_equal(take(&other, "something else\n"), 1);
    assert_int_equal(pattern.size, 15);
    bench_partial_free(&one);
    bench_partial_free(&other);
}

static void test_a_connection_that_begins_anew_has_forgotten(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("line", 0);
    assert_int_equal(take(&partial, "first\nfir"), 1);
    bench_partial_clear(&pattern, &partial);
    assert_int_equal(pattern.begun, 0);
    assert_int_equal(take(&partial, "first\nsecond\n"), 2);
    bench_partial_free(&partial);
}

/* ---- what is wrong, and the end ---- */

static void test_what_is_no_reply_is_told(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("netstring", 0);
    assert_int_equal(take(&partial, "3:yes,"), 1);
    assert_int_equal(take(&partial, "3:yes,03:"), -EBADMSG);
    bench_partial_free(&partial);
}

static void test_the_end_makes_a_line_whole(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("line", 0);
    assert_int_equal(take(&partial, "first\nfir"), 1);
    assert_int_equal(bench_replies_end(&pattern, &partial), 1);
    assert_int_equal(bench_replies_end(&pattern, &partial), 0);
    bench_partial_free(&partial);
}

static void test_the_end_within_others_is_wrong(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("crlf", 0);
    assert_int_equal(take(&partial, "first\r\nfir"), 1);
    assert_int_equal(bench_replies_end(&pattern, &partial), -EBADMSG);
    bench_partial_free(&partial);
}

static void test_expected_bytes_are_counted_whatever_they_are(void **state)
{
    (void)state;
    struct bench_partial partial = {0};
    speak("netstring", 4);
    assert_int_equal(take(&partial, "\n\n\n"), 0);
    assert_int_equal(bench_replies_end(&pattern, &partial), -EBADMSG);
    assert_int_equal(take(&partial, "x123"), 1);
    assert_int_equal(take(&partial, "x456x789"), 2);
    assert_int_equal(bench_replies_end(&pattern, &partial), -EBADMSG);
    assert_int_equal(take(&partial, "x"), 1);
    assert_int_equal(bench_replies_end(&pattern, &partial), 0);
    bench_partial_free(&partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_any_stream_in_any_pieces, clear),
        cmocka_unit_test_teardown(test_a_reply_that_is_not_whole_is_not_copied, clear),
        cmocka_unit_test_teardown(test_one_that_goes_on_differently_is_scanned, clear),
        cmocka_unit_test_teardown(test_the_pattern_does_not_change_under_a_connection, clear),
        cmocka_unit_test_teardown(test_a_connection_that_begins_anew_has_forgotten, clear),
        cmocka_unit_test_teardown(test_what_is_no_reply_is_told, clear),
        cmocka_unit_test_teardown(test_the_end_makes_a_line_whole, clear),
        cmocka_unit_test_teardown(test_the_end_within_others_is_wrong, clear),
        cmocka_unit_test_teardown(test_expected_bytes_are_counted_whatever_they_are, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
