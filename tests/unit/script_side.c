/* script_side.c: a script and what it says, for tests. */
#include "script_side.h"

#include <goodtalk.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct script *side_script(bool trusted)
{
    struct error error = {0};
    const struct script_bounds bounds = {.steps = SIDE_STEPS,
                                         .call_bytes = SIDE_CALL_BYTES,
                                         .state_bytes = SIDE_STATE_BYTES,
                                         .step_ns = 10000, /* under valgrind, too */
                                         .trusted = trusted};
    struct script *script = script_create(&bounds, &error);
    if (!script)
        fail_msg("%s", error.text);
    return script;
}

int side_run(struct script *script, const char *source, const char **said)
{
    struct error error = {0};
    lua_State *lua = script_lua(script);
    lua_settop(lua, 1);
    if (script_load(script, slice_of_text(source), "test.lua", &error) != GT_DONE)
        fail_msg("%s in %s", error.text, source);
    int status = script_call(script, 0, 1);
    if (!lua_isstring(lua, -1))
        luaL_tolstring(lua, -1, NULL);
    *said = lua_tostring(lua, -1);
    return status;
}

const char *side_result(struct script *script, const char *source)
{
    const char *said;
    if (side_run(script, source, &said) != LUA_OK)
        fail_msg("%s: %s", source, said);
    return said;
}

void side_fails(struct script *script, const char *source, const char *words)
{
    const char *said;
    if (side_run(script, source, &said) == LUA_OK)
        fail_msg("%s went well", source);
    if (!strstr(said, words))
        fail_msg("%s fails with: %s", source, said);
}

lua_State *side_plain_lua(void)
{
    lua_State *lua = luaL_newstate();
    assert_non_null(lua);
    luaL_openlibs(lua);
    return lua;
}

const char *side_plain_result(lua_State *lua, const char *source)
{
    lua_settop(lua, 0);
    if (luaL_loadbuffer(lua, source, strlen(source), "@test.lua") != LUA_OK ||
        lua_pcall(lua, 0, 1, 0) != LUA_OK)
        fail_msg("%s: %s", source, lua_tostring(lua, -1));
    return luaL_tolstring(lua, -1, NULL);
}
