/* What scripts have of Lua's libraries: what is refused, and what is replaced without a difference.
 */
#include "script_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static int make_script(void **state)
{
    *state = side_script(false);
    return 0;
}

static int drop_script(void **state)
{
    struct script *script = *state;
    script_destroy(&script);
    return 0;
}

/* ---- what there is ---- */

/* All that can be reached from the globals, by name. */
static const char all_names[] =
    "local names, seen = {}, {} "
    "local function look(at, name) if seen[at] then return end seen[at] = true "
    "for key, value in pairs(at) do local full = name .. key "
    "if type(value) == 'table' then look(value, full .. '.') else names[#names + 1] = full end end "
    "end look(_G, '') look(getmetatable('').__index, 'text.') table.sort(names) "
    "return table.concat(names, ' ')";

static void there_is_what_is_listed(void **state)
{
    static const char listed[] =
        "_VERSION assert collectgarbage coroutine.close coroutine.create coroutine.isyieldable "
        "coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield "
        "debug.debug debug.gethook debug.getinfo debug.getlocal debug.getmetatable "
        "debug.getregistry debug.getupvalue debug.getuservalue debug.sethook debug.setlocal "
        "debug.setmetatable debug.setupvalue debug.setuservalue debug.traceback debug.upvalueid "
        "debug.upvaluejoin dofile error getmetatable io.close io.flush io.input io.lines io.open "
        "io.output io.popen io.read io.tmpfile io.type io.write ipairs load loadfile math.abs "
        "math.acos math.asin math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp "
        "math.floor math.fmod math.frexp math.huge math.ldexp math.log math.log10 math.max "
        "math.maxinteger math.min math.mininteger math.modf math.pi math.pow math.rad math.random "
        "math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh math.tointeger math.type "
        "math.ult next os.clock os.date os.difftime os.execute os.exit os.getenv os.remove "
        "os.rename os.setlocale os.time os.tmpname pairs pcall print rawequal rawget rawlen rawset "
        "require select setmetatable string.byte string.char string.dump string.find string.format "
        "string.gmatch string.gsub string.len string.lower string.match string.pack "
        "string.packsize string.rep string.reverse string.sub string.unpack string.upper "
        "table.concat table.insert table.move table.pack table.remove table.sort table.unpack "
        "tonumber tostring type utf8.char utf8.charpattern utf8.codepoint utf8.codes utf8.len "
        "utf8.offset warn xpcall";
    assert_string_equal(side_result(*state, all_names), listed);
}

static const char *const reaching[] = {
    "dofile",          "loadfile",      "require",       "string.dump",       "os.execute",
    "os.exit",         "os.getenv",     "os.remove",     "os.rename",         "os.setlocale",
    "os.tmpname",      "io.open",       "io.popen",      "io.read",           "io.write",
    "io.lines",        "debug.getinfo", "debug.sethook", "debug.getregistry", "debug.setmetatable",
    "debug.getupvalue"};

static void what_reaches_beyond_is_refused(void **state)
{
    char source[100];
    char words[100];
    for (size_t i = 0; i < LENGTH(reaching); i++) {
        snprintf(source, sizeof source, "%s('x')", reaching[i]);
        snprintf(words, sizeof words, "test.lua:1: %s is for trusted scripts (--trust)",
                 reaching[i]);
        side_fails(*state, source, words);
    }
    side_fails(*state, "('x'):dump()", "string.dump is for trusted scripts (--trust)");
    side_fails(*state, "collectgarbage('stop')", "collectgarbage \"stop\" is for trusted scripts");
    side_fails(*state, "collectgarbage()", "collectgarbage \"collect\" is for trusted scripts");
    assert_string_equal(side_result(*state, "return math.type(collectgarbage('count'))"), "float");
}

static void the_trusted_reach_beyond(void **state)
{
    (void)state;
    struct script *script = side_script(true);
    assert_string_equal(side_result(script, "return io.open('/dev/null'):read('a') .. "
                                            "type(os.getenv('PATH')) .. debug.getinfo(1).what .. "
                                            "type(require('math'))"),
                        "stringmaintable");
    assert_string_equal(side_result(script, "return load(string.dump(function() return 'ran' "
                                            "end))()"),
                        "ran");
    assert_string_equal(side_result(script, "return load(string.dump(function() return 'ran' "
                                            "end), 'x', 'b', {})()"),
                        "ran");
    side_result(script, "setmetatable({}, {__gc = function() end}) collectgarbage()");
    side_fails(script, "while true do pcall(function() while true do end end) end",
               "too many steps");
    side_fails(script, "debug.sethook()", "a nil value (field 'sethook')");
    script_destroy(&script);
}

/* ---- finalizers ---- */

static void no_finalizer_is_set(void **state)
{
    const char *refused = "__gc: finalizers are for trusted scripts (--trust)";
    side_fails(*state, "setmetatable({}, {__gc = print})", refused);
    side_fails(*state, "setmetatable({}, {__gc = true})", refused);
    /* Lua asks with rawget: a __gc that __index makes up is none. One that comes later, neither. */
    side_result(*state, "meta = setmetatable({}, {__index = {__gc = error}}) "
                        "for i = 1, 100 do setmetatable({}, meta) end "
                        "meta.__gc = function() ran = true end");
    for (int i = 0; i < 30; i++)
        side_result(*state, "local t = {} for i = 1, 5000 do t[i] = {i} end");
    assert_string_equal(side_result(*state, "return tostring(ran)"), "nil");
    side_fails(*state, "setmetatable({}, meta)", refused);
}

static int make_userdata(lua_State *lua)
{
    lua_newuserdatauv(lua, 8, 0);
    lua_createtable(lua, 0, 1);
    if (lua_touserdata(lua, 1)) {
        lua_pushliteral(lua, "hidden");
        lua_setfield(lua, -2, "__metatable");
    }
    lua_setmetatable(lua, -2);
    lua_setglobal(lua, "made");
    return 0;
}

static void metatables_of_c_are_not_handed_out(void **state)
{
    int anything;
    assert_int_equal(script_protect(*state, make_userdata, NULL), LUA_OK);
    assert_string_equal(side_result(*state, "return tostring(getmetatable(made))"), "nil");
    assert_int_equal(script_protect(*state, make_userdata, &anything), LUA_OK);
    assert_string_equal(side_result(*state, "return getmetatable(made)"), "hidden");
    side_fails(*state, "setmetatable(made, {})", "table expected, got userdata");
}

/* ---- print ---- */

static void what_is_printed_is_logged(void **state)
{
    side_fails(*state, "print('x')", "print: standard output carries messages only");
    assert_string_equal(side_result(*state,
                                    "function log(text) said = text end "
                                    "print('a', 1, nil, setmetatable({}, {__tostring = function() "
                                    "return 'b' end})) return said"),
                        "a\t1\tnil\tb");
    assert_string_equal(side_result(*state, "print() return said"), "");
}

/* ---- load ---- */

static void load_takes_text(void **state)
{
    static const struct {
        const char *source, *says;
    } loads[] = {
        {"return load('return 1 + 1')()", "2"},
        {"return load('return x', 'name', 't', {x = 'own'})()", "own"},
        {"local n = 0 return load(function() n = n + 1 return ({'return ', '1', '2'})[n] end)()",
         "12"},
        {"return select(2, load('x ='))", "[string \"x =\"]:1: unexpected symbol near <eof>"},
        {"return select(2, load('x =', '=name'))", "name:1: unexpected symbol near <eof>"},
        {"return select(2, load('x = 1', 'n', 'b'))", "attempt to load a text chunk (mode is '')"},
        {"return select(2, load('\\27Lua'))", "attempt to load a binary chunk (mode is 't')"},
        {"return select(2, load('\\27Lua', 'n', 'b'))",
         "attempt to load a binary chunk (mode is '')"},
        {"return select(2, load('\\27Lua', 'n', 'bt'))",
         "attempt to load a binary chunk (mode is 't')"},
        {"return select(2, pcall(load, function() return {} end))",
         "reader function must return a string"},
        {"return select('#', load('return ...', 'n', 't', nil)(nil, nil))", "2"},
    };
    for (size_t i = 0; i < LENGTH(loads); i++)
        assert_string_equal(side_result(*state, loads[i].source), loads[i].says);
}

/* ---- replaced, without a difference ---- */

/* What each comes to, an error's text included, must be what Lua's own library says. */
static const char *const same[] = {
    "table.insert({}, 'x')",
    "table.insert({1, 2}, 1, 'x')",
    "table.insert({1, 2}, 3, 'x')",
    "table.insert({1, 2}, 4, 'x')",
    "table.insert({1, 2}, 0, 'x')",
    "table.insert({1, 2}, math.mininteger, 'x')",
    "table.insert({1, 2})",
    "table.insert({1, 2}, 1, 2, 3)",
    "table.insert(1, 2)",
    "table.insert({}, 'x', 'y')",
    "table.insert('text', 'y')",
    "table.remove({})",
    "table.remove({}, 0)",
    "table.remove({}, 1)",
    "table.remove({1, 2, 3})",
    "table.remove({1, 2, 3}, 1)",
    "table.remove({1, 2, 3}, 4)",
    "table.remove({[0] = 'x'}, 0)",
    "table.remove(nil)",
    "table.remove(setmetatable({}, {__len = function() return -3 end}))",
    "table.move({1, 2, 3}, 1, 3, 2)[4]",
    "table.move({1, 2, 3}, 2, 3, 1)[1]",
    "#table.move({1, 2, 3}, 1, 3, 1, {})",
    "#table.move({1, 2, 3}, 1, 0, 7)",
    "table.move({}, math.mininteger, math.maxinteger, 1)",
    "table.move({}, 1, math.maxinteger, 2)",
    "table.move({}, 0, 1, math.maxinteger)",
    "table.move({}, -1, math.maxinteger, 2)",
    "table.move({}, math.mininteger, -2, 2)",
    "table.move({}, 1, 2)",
    "table.move(1, 2, 3, 4)",
    "table.move({}, 1, 1, 1, 'x')",
    "table.move({}, 1, 1, 1, nil)",
    "table.concat({})",
    "table.concat({1, 2.5, 'x'}, ', ')",
    "table.concat({1, 2, 3}, ', ', 2)",
    "table.concat({1, 2, 3}, ', ', 2, 2)",
    "table.concat({1, 2, 3}, ', ', 3, 2)",
    "table.concat({1, {}, 3})",
    "table.concat({1, 2}, 1, 3, 5)",
    "table.concat({1, 2}, {})",
    "table.concat({}, '', math.maxinteger, math.maxinteger)",
    "table.concat({[math.maxinteger] = 'x'}, '', math.maxinteger, math.maxinteger)",
    "table.concat(setmetatable({}, {__index = function(_, i) return i end, __len = function() "
    "return 5 end}), ' ')",
    "table.concat(setmetatable({}, {__len = function() return 'x' end}))",
    "table.unpack({1, 2, 3})",
    "table.unpack({1, 2, 3}, 2)",
    "table.unpack({1, 2, 3}, -1, 1)",
    "table.unpack({}, 1, 3)",
    "table.unpack({}, 1, math.maxinteger)",
    "table.unpack({}, math.mininteger, math.maxinteger)",
    "table.unpack({}, 3, 1)",
    "table.unpack({}, math.maxinteger, math.maxinteger)",
    "table.unpack('x')",
    "table.unpack()",
    "table.unpack({}, 'x')",
    "table.sort({3, 1}, 1)",
    "table.sort(1)",
    "table.sort({})",
    "table.sort(setmetatable({}, {__len = function() return 1 << 40 end}))",
    "('abc'):rep(3)",
    "('abc'):rep(3, ', ')",
    "('abc'):rep(1, ', ')",
    "('abc'):rep(0)",
    "('abc'):rep(-1)",
    "(''):rep(3, ',')",
    "(''):rep(5)",
    "('abc'):rep(1 << 62)",
    "('abc'):rep(math.maxinteger, 'x')",
    "('abc'):rep()",
    "('abc'):rep({})",
    "string.rep(12, 2)",
    "('abc'):byte()",
    "('abc'):byte(2)",
    "('abc'):byte(-1)",
    "('abc'):byte(1, -1)",
    "('abc'):byte(0)",
    "('abc'):byte(0, 1)",
    "('abc'):byte(-9, -2)",
    "('abc'):byte(-9)",
    "('abc'):byte(10)",
    "('abc'):byte(3, 10)",
    "('abc'):byte(2, 1)",
    "('abc'):byte(math.mininteger, math.maxinteger)",
    "('abc'):byte(math.maxinteger)",
    "('abc'):byte('x')",
    "(''):byte(1, -1)",
    "string.byte()",
    "('abc'):upper() .. ('ABC'):lower() .. ('abc'):reverse()",
    "string.upper()",
    "string.upper({})",
    "string.format('%d %s %q %5.1f %x', 3, 'x', 'a\\n\"', 2.25, 255)",
    "string.format('%d', 'x')",
    "string.format('%d')",
    "string.format('%y', 1)",
    "string.format(('x'):rep(3000)):len()",
    "string.pack('i4 z s1', 7, 'ab', 'cd')",
    "string.unpack('i4 z s1', string.pack('i4 z s1', 7, 'ab', 'cd'))",
    "string.packsize('i4 i8')",
    "string.packsize('s')",
    "string.pack('i17', 1)",
    "utf8.len('h\xc3\xa9')",
    "utf8.len('\xff')",
    "utf8.len('abc', 5)",
    "utf8.codepoint('h\xc3\xa9', 1, -1)",
    "utf8.codepoint('h\xc3\xa9', 2)",
    "utf8.codepoint('abc', 4)",
    "utf8.offset('h\xc3\xa9j', 3)",
    "utf8.offset('h\xc3\xa9j', -1)",
    "utf8.offset('h\xc3\xa9j', 1, 3)",
    "os.date('!%Y-%m-%d %H:%M:%S', 0)",
    "os.date('!*t', 86400).day",
    "os.date('%Ez', 0)",
    "tonumber('0x1p4')",
    "tonumber('z', 36)",
    "tonumber('8', 8)",
    "tonumber({})",
    "tonumber()",
    "tonumber('')",
    "pcall()",
    "pcall(1)",
    "pcall(error)",
    "pcall(error, {})[1]",
    "select('#', pcall(function() return nil, nil end))",
    "pcall(pcall, error, 'x')",
    "xpcall(error, function(m) return 'handled ' .. m end, 'x')",
    "xpcall(function(...) return ... end, print, 1, nil, 3)",
    "xpcall(print)",
    "xpcall(print, 1)",
    "setmetatable({}, 1)",
    "setmetatable(1, {})",
    "setmetatable(setmetatable({}, {__metatable = 1}), {})",
    "getmetatable(setmetatable({}, {__metatable = 'mine'}))",
    "getmetatable({})",
    "getmetatable()",
    "getmetatable('').__name",
    "coroutine.resume(coroutine.create(function(...) return ... end), 1, nil)",
    "coroutine.resume(coroutine.create(function() error('x') end))",
    "coroutine.resume(coroutine.create(function() error({}) end))",
    "next({}, nil)",
    "next({5})",
    "next({5}, 1)",
    "next({5}, 2)",
    "next(1)",
    "next()",
    "pairs()",
    "(function() for _ in pairs(1) do end end)()",
    "rawequal(next, (pairs({})))",
    "(function() local n = 0 for k, v in pairs({1, 2, x = 3}) do n = n + v end return n end)()",
    "select(2, pairs(setmetatable({}, {__pairs = function(t) return next, 'mine' end})))",
    "coroutine.wrap(function() for k in pairs(setmetatable({}, {__pairs = coroutine.yield})) do "
    "end end)(1)",
    "coroutine.resume(coroutine.running())",
    "coroutine.resume(1)",
    "coroutine.create(1)",
    "coroutine.wrap(function(...) return ... end)(1, 2)",
    "coroutine.wrap(function() error('x') end)()",
    "coroutine.wrap(function() error({}) end)()",
    "coroutine.close(coroutine.create(print))",
    "coroutine.close(1)",
    "(function() local w = coroutine.wrap(function() return 1 end) w() w() end)()",
    "(function() local c = coroutine.create(function() local x <close> = setmetatable({}, {__close "
    "= function(_, e) error('closing ' .. tostring(e)) end}) coroutine.yield() end) "
    "coroutine.resume(c) return coroutine.close(c) end)()",
    "(function() local c = coroutine.create(function() local x <close> = setmetatable({}, {__close "
    "= function(_, e) said = tostring(e) end}) error('x', 0) end) coroutine.resume(c) local ok, e "
    "= "
    "coroutine.close(c) return ok, e, said, coroutine.status(c) end)()",
    "(function() local said local ok, e = pcall(coroutine.wrap(function() local x <close> = "
    "setmetatable({}, {__close = function(_, e) said = tostring(e) error('other', 0) end}) "
    "error('x', 0) end)) return ok, e, said end)()",
    "(function() local w w = coroutine.wrap(function() return pcall(w) end) return w() end)()",
    "(function() return coroutine.wrap(function() return pcall(function() coroutine.yield(1) "
    "error('after', 0) end) end)() end)()",
    "(function() local w = coroutine.wrap(function() return pcall(function() coroutine.yield(1) "
    "error('after', 0) end) end) w() return w() end)()",
    "(function() local w = coroutine.wrap(function() return xpcall(function() coroutine.yield(1) "
    "error('after', 0) end, function(m) return m .. ' handled' end) end) w() return w() end)()",
    "(function() local w = coroutine.wrap(function() return pcall(coroutine.yield, 1) end) w() "
    "return w(2, 3) end)()",
};

/* The values of an expression, with their types; or its error. */
static void shown(char *to, size_t size, const char *expression)
{
    snprintf(to, size,
             "local said return (function(...) local t = table.pack(...) for i = 1, t.n do local v "
             "= t[i] t[i] = (math.type(v) or type(v)) .. ':' .. (type(v) == 'table' and '' or "
             "type(v) == 'function' and '' or tostring(v)) end return table.concat(t, ' ') "
             "end)(pcall(function() return %s end))",
             expression);
}

static void results_are_lua_s(void **state)
{
    char source[2000];
    lua_State *lua = side_plain_lua();
    for (size_t i = 0; i < LENGTH(same); i++) {
        shown(source, sizeof source, same[i]);
        const char *expected = side_plain_result(lua, source);
        const char *said = side_result(*state, source);
        if (strcmp(said, expected) != 0)
            fail_msg("%s\nis    %s\nnot   %s", same[i], said, expected);
    }
    lua_close(lua);
}

/* ---- the same, by chance ---- */

/* A table goes through everything, and is written down after each. %d: the seed. */
static const char by_chance[] =
    "local seed = %d local function chance(n) seed = (seed * 1103515245 + 12345) & 0x7fffffff "
    "return (seed >> 8) %% n end "
    "local t, log = {}, {} "
    "local function show() local s = {} for i = -2, #t + 3 do s[#s + 1] = tostring(t[i]) end "
    "log[#log + 1] = table.concat(s, ' ') end "
    "for i = 1, 60 do local what, n = chance(8), #t "
    "if what < 2 then log[#log + 1] = tostring(pcall(table.insert, t, chance(50))) "
    "elseif what < 4 then log[#log + 1] = tostring(pcall(table.insert, t, chance(n + 3), "
    "chance(50))) "
    "elseif what == 4 then log[#log + 1] = tostring(pcall(table.remove, t, chance(n + 3))) "
    "elseif what == 5 then local first = 1 + chance(n + 1) table.move(t, first, first + chance(4) "
    "- "
    "1, 1 + chance(n + 2)) "
    "while #t > 40 do table.remove(t) end "
    "elseif what == 6 then for i = 1, n do t[i] = t[i] or 0 end pcall(table.sort, t, chance(2) == "
    "0 and function(a, b) return a > b end "
    "or nil) "
    "else log[#log + 1] = tostring(select(2, pcall(table.concat, t, ',', 1 + chance(3), "
    "chance(n + 2)))) log[#log + 1] = tostring(select('#', table.unpack(t, chance(3), chance(n + "
    "2)))) end "
    "show() end return table.concat(log, '\\n')";

static void tables_go_the_way_of_lua_s(void **state)
{
    char source[2000];
    lua_State *lua = side_plain_lua();
    for (int seed = 1; seed <= 300; seed++) {
        snprintf(source, sizeof source, by_chance, seed);
        const char *expected = side_plain_result(lua, source);
        const char *said = side_result(*state, source);
        if (strcmp(said, expected) != 0)
            fail_msg("seed %d\n%s\nis not\n%s", seed, said, expected);
    }
    lua_close(lua);
}

static void sorted_is_sorted(void **state)
{
    side_result(*state, "for size = 0, 60 do local t = {} for i = 1, size do t[i] = (i * 7919) % "
                        "(size // 2 + 1) end table.sort(t) for i = 2, size do assert(t[i - 1] <= "
                        "t[i]) end assert(#t == size) end");
    side_result(*state, "local t = {} for i = 1, 700 do t[i] = ('%05d'):format((i * 7919) % 1009) "
                        "end table.sort(t, function(a, b) return a > b end) for i = 2, 700 do "
                        "assert(t[i - 1] > t[i]) end");
}

#define WITH_SCRIPT(test) cmocka_unit_test_setup_teardown(test, make_script, drop_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRIPT(there_is_what_is_listed),
        WITH_SCRIPT(what_reaches_beyond_is_refused),
        cmocka_unit_test(the_trusted_reach_beyond),
        WITH_SCRIPT(no_finalizer_is_set),
        WITH_SCRIPT(metatables_of_c_are_not_handed_out),
        WITH_SCRIPT(what_is_printed_is_logged),
        WITH_SCRIPT(load_takes_text),
        WITH_SCRIPT(results_are_lua_s),
        WITH_SCRIPT(tables_go_the_way_of_lua_s),
        WITH_SCRIPT(sorted_is_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
