/* caller.c: see caller.h. */
#include "reply/caller.h"

#include "base/escape.h"

#include <stdio.h>

/* Digits of a line, and what stands around them. */
#define LINE_SIZE 16

const char *caller_line(lua_State *lua, char to[CALLER_SIZE])
{
    lua_Debug about = {.currentline = -1};
    for (int level = 0; about.currentline < 0; level++) {
        if (!lua_getstack(lua, level, &about))
            return NULL;
        lua_getinfo(lua, "Sl", &about);
    }
    escape_string(to, CALLER_SIZE - LINE_SIZE, slice_of_text(about.short_src));
    size_t used = strlen(to);
    snprintf(to + used, CALLER_SIZE - used, ":%d", about.currentline);
    return to;
}
