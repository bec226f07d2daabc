/* talk_environment.h: what a talk file finds while it is run, and what becomes of what it says. */
#ifndef REPLY_TALK_ENVIRONMENT_H
#define REPLY_TALK_ENVIRONMENT_H

#include "reply/talk.h"

/* Make it in the globals of the instance's script: a lua_CFunction for script_protect, whose
 * context is the instance. Assignments go to instance->words as long as that is set. */
int talk_environment_make(lua_State *lua);

/* ---- talk_capture.c: values that settings take. Called by functions in C that Lua calls; each
 * raises an error that says what was met and what was expected. ---- */

/* The setting of this name in a talk file ("max_message"), or NULL. */
const struct gt_setting *talk_setting_named(const struct talk_vocabulary *vocabulary,
                                            const char *key);

/* Refuse a name that is no setting's but near to one's. scalar: the value is a string, a number or
 * a boolean, else a table, which only listen takes. */
void talk_check_near(lua_State *lua, const struct talk_vocabulary *vocabulary, const char *key,
                     bool scalar);

/* Note that the setting is assigned the value at index. own: for a listener of its own. */
void talk_capture_setting(lua_State *lua, struct talk_settings *settings,
                          const struct gt_setting *setting, int index);

/* Note that listen is assigned the value at index. */
void talk_capture_listen(lua_State *lua, struct talk_instance *instance, int index);

/* The line of the Lua function that has called the function in C that is running; 0: there is none.
 */
unsigned talk_line(lua_State *lua);

#endif
