/* Patterns: what they match, what they capture, and that there is an end to it. */
#include "reply/pattern.h"

#include "evil_patterns.h"
#include "reply/pattern_parts.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MATCH_BYTES 4096

static struct matcher *matcher;

static int open_matcher(void **state)
{
    (void)state;
    matcher = matcher_create(MATCH_BYTES);
    return matcher ? 0 : -1;
}

static int close_matcher(void **state)
{
    (void)state;
    matcher_destroy(&matcher);
    return 0;
}

static struct pattern *compiled(const char *text)
{
    struct pattern *pattern;
    struct error error = {0};
    if (pattern_compile(slice_of_text(text), &pattern, &error) != GT_DONE)
        fail_msg("%s: %s", text, error.text);
    return pattern;
}

static enum pattern_result match(struct pattern *pattern, struct slice text)
{
    struct subject subject;
    subject_of(&subject, matcher, text);
    return pattern_match(matcher, pattern, &subject);
}

static void matches(const char *pattern_is, struct slice text, enum pattern_result result)
{
    struct pattern *pattern = compiled(pattern_is);
    if (match(pattern, text) != result)
        fail_msg("%s: %.*s", pattern_is, (int)text.size, (const char *)text.data);
    pattern_destroy(&pattern);
}

static void says(const char *pattern_is, const char *text, enum pattern_result result)
{
    matches(pattern_is, slice_of_text(text), result);
}

/* ---- what matches ---- */

static void patterns_match_bytes(void **state)
{
    (void)state;
    says("^\xe9.$", "\xe9\xff", PATTERN_YES);
    says("^.$", "\xc3\xa9", PATTERN_NO);
    says("(*UTF)^.$", "\xc3\xa9", PATTERN_YES);
    says("(*UTF)(*UCP)^\\w$", "\xc3\xa9", PATTERN_YES);
    says("(*UTF)a.c",
         "a\xff"
         "c",
         PATTERN_NO); /* no UTF-8: nothing matches it */
    says("(*UTF)abc",
         "\xff"
         "abc",
         PATTERN_YES);
    matches("a.b$", slice_of("a\0b", 3), PATTERN_YES);
    matches("^$", slice_of(NULL, 0), PATTERN_YES);
    matches(".", slice_of(NULL, 0), PATTERN_NO);
}

/* Each with something that a filter is made of: what it must not refuse, and what it may. */
static void filters_refuse_only_what_does_not_match(void **state)
{
    (void)state;
    says("^abc", "abc", PATTERN_YES);
    says("^abc", "abd", PATTERN_NO);
    says("^abc?", "ab", PATTERN_YES);
    says("^ab*c", "ac", PATTERN_YES);
    says("^ab{0}c", "ac", PATTERN_YES);
    says("^ab(?#one, or none)*c", "ac", PATTERN_YES); /* what stands between them means nothing */
    says("^ab\\E?c", "ac", PATTERN_YES);
    says("^ab\\Q\\E{0}c", "ac", PATTERN_YES);
    says("^ab(?#one)c", "ac", PATTERN_NO);
    says("^ab+c", "abbc", PATTERN_YES);
    says("^ab|^cd", "cd", PATTERN_YES);
    says("^a\\.b", "a.b", PATTERN_YES);
    says("^a\\.b", "axb", PATTERN_NO);
    says("^a\\?b", "a?b", PATTERN_YES);
    says("^a\\w", "ab", PATTERN_YES);
    says("(?i)^aBc1", "AbC1x", PATTERN_YES);
    says("(?i)^aBc1", "AbCq", PATTERN_NO);
    says("(?i)^@", "@", PATTERN_YES);
    says("(?i)^@", "`", PATTERN_NO); /* 0x20 apart, and no case of each other */
    says("(?i)xyz", "aXYz", PATTERN_YES);
    says("(?m)^abc", "x\nabc", PATTERN_YES);
    says("(?x)^a b", "ab", PATTERN_YES);
    says("^a#b", "a#b", PATTERN_YES);
    says("^abcdefghijkl", "abcdefghijkl", PATTERN_YES);
    says("^abcdefghijkl", "abcdefghijkx", PATTERN_NO);
    says("(*UTF)(?i)k", "\xe2\x84\xaa", PATTERN_YES); /* the sign of kelvin */
    says("(*UTF)(?i)^k", "\xe2\x84\xaa", PATTERN_YES);
    says("", "", PATTERN_YES);
    says("^", "", PATTERN_YES);
}

static void what_is_cut_has_no_end(void **state)
{
    (void)state;
    char text[MATCH_BYTES + 1];
    memset(text, 'a', sizeof text);
    matches("a$", slice_of(text, MATCH_BYTES), PATTERN_YES);
    matches("a$", slice_of(text, MATCH_BYTES + 1), PATTERN_NO);
    text[MATCH_BYTES] = 'b';
    matches("b", slice_of(text, MATCH_BYTES + 1), PATTERN_NO);
}

/* ---- captures ---- */

static void captures(struct pattern *pattern, unsigned number, const char *expected)
{
    struct slice capture;
    if (!expected) {
        assert_false(pattern_capture(pattern, number, &capture));
        return;
    }
    assert_true(pattern_capture(pattern, number, &capture));
    assert_true(slice_equal(capture, slice_of_text(expected)));
}

static void groups_are_known_by_number_and_name(void **state)
{
    (void)state;
    struct pattern *pattern = compiled("(?<first>\\w)(x)?(?<empty>)-(?P<last>\\w+)(y)?");
    assert_int_equal(pattern_groups(pattern), 5);
    assert_int_equal(pattern_group(pattern, slice_of_text("first")), 1);
    assert_int_equal(pattern_group(pattern, slice_of_text("last")), 4);
    assert_int_equal(pattern_group(pattern, slice_of_text("las")), 0);
    assert_string_equal(pattern_group_name(pattern, 3), "empty");
    assert_null(pattern_group_name(pattern, 2));
    assert_int_equal(match(pattern, slice_of_text(" a-bc ")), PATTERN_YES);
    captures(pattern, 0, "a-bc");
    captures(pattern, 1, "a");
    captures(pattern, 2, NULL);
    captures(pattern, 3, "");
    captures(pattern, 4, "bc");
    captures(pattern, 5, NULL);
    pattern_destroy(&pattern);
}

/* \K may put the start of the match behind its end. */
static void a_match_that_ends_before_it_starts(void **state)
{
    (void)state;
    struct pattern *pattern = compiled("a\\Kb");
    assert_int_equal(match(pattern, slice_of_text("ab")), PATTERN_YES);
    captures(pattern, 0, "b");
    pattern_destroy(&pattern);
}

static void captures_are_the_same_in_careful_code(void **state)
{
    (void)state;
    char text[2000];
    memset(text, ' ', sizeof text);
    memcpy(text + sizeof text - 12, "user=ann id7", 12);
    struct pattern *pattern = compiled("(\\w+)=(\\w+) (id)?(\\d)");
    assert_int_equal(work_limit(pattern, sizeof text), 0); /* so it is the careful one */
    assert_int_equal(match(pattern, slice_of(text, sizeof text)), PATTERN_YES);
    captures(pattern, 1, "user");
    captures(pattern, 2, "ann");
    captures(pattern, 4, "7");
    pattern_destroy(&pattern);
}

/* ---- what is refused ---- */

static void refuses(const char *text, const char *sentence)
{
    struct pattern *pattern;
    struct error error = {0};
    assert_int_equal(pattern_compile(slice_of_text(text), &pattern, &error), GT_WRONG);
    assert_string_equal(error.text, sentence);
    assert_null(pattern);
}

static void wrong_patterns_are_refused(void **state)
{
    (void)state;
    refuses("*a", "the pattern is wrong before '*a': quantifier does not follow a repeatable item");
    refuses("a\\C", "the pattern has \\C, which is not allowed here");
    refuses("(?C1)a", "the pattern has a callout, (?C), which calls nobody here");
    refuses("(?C'\x1b')a", "the pattern has a callout, (?C), which calls nobody here");
    refuses("[\x1b", "the pattern is wrong at its end: missing terminating ] for character class");
    char nested[203];
    memset(nested, '(', 101);
    memset(nested + 101, ')', 101);
    nested[202] = '\0';
    refuses(nested,
            "the pattern is wrong before '))))))))))))))))))))))))))))...': parentheses are too "
            "deeply nested");
}

/* A limit that a pattern sets itself may only be lower. */
static void limits_in_patterns_do_not_raise_ours(void **state)
{
    (void)state;
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    says("(*LIMIT_MATCH=4000000000)(a+)+$", text, PATTERN_LIMIT);
    says("(*LIMIT_HEAP=4000000000)(*LIMIT_DEPTH=4000000000)(*NO_JIT)(a+)+$", text, PATTERN_LIMIT);
}

/* ---- the bound on work ---- */

/* What the quick code may come to, and what the careful code has counted. */
static void check_work(const struct pattern *pattern, struct slice text)
{
    struct subject subject;
    subject_of(&subject, matcher, text);
    size_t size = subject.bytes.size;
    uint64_t starts = pattern->one_start ? 1 : size + 1;
    if (!pattern->straight)
        assert_true(work_limit(pattern, size) * starts * (size + pattern->size) <= WORK_QUICK);
    assert_true(matcher->work_left <= WORK_CAREFUL);
}

/* Without any limit, where that is quick enough. */
static enum pattern_result unlimited(const char *text, struct slice subject)
{
    int number;
    PCRE2_SIZE offset;
    uint32_t options = strncmp(text, "(*UTF)", 6) == 0 ? PCRE2_MATCH_INVALID_UTF : 0;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)text, strlen(text), options, &number, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int result = pcre2_match(code, subject.data, subject.size, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return result >= 0 ? PATTERN_YES : PATTERN_NO;
}

static void evil_patterns_come_to_an_end(void **state)
{
    (void)state;
    static char text[1 << 20];
    unsigned limits = 0;
    for (unsigned i = 0; i < EVIL_PATTERNS; i++) {
        size_t sizes[] = {9, i % 2 ? 300 : sizeof text}; /* all of them: make soak-patterns */
        struct pattern *pattern = compiled(evil_pattern(i));
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct slice subject = slice_of(text, sizes[k]);
            evil_subject(i, text, sizes[k]);
            enum pattern_result result = match(pattern, subject);
            limits += result == PATTERN_LIMIT;
            check_work(pattern, subject);
            if (i % 8 == 0) /* no clock has a say */
                assert_int_equal(match(pattern, subject), result);
            if (sizes[k] < 10 && result != PATTERN_LIMIT &&
                result != unlimited(evil_pattern(i), subject))
                fail_msg("%s: %.*s", evil_pattern(i), (int)sizes[k], text);
        }
        pattern_destroy(&pattern);
    }
    assert_in_range(limits, 100, 480); /* they are evil: else this shows nothing */
}

/* What people write, on messages of some length: never at a limit. */
static void tame_patterns_are_not_stopped(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "^(\\w+ )*!",
        "\\berror\\b.*\\bcode=(\\d+)",
        "(\\w+)@(\\w+)\\.(com|org)",
        "^\\s*(.*?)\\s*$",
        "(?i)^x-[\\w-]+:\\s*(.*)$",
        "\"(?:[^\"\\\\]|\\\\.)*\"",
        "(\\d{1,3}\\.){3}\\d{1,3}",
        "(?s)^.*end$",
        "<([a-z]+)[^>]*>.*</\\1>",
        "(\\S+)\\s+(\\S+)\\s+(\\S+)\\s+END",
    };
    static char text[MATCH_BYTES];
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct pattern *pattern = compiled(patterns[i]);
        for (size_t size = 16; size <= sizeof text; size *= 4) {
            evil_subject(3, text, size);
            assert_int_not_equal(match(pattern, slice_of(text, size)), PATTERN_LIMIT);
        }
        pattern_destroy(&pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_bytes),
        cmocka_unit_test(filters_refuse_only_what_does_not_match),
        cmocka_unit_test(what_is_cut_has_no_end),
        cmocka_unit_test(groups_are_known_by_number_and_name),
        cmocka_unit_test(a_match_that_ends_before_it_starts),
        cmocka_unit_test(captures_are_the_same_in_careful_code),
        cmocka_unit_test(wrong_patterns_are_refused),
        cmocka_unit_test(limits_in_patterns_do_not_raise_ours),
        cmocka_unit_test(evil_patterns_come_to_an_end),
        cmocka_unit_test(tame_patterns_are_not_stopped),
    };
    return cmocka_run_group_tests(tests, open_matcher, close_matcher);
}
