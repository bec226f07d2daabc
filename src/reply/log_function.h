/* log_function.h: `log(...)` of talk files: a line on standard error. */
#ifndef REPLY_LOG_FUNCTION_H
#define REPLY_LOG_FUNCTION_H

#include <lua.h>

struct outcome;

/* Push the function log: as print, each argument by tostring with tabs between them; told as a note
 * that begins with the file and line of the call, escaped. The outcome must outlive the state;
 * NULL: nothing is told. In protected mode. */
void log_function_push(lua_State *lua, struct outcome *outcome);

#endif
