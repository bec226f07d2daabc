/* script_met.h: a value in a script, as an error tells it. */
#ifndef REPLY_SCRIPT_MET_H
#define REPLY_SCRIPT_MET_H

#include <lua.h>

/* "a table", "'x'" (escaped, perhaps cut), "5", "nil": pushed. */
const char *script_met(lua_State *lua, int index);

#endif
