/* The histogram of goodtalk bench against a plain list of what was put in: buckets hold what they
 * say, quantiles are within 1/128; and the times that follow from a rate. */
#include "tool/bench_histogram.c"

#include "tool/bench_schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)
#define VALUES 5000

static struct bench_histogram histogram;

static int clear(void **state)
{
    (void)state;
    histogram = (struct bench_histogram){0};
    return 0;
}

static uint64_t chance = 12345;

static int64_t some_duration(void)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(chance >> 33 >> (chance >> 20 & 31));
}

/* ---- buckets ---- */

static void test_every_value_is_in_its_bucket(void **state)
{
    (void)state;
    for (int64_t value = 0; value < 100000; value++) {
        size_t bucket = bench_histogram_bucket(value);
        assert_true(value <= bench_histogram_upper(bucket));
        assert_true(bucket == 0 || value > bench_histogram_upper(bucket - 1));
    }
}

static void test_buckets_are_narrow_up_to_the_last(void **state)
{
    (void)state;
    for (size_t bucket = 1; bucket < BENCH_HISTOGRAM_BUCKETS; bucket++) {
        int64_t width = bench_histogram_upper(bucket) - bench_histogram_upper(bucket - 1);
        assert_true(width >= 1);
        assert_true(width == 1 || width * 128 <= bench_histogram_upper(bucket));
        assert_int_equal(bench_histogram_bucket(bench_histogram_upper(bucket)), bucket);
    }
}

static void test_hours_are_in_it(void **state)
{
    (void)state;
    assert_true(bench_histogram_upper(BENCH_HISTOGRAM_BUCKETS - 1) > 3600 * SECOND);
}

static void test_what_is_out_of_range_is_at_an_end(void **state)
{
    (void)state;
    assert_int_equal(bench_histogram_bucket(-5), 0);
    assert_int_equal(bench_histogram_bucket(INT64_MAX), BENCH_HISTOGRAM_BUCKETS - 1);
    bench_histogram_add(&histogram, INT64_MAX / 2, 1);
    assert_true(histogram.most == INT64_MAX / 2);
    assert_true(bench_histogram_quantile(&histogram, 1) <= histogram.most);
}

/* ---- quantiles ---- */

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return one < other ? -1 : one > other;
}

/* That of a sorted list: the least value that so many do not exceed. */
static int64_t model_quantile(const int64_t *values, unsigned per_mille)
{
    size_t rank = ((size_t)VALUES * per_mille + 999) / 1000;
    return values[rank > 0 ? rank - 1 : 0];
}

static void test_quantiles_are_those_of_the_values(void **state)
{
    (void)state;
    static const unsigned per_milles[] = {0, 1, 250, 500, 900, 990, 999, 1000};
    static int64_t values[VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = some_duration();
        bench_histogram_add(&histogram, values[i], 1);
    }
    qsort(values, VALUES, sizeof *values, compare);
    for (size_t i = 0; i < sizeof per_milles / sizeof *per_milles; i++) {
        int64_t exact = model_quantile(values, per_milles[i]);
        int64_t found = bench_histogram_quantile(&histogram, per_milles[i] / 1000.0);
        assert_true(found >= exact);
        assert_true(found - exact <= exact / 128);
    }
    assert_int_equal(bench_histogram_quantile(&histogram, 1), values[VALUES - 1]);
}

static void test_many_at_once_are_as_many(void **state)
{
    (void)state;
    bench_histogram_add(&histogram, 100, 90);
    bench_histogram_add(&histogram, 5000, 9);
    bench_histogram_add(&histogram, 70000, 1);
    assert_int_equal(histogram.count, 100);
    assert_int_equal(bench_histogram_quantile(&histogram, 0.90), 100);
    assert_int_equal(bench_histogram_quantile(&histogram, 0.91) / 100, 50);
    assert_int_equal(bench_histogram_quantile(&histogram, 0.99) / 100, 50);
    assert_int_equal(bench_histogram_quantile(&histogram, 0.999), 70000);
    assert_true(bench_histogram_mean(&histogram) == (90 * 100 + 9 * 5000 + 70000) / 100.0);
}

static void test_nothing_has_no_quantile(void **state)
{
    (void)state;
    assert_int_equal(bench_histogram_quantile(&histogram, 0.5), 0);
    assert_true(bench_histogram_mean(&histogram) == 0);
}

/* ---- the schedule ---- */

static void test_messages_are_due_as_the_rate_says(void **state)
{
    (void)state;
    struct bench_schedule schedule = {.start_ns = 7 * SECOND, .rate = 4, .connections = 1};
    assert_true(bench_schedule_due(&schedule, 0) == 7 * SECOND);
    assert_true(bench_schedule_due(&schedule, 1) == 7 * SECOND + SECOND / 4);
    assert_true(bench_schedule_due(&schedule, 40) == 17 * SECOND);
}

/* A third of a second is no whole number of nanoseconds; after years the error is still below one.
 */
static void test_nothing_adds_up_over_time(void **state)
{
    (void)state;
    struct bench_schedule schedule = {.rate = 3, .connections = 1};
    uint64_t year = 3u * 31536000u;
    for (uint64_t k = 0; k < 30 * year; k += year / 7 + 1) {
        int64_t due = bench_schedule_due(&schedule, k);
        assert_true(due * 3 <= (int64_t)k * SECOND && due * 3 > (int64_t)k * SECOND - 3);
    }
}

static void test_the_quickest_rate_has_an_order(void **state)
{
    (void)state;
    struct bench_schedule schedule = {.rate = 1000000000, .connections = 1};
    for (uint64_t k = 1; k < 5000; k++)
        assert_true(bench_schedule_due(&schedule, k) - bench_schedule_due(&schedule, k - 1) == 1);
}

/* Each message is one connection's, and each connection's turns come in order. */
static void test_messages_go_round(void **state)
{
    (void)state;
    struct bench_schedule schedule = {.rate = 1, .connections = 5};
    unsigned taken[35] = {0};
    for (uint64_t connection = 0; connection < 5; connection++) {
        for (uint64_t turn = 0; turn < 7; turn++)
            taken[bench_schedule_message(&schedule, connection, turn)]++;
    }
    for (size_t i = 0; i < 35; i++)
        assert_int_equal(taken[i], 1);
    assert_int_equal(bench_schedule_message(&schedule, 2, 3), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_is_in_its_bucket),
        cmocka_unit_test(test_buckets_are_narrow_up_to_the_last),
        cmocka_unit_test(test_hours_are_in_it),
        cmocka_unit_test_setup(test_what_is_out_of_range_is_at_an_end, clear),
        cmocka_unit_test_setup(test_quantiles_are_those_of_the_values, clear),
        cmocka_unit_test_setup(test_many_at_once_are_as_many, clear),
        cmocka_unit_test_setup(test_nothing_has_no_quantile, clear),
        cmocka_unit_test(test_messages_are_due_as_the_rate_says),
        cmocka_unit_test(test_nothing_adds_up_over_time),
        cmocka_unit_test(test_the_quickest_rate_has_an_order),
        cmocka_unit_test(test_messages_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
