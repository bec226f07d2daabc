/* script_side.h: a script and what it says, for tests. */
#ifndef SCRIPT_SIDE_H
#define SCRIPT_SIDE_H

#include "reply/script.h"

#define SIDE_STEPS       UINT64_C(100000)
#define SIDE_CALL_BYTES  ((size_t)1 << 20)
#define SIDE_STATE_BYTES ((size_t)4 << 20)

/* A script with these bounds. */
struct script *side_script(bool trusted);

/* Run source as a call of its own: LUA_OK, or what the call came to. What it returned, or the
 * error, as text, is valid until the next. */
int side_run(struct script *script, const char *source, const char **said);

/* Run source, which must go well; what it returned, as text. */
const char *side_result(struct script *script, const char *source);

/* Run source, which must fail with a text that has these words in it. */
void side_fails(struct script *script, const char *source, const char *words);

/* A state with all of Lua's own libraries: to compare with. And the same for it. */
lua_State *side_plain_lua(void);
const char *side_plain_result(lua_State *lua, const char *source);

#endif
