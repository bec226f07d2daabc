/* message_object.c: a userdata with the few numbers of a message, the name of its listener and,
 * where it is short, its text; a longer text is a string of Lua's that goes with it. What a script
 * asks for is made when it asks.
 *
 * This is done for every message that a script hears, so nothing is looked up: whoever asks for an
 * object has the metatable at hand. That has the address of a variable as its key in the registry;
 * an object is known by that address, too, which is in no other userdata. */
#include "reply/message_object.h"

#include "base/message.h"

#include <lauxlib.h>

#define SHORT_TEXT 40 /* bytes, which Lua finds again where the same string is there already */

static const char mark; /* its address is the key, and in each object */

struct message_object {
    const void *mark;
    struct peer peer;
    unsigned worker;
    uint64_t sequence;
    int64_t time_us;
    size_t text_size;
    size_t listener_size;
    char bytes[]; /* the listener's name, then the text where it is short; else that is a user value
                   */
};

static bool is_short(const struct message_object *object)
{
    return object->text_size <= SHORT_TEXT;
}

static int push_text(lua_State *lua, const struct message_object *object)
{
    if (!is_short(object))
        return lua_getiuservalue(lua, 1, 1);
    lua_pushlstring(lua, object->bytes + object->listener_size, object->text_size);
    return LUA_TSTRING;
}

static int push_listener(lua_State *lua, const struct message_object *object)
{
    lua_pushlstring(lua, object->bytes, object->listener_size);
    return LUA_TSTRING;
}

static int push_peer(lua_State *lua, const struct message_object *object)
{
    char name[PEER_NAME_SIZE];
    lua_pushstring(lua, peer_name(&object->peer, name));
    return LUA_TSTRING;
}

static int push_id(lua_State *lua, const struct message_object *object)
{
    char text[MESSAGE_ID_SIZE];
    lua_pushstring(lua, message_id(object->worker, object->sequence, text));
    return LUA_TSTRING;
}

static int push_time(lua_State *lua, const struct message_object *object)
{
    char text[MESSAGE_TIME_SIZE];
    lua_pushstring(lua, message_time(object->time_us, text));
    return LUA_TSTRING;
}

static const struct field {
    const char *name;
    int (*push)(lua_State *lua, const struct message_object *object);
} fields[] = {
    {"text", push_text}, {"peer", push_peer}, {"listener", push_listener},
    {"id", push_id},     {"time", push_time},
};

/* The object at index; NULL where there is something else. */
static const struct message_object *object_at(lua_State *lua, int index)
{
    const struct message_object *object = lua_touserdata(lua, index);
    bool large = object && lua_rawlen(lua, index) >= sizeof *object; /* a light one's is 0 */
    return large && object->mark == &mark ? object : NULL;
}

static const struct message_object *check_object(lua_State *lua)
{
    const struct message_object *object = object_at(lua, 1);
    if (!object)
        luaL_argerror(lua, 1, "not a message");
    return object;
}

static int object_index(lua_State *lua)
{
    const struct message_object *object = check_object(lua);
    const char *name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "?";
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0) {
            fields[i].push(lua, object);
            return 1;
        }
    return luaL_error(lua, "a message has no '%s'; it has text, peer, listener, id, time", name);
}

static int object_newindex(lua_State *lua)
{
    return luaL_error(lua, "a message cannot be changed");
}

static int object_text(lua_State *lua)
{
    return push_text(lua, check_object(lua)) == LUA_TSTRING;
}

/* "You said " .. message: of two values, at least one is an object. */
static int object_concat(lua_State *lua)
{
    lua_settop(lua, 2);
    for (int i = 1; i <= 2; i++) {
        struct slice text;
        if (lua_isstring(lua, i))
            continue;
        if (!message_object_text(lua, i, &text))
            return luaL_error(lua, "attempt to concatenate a %s value", luaL_typename(lua, i));
        lua_pushlstring(lua, (const char *)text.data, text.size);
        lua_replace(lua, i);
    }
    lua_concat(lua, 2);
    return 1;
}

/* Push the metatable, made and kept. */
static void make_metatable(lua_State *lua)
{
    static const luaL_Reg methods[] = {{"__index", object_index},
                                       {"__newindex", object_newindex},
                                       {"__tostring", object_text},
                                       {"__concat", object_concat},
                                       {NULL, NULL}};
    luaL_newlib(lua, methods);
    lua_pushliteral(lua, "message"); /* as errors of Lua's call it */
    lua_setfield(lua, -2, "__name");
    lua_pushboolean(lua, false); /* what getmetatable says: scripts do not get at it */
    lua_setfield(lua, -2, "__metatable");
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &mark);
}

/* The object, with its text. */
static void push_object(lua_State *lua, const struct message *message)
{
    struct slice text = message->body, listener = slice_of_text(message->listener);
    size_t kept = text.size <= SHORT_TEXT ? text.size : 0;
    struct message_object *object =
        lua_newuserdatauv(lua, sizeof *object + listener.size + kept, text.size > kept);
    *object = (struct message_object){.mark = &mark,
                                      .peer = *message->peer,
                                      .worker = message->worker,
                                      .sequence = message->sequence,
                                      .time_us = message->time_us,
                                      .text_size = text.size,
                                      .listener_size = listener.size};
    memcpy(object->bytes, listener.data, listener.size);
    if (kept > 0)
        memcpy(object->bytes + listener.size, text.data, kept);
    if (kept == text.size)
        return;
    lua_pushlstring(lua, (const char *)text.data, text.size);
    lua_setiuservalue(lua, -2, 1);
}

void message_object_push_metatable(lua_State *lua)
{
    luaL_checkstack(lua, 4, NULL);
    if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &mark) == LUA_TTABLE)
        return;
    lua_pop(lua, 1);
    make_metatable(lua);
}

void message_object_push(lua_State *lua, const struct message *message, int metatable)
{
    push_object(lua, message);
    lua_pushvalue(lua, metatable);
    lua_setmetatable(lua, -2);
}

bool message_object_text(lua_State *lua, int index, struct slice *text)
{
    const struct message_object *object = object_at(lua, index);
    if (!object)
        return false;
    *text = slice_of(object->bytes + object->listener_size, object->text_size);
    if (is_short(object))
        return true;
    luaL_checkstack(lua, 1, NULL);
    lua_getiuservalue(lua, index, 1);
    text->data = (const uint8_t *)lua_tostring(lua, -1);
    lua_pop(lua, 1); /* the object has it */
    return true;
}
