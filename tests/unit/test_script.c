/* A script's state: calls, resumes, what is said of errors, and what each call may use. */
#include "reply/script.h"
#include "script_side.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int make_script(void **state)
{
    *state = side_script(false);
    return 0;
}

static int drop_script(void **state)
{
    struct script *script = *state;
    script_destroy(&script);
    assert_null(script);
    return 0;
}

/* ---- loading ---- */

static void what_is_no_lua_is_told_with_its_line(void **state)
{
    struct error error = {0};
    assert_int_equal(script_load(*state, slice_of_text("x = 1\ny = = 2"), "mail.lua", &error),
                     GT_WRONG);
    assert_string_equal(error.text, "mail.lua:2: unexpected symbol near '='");
    assert_int_equal(lua_gettop(script_lua(*state)), 1);
}

static void bytecode_is_loaded_for_the_trusted_only(void **state)
{
    struct error error = {0};
    struct script *trusted = side_script(true);
    size_t size;
    side_result(trusted, "return string.dump(function() return 'ran' end)");
    const char *code = lua_tolstring(script_lua(trusted), -1, &size);
    assert_int_equal(script_load(*state, slice_of(code, size), "x", &error), GT_WRONG);
    assert_non_null(strstr(error.text, "attempt to load a binary chunk"));
    assert_int_equal(script_load(trusted, slice_of(code, size), "x", &error), GT_DONE);
    assert_int_equal(script_call(trusted, 0, 1), LUA_OK);
    assert_string_equal(lua_tostring(script_lua(trusted), -1), "ran");
    script_destroy(&trusted);
}

static void a_state_needs_some_memory(void **state)
{
    (void)state;
    struct error error = {0};
    struct script_bounds bounds = {.steps = 1000, .call_bytes = 1000, .state_bytes = 8192};
    assert_null(script_create(&bounds, &error));
    assert_string_equal(error.text, "no memory for a script's state (max-script-memory is 8 KiB)");
}

/* ---- calls ---- */

static void a_call_takes_arguments_and_gives_results(void **state)
{
    lua_State *lua = script_lua(*state);
    side_result(*state, "function add(a, b) return a + b, 'and', nil end");
    lua_settop(lua, 1);
    lua_getglobal(lua, "add");
    lua_pushinteger(lua, 3);
    lua_pushinteger(lua, 4);
    assert_int_equal(script_call(*state, 2, LUA_MULTRET), LUA_OK);
    assert_int_equal(lua_gettop(lua), 4);
    assert_int_equal(lua_tointeger(lua, 2), 7);
}

static void an_error_has_a_traceback(void **state)
{
    side_fails(*state, "local function deep()\n  error('no')\nend\ndeep()",
               "test.lua:2: no\nstack traceback:\n\t[C]: in function 'error'\n\ttest.lua:2: in");
    side_fails(*state, "error({})", "table: ");
    side_fails(*state, "error(setmetatable({}, {__tostring = function() return 'shown' end}))",
               "shown\nstack traceback:");
    side_fails(*state, "error(setmetatable({}, {__tostring = function() error('again') end}))",
               "again");
    side_fails(*state, "error()", "nil\nstack traceback:");
    assert_int_equal(lua_gettop(script_lua(*state)), 2);
}

static void each_call_has_steps_of_its_own(void **state)
{
    for (int i = 0; i < 10; i++)
        side_result(*state, "for i = 1, 60000 do end");
    side_fails(*state, "for i = 1, 200000 do end",
               "test.lua:1: too many steps: more than 100000 in one call (max-script-steps)\n"
               "stack traceback:\n\ttest.lua:1: in main chunk");
    side_fails(*state,
               "local function f()\n  while true do pcall(pcall, string.rep, 'x', 9) end\nend\nf()",
               "test.lua:2: too many steps");
    side_fails(*state, "local function f()\n  while true do end\nend\nlocal t = {m = f}\nt.m()",
               "\n\ttest.lua:2: in field 'm'\n\ttest.lua:5: in main chunk");
    side_fails(*state, "pcall(function()\n  while true do end\nend)",
               "\n\ttest.lua:2: in function <test.lua:1>\n\t[C]: in global 'pcall'\n");
    side_result(*state, "for i = 1, 60000 do end");
}

static void each_call_has_bytes_of_its_own(void **state)
{
    for (int i = 0; i < 10; i++)
        side_result(*state, "kept = ('x'):rep(200000)");
    side_fails(*state, "local t = {} for i = 1, 9 do t[i] = ('x'):rep(200000 + i) end",
               "test.lua:1: too much memory: more than 1 MiB allocated in one call "
               "(max-script-allocation)\nstack traceback:");
    side_result(*state, "kept = ('x'):rep(200000)");
}

static void what_a_call_frees_counts(void **state)
{
    side_fails(*state, "for i = 1, 9 do local s = ('x'):rep(200000 + i) end", "too much memory");
}

/* What earlier calls have left behind is collected before a call fails for want of it. */
static void garbage_does_not_fill_the_state(void **state)
{
    for (int i = 0; i < 60; i++)
        side_result(*state, "local t = {} for i = 1, 5000 do t[i] = {i} end");
    assert_true(script_bytes(*state) <= SIDE_STATE_BYTES);
}

static void what_is_kept_fills_the_state(void **state)
{
    const char *said;
    const char *keep = "kept = kept or {} kept[#kept + 1] = ('x'):rep(200000 + #kept)";
    int calls = 0;
    while (calls < 100 && side_run(*state, keep, &said) == LUA_OK)
        calls++;
    assert_in_range(calls, 10, 30);
    assert_non_null(strstr(said, "out of memory: the script's state is full"));
    assert_non_null(strstr(said, "(max-script-memory)"));
    assert_true(script_bytes(*state) <= SIDE_STATE_BYTES);
    assert_string_equal(side_result(*state, "return 'others go on: ' .. #('x'):rep(9000)"),
                        "others go on: 9000");
    side_result(*state, "kept = nil");
    side_result(*state, keep);
}

/* In small portions it can be filled to the last; then it takes no calls, and is not searched for
 * garbage each time. What is let go of meanwhile, from outside, is noticed. */
static void a_full_state_refuses_calls(void **state)
{
    const char *said;
    int refused = 0;
    lua_State *lua = script_lua(*state);
    side_result(*state, "kept = {} function keep() kept[#kept + 1] = ('x'):rep(900) .. #kept end");
    lua_getglobal(lua, "keep");
    for (int i = 0; i < 10000 && refused < 10; i++) {
        lua_settop(lua, 1);
        lua_getglobal(lua, "keep");
        refused += script_call(*state, 0, 0) != LUA_OK;
    }
    assert_int_equal(refused, 10);
    assert_true(script_bytes(*state) <= SIDE_STATE_BYTES);
    lua_getglobal(lua, "keep");
    assert_int_equal(script_call(*state, 0, 0), LUA_ERRMEM);
    said = lua_tostring(lua, -1);
    assert_string_equal(said, "out of memory: the script's state is full (max-script-memory)");
    lua_pushnil(lua);
    lua_setglobal(lua, "kept");
    for (int i = 0; i < 100 && refused > 0; i++) {
        lua_settop(lua, 1);
        lua_getglobal(lua, "tostring");
        lua_pushboolean(lua, true);
        refused = script_call(*state, 1, 0) == LUA_OK ? 0 : refused;
    }
    assert_int_equal(refused, 0);
}

/* A long string makes instructions long, so that the hook must come more often: while it is there.
 */
static void a_long_string_is_watched_closely_until_it_is_gone(void **state)
{
    lua_State *lua = script_lua(*state);
    int interval = lua_gethookcount(lua);
    side_result(*state, "kept = string.rep('x', 500000)");
    side_result(*state, "kept = nil; for i = 1, 3000 do end");
    assert_true(lua_gethookcount(lua) < interval / 4);
    lua_gc(lua, LUA_GCCOLLECT);
    side_result(*state, "for i = 1, 3000 do end");
    assert_int_equal(lua_gethookcount(lua), interval);
}

/* ---- coroutines ---- */

static lua_State *coroutine_of(struct script *script, const char *source)
{
    lua_State *lua = script_lua(script);
    struct error error = {0};
    lua_settop(lua, 1);
    lua_State *coroutine = lua_newthread(lua);
    assert_int_equal(script_load(script, slice_of_text(source), "test.lua", &error), GT_DONE);
    lua_xmove(lua, coroutine, 1);
    return coroutine;
}

static void a_coroutine_goes_on_where_it_waited(void **state)
{
    int results;
    lua_State *coroutine = coroutine_of(*state, "local got = coroutine.yield('first', 2)\n"
                                                "return got .. ' back'");
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_YIELD);
    assert_int_equal(results, 2);
    assert_string_equal(lua_tostring(coroutine, -2), "first");
    lua_pop(coroutine, 2);
    lua_pushliteral(coroutine, "and");
    assert_int_equal(script_resume(*state, coroutine, 1, &results), LUA_OK);
    assert_int_equal(results, 1);
    assert_string_equal(lua_tostring(coroutine, -1), "and back");
}

static void each_resume_has_steps_of_its_own(void **state)
{
    int results;
    lua_State *coroutine =
        coroutine_of(*state, "while true do for i = 1, 60000 do end coroutine.yield() end");
    for (int i = 0; i < 10; i++)
        assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_YIELD);
}

/* What lies on its stack is not the scripts'. */
static void a_coroutine_does_not_resume_the_main_thread(void **state)
{
    int results;
    side_result(*state, "main = coroutine.running()");
    lua_State *coroutine = coroutine_of(*state, "return coroutine.resume(main)");
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_OK);
    assert_string_equal(lua_tostring(coroutine, -1), "cannot resume non-suspended coroutine");
    side_fails(*state, "error('no')", "stack traceback:");
}

static void a_resume_that_fails_has_a_traceback(void **state)
{
    int results;
    lua_State *coroutine = coroutine_of(*state, "coroutine.yield()\nerror('no')");
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_YIELD);
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_ERRRUN);
    assert_int_equal(results, 1);
    assert_non_null(strstr(lua_tostring(coroutine, -1),
                           "test.lua:2: no\nstack traceback:\n\t[C]: in function 'error'"));
    coroutine = coroutine_of(*state, "while true do end");
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_ERRRUN);
    assert_non_null(strstr(lua_tostring(coroutine, -1), "test.lua:1: too many steps"));
    coroutine = coroutine_of(*state, "local s = 'x' while true do s = s .. s end");
    assert_int_equal(script_resume(*state, coroutine, 0, &results), LUA_ERRRUN);
    assert_non_null(strstr(lua_tostring(coroutine, -1), "test.lua:1: too much memory"));
    assert_string_equal(side_result(*state, "return 'fine'"), "fine");
}

/* ---- functions in C ---- */

static int charge_what_it_says(lua_State *lua)
{
    script_charge(lua, (uint64_t)luaL_checkinteger(lua, 1));
    lua_pushinteger(lua, (lua_Integer)script_steps(lua));
    return 1;
}

static int reserve_what_it_says(lua_State *lua)
{
    script_reserve(lua, (size_t)luaL_checkinteger(lua, 1));
    return 0;
}

static int call_another(lua_State *lua)
{
    struct script *script = script_of(lua);
    lua_State *main = script_lua(script);
    lua_pushvalue(lua, 1);
    lua_xmove(lua, main, 1);
    if (script_call(script, 0, 0) == LUA_OK)
        return 0;
    lua_xmove(main, lua, 1);
    lua_pushboolean(lua, script_is_spent(lua));
    lua_setglobal(lua, "was_spent");
    return script_is_spent(lua) ? lua_error(lua) : 0;
}

static int add_functions(lua_State *lua)
{
    lua_register(lua, "charge", charge_what_it_says);
    lua_register(lua, "reserve", reserve_what_it_says);
    lua_register(lua, "call_another", call_another);
    lua_pushinteger(lua, *(const int *)lua_touserdata(lua, 1));
    lua_setglobal(lua, "given");
    return 0;
}

static void functions_in_c_charge(void **state)
{
    int context = 42;
    assert_int_equal(script_protect(*state, add_functions, &context), LUA_OK);
    assert_string_equal(side_result(*state, "return given"), "42");
    assert_string_equal(side_result(*state, "return 100000 - charge(60000) >= 60000"), "true");
    side_fails(*state, "charge(60000) charge(60000)", "too many steps");
    side_fails(*state, "while true do pcall(charge, 30000) end", "too many steps");
    side_fails(*state, "charge(-1)", "too many steps");
    side_result(*state, "reserve(1000000)");
    side_fails(*state, "pcall(reserve, 2000000) error('not here')", "too much memory");
}

/* A call within a call has no budget of its own. */
static void calls_within_calls_share_a_budget(void **state)
{
    int context = 0;
    assert_int_equal(script_protect(*state, add_functions, &context), LUA_OK);
    side_result(*state, "call_another(function() for i = 1, 60000 do end end)");
    side_fails(*state, "while true do call_another(function() for i = 1, 60000 do end end) end",
               "too many steps");
    assert_string_equal(side_result(*state, "return was_spent"), "true");
}

static int fail_without_words(lua_State *lua)
{
    lua_pushnil(lua);
    return lua_error(lua);
}

static void a_protected_function_that_fails_leaves_words(void **state)
{
    lua_State *lua = script_lua(*state);
    assert_int_equal(script_protect(*state, fail_without_words, NULL), LUA_ERRRUN);
    assert_int_equal(lua_gettop(lua), 2);
    assert_string_equal(lua_tostring(lua, -1), "an error that has no words");
}

#define WITH_SCRIPT(test) cmocka_unit_test_setup_teardown(test, make_script, drop_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCRIPT(what_is_no_lua_is_told_with_its_line),
        WITH_SCRIPT(bytecode_is_loaded_for_the_trusted_only),
        cmocka_unit_test(a_state_needs_some_memory),
        WITH_SCRIPT(a_call_takes_arguments_and_gives_results),
        WITH_SCRIPT(an_error_has_a_traceback),
        WITH_SCRIPT(each_call_has_steps_of_its_own),
        WITH_SCRIPT(each_call_has_bytes_of_its_own),
        WITH_SCRIPT(what_a_call_frees_counts),
        WITH_SCRIPT(garbage_does_not_fill_the_state),
        WITH_SCRIPT(what_is_kept_fills_the_state),
        WITH_SCRIPT(a_full_state_refuses_calls),
        WITH_SCRIPT(a_long_string_is_watched_closely_until_it_is_gone),
        WITH_SCRIPT(a_coroutine_goes_on_where_it_waited),
        WITH_SCRIPT(a_coroutine_does_not_resume_the_main_thread),
        WITH_SCRIPT(each_resume_has_steps_of_its_own),
        WITH_SCRIPT(a_resume_that_fails_has_a_traceback),
        WITH_SCRIPT(functions_in_c_charge),
        WITH_SCRIPT(calls_within_calls_share_a_budget),
        WITH_SCRIPT(a_protected_function_that_fails_leaves_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
