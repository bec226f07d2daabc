/* Replies with places that are filled in. */
#include "reply/template.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct peer peer = {.kind = PEER_IPV4, .port = 7, .address = {10, 0, 0, 1}};
static const struct message message = {
    .peer = &peer, .listener = "udp:[::]:9999", .worker = 3, .sequence = 17, .time_us = -1};

static struct matcher *matcher;

static int open_matcher(void **state)
{
    (void)state;
    matcher = matcher_create(4096);
    return matcher ? 0 : -1;
}

static int close_matcher(void **state)
{
    (void)state;
    matcher_destroy(&matcher);
    return 0;
}

static struct pattern *matched(const char *text, const char *heard)
{
    struct pattern *pattern;
    struct error error = {0};
    assert_int_equal(pattern_compile(slice_of_text(text), &pattern, &error), GT_DONE);
    struct subject subject;
    subject_of(&subject, matcher, slice_of_text(heard));
    assert_int_equal(pattern_match(matcher, pattern, &subject), PATTERN_YES);
    return pattern;
}

static void fills(const char *pattern_is, const char *heard, const char *text, const char *expected)
{
    struct pattern *pattern = matched(pattern_is, heard);
    struct template *template;
    struct error error = {0};
    struct bytes filled = {0};
    assert_int_equal(template_parse(slice_of_text(text), pattern, &template, &error), GT_DONE);
    assert_int_equal(template_fill(template, pattern, &message, &filled), 0);
    assert_int_equal(bytes_append(&filled, slice_of("", 1)), 0);
    assert_string_equal((const char *)bytes_slice(&filled).data, expected);
    bytes_free(&filled);
    template_destroy(&template);
    pattern_destroy(&pattern);
}

static void refuses(const char *pattern_is, const char *text, const char *sentence)
{
    struct pattern *pattern = NULL;
    struct template *template;
    struct error error = {0};
    if (pattern_is)
        assert_int_equal(pattern_compile(slice_of_text(pattern_is), &pattern, NULL), GT_DONE);
    assert_int_equal(template_parse(slice_of_text(text), pattern, &template, &error), GT_WRONG);
    assert_string_equal(error.text, sentence);
    assert_null(template);
    pattern_destroy(&pattern);
}

static void groups_by_number(void **state)
{
    (void)state;
    fills("(a)(b)(c)?", "xaby", "$0 $1 $2 [$3] ${1}0", "ab a b [] a0");
    fills("(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "0123456789", "$10$1", "90");
    fills("a", "a", "", "");
    fills("a", "a", "no places", "no places");
}

static void groups_by_name(void **state)
{
    (void)state;
    fills("(?<first>\\w+) (?P<last_2>\\w+)", "ann lee", "${last_2}, $first!", "lee, ann!");
    fills("(?<peer>a)(?<id>b)?", "a", "$peer ${id}.", "a ."); /* a group comes first */
}

static void words_of_the_message(void **state)
{
    (void)state;
    fills("a", "a", "$peer|${listener}|$time|$id",
          "10.0.0.1:7|udp:[::]:9999|1969-12-31T23:59:59.999999Z|3-17");
}

static void dollars(void **state)
{
    (void)state;
    fills("(a)", "a", "$$1 costs $$5, $1$$", "$1 costs $5, a$");
    fills("a", "a", "$$$$", "$$");
}

static void unknown_places_are_refused(void **state)
{
    (void)state;
    refuses("(a)", "$2", "the reply has $2, but the pattern has 1 group; $$ is a dollar");
    refuses("(a)", "$99999999999999999999999",
            "the reply has $99999999999999999999, but the pattern has 1 group; $$ is a dollar");
    refuses(NULL, "$0", "the reply has $0, but the pattern has 0 groups; $$ is a dollar");
    refuses("a", "$tim", "the reply has ${tim}, which is nothing; ${time} is");
    refuses("(?<user>a)", "${usr}", "the reply has ${usr}, which is nothing; ${user} is");
    refuses("a", "${}",
            "the reply has ${}: no group of the pattern has that name, and it is none "
            "of peer, listener, time, id; $$ is a dollar");
    refuses("a", "$\x01", "the reply has a $ that no name or number follows; $$ is a dollar");
    refuses("a", "5 $", "the reply has a $ that no name or number follows; $$ is a dollar");
    refuses("a", "${\x1b[2J}",
            "the reply has ${\\x1b[2J}: no group of the pattern has that name, and it is none "
            "of peer, listener, time, id; $$ is a dollar");
    refuses("a", "${peer", "the reply has ${ without }; $$ is a dollar");
}

static void bytes_of_any_kind_stay(void **state)
{
    (void)state;
    static const char text[] = "\0\xff$1\0";
    struct pattern *pattern = matched("(\\xfe)", "\xfe");
    struct template *template;
    struct bytes filled = {0};
    assert_int_equal(template_parse(slice_of(text, 5), pattern, &template, NULL), GT_DONE);
    assert_int_equal(template_fill(template, pattern, &message, &filled), 0);
    assert_true(slice_equal(bytes_slice(&filled), slice_of("\0\xff\xfe\0", 4)));
    bytes_free(&filled);
    template_destroy(&template);
    pattern_destroy(&pattern);
}

static void is_fixed(const char *text, bool fixed)
{
    struct template *template;
    struct slice all;
    assert_int_equal(template_parse(slice_of_text(text), NULL, &template, NULL), GT_DONE);
    assert_int_equal(template_fixed(template, &all), fixed);
    if (fixed)
        assert_true(slice_equal(all, slice_of_text(text)));
    template_destroy(&template);
}

static void what_is_fixed_is_known(void **state)
{
    (void)state;
    is_fixed("", true);
    is_fixed("250 OK\r\n", true);
    is_fixed("$peer", false);
    is_fixed("at $time", false);
    is_fixed("5$$", false); /* two pieces: filled in like others */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_by_number),           cmocka_unit_test(groups_by_name),
        cmocka_unit_test(words_of_the_message),       cmocka_unit_test(dollars),
        cmocka_unit_test(unknown_places_are_refused), cmocka_unit_test(bytes_of_any_kind_stay),
        cmocka_unit_test(what_is_fixed_is_known),
    };
    return cmocka_run_group_tests(tests, open_matcher, close_matcher);
}
