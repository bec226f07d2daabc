/* conversation_peer.c: the object `peer` as scripts have it: its methods and fields.
 *
 * It holds the address of its conversation, which is taken from it when that is over: who keeps a
 * peer finds that out. What is said to the peer of another conversation (a chat says everything to
 * everybody) is not waited for: where there is no room, or nobody, say returns nil and why. */
#include "reply/conversation_parts.h"
#include "reply/message_object.h"

#include <errno.h>
#include <goodtalk.h>
#include <string.h>

/* ---- say ---- */

static int say_why_not(lua_State *lua, const char *why)
{
    lua_pushnil(lua);
    lua_pushstring(lua, why);
    return 2;
}

/* The text is at index 2. */
static int say_now(lua_State *lua, struct conversation *conversation)
{
    size_t size;
    const char *text = lua_tolstring(lua, 2, &size);
    int result = conversation->host->say(conversation, slice_of(text, size));
    if (result == -EMSGSIZE)
        return luaL_error(lua, "peer:say: the framing cannot say %d bytes", (int)size);
    if (result < 0)
        return say_why_not(lua, "gone");
    lua_pushboolean(lua, true);
    return 1;
}

static int say_or_wait(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct conversation *conversation = conversation_given(lua);
    bool own = conversation && conversation->lua == lua && lua_isyieldable(lua);
    bool gone = !conversation || conversation_line(conversation, NULL) == LINE_GONE;
    if (gone && own)
        return conversation_stop(lua, conversation, CONVERSATION_CUT_SHORT);
    if (gone)
        return say_why_not(lua, "gone");
    if (conversation->closed)
        return own ? luaL_error(lua, "peer:say: this peer was closed before")
                   : say_why_not(lua, "gone");
    if (conversation->host->room(conversation))
        return say_now(lua, conversation);
    if (!own)
        return say_why_not(lua, "full");
    return conversation_wait(lua, conversation, NEEDS_ROOM, NEVER_NS, say_or_wait);
}

/* One value as text, in its place. */
static void make_text(lua_State *lua, int index)
{
    struct slice text;
    if (lua_type(lua, index) == LUA_TSTRING || lua_type(lua, index) == LUA_TNUMBER)
        return;
    if (!message_object_text(lua, index, &text))
        luaL_error(lua, "peer:say: text was expected, this is a %s", luaL_typename(lua, index));
    lua_pushlstring(lua, (const char *)text.data, text.size);
    lua_replace(lua, index);
}

static int say(lua_State *lua)
{
    int count = lua_gettop(lua) - 1;
    conversation_given(lua);
    for (int i = 0; i < count; i++)
        make_text(lua, 2 + i);
    lua_concat(lua, count);
    script_charge(lua, 1 + lua_rawlen(lua, 2) / 64);
    return say_or_wait(lua, LUA_OK, 0);
}

/* ---- the others ---- */

static int waited(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 0;
}

static int wait_for(lua_State *lua)
{
    struct conversation *conversation = conversation_own(lua, "peer:wait");
    int64_t until_ns = conversation_until(lua, conversation, 2, "peer:wait");
    enum conversation_line line = conversation_line(conversation, NULL);
    if (line == LINE_GONE || (line == LINE_CLOSING && !conversation_bears(conversation)))
        return conversation_stop(lua, conversation, CONVERSATION_CUT_SHORT);
    if (line == LINE_CLOSING)
        return 0;
    return conversation_wait(lua, conversation, NEEDS_TIME, until_ns, waited);
}

static struct conversation *given_alive(lua_State *lua, const char *what)
{
    struct conversation *conversation = conversation_given(lua);
    if (!conversation)
        luaL_error(lua, "%s: that conversation is over", what);
    return conversation;
}

static int change_frame(lua_State *lua)
{
    size_t size;
    struct error error = {0};
    struct conversation *conversation = given_alive(lua, "peer:frame");
    const char *framing = luaL_checklstring(lua, 2, &size);
    if (strlen(framing) != size)
        return luaL_error(lua, "peer:frame: has a NUL in it; in a framing's text \\\\0 is one");
    if (conversation->host->frame(conversation, framing, &error) != GT_DONE)
        return luaL_error(lua, "peer:frame: \"%s\": %s", framing, error.text);
    return 0;
}

static int end_line(lua_State *lua, bool reset)
{
    struct conversation *conversation = conversation_given(lua);
    if (!conversation || conversation->closed)
        return 0;
    conversation->closed = true;
    conversation->host->close(conversation, reset);
    return 0;
}

static int close_line(lua_State *lua)
{
    return end_line(lua, false);
}

static int reset_line(lua_State *lua)
{
    return end_line(lua, true);
}

/* ---- the object ---- */

static const luaL_Reg methods[] = {{"say", say},
                                   {"hear", conversation_hear},
                                   {"expect", conversation_expect},
                                   {"wait", wait_for},
                                   {"frame", change_frame},
                                   {"close", close_line},
                                   {"reset", reset_line},
                                   {NULL, NULL}};

static int push_address(lua_State *lua)
{
    char name[PEER_NAME_SIZE];
    lua_pushstring(lua, peer_name(given_alive(lua, "peer.address")->peer, name));
    return 1;
}

/* The methods are in its upvalue. */
static int index_peer(lua_State *lua)
{
    lua_pushvalue(lua, 2);
    if (lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    const char *name = luaL_checkstring(lua, 2);
    if (strcmp(name, "address") == 0)
        return push_address(lua);
    if (strcmp(name, "listener") == 0) {
        lua_pushstring(lua, given_alive(lua, "peer.listener")->listener);
        return 1;
    }
    return luaL_error(lua,
                      "peer has no \"%s\"; it has say, hear, expect, wait, frame, close, reset, "
                      "address, listener",
                      name);
}

static int name_peer(lua_State *lua)
{
    if (conversation_given(lua))
        return push_address(lua);
    lua_pushliteral(lua, "a peer whose conversation is over");
    return 1;
}

static void make_type(lua_State *lua)
{
    luaL_newlib(lua, methods);
    lua_pushcclosure(lua, index_peer, 1);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, name_peer);
    lua_setfield(lua, -2, "__tostring");
    lua_pushboolean(lua, false);
    lua_setfield(lua, -2, "__metatable");
}

void conversation_peer_push(lua_State *lua, struct conversation *conversation)
{
    conversation->handle = lua_newuserdatauv(lua, sizeof(struct conversation *), 1);
    *conversation->handle = conversation;
    if (luaL_newmetatable(lua, PEER_TYPE))
        make_type(lua);
    lua_setmetatable(lua, -2);
}
