/* Moments as people write them. */
#include "tool/show_time.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1769860800000000) /* 2026-01-31 12:00:00 UTC */

static int in_vienna(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

static void assert_moment(const char *text, int64_t time_us)
{
    int64_t parsed;
    assert_true(show_time_parse(text, NOW, &parsed));
    assert_int_equal(parsed, time_us);
}

static void moments(void **state)
{
    (void)state;
    const int64_t hour = 3600 * SECOND_US;
    assert_moment("10min", NOW - 600 * SECOND_US);
    assert_moment("90", NOW - 90 * SECOND_US);
    assert_moment("0", NOW);
    assert_moment("2026-01-31T12:00:00Z", NOW);
    assert_moment("2026-01-31 12:00:00Z", NOW);
    assert_moment("2026-01-31T13:30:00+01:30", NOW);
    assert_moment("2026-01-31T10:30-01:30", NOW);
    assert_moment("2026-01-31 13:00", NOW);
    assert_moment("2026-01-31 13:00:00.25", NOW + SECOND_US / 4);
    assert_moment("2026-01-31T12:00:00.000001Z", NOW + 1);
    assert_moment("2026-01-31T12:00:00.0000019Z", NOW + 1);
    assert_moment("13:00", NOW);
    assert_moment("00:00:00", NOW - 13 * hour);
    assert_moment("2026-01-31", NOW - 13 * hour);
    assert_moment("2026-07-01 02:00", INT64_C(1782864000000000)); /* in summer two hours ahead */
    assert_moment("1969-12-31T23:59:59.5Z", -SECOND_US / 2);
}

static void what_is_no_moment(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "now",
                                         "none",
                                         "-5",
                                         "10 min",

                                         "2026-1-31",
                                         "2026-01-32",
                                         "2026-02-29",
                                         "2026-13-01",
                                         "2026-00-10",
                                         "2026-01-31T",
                                         "2026-01-31 24:00",
                                         "2026-01-31 12:60",
                                         "2026-01-31 12:00:60",
                                         "2026-01-31T12",
                                         "2026-01-31T12:00:00.Z",
                                         "2026-01-31T12:00:00Zx",
                                         "2026-01-31T12:00:00+1",
                                         "12:00:",

                                         ":",
                                         "2026-01-31x12:00",
                                         "12:00 ",
                                         "2026-01-31T12:00:00+01:00Z"};
    int64_t parsed;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(show_time_parse(others[i], NOW, &parsed));
}

static void a_moment_in_words(void **state)
{
    (void)state;
    char text[SHOW_TIME_SIZE];
    assert_string_equal(show_time_words(NOW + 123456, text), "2026-01-31 13:00:00.123");
    assert_string_equal(show_time_words(-1, text), "1970-01-01 00:59:59.999");
    show_time_words(INT64_MIN, text);
    show_time_words(INT64_MAX, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(what_is_no_moment),
        cmocka_unit_test(a_moment_in_words),
    };
    return cmocka_run_group_tests(tests, in_vienna, NULL);
}
