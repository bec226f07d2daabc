/* script.c: a Lua state that knows whose it is. */
#include "reply/script.h"

#include "reply/mathematics.h"

#include <goodtalk.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

struct script {
    lua_State *lua;
    size_t bytes;
};

static void *allocate(void *context, void *block, size_t before, size_t after)
{
    struct script *script = context;
    void *result = NULL;
    if (after == 0)
        free(block);
    else if (!(result = realloc(block, after)))
        return NULL;
    script->bytes += after - (block ? before : 0);
    return result;
}

struct script *script_of(lua_State *lua)
{
    struct script *script;
    memcpy(&script, lua_getextraspace(lua), sizeof script);
    return script;
}

lua_State *script_lua(const struct script *script)
{
    return script->lua;
}

size_t script_bytes(const struct script *script)
{
    return script->bytes;
}

static int open_libraries(lua_State *lua)
{
    luaL_openlibs(lua);
    return 0;
}

struct script *script_create(const struct script_bounds *bounds, struct error *error)
{
    (void)bounds;
    if (mathematics_load(error) != GT_DONE)
        return NULL;
    struct script *script = calloc(1, sizeof *script);
    if (script)
        script->lua = lua_newstate(allocate, script);
    if (script && script->lua) {
        memcpy(lua_getextraspace(script->lua), &script, sizeof script);
        if (script_protect(script, open_libraries, NULL) == LUA_OK)
            return script;
    }
    script_destroy(&script);
    error_set(error, GT_FAILED, "no memory for a script's state");
    return NULL;
}

void script_destroy(struct script **script)
{
    if (*script && (*script)->lua)
        lua_close((*script)->lua);
    free(*script);
    *script = NULL;
}

int script_load(struct script *script, struct slice source, const char *name, struct error *error)
{
    lua_State *lua = script->lua;
    char chunk[256] = "@";
    strncat(chunk, name, sizeof chunk - 2);
    if (luaL_loadbufferx(lua, (const char *)source.data, source.size, chunk, "t") == LUA_OK)
        return GT_DONE;
    error_set(error, GT_WRONG, "%s", lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return GT_WRONG;
}

static int add_traceback(lua_State *lua)
{
    luaL_traceback(lua, lua, luaL_tolstring(lua, 1, NULL), 1);
    return 1;
}

int script_call(struct script *script, int arguments, int results)
{
    lua_State *lua = script->lua;
    int handler = lua_gettop(lua) - arguments;
    lua_pushcfunction(lua, add_traceback);
    lua_insert(lua, handler);
    int status = lua_pcall(lua, arguments, results, handler);
    lua_remove(lua, handler);
    return status;
}

int script_resume(struct script *script, lua_State *coroutine, int arguments, int *results)
{
    int status = lua_resume(coroutine, script->lua, arguments, results);
    if (status != LUA_OK && status != LUA_YIELD) {
        luaL_traceback(script->lua, coroutine, lua_tostring(coroutine, -1), 0);
        lua_xmove(script->lua, coroutine, 1);
    }
    return status;
}

void script_end(struct script *script, lua_State *coroutine)
{
    (void)script;
    lua_resetthread(coroutine);
}

int script_protect(struct script *script, lua_CFunction function, void *context)
{
    lua_pushcfunction(script->lua, function);
    lua_pushlightuserdata(script->lua, context);
    return lua_pcall(script->lua, 1, 0, 0);
}

void script_charge(lua_State *lua, uint64_t steps)
{
    (void)lua;
    (void)steps;
}
