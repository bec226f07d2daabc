/* script_catch.c: pcall, xpcall and the library of coroutines, as Lua's manual has them, but for
 * errors that are final: those that crossed a bound are handed on by whatever catches errors.
 *
 * An error handler (xpcall) is not called for them: Lua would run it with hooks off, and so without
 * end. Coroutines that ended by them are not closed: the same holds for what they would run. */
#include "reply/script_parts.h"

/* Closing coroutines, one within another, is recursion that Lua does not see: each may go as deep
 * as Lua allows, some 0.5 MB of the C stack. */
#define CLOSING_MOST 8

/* ---- pcall, xpcall ---- */

/* extra: how many values stand before the results and are not among them. */
static int finish_call(lua_State *lua, int status, lua_KContext extra)
{
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(lua) - (int)extra;
    script_caught(lua, status);
    lua_pushboolean(lua, false);
    lua_pushvalue(lua, -2);
    return 2;
}

static int protected_call(lua_State *lua)
{
    luaL_checkany(lua, 1);
    lua_pushboolean(lua, true);
    lua_insert(lua, 1);
    int arguments = lua_gettop(lua) - 2;
    return finish_call(lua, lua_pcallk(lua, arguments, LUA_MULTRET, 0, 0, finish_call), 0);
}

static int handle_error(lua_State *lua)
{
    if (script_is_spent(lua))
        return 1;
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 1, 1);
    return 1;
}

/* The stack: function, handler, arguments; then function, handler, true, function, arguments. */
static int protected_call_handled(lua_State *lua)
{
    int arguments = lua_gettop(lua) - 2;
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_pushvalue(lua, 2);
    lua_pushcclosure(lua, handle_error, 1);
    lua_replace(lua, 2);
    lua_pushboolean(lua, true);
    lua_pushvalue(lua, 1);
    lua_rotate(lua, 3, 2);
    return finish_call(lua, lua_pcallk(lua, arguments, LUA_MULTRET, 2, 2, finish_call), 2);
}

/* ---- coroutines ---- */

static lua_State *coroutine_at(lua_State *lua, int index)
{
    lua_State *coroutine = lua_tothread(lua, index);
    luaL_argexpected(lua, coroutine, index, "thread");
    return coroutine;
}

static int create(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    script_charge(lua, SCRIPT_COROUTINE_STEPS);
    lua_State *coroutine = lua_newthread(lua);
    script_watch_new(script_of(lua), coroutine);
    lua_pushvalue(lua, 1);
    lua_xmove(lua, coroutine, 1);
    return 1;
}

/* Move the arguments over and run it: how many results were moved back, or -1: one, the error. */
static int run(lua_State *lua, lua_State *coroutine, int arguments)
{
    int results = 0;
    struct script *script = script_of(lua);
    if (coroutine == script->lua) { /* it is no coroutine, not even while nothing runs in it */
        lua_pushliteral(lua, "cannot resume non-suspended coroutine");
        return -1;
    }
    if (!lua_checkstack(coroutine, arguments)) {
        lua_pushliteral(lua, "too many arguments to resume");
        return -1;
    }
    lua_xmove(lua, coroutine, arguments);
    script->running = coroutine;
    int status = lua_resume(coroutine, lua, arguments, &results);
    script->running = lua;
    if (status != LUA_OK && status != LUA_YIELD) {
        script_caught(lua, status);
        lua_xmove(coroutine, lua, 1);
        return -1;
    }
    if (!lua_checkstack(lua, results + 1)) {
        lua_pop(coroutine, results);
        lua_pushliteral(lua, "too many results to resume");
        return -1;
    }
    lua_xmove(coroutine, lua, results);
    return results;
}

static int resume(lua_State *lua)
{
    lua_State *coroutine = coroutine_at(lua, 1);
    int results = run(lua, coroutine, lua_gettop(lua) - 1);
    lua_pushboolean(lua, results >= 0);
    lua_insert(lua, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

/* Run what a coroutine that is suspended or has failed would close: its status; an error's value is
 * on its stack. */
static int close_coroutine(lua_State *lua, lua_State *coroutine)
{
    struct script *script = script_of(lua);
    if (script->closing == CLOSING_MOST)
        luaL_error(lua, "coroutines are closed too deeply, one within another");
    script->closing++;
    script->running = coroutine;
    int status = lua_resetthread(coroutine);
    script->running = lua;
    script->closing--;
    if (status != LUA_OK)
        script_caught(lua, status);
    return status;
}

static void fail_with_place(lua_State *lua)
{
    if (lua_type(lua, -1) == LUA_TSTRING) {
        luaL_where(lua, 1);
        lua_insert(lua, -2);
        lua_concat(lua, 2);
    }
    lua_error(lua);
}

static int run_wrapped(lua_State *lua)
{
    lua_State *coroutine = lua_tothread(lua, lua_upvalueindex(1));
    int results = run(lua, coroutine, lua_gettop(lua));
    if (results >= 0)
        return results;
    int status = lua_status(coroutine);
    if (status != LUA_OK && status != LUA_YIELD && !script_is_killed(coroutine)) {
        lua_pushvalue(lua, -1); /* closing may put another error in the place of this one */
        lua_xmove(lua, coroutine, 1);
        if (close_coroutine(lua, coroutine) != LUA_OK)
            lua_xmove(coroutine, lua, 1);
    }
    fail_with_place(lua);
    return 0;
}

static int wrap(lua_State *lua)
{
    create(lua);
    lua_pushcclosure(lua, run_wrapped, 1);
    return 1;
}

static bool may_be_closed(lua_State *lua, lua_State *coroutine)
{
    lua_Debug frame;
    if (coroutine == lua || coroutine == script_of(lua)->lua)
        return false;
    if (lua_status(coroutine) != LUA_OK)
        return true;
    return lua_getstack(coroutine, 0, &frame) == 0; /* else it has resumed another */
}

static int close(lua_State *lua)
{
    lua_State *coroutine = coroutine_at(lua, 1);
    if (!may_be_closed(lua, coroutine))
        return luaL_error(lua, "cannot close a coroutine that is running");
    if (script_is_killed(coroutine)) {
        lua_pushboolean(lua, false);
        lua_pushliteral(lua, "the coroutine has crossed a bound");
        return 2;
    }
    lua_pushboolean(lua, close_coroutine(lua, coroutine) == LUA_OK);
    if (lua_toboolean(lua, -1))
        return 1;
    lua_xmove(coroutine, lua, 1);
    return 2;
}

void script_open_catching(lua_State *lua)
{
    static const luaL_Reg globals[] = {
        {"pcall", protected_call}, {"xpcall", protected_call_handled}, {NULL, NULL}};
    static const luaL_Reg coroutines[] = {
        {"create", create}, {"wrap", wrap}, {"resume", resume}, {"close", close}, {NULL, NULL}};
    lua_pushglobaltable(lua);
    luaL_setfuncs(lua, globals, 0);
    lua_getfield(lua, -1, "coroutine");
    luaL_setfuncs(lua, coroutines, 0);
    lua_pop(lua, 2);
}
