/* script.h: a worker's Lua state (Lua 5.4, https://www.lua.org/manual/5.4/), and the bounds of what
 * runs in it.
 *
 * Whatever runs in it has a budget of steps (an instruction of the virtual machine is one; a
 * function in C that a message can make run long charges for its work) and of bytes that it may
 * allocate, anew for each call and each resume; the whole state has a bound of bytes. Who crosses a
 * bound fails with an error, and cannot catch it (pcall) and go on.
 *
 * The first slot of the main thread's stack is the script's own. Values made in C whose metatable
 * has
 * __gc hide that metatable (__metatable): what a script put there would run where no hook is.
 *
 * A state belongs to one thread at a time. Any function of Lua's that allocates raises an error
 * where memory is out, so all of them are called from within script_call, script_resume or
 * script_protect, never from outside. */
#ifndef REPLY_SCRIPT_H
#define REPLY_SCRIPT_H

#include "base/error.h"
#include "base/slice.h"
#include "reply/script_bounds.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

struct script;

/* A state with the libraries that scripts may use: NULL when memory is out, with the reason. */
struct script *script_create(const struct script_bounds *bounds, struct error *error);
void script_destroy(struct script **script);

/* Its main thread; and the script whose state (or coroutine) this is. */
lua_State *script_lua(const struct script *script);
struct script *script_of(lua_State *lua);

/* How many bytes the state has now. */
size_t script_bytes(const struct script *script);

/* Push a function made from source (text, never bytecode but for the trusted). name: as in errors
 * ("mail.lua"). GT_DONE; GT_WRONG "mail.lua:3: ..." where it is no Lua. */
int script_load(struct script *script, struct slice source, const char *name, struct error *error);

/* As lua_pcall, with a budget of its own: the function lies beneath its arguments on the main
 * thread's stack. LUA_OK; else the message, a string with a traceback, is on the stack. LUA_ERRMEM:
 * for want of the system's memory, or because the state was full before. */
int script_call(struct script *script, int arguments, int results);

/* As lua_resume, with a budget of its own: LUA_OK: the coroutine has ended; LUA_YIELD; else the
 * message, a string with a traceback, is on top of the coroutine's stack. *results: how many values
 * are on top. */
int script_resume(struct script *script, lua_State *coroutine, int arguments, int *results);

/* End a coroutine that has not returned: its to-be-closed variables are closed, with a budget of
 * their own; what goes wrong in that is nobody's. It is dead afterwards. */
void script_end(struct script *script, lua_State *coroutine);

/* Call a function in C with context as its only argument (a light userdata), in protected mode, to
 * use Lua from outside. LUA_OK, or an error whose message is on the stack. Results: none. */
int script_protect(struct script *script, lua_CFunction function, void *context);

/* Within functions in C: charge steps to the budget of what is running; raises an error when it is
 * spent. A step is some 10 ns of work: a few bytes compared, 64 copied. */
void script_charge(lua_State *lua, uint64_t steps);

/* How many steps are left: for a function that stops by itself when they are spent, and then
 * charges one more. */
uint64_t script_steps(lua_State *lua);

/* So many bytes are about to be allocated: raises the error of the bound that this would cross,
 * once the garbage has been collected. For sizes that are known, and before luaL_Buffer, which
 * fails where Lua would have collected first. */
void script_reserve(lua_State *lua, size_t size);

/* Raise the error of a system that has no memory: not the script's doing. */
_Noreturn void script_no_memory(lua_State *lua);

/* Whether a bound was crossed, so that an error which a function in C has caught (lua_pcall) must
 * be handed on (lua_error). */
bool script_is_spent(lua_State *lua);

#endif
