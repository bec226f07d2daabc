/* log_function.c: the line is made in a buffer of the C stack, where an error on the way (a
 * __tostring that fails) leaves nothing behind; what does not fit is cut. Only the tabs are not
 * escaped: they are ours. */
#include "reply/log_function.h"

#include "base/escape.h"
#include "reply/caller.h"
#include "reply/outcome.h"

#include <lauxlib.h>
#include <stdio.h>

#define LINE_BYTES 900

/* Append the argument, as print would: the size of the line then. */
static size_t write_argument(lua_State *lua, int index, char *line, size_t used)
{
    struct slice text;
    text.data = (const uint8_t *)luaL_tolstring(lua, index, &text.size);
    escape_string(line + used, LINE_BYTES - used, text);
    lua_pop(lua, 1);
    return used + strlen(line + used);
}

static int log_line(lua_State *lua)
{
    struct outcome *outcome = lua_touserdata(lua, lua_upvalueindex(1));
    int count = lua_gettop(lua);
    char line[LINE_BYTES] = "";
    char where[CALLER_SIZE];
    size_t used = caller_line(lua, where) ? (size_t)snprintf(line, sizeof line, "%s: ", where) : 0;
    for (int i = 1; i <= count && used + 2 < sizeof line; i++) {
        if (i > 1)
            line[used++] = '\t';
        used = write_argument(lua, i, line, used);
    }
    if (outcome)
        outcome_log(outcome, line);
    return 0;
}

void log_function_push(lua_State *lua, struct outcome *outcome)
{
    lua_pushlightuserdata(lua, outcome);
    lua_pushcclosure(lua, log_line, 1);
}
