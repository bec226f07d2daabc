/* talk_environment.c: the globals of a talk file.
 *
 * Libraries, and what the file defines for itself, are globals as in any Lua. What is missing among
 * those is looked up in a table behind them: the functions reply, talk and log, the table shared,
 * and the settings as they were assigned. An assignment to a global that is not there yet comes
 * here: a setting's is noted, a name that is near to a setting's is refused, the rest becomes a
 * global. So "reply = ..." is the setting, while "reply { ... }" finds the function.
 *
 * A function may have any name but those of goodtalk's own, a table any that is not near to listen:
 * what a file defines for itself is seldom a slip. */
#include "reply/talk_environment.h"

#include "reply/log_function.h"
#include "reply/rules.h"
#include "reply/script_met.h"
#include "reply/talk_words.h"

#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

static const char instance_key; /* its address is that of the instance in the registry */

struct talk_instance *talk_instance_of(lua_State *lua)
{
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &instance_key);
    struct talk_instance *instance = lua_touserdata(lua, -1);
    lua_pop(lua, 1);
    return instance;
}

/* ---- what the file calls ---- */

_Noreturn static void refuse_later(lua_State *lua, const char *name)
{
    luaL_error(lua, "%s: is called where the file is read, not later", name);
    abort(); /* not reached */
}

/* Rules or a conversation, once. */
static struct talk_words *begin_kind(lua_State *lua, struct talk_instance *instance,
                                     enum talk_kind kind)
{
    static const char *const names[] = {[TALK_OF_RULES] = "reply", [TALK_OF_CONVERSATION] = "talk"};
    struct talk_words *words = instance->words;
    if (!words)
        refuse_later(lua, names[kind]);
    if (words->kind == kind)
        luaL_error(lua, "%s: is called once, and was in line %d", names[kind],
                   (int)words->kind_line);
    if (words->kind != TALK_OF_SETTINGS)
        luaL_error(lua, "%s: a file has rules or a conversation; %s was called in line %d",
                   names[kind], names[words->kind], (int)words->kind_line);
    words->kind = kind;
    words->kind_line = talk_line(lua);
    return words;
}

static int call_reply(lua_State *lua)
{
    if (lua_type(lua, 1) != LUA_TTABLE || lua_gettop(lua) > 1)
        luaL_error(lua, "reply: one table of rules expected: reply { ... }; met %s",
                   lua_gettop(lua) > 1 ? "more" : script_met(lua, 1));
    struct talk_instance *instance = talk_instance_of(lua);
    struct talk_words *words = begin_kind(lua, instance, TALK_OF_RULES);
    rules_read(lua, 1, &instance->rules);
    words->rule_count = rules_count(instance->rules);
    return 0;
}

static int call_talk(lua_State *lua)
{
    if (lua_type(lua, 1) != LUA_TFUNCTION || lua_gettop(lua) > 1)
        luaL_error(lua, "talk: one function expected: talk(function (peer) ... end); met %s",
                   lua_gettop(lua) > 1 ? "more" : script_met(lua, 1));
    struct talk_instance *instance = talk_instance_of(lua);
    begin_kind(lua, instance, TALK_OF_CONVERSATION);
    instance->conversation = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

static const luaL_Reg functions[] = {{"reply", call_reply}, {"talk", call_talk}, {NULL, NULL}};

static bool is_function(const char *key)
{
    return strcmp(key, "reply") == 0 || strcmp(key, "talk") == 0 || strcmp(key, "log") == 0;
}

/* ---- assignments: of the value at 3 to the key at 2 ---- */

/* What would be meant by it is said at least. */
static void refuse_reserved(lua_State *lua, const struct gt_setting *setting, const char *key)
{
    int type = lua_type(lua, 3);
    if (strcmp(key, "shared") == 0)
        luaL_error(lua, "shared: is a table, there already; assign to its fields: shared.count = "
                        "1");
    if (strcmp(key, "talk") == 0)
        luaL_error(lua, "talk: is called, not assigned: talk(function (peer) ... end)");
    if (strcmp(key, "reply") == 0 && (type == LUA_TTABLE || type == LUA_TFUNCTION))
        luaL_error(lua,
                   "reply: a string expected, met %s; rules are given by calling it: reply { "
                   "... }, without =",
                   script_met(lua, 3));
    if (setting && strcmp(key, "trust") == 0)
        luaL_error(lua, "trust: is given on the command line, by who trusts the file");
    if (is_function(key) && type == LUA_TFUNCTION)
        luaL_error(lua, "%s: is a function already", key);
}

static void assign_setting(lua_State *lua, struct talk_instance *instance,
                           const struct gt_setting *setting, const char *key)
{
    if (!instance->words)
        luaL_error(lua,
                   "%s: is a setting, set where the file is read and not later; a variable of "
                   "that name is declared local",
                   key);
    if (setting)
        talk_capture_setting(lua, &instance->words->settings, setting, 3);
    else
        talk_capture_listen(lua, instance, 3);
    if (is_function(key))
        return;
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, 3);
    lua_rawset(lua, lua_upvalueindex(1)); /* so that it reads back */
}

static void assign_own(lua_State *lua, const struct talk_instance *instance, const char *key)
{
    int type = lua_type(lua, 3);
    bool scalar = type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
    if (key && instance->words && (scalar || type == LUA_TTABLE))
        talk_check_near(lua, instance->talk->vocabulary, key, scalar);
    lua_settop(lua, 3);
    lua_rawset(lua, 1);
}

/* The globals' __newindex; its upvalue is the table behind them. */
static int assign(lua_State *lua)
{
    struct talk_instance *instance = talk_instance_of(lua);
    const char *key = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : NULL;
    const struct gt_setting *setting =
        key ? talk_setting_named(instance->talk->vocabulary, key) : NULL;
    if (key)
        refuse_reserved(lua, setting, key);
    bool listens = key && strcmp(key, "listen") == 0;
    if (listens || (setting && lua_type(lua, 3) != LUA_TFUNCTION))
        assign_setting(lua, instance, setting, key);
    else
        assign_own(lua, instance, key);
    return 0;
}

/* ---- making it ---- */

/* math.random says the same again where --seed does, and something else for each worker. */
static void seed_random(lua_State *lua, const struct talk_instance *instance)
{
    if (!instance->host)
        return;
    lua_getglobal(lua, "math");
    lua_getfield(lua, -1, "randomseed");
    lua_pushinteger(lua, (lua_Integer)instance->host->seed);
    lua_pushinteger(lua, (lua_Integer)instance->worker);
    lua_call(lua, 2, 0);
    lua_pop(lua, 1);
}

int talk_environment_make(lua_State *lua)
{
    struct talk_instance *instance = lua_touserdata(lua, 1);
    lua_pushlightuserdata(lua, instance);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &instance_key);
    seed_random(lua, instance);

    lua_pushglobaltable(lua);
    lua_newtable(lua);           /* the metatable of the globals */
    luaL_newlib(lua, functions); /* the table behind them */
    log_function_push(lua, instance->outcome);
    lua_setfield(lua, -2, "log");
    lua_newtable(lua);
    lua_setfield(lua, -2, "shared");
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -3, "__index");
    lua_pushcclosure(lua, assign, 1);
    lua_setfield(lua, -2, "__newindex");
    lua_pushliteral(lua, "the globals of a talk file");
    lua_setfield(lua, -2, "__metatable");
    lua_setmetatable(lua, -2);
    return 0;
}
