/* conversation_parts.h: what the files of a conversation share (conversation*.c). All of it is
 * called by Lua. */
#ifndef REPLY_CONVERSATION_PARTS_H
#define REPLY_CONVERSATION_PARTS_H

#include "reply/conversation.h"
#include "reply/pattern.h"

/* ---- conversation_wait.c: whose it is, and waiting ---- */

#define PEER_TYPE "peer"

/* The conversation of the peer object at index 1; NULL when it is over. Raises an error where there
 * is no peer object. */
struct conversation *conversation_given(lua_State *lua);

/* The same, of the coroutine that runs: only that may wait for it. what: "peer:hear", for the
 * error. */
struct conversation *conversation_own(lua_State *lua, const char *what);

/* How it is with its line. */
enum conversation_line conversation_line(const struct conversation *conversation, const char **why);

/* Wait; then goes on in after. */
int conversation_wait(lua_State *lua, struct conversation *conversation,
                      enum conversation_need need, int64_t until_ns, lua_KFunction after);

/* Its line closes or is gone, and the script asks for something that will not come: whether it may
 * go on without, this time. */
bool conversation_bears(struct conversation *conversation);

/* It is over, in this way; nothing behind this call runs. */
int conversation_stop(lua_State *lua, struct conversation *conversation, enum conversation_end end);

/* A duration at index ("2s", or seconds) from now on. what: as above. */
int64_t conversation_until(lua_State *lua, const struct conversation *conversation, int index,
                           const char *what);

/* ---- conversation_hear.c ---- */

/* peer:hear, peer:expect */
int conversation_hear(lua_State *lua);
int conversation_expect(lua_State *lua);

/* ---- conversation_pattern.c ---- */

/* Before any of the others in a state. Patterns see so many bytes of a message. */
void conversation_patterns_open(lua_State *lua, size_t match_bytes);

/* Push what keeps the pattern whose text is at index, compiled once: there as long as that is.
 * Raises an error where it is no pattern. */
struct pattern *conversation_pattern_push(lua_State *lua, int index);

/* The state's. */
struct matcher *conversation_matcher(lua_State *lua);

/* ---- conversation_peer.c ---- */

/* Push a new peer object of this conversation, which learns where it is held. */
void conversation_peer_push(lua_State *lua, struct conversation *conversation);

#endif
