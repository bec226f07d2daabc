/* The matcher of Lua's patterns: what it finds, as Lua's own does; and that it stops. */
#include "reply/lua_pattern.h"

#include "script_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- by itself ---- */

static enum lua_pattern_result search(struct lua_pattern *match, const char *subject,
                                      const char *pattern, uint64_t steps)
{
    lua_pattern_prepare(match, slice_of_text(subject), slice_of_text(pattern), true, steps);
    return lua_pattern_search(match, match->subject);
}

static void a_match_has_its_place_and_captures(void **state)
{
    (void)state;
    struct lua_pattern match;
    assert_int_equal(search(&match, "say hello to me", "(h%a+)()", 1000), LUA_PATTERN_MATCH);
    assert_int_equal(match.start - match.subject, 4);
    assert_int_equal(match.end - match.subject, 9);
    assert_int_equal(match.count, 2);
    assert_int_equal(match.captures[0].size, 5);
    assert_int_equal(match.captures[1].start - match.subject, 9);
    assert_int_equal(match.captures[1].size, LUA_CAPTURE_PLACE);
    assert_int_equal(search(&match, "hello", "^e", 1000), LUA_PATTERN_NONE);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *problem;
    } wrong[] = {{"%", "malformed pattern (ends with '%')"},
                 {"[a", "malformed pattern (missing ']')"},
                 {"[]", "malformed pattern (missing ']')"},
                 {"%b(", "malformed pattern (missing arguments to '%b')"},
                 {"%fa", "missing '[' after '%f' in pattern"},
                 {")", "invalid pattern capture"},
                 {"%1", "invalid capture index %1"},
                 {"(%1)", "invalid capture index %1"}};
    struct lua_pattern match;
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        assert_int_equal(search(&match, "subject", wrong[i].pattern, 1000), LUA_PATTERN_WRONG);
        assert_string_equal(match.problem, wrong[i].problem);
    }
}

static void many_captures_or_choices_are_refused(void **state)
{
    (void)state;
    char subject[301] = "";
    char pattern[601] = "";
    struct lua_pattern match;
    for (int i = 0; i < 33; i++)
        strcat(pattern, "()");
    assert_int_equal(search(&match, "x", pattern + 2, 1000), LUA_PATTERN_MATCH);
    assert_int_equal(search(&match, "x", pattern, 1000), LUA_PATTERN_WRONG);
    assert_string_equal(match.problem, "too many captures");
    memset(subject, 'x', 300);
    for (int i = 0; i < 200; i++)
        memcpy(pattern + 2 * i, "x?", 3);
    assert_int_equal(search(&match, subject, pattern + 2, 10000), LUA_PATTERN_MATCH);
    assert_int_equal(search(&match, subject, pattern, 10000), LUA_PATTERN_WRONG);
    assert_string_equal(match.problem, "pattern too complex");
}

/* Whatever it does is paid for: it stops when nothing is left, and not before. */
static void it_stops_when_its_steps_are_spent(void **state)
{
    (void)state;
    static const char *const patterns[] = {".-.-.-b", "a*a*a*b",   "(a*)%1b",  "%f[b]",  "$",
                                           "[^a]",    "%b()",      "a?a?a?ab", "(a)b",   "()b",
                                           "%a+%a+b", "(a-)(a-)b", "a-$x",     "[b-z]*b"};
    char subject[401] = "";
    struct lua_pattern match;
    memset(subject, 'a', 400);
    for (size_t i = 0; i < LENGTH(patterns); i++) {
        assert_int_equal(search(&match, subject, patterns[i], 300), LUA_PATTERN_SPENT);
        assert_int_equal(match.steps, 0);
        subject[5] = '\0';
        assert_int_equal(search(&match, subject, patterns[i], 10000) == LUA_PATTERN_MATCH,
                         *patterns[i] == '$');
        assert_in_range(match.steps, 1, 10000 - 1);
        subject[5] = 'a';
    }
}

static void plain_text_is_known(void **state)
{
    (void)state;
    assert_true(lua_pattern_is_plain(slice_of_text("")));
    assert_true(lua_pattern_is_plain(slice_of_text("plain ] text ) !")));
    assert_true(lua_pattern_is_plain(slice_of("a\0b", 3)));
    for (const char *special = "^$*+?.([%-"; *special; special++) {
        char text[] = {'a', 0, *special, 'b'};
        assert_false(lua_pattern_is_plain(slice_of(text, sizeof text)));
    }
}

/* ---- beside Lua's ---- */

/* All that is done with patterns, of a subject, pattern, replacement and index. */
static const char probe[] =
    "local function show(...) local t = table.pack(...) for i = 1, t.n do "
    "t[i] = (math.type(t[i]) or type(t[i])) .. ':' .. tostring(t[i]) end "
    "return table.concat(t, ',') end\n"
    "function probe(s, p, r, i) return table.concat({ "
    "show(pcall(string.find, s, p, i)), show(pcall(string.match, s, p, i)), "
    "show(pcall(string.gsub, s, p, r)), show(pcall(string.gsub, s, p, r, i)), "
    "show(pcall(string.gsub, s, p, function(a, b) if a == r then return false end "
    "if b then return b .. '|' .. a end end)), "
    "show(pcall(string.gsub, s, p, {a = '1', b = 2, ab = true, c = false})), "
    "show(pcall(function() local t = {} for a, b, c in string.gmatch(s, p, i) do "
    "t[#t + 1] = show(a, b, c) if #t > 50 then break end end return table.concat(t, ';') end)), "
    "show(pcall(string.find, s, p, i, true)) }, '\\n') end";

static const char *const subjects[] = {"a", "b", "ab", "c", " ", "(",  "[",  "]",  "%",    "1",
                                       "9", "A", "Z",  "_", "-", ".",  "\n", "",   "\xff", "aa",
                                       "x", "=", "()", "(", ")", "\t", "0",  "\\", "'",    "e"};
static const char *const patterns[] = {
    "a",     "b",  "ab",  ".",      "%a",     "%d",    "%s",    "%w",     "%p",   "%u",   "%l",
    "%x",    "%c", "%g",  "%A",     "%D",     "%S",    "%W",    "%z",     "%Z",   "%b()", "%bab",
    "%baa",  "%1", "%2",  "%f[%a]", "%f[^a]", "(",     ")",     "()",     "(a",   "[",    "]",
    "[a-c]", "*",  "[a-", "[%a_]",  "[a-]",   "[]]",   "[^]]",  "[-a]",   "[%]",  "^",    "$",
    "+",     "-",  "?",   "%",      "%%",     "%.",    "",      "(.)",    "(.-)", "(a*)", "(%w+)",
    "%f",    "%b", "%9",  "%0",     "\xff",   "[+--]", "[b-a]", "[%d-x]", "%y",   "%-",   "[^%s]",
    "a-",    "a*", ".*",  ".-",     "x?",     "(a)",   "(()",   "[%",     "[^",   "%f[",  "b$"};
static const char *const replacements[] = {"a",  "%0", "%1", "%2", "%%", "%",
                                           "%x", "b",  "",   "%9", "%3", "<%1>"};

static uint32_t chance_state;

static uint32_t chance(size_t below)
{
    chance_state = chance_state * 1103515245 + 12345;
    return (chance_state >> 8) % (uint32_t)below;
}

/* Push a text of some of these; the empty one stands for a NUL. */
static void push_some(lua_State *lua, const char *const *pieces, size_t count)
{
    luaL_Buffer text;
    luaL_buffinit(lua, &text);
    for (uint32_t left = chance(9); left > 0; left--) {
        const char *piece = pieces[chance(count)];
        luaL_addlstring(&text, piece, *piece ? strlen(piece) : 1);
    }
    luaL_pushresult(&text);
}

static void push_case(lua_State *lua, uint32_t seed)
{
    chance_state = seed;
    lua_getglobal(lua, "probe");
    push_some(lua, subjects, LENGTH(subjects));
    push_some(lua, patterns, LENGTH(patterns));
    push_some(lua, replacements, LENGTH(replacements));
    lua_pushinteger(lua, (lua_Integer)chance(14) - 5);
}

static void check_case(struct script *script, lua_State *plain, uint32_t seed)
{
    size_t expected_size;
    size_t size;
    lua_State *lua = script_lua(script);
    lua_settop(lua, 1);
    lua_settop(plain, 0);
    push_case(plain, seed);
    push_case(lua, seed);
    assert_int_equal(lua_pcall(plain, 4, 1, 0), LUA_OK);
    assert_int_equal(script_call(script, 4, 1), LUA_OK);
    const char *expected = lua_tolstring(plain, -1, &expected_size);
    const char *found = lua_tolstring(lua, -1, &size);
    if (size == expected_size && memcmp(found, expected, size) == 0)
        return;
    push_case(plain, seed);
    fail_msg("seed %u, '%s' in '%s': \n%s\nis not\n%s", seed, lua_tostring(plain, -3),
             lua_tostring(plain, -4), found, expected);
}

/* PATTERN_CASES: so many instead. */
static void it_finds_what_lua_finds(void **state)
{
    (void)state;
    struct script *script = side_script(false);
    lua_State *plain = side_plain_lua();
    side_result(script, probe);
    side_plain_result(plain, probe);
    const char *given = getenv("PATTERN_CASES");
    unsigned long cases = given ? strtoul(given, NULL, 10) : 20000;
    for (uint32_t seed = 1; seed <= cases; seed++)
        check_case(script, plain, seed);
    lua_close(plain);
    script_destroy(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_has_its_place_and_captures),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(many_captures_or_choices_are_refused),
        cmocka_unit_test(it_stops_when_its_steps_are_spent),
        cmocka_unit_test(plain_text_is_known),
        cmocka_unit_test(it_finds_what_lua_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
