/* The result of goodtalk bench in words: numbers as people read them, the spread of latencies, the
 * exit status. */
#include "tool/bench_failure.c"
#include "tool/bench_histogram.c"
#include "tool/bench_result.c"
#include "tool/bench_summary.c"
#include "tool/bench_words.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND      (1000 * MILLISECOND)

static void test_counts_and_durations(void **state)
{
    (void)state;
    char text[BENCH_WORDS_SIZE];
    assert_string_equal(bench_words_count(text, 0), "0");
    assert_string_equal(bench_words_count(text, 999), "999");
    assert_string_equal(bench_words_count(text, 1000), "1,000");
    assert_string_equal(bench_words_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
    assert_string_equal(bench_words_duration(text, 0), "0 ns");
    assert_string_equal(bench_words_duration(text, 950), "950 ns");
    assert_string_equal(bench_words_duration(text, 8321), "8.32 us");
    assert_string_equal(bench_words_duration(text, 999499), "999 us");
    assert_string_equal(bench_words_duration(text, 999600), "1.00 ms");
    assert_string_equal(bench_words_duration(text, 12049000), "12.0 ms");
    assert_string_equal(bench_words_duration(text, 90 * SECOND), "90.0 s");
    assert_string_equal(bench_words_bound(text, 1500), "1.5 us");
    assert_string_equal(bench_words_bound(text, 200 * MILLISECOND), "200 ms");
}

static void test_the_exit_status_says_what_failed(void **state)
{
    (void)state;
    struct bench_result result = {0};
    assert_int_equal(bench_result_status(&result), GT_DONE);
    result.failed = result.failures[BENCH_FAILURE_TIMED_OUT] = 3;
    assert_int_equal(bench_result_status(&result), GT_TIMED_OUT);
    result.failures[BENCH_FAILURE_RESET]++;
    result.failed++;
    assert_int_equal(bench_result_status(&result), GT_FAILED);
}

/* All rows together are all values, and the bounds are the least that hold the range. */
static void test_the_spread_covers_everything(void **state)
{
    (void)state;
    static struct bench_histogram latency;
    static const int64_t widths[] = {0, 100, 5000, 100000, 1000000, SECOND, 5000 * SECOND};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct spread spread;
        uint64_t sum = 0;
        latency = (struct bench_histogram){0};
        for (int64_t j = 0; j <= 100; j++)
            bench_histogram_add(&latency, 90000 + widths[i] / 100 * j, 1);
        fill_spread(&spread, &latency);
        assert_in_range(spread.rows, 1, ROWS_MOST);
        for (unsigned row = 0; row < spread.rows; row++)
            sum += spread.counts[row];
        assert_int_equal(sum, 101);
        assert_true(spread.counts[0] > 0);
        assert_true(spread.bounds[spread.rows - 1] >= latency.most);
    }
}

static void test_errors_have_their_row(void **state)
{
    (void)state;
    assert_int_equal(bench_failure_of(ECONNREFUSED), BENCH_FAILURE_REFUSED);
    assert_int_equal(bench_failure_of(EPIPE), BENCH_FAILURE_RESET);
    assert_int_equal(bench_failure_of(ETIMEDOUT), BENCH_FAILURE_TIMED_OUT);
    assert_int_equal(bench_failure_of(EADDRNOTAVAIL), BENCH_FAILURE_OTHER);
    assert_string_equal(bench_failure_name(BENCH_FAILURE_OTHER), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_durations),
        cmocka_unit_test(test_the_exit_status_says_what_failed),
        cmocka_unit_test(test_the_spread_covers_everything),
        cmocka_unit_test(test_errors_have_their_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
