/* Errors: a status, an errno, and a sentence that grows on the way up. */
#include "base/error.h"

#include "base/reason.h"
#include "goodtalk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_sentence_is_set(void **state)
{
    (void)state;
    struct error error = {.number = 5};
    assert_int_equal(error_set(&error, GT_WRONG, "not a port: %d", 99999), GT_WRONG);
    assert_int_equal(error.status, GT_WRONG);
    assert_int_equal(error.number, 0);
    assert_string_equal(error.text, "not a port: 99999");
}

static void an_errno_is_told_in_words(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(error_errno(&error, EADDRINUSE, "cannot listen on port %d", 9999), GT_FAILED);
    assert_int_equal(error.status, GT_FAILED);
    assert_int_equal(error.number, EADDRINUSE);
    assert_string_equal(
        error.text, "cannot listen on port 9999: Address already in use (EADDRINUSE, errno 98)");
}

static void a_sentence_grows_at_both_ends(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, GT_FAILED, "held by %s", "nginx");
    assert_int_equal(error_prefix(&error, "port %d", 9999), GT_FAILED);
    assert_int_equal(error_append(&error, "; try port %d", 9998), GT_FAILED);
    assert_string_equal(error.text, "port 9999: held by nginx; try port 9998");
}

static void a_sentence_may_be_made_of_itself(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, GT_FAILED, "inner");
    error_set(&error, GT_WRONG, "outer (%s)", error.text);
    assert_string_equal(error.text, "outer (inner)");
    error_append(&error, " %s", error.text);
    error_prefix(&error, "%s", error.text);
    assert_string_equal(error.text, "outer (inner) outer (inner): outer (inner) outer (inner)");
    error_errno(&error, EIO, "%s", "x");
    error_errno(&error, ENOENT, "%s", error.text);
    assert_non_null(strstr(error.text, "x: Input/output error (EIO, errno 5): No such file"));
}

static void no_error_may_be_asked_for(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, GT_WRONG, "x"), GT_WRONG);
    assert_int_equal(error_errno(NULL, EIO, "x"), GT_FAILED);
    assert_int_equal(error_prefix(NULL, "x"), GT_FAILED);
    assert_int_equal(error_append(NULL, "x"), GT_FAILED);
}

/* count times two bytes that are one character, after one letter. */
static const char *long_text(size_t count)
{
    static char text[2048];
    text[0] = 'a';
    for (size_t i = 0; i < count; i++)
        memcpy(text + 1 + 2 * i, "\xc3\xa9", 2);
    text[1 + 2 * count] = '\0';
    return text;
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, GT_FAILED, "%s", long_text(255));
    assert_int_equal(strlen(error.text), 511);
    error_set(&error, GT_FAILED, "b%s", long_text(255));
    assert_int_equal(strlen(error.text), 510);
    assert_int_equal((unsigned char)error.text[509], 0xa9);
    error_append(&error, "%s", "12345");
    assert_int_equal(strlen(error.text), 511);
    assert_int_equal(error.text[510], '1');
}

static void the_errno_stays_when_the_front_is_cut(void **state)
{
    (void)state;
    struct error error = {0};
    error_errno(&error, EADDRINUSE, "%s", long_text(400));
    size_t length = strlen(error.text);
    assert_in_range(length, 510, 511);
    assert_string_equal(error.text + length - strlen("(EADDRINUSE, errno 98)"),
                        "(EADDRINUSE, errno 98)");
}

static void a_long_prefix_leaves_what_fits(void **state)
{
    (void)state;
    struct error error = {0};
    error_set(&error, GT_FAILED, "inner");
    error_prefix(&error, "%s", long_text(400));
    assert_in_range(strlen(error.text), 510, 511);
    assert_string_equal(error.text + strlen(error.text) - 2, ": ");
    error_set(&error, GT_FAILED, "%s", long_text(400));
    error_prefix(&error, "front");
    assert_in_range(strlen(error.text), 510, 511);
    assert_memory_equal(error.text, "front: a", 8);
}

static void numbers_have_names(void **state)
{
    (void)state;
    char text[80];
    assert_string_equal(error_name(EADDRINUSE), "EADDRINUSE");
    assert_string_equal(error_name(EPIPE), "EPIPE");
    assert_string_equal(error_name(0), "E?");
    assert_string_equal(error_name(-5), "E?");
    assert_string_equal(error_name(99999), "E?");
    assert_string_equal(error_words(ENOSPC, text, sizeof(text)),
                        "No space left on device (ENOSPC, errno 28)");
    assert_string_equal(error_words(99999, text, sizeof(text)), "Unknown error (E?, errno 99999)");
    assert_string_equal(error_words(ENOSPC, text, 9), "No space");
}

static void every_reason_has_a_word_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const struct reason_row *row = reason_row((enum reason)i);
        assert_true(strlen(row->word) > 0 && strlen(row->text) > 0);
        for (int other = 0; other < i; other++)
            assert_string_not_equal(row->word, reason_row((enum reason)other)->word);
    }
    assert_string_equal(reason_row(REASON_IDLE_TIMEOUT)->word, "idle-timeout");
    assert_false(reason_row(REASON_IDLE_TIMEOUT)->fault);
    assert_true(reason_row(REASON_UNDELIVERED)->fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_set),
        cmocka_unit_test(an_errno_is_told_in_words),
        cmocka_unit_test(a_sentence_grows_at_both_ends),
        cmocka_unit_test(a_sentence_may_be_made_of_itself),
        cmocka_unit_test(no_error_may_be_asked_for),
        cmocka_unit_test(what_is_too_long_is_cut_between_characters),
        cmocka_unit_test(the_errno_stays_when_the_front_is_cut),
        cmocka_unit_test(a_long_prefix_leaves_what_fits),
        cmocka_unit_test(numbers_have_names),
        cmocka_unit_test(every_reason_has_a_word_and_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
