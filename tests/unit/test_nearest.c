/* How near two names are. */
#include "base/nearest.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static unsigned slips(const char *a, const char *b)
{
    return nearest_slips(slice_of_text(a), slice_of_text(b));
}

static void each_slip_counts_once(void **state)
{
    (void)state;
    assert_int_equal(slips("line", "line"), 0);
    assert_int_equal(slips("lime", "line"), 1);
    assert_int_equal(slips("lines", "line"), 1);
    assert_int_equal(slips("lin", "line"), 1);
    assert_int_equal(slips("lien", "line"), 1);
    assert_int_equal(slips("", "line"), 4);
    assert_int_equal(slips("kitten", "sitting"), 3);
    assert_int_equal(slips("sitting", "kitten"), 3);
}

static void long_names_are_near_to_none(void **state)
{
    (void)state;
    char name[NEAREST_LENGTH_MAX + 2];
    memset(name, 'x', sizeof name);
    assert_int_equal(nearest_slips(slice_of(name, sizeof name - 1), slice_of_text("x")), UINT_MAX);
    assert_int_equal(nearest_slips(slice_of(name, NEAREST_LENGTH_MAX), slice_of_text("x")),
                     NEAREST_LENGTH_MAX - 1);
}

static void longer_names_may_have_more_slips(void **state)
{
    (void)state;
    assert_int_equal(nearest_slips_allowed(1), 1);
    assert_int_equal(nearest_slips_allowed(4), 2);
    assert_int_equal(nearest_slips_allowed(15), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_slip_counts_once),
        cmocka_unit_test(long_names_are_near_to_none),
        cmocka_unit_test(longer_names_may_have_more_slips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
