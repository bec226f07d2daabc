/* Scripts that would not end, or take all memory: each is stopped by its bound, catches nothing,
 * and leaves a state that others go on with.
 *
 * With a word as its argument only the runaway, or the test, of that name is run: for the tests
 * that switch a protection off. */
#include "script_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define STEPS  "too many steps: more than 100000 in one call (max-script-steps)"
#define MEMORY "too much memory: more than 1 MiB allocated in one call (max-script-allocation)"

struct runaway {
    const char *name;
    const char *source;
    const char *words; /* of its error */
};

static const struct runaway runaways[] = {
    /* The nine that everybody thinks of. */
    {"loop", "while true do turns = turns + 1 end", STEPS},
    {"pcall-loop",
     "while true do pcall(function() while true do turns = turns + 1 end end) caught = true end",
     STEPS},
    {"coroutine-loop",
     "while true do coroutine.wrap(function() while true do turns = turns + 1 end end)() end",
     STEPS},
    {"rep-memory", "while true do pcall(string.rep, 'x', 1 << 40) caught = true end", MEMORY},
    {"find-backtracking",
     "return ('a'):rep(9000):find(('.-'):rep(30) .. 'b'), ('a'):rep(9000):find('.-.-.-.-.-b')",
     STEPS},
    {"move-len",
     "table.move(setmetatable({}, {__len = function() return 1 << 62 end}), 1, 1 << 62, 2)", STEPS},
    {"gc", "setmetatable({}, {__gc = function() while true do end end})",
     "__gc: finalizers are for trusted scripts (--trust)"},
    {"recursion", "local function deep() return 1 + deep() end return deep()", MEMORY},
    {"hoard", "while true do shared[#shared + 1] = ('x'):rep(1000) .. #shared end", MEMORY},

    /* Ways to be called again. */
    {"xpcall-handler",
     "while true do xpcall(function() while true do end end, function() caught = true "
     "while true do end end) end",
     STEPS},
    {"coroutines-made",
     "while true do coroutine.wrap(function() for i = 1, 90 do turns = turns + 1 end end)() end",
     STEPS},
    {"close-variable",
     "while true do pcall(function() local x <close> = setmetatable({}, {__close = function() "
     "while true do turns = turns + 1 end end}) while true do end end) end",
     STEPS},
    {"coroutine-close",
     "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = "
     "function() while true do end end}) coroutine.yield() end) coroutine.resume(co) "
     "coroutine.close(co) caught = true",
     STEPS},
    {"load-reader", "load(function() while true do end end) caught = true", STEPS},
    {"load-long", "load(('x = 1 '):rep(20000))", STEPS},
    {"load-nested", "load(('('):rep(10000)) load('return ' .. ('{'):rep(10000)) while true do end",
     STEPS},
    {"error-tostring", "error(setmetatable({}, {__tostring = function() while true do end end}))",
     STEPS},
    {"tail-calls", "local function again() return again() end again()", STEPS},
    {"two-coroutines",
     "local co = coroutine.wrap(function() while true do coroutine.yield() end end) "
     "while true do co() turns = turns + 1 end",
     STEPS},

    /* Functions in C. */
    {"rep-empty", "while true do local s = (''):rep(1 << 62) end", STEPS},
    {"format-long", "local f = ('%d'):rep(3000) while true do pcall(string.format, f) end", STEPS},
    {"format-quoted", "local s = ('\\0'):rep(100000) while true do string.format('%q', s) end",
     STEPS},
    {"gsub-empty", "while true do ('x'):rep(1000):gsub('', '') end", STEPS},
    {"gmatch-set", "for _ in ('a'):rep(50000):gmatch('[' .. ('x'):rep(9000) .. ']') do end", STEPS},
    {"find-plain", "local s = ('a'):rep(300000) while true do s:find('b', 1, true) end", STEPS},
    {"balance", "local s = ('('):rep(30000) while true do s:find('%b()') end", STEPS},
    {"back-reference", "return ('a'):rep(30000):find('(.*)%1b')", STEPS},
    {"frontier", "local s = ('a'):rep(30000) while true do s:find('%f[b]') end", STEPS},
    {"end-only", "local s = ('a'):rep(30000) .. 'b' while true do s:find('$') end", STEPS},
    {"insert-len", "table.insert(setmetatable({}, {__len = function() return 1 << 62 end}), 1, 2)",
     STEPS},
    {"remove-len", "table.remove(setmetatable({}, {__len = function() return 1 << 62 end}), 1)",
     STEPS},
    {"concat-len",
     "table.concat(setmetatable({}, {__len = function() return 1 << 62 end, __index = function() "
     "return '' end}))",
     STEPS},
    {"sort-len",
     "table.sort(setmetatable({}, {__len = function() return 1 << 30 end, __index = function(_, i) "
     "return -i end, __newindex = function() end}))",
     STEPS},
    {"sort-lies",
     "local t = {} for i = 1, 3000 do t[i] = i end "
     "while true do table.sort(t, function() return true end) end",
     STEPS},
    {"unpack-len", "while true do pcall(table.unpack, {}, 1, 3000) end", "(max-script-"},
    {"unpack-all", "while true do pcall(table.unpack, {}, 1, 1 << 30) end", STEPS},
    {"byte-all", "local s = ('x'):rep(20000) while true do s:byte(1, -1) end", STEPS},
    {"codepoint-all", "local s = ('x'):rep(20000) while true do utf8.codepoint(s, 1, -1) end",
     STEPS},
    {"utf8-len", "local s = ('x'):rep(300000) while true do utf8.len(s) end", STEPS},
    {"upper-long", "local s = ('x'):rep(100000) while true do s:upper() end", MEMORY},
    {"date-long", "local f = ('%c'):rep(100) while true do os.date(f) end", STEPS},
    {"tonumber-long", "local s = ('1'):rep(300000) while true do tonumber(s) end", STEPS},
    {"pack-long", "local f = ('b'):rep(10000) while true do pcall(string.pack, f) end", STEPS},
    {"print-many", "function log() end while true do print('a', 1, nil) end", STEPS},

    /* Single instructions that take long. */
    {"compare-long",
     "local a, b = ('x'):rep(100000) .. 'a', ('x'):rep(100000) .. 'b' while true do local c = a < "
     "b "
     "end",
     STEPS},
    {"equal-long",
     "local a, b = ('x'):rep(100000) .. 'a', ('x'):rep(100000) .. 'b' while true do local c = a == "
     "b "
     "end",
     STEPS},
    {"convert-long", "local s = ('1'):rep(200000) while true do local c = s + 1 end", STEPS},
    {"floor-long", "local s = ('1'):rep(200000) while true do math.floor(s) end", STEPS},
    {"next-empty",
     "local t = {} for i = 1, 9000 do t[i] = i end for k in pairs(t) do t[k] = nil end "
     "while true do next(t) end",
     STEPS},
    {"varargs",
     "local function f(...) while true do local n = select('#', ...) end end "
     "f(table.unpack({}, 1, 9000))",
     "(max-script-"},

    /* Memory. */
    {"concat-memory", "local s = 'x' while true do s = s .. s end", MEMORY},
    {"table-memory", "local t = {} for i = 1, 1e9 do t[i] = i end", MEMORY},
    {"pcall-memory",
     "while true do pcall(function() local s = 'x' while true do s = s .. s end end) caught = true "
     "end",
     MEMORY},
    {"coroutine-memory",
     "while true do coroutine.resume(coroutine.create(function() local s = 'x' while true do "
     "s = s .. s end end)) caught = true end",
     MEMORY},
    {"buffer-memory", "return ('x'):rep(3000):gsub('x', ('y'):rep(3000))", MEMORY},
    {"concat-table",
     "local t = {} for i = 1, 3000 do t[i] = ('x'):rep(100) end table.concat(t, "
     "('y'):rep(9000))",
     MEMORY},
    {"coroutines-kept", "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end", STEPS},
    {"garbage", "while true do local t = {{}, {}, {}} end", MEMORY},
};

static void prepare(struct script *script)
{
    side_result(script, "shared = {} turns = 0 caught = nil");
}

static const char *trouble_of(struct script *script, const char *source, const char *words)
{
    static char trouble[4000];
    const char *said;
    int status = side_run(script, source, &said);
    *trouble = '\0';
    if (status == LUA_OK)
        snprintf(trouble, sizeof trouble, "it went well");
    else if (!strstr(said, words))
        snprintf(trouble, sizeof trouble, "it failed with: %s", said);
    else if (script_bytes(script) > SIDE_STATE_BYTES)
        snprintf(trouble, sizeof trouble, "the state has %zu bytes", script_bytes(script));
    else if (strcmp(side_result(script, "return tostring(caught) .. ' ' .. (turns <= 110000 and "
                                        "'few' or turns) .. ('!'):rep(3):upper()"),
                    "nil few!!!") != 0)
        snprintf(trouble, sizeof trouble, "it went on: %s",
                 side_result(script, "return tostring(caught) .. ' ' .. turns"));
    return *trouble ? trouble : NULL;
}

static void runaways_are_stopped(void **state)
{
    (void)state;
    struct script *script = side_script(false);
    for (size_t i = 0; i < LENGTH(runaways); i++) {
        prepare(script);
        const char *trouble = trouble_of(script, runaways[i].source, runaways[i].words);
        if (trouble)
            fail_msg("%s: %s", runaways[i].name, trouble);
    }
    script_destroy(&script);
}

/* ---- variations: what runs away, in what catches or calls ---- */

static const char *const bodies[] = {
    "while true do turns = turns + 1 end",
    "repeat local x = {} until false",
    "::top:: turns = turns + 1 goto top",
    "local function f(n) return f(n + 1) end f(1)",
    "local function f(n) return 1 + f(n + 1) end f(1)",
    "local s = 'x' while true do s = s .. s end",
    "local s = ('x'):rep(1 << 30)",
    "local s = ('a'):rep(9000):find('.-.-.-.-b')",
    "for i = 1, math.huge do shared[#shared + 1] = i end",
    "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) pcall(function() "
    "return t[1] end) "
    "while true do end",
    "coroutine.wrap(function() while true do end end)()",
    "table.concat(setmetatable({}, {__len = function() return 1 << 62 end}))",
};

/* BODY stands for one of those. */
static const char *const wrappers[] = {
    "BODY",
    "pcall(function() BODY end) caught = true",
    "pcall(pcall, pcall, function() BODY end) caught = true",
    "xpcall(function() BODY end, function() caught = true end) caught = true",
    "coroutine.resume(coroutine.create(function() BODY end)) caught = true",
    "pcall(coroutine.wrap(function() pcall(function() BODY end) caught = true end)) caught = true",
    "local x <close> = setmetatable({}, {__close = function() caught = true end}) BODY",
    "pcall(string.gsub, 'abc', '.', function() BODY end) caught = true",
    "pcall(table.sort, {3, 2, 1}, function() BODY end) caught = true",
    "pcall(tostring, setmetatable({}, {__tostring = function() BODY end})) caught = true",
    "pcall(string.format, '%s', setmetatable({}, {__tostring = function() BODY end})) "
    "caught = true",
    "load(function() BODY end) caught = true",
    "pcall(table.concat, setmetatable({}, {__len = function() BODY end})) caught = true",
    "pcall(table.unpack, setmetatable({}, {__index = function() BODY end}), 1, 2) caught = true",
    "pcall(function() for x in function() BODY end do end end) caught = true",
    "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = "
    "function() BODY end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co) "
    "caught = true",
};

static void varied(char *to, size_t size, const char *wrapper, const char *body)
{
    const char *place = strstr(wrapper, "BODY");
    snprintf(to, size, "%.*s%s%s", (int)(place - wrapper), wrapper, body, place + 4);
}

/* Any bound may be the first that is crossed. */
static void variations_are_stopped(void **state)
{
    (void)state;
    char source[1000];
    struct script *script = side_script(false);
    for (size_t i = 0; i < LENGTH(wrappers); i++)
        for (size_t j = 0; j < LENGTH(bodies); j++) {
            prepare(script);
            varied(source, sizeof source, wrappers[i], bodies[j]);
            const char *trouble = trouble_of(script, source, "(max-script-");
            if (trouble)
                fail_msg("%s: %s", source, trouble);
        }
    script_destroy(&script);
}

/* ---- where no instruction is ---- */

/* With about the bounds that scripts have; of the processor's time as it is told. */
static struct script *wide_script(unsigned step_ns)
{
    struct error error;
    const struct script_bounds bounds = {.steps = 2000000,
                                         .call_bytes = (size_t)64 << 20,
                                         .state_bytes = (size_t)64 << 20,
                                         .step_ns = step_ns};
    struct script *script = script_create(&bounds, &error);
    assert_non_null(script);
    return script;
}

/* next looks at 200,000 places each time, where Lua's machine does not run: without an end to it
 * each of these takes a second and more. */
static void what_is_called_without_an_instruction_is_stopped(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "setmetatable(large, {__call = next}) local list = {} "
        "for i = 2, 6000, 2 do list[i] = large end "
        "setmetatable(list, {__len = function() return 6000 end}) table.sort(list, pcall)",
        "setmetatable(large, {__close = next}) local function deep(n) "
        "local a <close> = large local b <close> = large local c <close> = large "
        "if n > 0 then deep(n - 1) end error(nil) end pcall(deep, 2000)",
        "setmetatable(large, {__close = pairs({})}) local function deep(n) "
        "local a <close> = large local b <close> = large local c <close> = large "
        "if n > 0 then deep(n - 1) end error(nil) end pcall(deep, 2000)"};
    struct script *script = wide_script(50);
    side_result(script, "large = table.pack(table.unpack({}, 1, 200000))");
    for (size_t i = 0; i < LENGTH(calls); i++)
        side_fails(script, calls[i], "too many steps: more than 2000000 in one call");
    script_destroy(&script);
}

/* ---- what is left of a coroutine that crossed a bound ---- */

/* Lua leaves hooks off in it: what it would close must never run. */
static void a_killed_coroutine_is_not_closed(void **state)
{
    (void)state;
    struct script *script = side_script(false);
    side_fails(script,
               "kept = coroutine.create(function() local x <close> = setmetatable({}, {__close = "
               "function() ran = true while true do end end}) while true do end end) "
               "coroutine.resume(kept)",
               STEPS);
    assert_string_equal(side_result(script, "return tostring(coroutine.close(kept))"), "false");
    assert_string_equal(side_result(script, "return select(2, coroutine.close(kept))"),
                        "the coroutine has crossed a bound");
    assert_string_equal(side_result(script, "return tostring(ran)"), "nil");
    assert_string_equal(side_result(script, "return coroutine.status(kept)"), "dead");
    script_destroy(&script);
}

/* Each of them was resumed from the top, and so Lua does not see how deep they go: each as deep as
 * it allows, before it closes the next. */
static void coroutines_that_close_each_other_do_not_use_up_the_stack(void **state)
{
    (void)state;
    struct script *script = wide_script(10000);
    side_fails(
        script,
        "local function deep(n, what) if n == 0 then return what() end "
        "('a'):gsub('a', function() deep(n - 1, what) end) end "
        "local list = {} for i = 1, 90 do local next = list[i - 1] list[i] = "
        "coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
        "if next then deep(150, function() assert(coroutine.close(next)) end) end end}) "
        "coroutine.yield() end) coroutine.resume(list[i]) end assert(coroutine.close(list[90]))",
        "coroutines are closed too deeply, one within another");
    script_destroy(&script);
}

/* What goes too deep in C is an error like others, and may be caught. */
static void deep_recursion_in_c_is_an_error(void **state)
{
    (void)state;
    static const char *const deep[] = {
        "local function f() return pcall(f) end local _, _, why = f() error('overflow')",
        "local function f() ('a'):gsub('a', f) end f()",
        "local function f() return tostring(setmetatable({}, {__tostring = f})) end f()",
        "local function f() table.sort({1, 2, 3}, f) end f()",
        "local function f() return coroutine.wrap(f)() end f()",
        "local function f() return select(2, xpcall(f, f)) end f() error('overflow')",
        "local function f() for _ in ('a'):gmatch('a') do f(load('return ...', 'x', 't', {})) end "
        "end "
        "f()",
        "local s = ('('):rep(300) .. ('a'):rep(9) s = assert(load('return ' .. s))",
        "return ('x'):rep(300):find(('x?'):rep(300) .. 'y')",
        "error(setmetatable({}, {__tostring = function(e) error(e) end}))",
    };
    struct script *script = side_script(false);
    for (size_t i = 0; i < LENGTH(deep); i++) {
        const char *said;
        if (side_run(script, deep[i], &said) == LUA_OK)
            fail_msg("%s: went well", deep[i]);
        assert_string_equal(side_result(script, "return 'usable'"), "usable");
    }
    script_destroy(&script);
}

/* ---- one alone ---- */

static const struct runaway *runaway_named(const char *name)
{
    for (size_t i = 0; i < LENGTH(runaways); i++)
        if (strcmp(runaways[i].name, name) == 0)
            return &runaways[i];
    return NULL;
}

static int run_alone(const struct runaway *runaway)
{
    struct script *script = side_script(false);
    prepare(script);
    const char *trouble = trouble_of(script, runaway->source, runaway->words);
    printf("%s\n", trouble ? trouble : "stopped");
    script_destroy(&script);
    return trouble != NULL;
}

/* ---- the time that each takes ---- */

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double time_of(const struct runaway *runaway)
{
    const char *said;
    static const struct script_bounds bounds = {
        .steps = 1000000, .call_bytes = (size_t)8 << 20, .state_bytes = (size_t)64 << 20};
    struct error error;
    struct script *script = script_create(&bounds, &error);
    prepare(script);
    double began = cpu_ms();
    side_run(script, runaway->source, &said);
    double took = cpu_ms() - began;
    printf("| %-18s | %6.1f | %.*s |\n", runaway->name, took, (int)strcspn(said, "\n"), said);
    script_destroy(&script);
    return took;
}

static int run_all_timed(void)
{
    int slow = 0;
    printf("| script             |     ms | it ends with |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < LENGTH(runaways); i++)
        slow += time_of(&runaways[i]) > 200;
    return slow > 0;
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runaways_are_stopped),
        cmocka_unit_test(variations_are_stopped),
        cmocka_unit_test(what_is_called_without_an_instruction_is_stopped),
        cmocka_unit_test(a_killed_coroutine_is_not_closed),
        cmocka_unit_test(coroutines_that_close_each_other_do_not_use_up_the_stack),
        cmocka_unit_test(deep_recursion_in_c_is_an_error),
    };
    if (count > 1 && strcmp(words[1], "--times") == 0)
        return run_all_timed();
    const struct runaway *alone = count > 1 ? runaway_named(words[1]) : NULL;
    if (alone)
        return run_alone(alone);
    cmocka_set_test_filter(count > 1 ? words[1] : "*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
