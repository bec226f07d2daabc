/* message_object.c: a userdata with the few numbers of a message; its text and the name of its
 * listener are strings of Lua's that go with it. What else a script asks for is made when it asks.
 *
 * This is done for every message that a script hears, so nothing is looked up by name: the
 * metatable has the address of a variable as its key in the registry, and is made when it is
 * missed there. */
#include "reply/message_object.h"

#include "base/message.h"

#include <lauxlib.h>

struct message_object {
    struct peer peer;
    unsigned worker;
    uint64_t sequence;
    int64_t time_us;
};

enum user_value { TEXT = 1, LISTENER };

static const char metatable_key; /* its address is */

static int push_text(lua_State *lua, const struct message_object *object)
{
    (void)object;
    return lua_getiuservalue(lua, 1, TEXT);
}

static int push_listener(lua_State *lua, const struct message_object *object)
{
    (void)object;
    return lua_getiuservalue(lua, 1, LISTENER);
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
    if (!object || !lua_getmetatable(lua, index))
        return NULL;
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &metatable_key);
    bool same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return same ? object : NULL;
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

static int object_text(lua_State *lua)
{
    return push_text(lua, check_object(lua)) == LUA_TSTRING;
}

/* Push the metatable, made and kept. */
static void make_metatable(lua_State *lua)
{
    static const luaL_Reg methods[] = {
        {"__index", object_index}, {"__tostring", object_text}, {NULL, NULL}};
    luaL_newlib(lua, methods);
    lua_pushliteral(lua, "message"); /* as errors of Lua's call it */
    lua_setfield(lua, -2, "__name");
    lua_pushboolean(lua, false); /* what getmetatable says: scripts do not get at it */
    lua_setfield(lua, -2, "__metatable");
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &metatable_key);
}

void message_object_push(lua_State *lua, const struct message *message)
{
    luaL_checkstack(lua, 4, NULL);
    struct message_object *object = lua_newuserdatauv(lua, sizeof *object, LISTENER);
    *object = (struct message_object){.peer = *message->peer,
                                      .worker = message->worker,
                                      .sequence = message->sequence,
                                      .time_us = message->time_us};
    lua_pushlstring(lua, (const char *)message->body.data, message->body.size);
    lua_setiuservalue(lua, -2, TEXT);
    lua_pushstring(lua, message->listener);
    lua_setiuservalue(lua, -2, LISTENER);
    if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &metatable_key) != LUA_TTABLE) {
        lua_pop(lua, 1);
        make_metatable(lua);
    }
    lua_setmetatable(lua, -2);
}

bool message_object_text(lua_State *lua, int index, struct slice *text)
{
    index = lua_absindex(lua, index);
    luaL_checkstack(lua, 2, NULL);
    if (!object_at(lua, index))
        return false;
    lua_getiuservalue(lua, index, TEXT);
    text->data = (const uint8_t *)lua_tolstring(lua, -1, &text->size);
    lua_pop(lua, 1); /* the object has it */
    return true;
}
