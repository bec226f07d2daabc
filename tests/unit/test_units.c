/* Sizes, durations and counts as people write them. */
#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct written {
    const char *text;
    int64_t value;
};

/* What is no number of any kind. */
static const char *const nonsense[] = {
    "",     "-1",   "+1",  " 1",   "1 ", "1e3",      "x",
    "KiB",  ".5",   "0x1", "1,5",  "1.", "\xd9\xa3", "99999999999999999999",
    "1..5", "1.5.", "5x",  "5KiB5"};

typedef bool read_fn(const char *text, int64_t *value);

static void assert_read(read_fn *read, const struct written *written, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -99;
        if (!read(written[i].text, &value) || value != written[i].value)
            fail_msg("%s is read as %lld", written[i].text, (long long)value);
    }
}

static void assert_refused(read_fn *read, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = -99;
        if (read(texts[i], &value) || value != -99)
            fail_msg("'%s' is read as %lld", texts[i], (long long)value);
    }
}

static void sizes_are_read(void **state)
{
    (void)state;
    static const struct written sizes[] = {
        {"0", 0},
        {"512", 512},
        {"512B", 512},
        {"64KiB", 65536},
        {"64kib", 65536},
        {"64K", 65536},
        {"64k", 65536},
        {"64kB", 64000},
        {"64KB", 64000},
        {"1MiB", 1048576},
        {"1m", 1048576},
        {"1MB", 1000000},
        {"2GB", INT64_C(2000000000)},
        {"2GiB", INT64_C(2147483648)},
        {"3TB", INT64_C(3000000000000)},
        {"3TiB", INT64_C(3298534883328)},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"8388607TiB", INT64_C(8388607) << 40},
    };
    assert_read(units_size, sizes, LENGTH(sizes));
}

static void other_sizes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "64KiBx", "64 KiB", "1.5MiB", "9223372036854775808", "8388608TiB", "1EiB", "5s", "none",
    };
    assert_refused(units_size, texts, LENGTH(texts));
    assert_refused(units_size, nonsense, LENGTH(nonsense));
}

#define MS INT64_C(1000000)
#define S  (1000 * MS)

static void durations_are_read(void **state)
{
    (void)state;
    static const struct written durations[] = {
        {"0", 0},
        {"5", 5 * S},
        {"1.5", 1500 * MS},
        {"0.5s", 500 * MS},
        {"250ms", 250 * MS},
        {"30s", 30 * S},
        {"5min", 300 * S},
        {"1h", 3600 * S},
        {"0.25h", 900 * S},
        {"2d", 172800 * S},
        {"50us", 50000},
        {"7ns", 7},
        {"0.000000001", 1},
        {"0.0000000019", 1},
        {"1.000000000000000000000000000000", S},
        {"none", -1},
        {"106751d", INT64_C(106751) * 86400 * S},
        {"9223372036.854775807", INT64_MAX},
    };
    assert_read(units_duration, durations, LENGTH(durations));
}

static void rates_are_read(void **state)
{
    (void)state;
    static const struct written rates[] = {
        {"1", 1000000000},
        {"1/s", 1000000000},
        {"10/s", 100000000},
        {"3", 333333333},
        {"30/min", 2000000000},
        {"1/h", INT64_C(3600000000000)},
        {"7200/h", 500000000},
        {"10000000/s", 100},
        {"0", 0},
        {"600000000/min", 100},
        {"0/h", 0},
    };
    assert_read(units_rate, rates, LENGTH(rates));
}

static void other_rates_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/s",   "10/",   "10/S",       "10 /s",         "-1/s", "1.5/s",
        "10/d", "10/ms", "10000001/s", "600000001/min", "none", "99999999999999999999/s"};
    assert_refused(units_rate, texts, LENGTH(texts));
    assert_refused(units_rate, nonsense, LENGTH(nonsense));
}

static void other_durations_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "106752d", "9223372036.854775808", "1.s", "1.5x", "5m", "5 min", "nones", "None", "30sec",
    };
    assert_refused(units_duration, texts, LENGTH(texts));
    assert_refused(units_duration, nonsense, LENGTH(nonsense));
}

static bool read_port(const char *text, int64_t *value)
{
    return units_count(text, 65535, value);
}

static bool read_any(const char *text, int64_t *value)
{
    return units_count(text, INT64_MAX, value);
}

static void counts_are_digits_up_to_a_maximum(void **state)
{
    (void)state;
    static const struct written ports[] = {{"0", 0}, {"9999", 9999}, {"65535", 65535}};
    static const struct written most[] = {{"9223372036854775807", INT64_MAX}};
    static const char *const wrong[] = {"65536", "1.5", "none", "1K", "9223372036854775808"};
    assert_read(read_port, ports, LENGTH(ports));
    assert_read(read_any, most, LENGTH(most));
    assert_refused(read_port, wrong, LENGTH(wrong));
    assert_refused(read_any, nonsense, LENGTH(nonsense));
}

static void sizes_are_said(void **state)
{
    (void)state;
    static const struct written sizes[] = {
        {"0 bytes", 0},
        {"1 byte", 1},
        {"1023 bytes", 1023},
        {"1 KiB", 1024},
        {"64 KiB", 65536},
        {"1.5 MiB", 1572864},
        {"1023.9 KiB", 1048575},
        {"256 MiB", INT64_C(1) << 28},
        {"1 TiB", INT64_C(1) << 40},
        {"8388607.9 TiB", INT64_MAX},
    };
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        char text[40];
        assert_string_equal(units_size_words(text, sizeof(text), sizes[i].value), sizes[i].text);
    }
}

static void durations_are_said(void **state)
{
    (void)state;
    static const struct written durations[] = {
        {"none", -1},
        {"0 s", 0},
        {"250 ms", 250 * MS},
        {"30 s", 30 * S},
        {"1.5 s", 1500 * MS},
        {"5 min", 300 * S},
        {"1.5 min", 90 * S},
        {"61 s", 61 * S},
        {"1 h", 3600 * S},
        {"2 d", 172800 * S},
        {"50 us", 50000},
        {"7 ns", 7},
        {"1234567 ns", 1234567},
        {"1.2 us", 1200},
    };
    for (size_t i = 0; i < LENGTH(durations); i++) {
        char text[40];
        units_duration_words(text, sizeof(text), durations[i].value);
        assert_string_equal(text, durations[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(other_durations_are_refused),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(other_rates_are_refused),
        cmocka_unit_test(counts_are_digits_up_to_a_maximum),
        cmocka_unit_test(sizes_are_said),
        cmocka_unit_test(durations_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
