/* script_met.c: errors tell what stood where something else was expected. */
#include "reply/script_met.h"

#include "base/escape.h"

#include <lauxlib.h>

const char *script_met(lua_State *lua, int index)
{
    char shown[64];
    size_t size;
    const char *text;
    switch (lua_type(lua, index)) {
    case LUA_TNIL:
    case LUA_TNONE:
        return lua_pushliteral(lua, "nil");
    case LUA_TBOOLEAN:
        return lua_pushstring(lua, lua_toboolean(lua, index) ? "true" : "false");
    case LUA_TNUMBER:
        lua_pushvalue(lua, index);
        return lua_pushfstring(lua, "%s", lua_tostring(lua, -1));
    case LUA_TSTRING:
        text = lua_tolstring(lua, index, &size);
        escape_string(shown, sizeof shown, slice_of(text, size));
        return lua_pushfstring(lua, "'%s'", shown);
    default:
        return lua_pushfstring(lua, "a %s", luaL_typename(lua, index));
    }
}
