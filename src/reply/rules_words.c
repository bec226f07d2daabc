/* rules_words.c: how it is told what is wrong with a rule. */
#include "reply/rules_parts.h"

#include "base/escape.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rules_refuse(const struct reading *reading, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    luaL_error(reading->lua, "rule %d: %s", reading->number, text);
    abort(); /* not reached */
}

const char *rules_met(lua_State *lua, int index)
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
