/* message_object.h: a message as scripts see it: message.text, .peer, .listener, .id, .time.
 *
 *   text      the message, any bytes
 *   peer      "127.0.0.1:40312"
 *   listener  "tcp:[::]:9999"
 *   id        "0-17", as in records
 *   time      "2026-01-31T12:00:00.000001Z", when it came
 *
 * A script may keep it as long as it likes: it has a copy of all it needs. Nothing in it can be
 * changed, and any other name is an error. tostring(message) is its text,
 * and so it is where it is concatenated.
 *
 * The functions are called where errors of Lua are caught (reply/script.h). */
#ifndef REPLY_MESSAGE_OBJECT_H
#define REPLY_MESSAGE_OBJECT_H

#include "base/turn.h"

#include <lua.h>
#include <stdbool.h>

/* Push the metatable that a state's objects have; it is made where it is missed. */
void message_object_push_metatable(lua_State *lua);

/* Push the object of a message, which need be there during the call only. metatable: where that of
 * the objects is, an absolute index or a pseudo-index. Three free places are needed. */
void message_object_push(lua_State *lua, const struct message *message, int metatable);

/* Where the value at index is such an object: its text, there as long as the object is. */
bool message_object_text(lua_State *lua, int index, struct slice *text);

#endif
