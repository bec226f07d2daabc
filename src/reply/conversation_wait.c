/* conversation_wait.c: a script waits: its coroutine yields to whoever resumed it, having said what
 * for.
 *
 * Only the conversation's own coroutine can: another one, of this script or of another
 * conversation, would yield to somebody who knows nothing of it. When the line closes nothing is
 * waited for any more, and whoever asks again and again (a loop that says the time each second) is
 * ended: not by an error, which it could catch, but by a yield that nobody answers. */
#include "reply/conversation_parts.h"

#include "base/units.h"
#include "reply/script_met.h"

#include <math.h>

struct conversation *conversation_given(lua_State *lua)
{
    struct conversation **handle = luaL_testudata(lua, 1, PEER_TYPE);
    if (!handle) {
        luaL_argerror(lua, 1,
                      lua_pushfstring(lua,
                                      "a peer expected, met %s; with a colon, as in "
                                      "peer:hear(), it is the one before it",
                                      script_met(lua, 1)));
        return NULL; /* not reached */
    }
    return *handle;
}

struct conversation *conversation_own(lua_State *lua, const char *what)
{
    struct conversation *conversation = conversation_given(lua);
    if (!conversation)
        luaL_error(lua, "%s: that conversation is over", what);
    else if (conversation->lua != lua)
        luaL_error(lua, "%s: only in the conversation's own coroutine", what);
    else if (!lua_isyieldable(lua))
        luaL_error(lua, "%s: not within a function that table.sort or string.gsub calls", what);
    return conversation;
}

enum conversation_line conversation_line(const struct conversation *conversation, const char **why)
{
    const char *ignored;
    return conversation->host->line(conversation, why ? why : &ignored);
}

int conversation_wait(lua_State *lua, struct conversation *conversation,
                      enum conversation_need need, int64_t until_ns, lua_KFunction after)
{
    conversation->need = (uint8_t)need;
    conversation->until_ns = until_ns;
    return lua_yieldk(lua, 0, 0, after);
}

bool conversation_bears(struct conversation *conversation)
{
    if (conversation->patience == 0)
        return false;
    conversation->patience--;
    return true;
}

int conversation_stop(lua_State *lua, struct conversation *conversation, enum conversation_end end)
{
    conversation->need = NEEDS_NOTHING;
    conversation->end = (uint8_t)end;
    return lua_yield(lua, 0);
}

/* ---- durations ---- */

static bool read_seconds(lua_Number seconds, int64_t *ns)
{
    if (!(seconds >= 0 && seconds < 9e9))
        return false;
    *ns = (int64_t)(seconds * 1e9);
    return true;
}

int64_t conversation_until(lua_State *lua, const struct conversation *conversation, int index,
                           const char *what)
{
    int64_t ns = 0;
    bool right = false;
    if (lua_type(lua, index) == LUA_TNUMBER)
        right = read_seconds(lua_tonumber(lua, index), &ns);
    else if (lua_type(lua, index) == LUA_TSTRING)
        right = units_duration(lua_tostring(lua, index), &ns);
    if (!right)
        luaL_error(lua, "%s: not a duration: %s; \"2s\", \"250ms\" or a number of seconds would be",
                   what, luaL_tolstring(lua, index, NULL));
    if (ns < 0)
        return NEVER_NS;
    int64_t now_ns = conversation->host->now_ns(conversation);
    return ns < NEVER_NS - now_ns ? now_ns + ns : NEVER_NS;
}
