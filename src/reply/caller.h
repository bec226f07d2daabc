/* caller.h: where in a script a function in C was called. */
#ifndef REPLY_CALLER_H
#define REPLY_CALLER_H

#include <lua.h>
#include <stddef.h>

#define CALLER_SIZE 128

/* Write "mail.lua:12" to to, escaped: the innermost line that is being run, also where what was
 * called is called by another function in C (pcall). Returns to, or NULL where there is none. */
const char *caller_line(lua_State *lua, char to[CALLER_SIZE]);

#endif
