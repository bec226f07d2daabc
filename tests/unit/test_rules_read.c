/* What a talk file may give to reply{...}, and how it is told what is wrong. */
#include "rules_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PLACE "mail.lua:1: "

static const struct {
    const char *source;
    const char *sentence;
} refused[] = {
    /* the list */
    {"reply 'hello'", PLACE "reply: a list of rules expected, met 'hello'"},
    {"reply {}", PLACE "reply: at least one rule expected"},
    {"reply { pattern = 'x' }",
     PLACE "reply: a list of rules expected, { pattern, reply, ... } each; met 'pattern'"},
    {"reply { 'hello' }",
     PLACE "rule 1: a table { pattern, reply } or a function expected, met 'hello'"},
    {"reply { { 'a' }, 7 }",
     PLACE "rule 2: a table { pattern, reply } or a function expected, met 7"},
    /* the pattern */
    {"reply { {} }", PLACE "rule 1: it begins with a pattern, a string; met nil"},
    {"reply { { print } }", PLACE
     "rule 1: it begins with a pattern, a string; met a function; \"\" matches every message"},
    {"reply { { '(a' } }",
     PLACE "rule 1: the pattern is wrong at its end: missing closing parenthesis"},
    {"reply { { 'a' }, { 'a{2,1}b' } }",
     PLACE "rule 2: the pattern is wrong before '}b': numbers out of order in {} quantifier"},
    {"reply { { 'a(?C1)' } }",
     PLACE "rule 1: the pattern has a callout, (?C), which calls nobody here"},
    {"reply { { 'a\\\\C' } }", PLACE "rule 1: the pattern has \\C, which is not allowed here"},
    /* the reply */
    {"reply { { 'a', {} } }",
     PLACE "rule 1: the reply: a text or a function expected, met a table"},
    {"reply { { 'a', true } }", PLACE "rule 1: the reply: a text or a function expected, met true"},
    {"reply { { 'a', '$1' } }",
     PLACE "rule 1: the reply has $1, but the pattern has 0 groups; $$ is a dollar"},
    {"reply { { '(?<who>a)', 'hello ${wo}' } }",
     PLACE "rule 1: the reply has ${wo}, which is nothing; ${who} is"},
    {"reply { { 'a', 'b', 'c' } }",
     PLACE "rule 1: it has a pattern and a reply, then names; met 'c' without a name"},
    {"reply { { 'a', 'b', replies = { 'c' } } }",
     PLACE "rule 1: it has a reply, and replies; one of them is enough"},
    {"reply { { 'a', replies = {} } }",
     PLACE "rule 1: replies: a list of texts and functions expected, met an empty table"},
    {"reply { { 'a', replies = 'b' } }",
     PLACE "rule 1: replies: a list of texts and functions expected, met 'b'"},
    {"reply { { 'a', replies = { 'b', 7, true } } }",
     PLACE "rule 1: replies: a text or a function expected, met true"},
    {"reply { { 'a', replies = { { {} } } } }",
     PLACE "rule 1: replies: a text or a function expected, met a table"},
    {"reply { { 'a', replies = { { 'b', 'c' } } } }",
     PLACE "rule 1: replies: a table has one reply, then names; met 'c' without a name"},
    {"reply { { 'a', replies = { { 'b', truncat = 1 } } } }",
     PLACE "rule 1: 'truncat': no such key; did you mean truncate?"},
    {"reply { { 'a', replies = { { 'b', chance = 1 } } } }",
     PLACE "rule 1: 'chance': no such key; a reply among several may have delay, drip, pieces, "
           "truncate, close, reset, hang"},
    {"reply { { 'a', reset = true, replies = { { 'b', close = true } } } }",
     PLACE "rule 1: close and reset: a connection ends in one way"},
    /* keys */
    {"reply { { 'a', dely = 1 } }", PLACE "rule 1: 'dely': no such key; did you mean delay?"},
    {"reply { { 'a', ['x\\n'] = 1 } }",
     PLACE "rule 1: 'x\\n': no such key; a rule has replies, cycle, once, when, chance, times, "
           "required, delay, drip, pieces, truncate, close, reset, hang"},
    {"reply { { 'a', delay = -1 } }",
     PLACE "rule 1: delay: a duration such as \"250ms\" or 2 (seconds) expected, met -1"},
    {"reply { { 'a', delay = 'soon' } }",
     PLACE "rule 1: delay: a duration such as \"250ms\" or 2 (seconds) expected, met 'soon'"},
    {"reply { { 'a', delay = 'none' } }",
     PLACE "rule 1: delay: a duration such as \"250ms\" or 2 (seconds) expected, met 'none'"},
    {"reply { { 'a', delay = 0/0 } }",
     PLACE "rule 1: delay: a duration such as \"250ms\" or 2 (seconds) expected, met -nan"},
    {"reply { { 'a', drip = 0 } }",
     PLACE "rule 1: drip: a size of at least 1, such as 100 (bytes) or \"4KiB\" expected, met 0"},
    {"reply { { 'a', pieces = 1.5 } }", PLACE
     "rule 1: pieces: a size of at least 1, such as 100 (bytes) or \"4KiB\" expected, met 1.5"},
    {"reply { { 'a', truncate = -1 } }",
     PLACE "rule 1: truncate: a size such as 100 (bytes) or \"4KiB\" expected, met -1"},
    {"reply { { 'a', close = 1 } }", PLACE "rule 1: close: true or false expected, met 1"},
    {"reply { { 'a', close = true, reset = true } }",
     PLACE "rule 1: close and reset: a connection ends in one way"},
    {"reply { { 'a', hang = true, delay = 1 } }",
     PLACE "rule 1: hang: nothing is sent then, and nothing else can happen to it"},
    {"reply { { 'a', chance = 1.1 } }",
     PLACE "rule 1: chance: a number from 0 to 1 expected, met 1.1"},
    {"reply { { 'a', chance = '0.5' } }",
     PLACE "rule 1: chance: a number from 0 to 1 expected, met '0.5'"},
    {"reply { { 'a', times = 0 } }",
     PLACE "rule 1: times: a whole number of at least 1 expected, met 0"},
    {"reply { { 'a', required = 1.5 } }",
     PLACE "rule 1: required: a whole number of at least 1 expected, met 1.5"},
    {"reply { { 'a', required = 3, times = 2 } }",
     PLACE "rule 1: required: it may match 2 times at most"},
    {"reply { { 'a', replies = { 'x' }, once = true, required = 2 } }",
     PLACE "rule 1: required: it may match 1 times at most"},
    {"reply { { 'a', required = 1, chance = 0 } }",
     PLACE "rule 1: required: it never matches, with a chance of 0"},
    {"reply { { 'a', when = true } }", PLACE "rule 1: when: a function expected, met true"},
    {"reply { { 'a', 'b', once = true } }",
     PLACE "rule 1: once: is about replies = {...}, which it does not have"},
    {"reply { { 'a', replies = { 'b' }, once = true, cycle = true } }",
     PLACE "rule 1: once and cycle contradict each other"},
    {"reply { { 'a', replies = { 'b' }, cycle = 1 } }",
     PLACE "rule 1: cycle: true or false expected, met 1"},
};

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        rules_side_refused(refused[i].source, refused[i].sentence);
}

static void the_line_is_that_of_the_call(void **state)
{
    (void)state;
    rules_side_refused("frame = 'line'\n\nreply {\n  { 'a', 'b' },\n  { '(' },\n}",
                       "mail.lua:3: rule 2: the pattern is wrong at its end: missing closing "
                       "parenthesis");
}

/* What is long is cut, and what is no text is escaped. */
static void errors_stay_one_line(void **state)
{
    (void)state;
    struct rules_side *side =
        rules_side_open_as("reply { { '(?<\\27[2J' .. ('x'):rep(5000) } }", 1, 0, NULL);
    assert_null(strchr(side->wrong, '\n'));
    assert_null(strchr(side->wrong, 27));
    assert_null(side->rules);
    rules_side_close(&side);
}

static void a_pattern_may_not_be_too_large(void **state)
{
    (void)state;
    rules_side_refused("reply { { ('x'):rep(4097) } }",
                       PLACE "rule 1: the pattern is longer than 4096 bytes");
    rules_side_refused("reply { { '((abc){100}){100}' } }",
                       PLACE "rule 1: the pattern is too large; fewer alternatives or repeats "
                             "would help");
    struct rules_side *side = rules_side_open("reply { { ('x'):rep(4096) } }");
    rules_side_close(&side);
}

static void many_rules(void **state)
{
    (void)state;
    struct rules_side *side = rules_side_open("local list = {}\n"
                                              "for i = 1, 1000 do\n"
                                              "  list[i] = { '^' .. i .. '$', 'rule ' .. i }\n"
                                              "end\n"
                                              "reply(list)");
    assert_int_equal(rules_count(side->rules), 1000);
    rules_side_expect(side, "1000", "rule 1000");
    rules_side_expect(side, "1", "rule 1");
    rules_side_expect(side, "1001", NULL);
    rules_side_close(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(the_line_is_that_of_the_call),
        cmocka_unit_test(errors_stay_one_line),
        cmocka_unit_test(a_pattern_may_not_be_too_large),
        cmocka_unit_test(many_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
