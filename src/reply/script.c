/* script.c: a worker's Lua state, and what is called in it from outside.
 *
 * A call that fails is explained: by Lua's own traceback, made where the error was raised; or,
 * where a bound was crossed, by what was written down then, for neither steps nor memory may be
 * left. A call of a state that is full, and stays so when its garbage is collected, fails before it
 * begins.
 *
 * The first slot of the main thread's stack has the function that makes tracebacks, so that a call
 * need not put it there each time. */
#include "reply/script.h"

#include "base/attributes.h"
#include "base/units.h"
#include "reply/mathematics.h"
#include "reply/script_parts.h"

#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

#define HANDLER 1

/* Everything is slow under a sanitizer. */
#ifdef GOODTALK_SANITIZED
#define STEP_NS 2000
#else
#define STEP_NS 100
#endif

static const char wordless[] = "an error that has no words";
static const char full_words[] = "out of memory: the script's state is full (max-script-memory)";
static const char memory_words[] = "memory is out"; /* the system has none */

/* ---- what an error is told as ---- */

_Noreturn void script_no_memory(lua_State *lua)
{
    lua_rawgetp(lua, LUA_REGISTRYINDEX, memory_words);
    lua_error(lua);
    abort(); /* not reached, which lua_error does not say */
}

/* Whether what is on top was raised so. */
static bool is_no_memory(lua_State *lua)
{
    return lua_type(lua, -1) == LUA_TSTRING && strcmp(lua_tostring(lua, -1), memory_words) == 0;
}

static int add_traceback(lua_State *lua)
{
    if (script_is_spent(lua) || is_no_memory(lua))
        return 1;
    luaL_traceback(lua, lua, luaL_tolstring(lua, 1, NULL), 1);
    return 1;
}

static int push_bound_error(lua_State *lua)
{
    char words[200];
    struct script *script = script_of(lua);
    script_bound_words(script, words, sizeof words);
    lua_pushfstring(lua, "%s%s\nstack traceback:%s", script->where, words, script->trace);
    return 1;
}

/* (coroutine, its error) */
static int push_coroutine_error(lua_State *lua)
{
    luaL_traceback(lua, lua_touserdata(lua, 1), luaL_tolstring(lua, 2, NULL), 0);
    return 1;
}

/* Put the words for a crossed bound in the place of what is on top. */
static SELDOM void explain_bound(struct script *script, lua_State *lua)
{
    lua_State *on = script->lua;
    lua_pop(lua, 1);
    script->lifted = true;
    lua_pushcfunction(on, push_bound_error);
    if (lua_pcall(on, 0, 1, 0) != LUA_OK) {
        lua_pop(on, 1);
        lua_rawgetp(on, LUA_REGISTRYINDEX, full_words);
    }
    script->lifted = false;
    lua_xmove(on, lua, 1);
}

static void put_words(lua_State *lua, const char *words)
{
    lua_pop(lua, 1);
    lua_rawgetp(lua, LUA_REGISTRYINDEX, words);
}

/* An allocation that the bound of the state refused has left a trace; one that the system refused
 * has not. LUA_ERRMEM: the system did; LUA_ERRRUN: it is the script's own doing. */
static SELDOM int explain(struct script *script, lua_State *lua, int status)
{
    if (status == LUA_ERRMEM && script->crossed == BOUND_NONE && *script->trace)
        script->crossed = BOUND_STATE;
    if (script->crossed != BOUND_NONE) {
        explain_bound(script, lua);
        return LUA_ERRRUN;
    }
    if (is_no_memory(lua))
        return LUA_ERRMEM;
    if (status == LUA_ERRMEM)
        put_words(lua, memory_words);
    else if (lua_type(lua, -1) != LUA_TSTRING)
        put_words(lua, wordless);
    return status;
}

static SELDOM int explain_coroutine(struct script *script, lua_State *coroutine, int status)
{
    lua_State *lua = script->lua;
    if (status != LUA_ERRMEM && script->crossed == BOUND_NONE) {
        lua_pushcfunction(lua, push_coroutine_error);
        lua_pushlightuserdata(lua, coroutine);
        lua_xmove(coroutine, lua, 1);
        int made = lua_pcall(lua, 2, 1, 0);
        lua_xmove(lua, coroutine, 1);
        if (made == LUA_OK)
            return status;
    }
    return explain(script, coroutine, status);
}

/* Put the words for a full state in the place of so many values. */
static SELDOM int refuse(lua_State *lua, int values)
{
    lua_pop(lua, values);
    lua_rawgetp(lua, LUA_REGISTRYINDEX, full_words);
    return LUA_ERRMEM;
}

/* ---- calls ---- */

static int call(struct script *script, int arguments, int results, int handler)
{
    lua_State *lua = script->lua;
    if (script_is_full(script))
        return refuse(lua, arguments + 1);
    lua_State *before = script_begin(script, lua);
    *script->trace = '\0';
    int status = lua_pcall(lua, arguments, results, handler);
    if (status != LUA_OK)
        status = explain(script, lua, status);
    script_finish(script, before);
    return status;
}

int script_call(struct script *script, int arguments, int results)
{
    return call(script, arguments, results, HANDLER);
}

int script_protect(struct script *script, lua_CFunction function, void *context)
{
    lua_pushcfunction(script->lua, function);
    lua_pushlightuserdata(script->lua, context);
    return call(script, 1, 0, 0);
}

int script_resume(struct script *script, lua_State *coroutine, int arguments, int *results)
{
    *results = 1;
    if (script_is_full(script))
        return refuse(coroutine, arguments);
    lua_State *before = script_begin(script, coroutine);
    script_watch(script, coroutine);
    *script->trace = '\0';
    int status = lua_resume(coroutine, script->lua, arguments, results);
    if (status != LUA_OK && status != LUA_YIELD) {
        *results = 1;
        status = explain_coroutine(script, coroutine, status);
    }
    script_finish(script, before);
    return status;
}

/* As Lua does with files: what an editor puts in front of UTF-8, and a first line for a shell, the
 * end of which stays, since lines are counted. */
static struct slice skip_mark(struct slice source)
{
    if (source.size >= 3 && memcmp(source.data, "\xef\xbb\xbf", 3) == 0)
        source = slice_after(source, 3);
    if (source.size == 0 || *source.data != '#')
        return source;
    const uint8_t *end = memchr(source.data, '\n', source.size);
    return slice_after(source, end ? (size_t)(end - source.data) : source.size);
}

int script_load(struct script *script, struct slice source, const char *name, struct error *error)
{
    lua_State *lua = script->lua;
    char chunk[256] = "@";
    strncat(chunk, name, sizeof chunk - 2);
    lua_State *before = script_begin(script, lua);
    script->call_bytes = script->bounds.state_bytes;
    source = skip_mark(source);
    int status = luaL_loadbufferx(lua, (const char *)source.data, source.size, chunk,
                                  script->bounds.trusted ? "bt" : "t");
    if (status != LUA_OK)
        explain(script, lua, status);
    script_finish(script, before);
    if (status == LUA_OK)
        return GT_DONE;
    int failed = status == LUA_ERRSYNTAX ? GT_WRONG : GT_FAILED;
    error_set(error, failed, "%s", lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return failed;
}

/* ---- the state ---- */

lua_State *script_lua(const struct script *script)
{
    return script->lua;
}

/* What is said when there may be no memory to say it. */
static void keep_words(lua_State *lua, const char *words)
{
    lua_pushstring(lua, words);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, words);
}

static int open_state(lua_State *lua)
{
    keep_words(lua, script_crossed_words);
    keep_words(lua, full_words);
    keep_words(lua, memory_words);
    keep_words(lua, wordless);
    return script_open_libraries(lua);
}

static int make_state(struct script *script)
{
    lua_State *lua = script->lua = script->running = lua_newstate(script_allocate, script);
    if (!lua)
        return LUA_ERRMEM;
    memcpy(lua_getextraspace(lua), &script, sizeof script);
    lua_pushcfunction(lua, open_state);
    int status = lua_pcall(lua, 0, 0, 0);
    lua_pushcfunction(lua, add_traceback);
    script_watch(script, lua);
    return status;
}

struct script *script_create(const struct script_bounds *bounds, struct error *error)
{
    char words[40];
    if (mathematics_load(error) != GT_DONE)
        return NULL;
    struct script *script = calloc(1, sizeof *script);
    if (script) {
        script->bounds = *bounds;
        script->bounds.step_ns = bounds->step_ns ? bounds->step_ns : STEP_NS;
        script->interval = SCRIPT_INTERVAL;
        if (make_state(script) == LUA_OK && !script_is_full(script))
            return script;
    }
    script_destroy(&script);
    error_set(error, GT_FAILED, "no memory for a script's state (max-script-memory is %s)",
              units_size_words(words, sizeof words, (int64_t)bounds->state_bytes));
    return NULL;
}

void script_destroy(struct script **script)
{
    if (*script && (*script)->lua)
        lua_close((*script)->lua);
    if (*script)
        free_lists_empty(&(*script)->free);
    free(*script);
    *script = NULL;
}

void script_end(struct script *script, lua_State *coroutine)
{
    lua_State *before = script_begin(script, coroutine);
    if (!script_is_killed(coroutine))
        lua_resetthread(coroutine);
    script_finish(script, before);
}
