/* Rules: which one replies, and what. */
#include "rules_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the list ---- */

static void the_first_that_matches_replies(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply {\n"
                                              "  { '^hello (\\\\w+)', 'Hello, $1\\n' },\n"
                                              "  { 'o', 'an o' },\n"
                                              "  { '^hello', 'never' },\n"
                                              "}");
    rules_side_expect(side, "hello world", "Hello, world\n");
    rules_side_expect(side, "over", "an o");
    rules_side_expect(side, "hello ", "an o");
    rules_side_expect(side, "hell", NULL);
    assert_int_equal(rules_count(side->rules), 3);
    rules_side_close(&side);
}

static void a_message_that_none_matches_is_told(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { '^a', 'b' } }");
    rules_side_expect(side, "a", "b");
    assert_string_equal(side->told, "");
    rules_side_expect(side, "x", NULL);
    assert_non_null(strstr(side->told, "unmatched: "));
    struct outcome_counts counts;
    outcome_count(side->outcome, &counts);
    assert_int_equal(counts.unmatched, 1);
    rules_side_close(&side);
}

static void unmatched_messages_are_all_counted_and_some_are_told(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { '^a', 'b' } }");
    for (int i = 0; i < 1000; i++)
        rules_side_expect(side, "x", NULL);
    unsigned lines = 0;
    for (const char *at = side->told; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 10);
    side->told[0] = '\0';
    side->time_us += 1000000;
    rules_side_expect(side, "x", NULL);
    assert_non_null(
        strstr(side->told, "host: messages that no rule matches; 990 more were not told\n"));
    struct outcome_counts counts;
    outcome_count(side->outcome, &counts);
    assert_int_equal(counts.unmatched, 1001);
    rules_side_close(&side);
}

static void the_empty_pattern_matches_everything(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { '', '[$0]' } }");
    rules_side_expect(side, "", "[]");
    rules_side_expect(side, "x", "[]");
    rules_side_close(&side);
}

static void a_rule_may_say_nothing(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { { '^a' }, { '^b', false }, { '^c', close = true }, { '', 'x' } }");
    rules_side_expect(side, "a", NULL);
    rules_side_expect(side, "b", NULL);
    assert_null(side->reply.effects);
    rules_side_expect(side, "c", NULL);
    assert_true(side->reply.effects->close);
    assert_string_equal(side->told, ""); /* they did match */
    rules_side_close(&side);
}

static void places_are_filled_in(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open(
        "reply { { '(?<who>\\\\w+)(?: (\\\\w+))?', '${who}|$2|$peer|$listener|$time|$id|$$' } }");
    rules_side_expect(side, "ann",
                      "ann||127.0.0.1:40312|tcp:[::]:9999|2026-01-31T12:00:00.000001Z|0-1|$");
    rules_side_expect(side, "ann lee",
                      "ann|lee|127.0.0.1:40312|tcp:[::]:9999|2026-01-31T12:00:00.000001Z|0-2|$");
    rules_side_close(&side);
}

/* ---- functions ---- */

static void a_bare_function_is_asked(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { function (message) return message.text:upper() .. '\\n' end }");
    rules_side_expect(side, "shout", "SHOUT\n");
    rules_side_close(&side);
}

static void a_function_gets_the_captures(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { { '(a)|(b)', function (message, ...)\n"
                        "  local a, b = ...\n"
                        "  return message.text .. select('#', ...) .. tostring(a) .. tostring(b)\n"
                        "end } }");
    rules_side_expect(side, "a", "a2anil");
    rules_side_expect(side, "b", "b2nilb");
    rules_side_close(&side);
}

static void what_a_function_may_return(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("local values = { text = 'x', number = 42, float = 1.5, other = false }\n"
                        "reply {\n"
                        "  { '^self', function (message) return message end },\n"
                        "  function (message) return values[message.text] end,\n"
                        "  { '', 'the next one' },\n"
                        "}");
    rules_side_expect(side, "text", "x");
    rules_side_expect(side, "number", "42");
    rules_side_expect(side, "float", "1.5");
    rules_side_expect(side, "no", NULL);
    rules_side_expect(side, "other", "the next one");
    rules_side_expect(side, "self same", "self same");
    assert_string_equal(side->told, "");
    rules_side_close(&side);
}

static void a_functions_error_is_told_and_closes(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("local function deep() error('no such user') end\n"
                                              "reply { { 'x', function () deep() return 1 end },\n"
                                              "        { 'y', function () return {} end } }");
    rules_side_expect(side, "x", NULL);
    assert_true(side->reply.effects->close);
    assert_non_null(strstr(side->told, "mail.lua:1: no such user"));
    side->told[0] = '\0';
    rules_side_expect(side, "y", NULL);
    assert_true(side->reply.effects->close);
    assert_non_null(strstr(side->told, "mail.lua:3: rule 2: its function returned a table; a "
                                       "string, nil or false expected"));
    struct outcome_counts counts;
    outcome_count(side->outcome, &counts);
    assert_int_equal(counts.scripts_failed, 2);
    assert_false(outcome_met(side->outcome));
    rules_side_close(&side);
}

static void when_decides(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("local open = false\n"
                        "reply {\n"
                        "  { '^open$', function () open = true return 'ok' end },\n"
                        "  { '^(\\\\w)', 'first $1', when = function (message, letter)\n"
                        "      if message.text == 'fail' then error('oh') end\n"
                        "      return open and letter == 'f' end },\n"
                        "  { '', 'second' },\n"
                        "}");
    rules_side_expect(side, "foo", "second");
    rules_side_expect(side, "open", "ok");
    rules_side_expect(side, "foo", "first f");
    rules_side_expect(side, "bar", "second");
    rules_side_expect(side, "fail", NULL);
    assert_true(side->reply.effects->close);
    assert_non_null(strstr(side->told, "mail.lua:5: oh"));
    rules_side_close(&side);
}

/* ---- in turn, how often ---- */

static void replies_are_taken_in_turn(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open(
        "reply { { '(.)', replies = { 'one $1', function () return 'two' end, false } } }");
    for (int i = 0; i < 3; i++) {
        rules_side_expect(side, "x", "one x");
        rules_side_expect(side, "y", "two");
        rules_side_expect(side, "z", NULL);
    }
    rules_side_close(&side);
}

/* Fail unless what was replied last has these effects. */
static void expect_effects(const struct rules_side *side, struct effects expected)
{
    const struct effects *effects = side->reply.effects;
    assert_non_null(effects);
    assert_int_equal(effects->delay_ns, expected.delay_ns);
    assert_int_equal(effects->truncate_size, expected.truncate_size);
    assert_int_equal(effects->close, expected.close);
    assert_int_equal(effects->reset, expected.reset);
}

static void each_reply_may_have_effects_of_its_own(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { '(.)', delay = 1, replies = {\n"
                                              "  { reset = true },\n"
                                              "  { '$1', truncate = 3, close = true, delay = 0 },\n"
                                              "  { function () return 'f' end, truncate = 1 },\n"
                                              "  'whole' } } }");
    const int64_t second = 1000000000;
    for (int i = 0; i < 2; i++) {
        rules_side_expect(side, "a", NULL);
        expect_effects(side, (struct effects){.delay_ns = second, .reset = true});
        rules_side_expect(side, "b", "b");
        expect_effects(side, (struct effects){.truncate_size = 3, .close = true});
        rules_side_expect(side, "c", "f");
        expect_effects(side, (struct effects){.delay_ns = second, .truncate_size = 1});
        rules_side_expect(side, "d", "whole");
        expect_effects(side, (struct effects){.delay_ns = second, .truncate_size = -1});
    }
    rules_side_close(&side);
}

/* Those of a function that declined are not those of the next rule's reply. */
static void effects_go_with_who_replies(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { { '', function () return false end, close = true },\n"
                        "        { '', function () end, when = function () return true end } }");
    rules_side_expect(side, "a", NULL);
    assert_null(side->reply.effects);
    assert_string_equal(side->told, "");
    rules_side_close(&side);
}

static void once_each(void **state)
{
    (void)state;
    static const char *const ways[] = {"once = true", "cycle = false"};
    for (size_t i = 0; i < 2; i++) {
        char source[256];
        snprintf(source, sizeof source,
                 "reply { { 'a', replies = { '1', '2' }, %s }, { 'a', 'later' } }", ways[i]);
        struct rules_side *side = rules_side_open(source);
        rules_side_expect(side, "a", "1");
        rules_side_expect(side, "a", "2");
        rules_side_expect(side, "a", "later");
        rules_side_close(&side);
    }
}

static void times_is_for_all_workers_together(void **state)
{
    (void)state;
    const char *source = "reply { { 'a', 'limited', times = 3 },\n"
                         "        { 'a', replies = { '1', '2', '3' } } }";
    struct rules_side *first = rules_side_open(source);
    struct rules_side *second = rules_side_open_as(source, 1, 1, first);
    rules_side_expect(first, "a", "limited");
    rules_side_expect(second, "a", "limited");
    rules_side_expect(first, "a", "limited");
    rules_side_expect(first, "a", "1");
    rules_side_expect(second, "a", "2");
    rules_side_expect(first, "a", "3");
    second->outcome = NULL;
    rules_side_close(&second);
    rules_side_close(&first);
}

static void a_function_that_declines_has_not_matched(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open(
        "reply { { '', function (message) return message.text == 'yes' and 'ok' end,\n"
        "          times = 2 }, { '', 'next' } }");
    rules_side_expect(side, "no", "next");
    rules_side_expect(side, "no", "next");
    rules_side_expect(side, "no", "next");
    rules_side_expect(side, "yes", "ok");
    rules_side_expect(side, "yes", "ok");
    rules_side_expect(side, "yes", "next");
    rules_side_close(&side);
}

static void required_is_counted(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { 'a', 'b', required = 2 }, { '', '' } }");
    rules_side_expect(side, "x", "");
    rules_side_expect(side, "a", "b");
    assert_false(outcome_met(side->outcome));
    rules_side_expect(side, "a", "b");
    assert_true(outcome_met(side->outcome));
    rules_side_close(&side);
}

/* ---- chance ---- */

/* Which of a thousand messages the rule matches, as a bit each. */
static unsigned draw(const char *source, uint64_t seed, unsigned worker, uint8_t bits[125])
{
    struct rules_side *side = rules_side_open_as(source, seed, worker, NULL);
    unsigned count = 0;
    memset(bits, 0, 125);
    for (int i = 0; i < 1000; i++)
        if (rules_side_answer(side, slice_of_text("x")) == REPLY_NOW) {
            bits[i / 8] |= (uint8_t)(1 << i % 8);
            count++;
        }
    rules_side_close(&side);
    return count;
}

static void chance_repeats_with_its_seed(void **state)
{
    (void)state;
    const char *source = "reply { { 'x', 'yes', chance = 0.3 }, { 'x' } }";
    uint8_t first[125], again[125], other[125], worker[125];
    unsigned count = draw(source, 7, 0, first);
    assert_in_range(count, 200, 400); /* 300, seven standard deviations */
    assert_int_equal(draw(source, 7, 0, again), count);
    assert_memory_equal(first, again, 125);
    draw(source, 8, 0, other);
    draw(source, 7, 1, worker);
    assert_memory_not_equal(first, other, 125);
    assert_memory_not_equal(first, worker, 125);
}

static void chance_of_one_rule_depends_on_no_other(void **state)
{
    (void)state;
    uint8_t alone[125], beside[125];
    draw("reply { { 'x', 'yes', chance = 0.5 }, { 'x' } }", 3, 0, alone);
    draw("reply { { 'x', 'yes', chance = 0.5 }, { 'x', false, chance = 0.5 }, { 'x' } }", 3, 0,
         beside);
    assert_memory_equal(alone, beside, 125);
}

static void chance_has_ends(void **state)
{
    (void)state;
    uint8_t bits[125];
    assert_int_equal(draw("reply { { 'x', 'yes', chance = 0 }, { 'x' } }", 1, 0, bits), 0);
    assert_int_equal(draw("reply { { 'x', 'yes', chance = 1 }, { 'x' } }", 1, 0, bits), 1000);
}

/* ---- effects ---- */

static void effects_are_read(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { { 'a', 'x', delay = '250ms', drip = '1KiB', pieces = 3,\n"
                        "          truncate = 5, close = true },\n"
                        "        { 'b', 'x', delay = 1.5, reset = true },\n"
                        "        { 'c', 'x', hang = true },\n"
                        "        { 'd', 'x', reset = true, truncate = 3 },\n"
                        "        { 'e', 'x', delay = 0, close = false } }");
    rules_side_expect(side, "a", "x");
    const struct effects *effects = side->reply.effects;
    assert_int_equal(effects->delay_ns, 250000000);
    assert_int_equal(effects->drip, 1024);
    assert_int_equal(effects->pieces, 3);
    assert_int_equal(effects->truncate_size, 5);
    assert_true(effects->close && !effects->reset && !effects->hang);
    rules_side_expect(side, "b", "x");
    assert_int_equal(side->reply.effects->delay_ns, 1500000000);
    assert_int_equal(side->reply.effects->truncate_size, 0);
    assert_true(side->reply.effects->reset);
    rules_side_expect(side, "c", "x");
    assert_true(side->reply.effects->hang);
    rules_side_expect(side, "d", "x");
    assert_int_equal(side->reply.effects->truncate_size, 3);
    rules_side_expect(side, "e", "x");
    assert_null(side->reply.effects);
    rules_side_close(&side);
}

/* ---- limits ---- */

static void only_the_first_bytes_are_seen(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open("reply { { 'x$', 'end' }, { 'x', 'x' }, { '', 'no' } }");
    char text[5000];
    memset(text, 'a', sizeof text);
    text[4095] = 'x';
    assert_int_equal(rules_side_answer(side, slice_of(text, 4096)), REPLY_NOW);
    assert_true(slice_equal(side->reply.bytes, slice_of_text("end")));
    assert_int_equal(rules_side_answer(side, slice_of(text, 4097)), REPLY_NOW);
    assert_true(slice_equal(side->reply.bytes, slice_of_text("x")));
    text[4095] = 'a';
    text[4096] = 'x';
    assert_int_equal(rules_side_answer(side, slice_of(text, 5000)), REPLY_NOW);
    assert_true(slice_equal(side->reply.bytes, slice_of_text("no")));
    rules_side_close(&side);
}

static void a_pattern_at_its_limit_does_not_match_and_is_told(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("reply { { '(a+)+$', 'evil' }, { '', 'next' } }");
    char text[64] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    rules_side_expect(side, "aaa", "evil");
    for (int i = 0; i < 12; i++)
        rules_side_expect(side, text, "next");
    const char *sentence = "host: rule 1: its pattern would take too long for this message, and is "
                           "taken not to match\n";
    for (int i = 0; i < 10; i++)
        assert_memory_equal(side->told + (size_t)i * strlen(sentence), sentence, strlen(sentence));
    assert_int_equal(strlen(side->told), 10 * strlen(sentence));
    side->told[0] = '\0';
    side->time_us += 1000000;
    rules_side_expect(side, text, "next");
    assert_string_equal(side->told,
                        "host: rule 1: its pattern would take too long for this message, and is "
                        "taken not to match; 2 more were not told\n");
    rules_side_close(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_matches_replies),
        cmocka_unit_test(a_message_that_none_matches_is_told),
        cmocka_unit_test(unmatched_messages_are_all_counted_and_some_are_told),
        cmocka_unit_test(the_empty_pattern_matches_everything),
        cmocka_unit_test(a_rule_may_say_nothing),
        cmocka_unit_test(places_are_filled_in),
        cmocka_unit_test(a_bare_function_is_asked),
        cmocka_unit_test(a_function_gets_the_captures),
        cmocka_unit_test(what_a_function_may_return),
        cmocka_unit_test(a_functions_error_is_told_and_closes),
        cmocka_unit_test(when_decides),
        cmocka_unit_test(replies_are_taken_in_turn),
        cmocka_unit_test(each_reply_may_have_effects_of_its_own),
        cmocka_unit_test(effects_go_with_who_replies),
        cmocka_unit_test(once_each),
        cmocka_unit_test(times_is_for_all_workers_together),
        cmocka_unit_test(a_function_that_declines_has_not_matched),
        cmocka_unit_test(required_is_counted),
        cmocka_unit_test(chance_repeats_with_its_seed),
        cmocka_unit_test(chance_of_one_rule_depends_on_no_other),
        cmocka_unit_test(chance_has_ends),
        cmocka_unit_test(effects_are_read),
        cmocka_unit_test(only_the_first_bytes_are_seen),
        cmocka_unit_test(a_pattern_at_its_limit_does_not_match_and_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
