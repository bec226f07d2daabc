/* talk_capture.c: the values of settings and of listen, as they stand in a talk file, become what
 * one would write on the command line.
 *
 * A flag takes true or false, everything else a string or a number. Text is taken as it is: Lua has
 * read its escapes, so that a backslash which is left is one, and is written as the command line
 * writes it. Whether a value makes sense is seen when it is set (serve/settings_value.c). */
#include "reply/script.h"
#include "reply/script_met.h"
#include "reply/talk_environment.h"

#include "base/nearest.h"
#include "reply/talk_words.h"

#include <goodtalk.h>
#include <stdio.h>
#include <string.h>

unsigned talk_line(lua_State *lua)
{
    lua_Debug at;
    if (!lua_getstack(lua, 1, &at) || !lua_getinfo(lua, "l", &at) || at.currentline < 0)
        return 0;
    return (unsigned)at.currentline;
}

/* ---- names ---- */

/* "max-message" is max_message in Lua. */
static void name_in_lua(char *to, size_t size, const char *name)
{
    snprintf(to, size, "%s", name);
    for (char *at = to; *at; at++)
        if (*at == '-')
            *at = '_';
}

const struct gt_setting *talk_setting_named(const struct talk_vocabulary *vocabulary,
                                            const char *key)
{
    char name[NEAREST_LENGTH_MAX];
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        name_in_lua(name, sizeof name, setting->name);
        if (strcmp(name, key) == 0)
            return setting;
    }
    return NULL;
}

/* Fewer than between options: a file has names of its own, and "name" is no slip for "frame". */
static unsigned slips_allowed(size_t length)
{
    return length < 4 ? 0 : length < 8 ? 1 : 2;
}

static void consider(const char *name, const char *key, unsigned *best, char nearest[])
{
    unsigned slips = nearest_slips(slice_of_text(key), slice_of_text(name));
    if (slips >= *best)
        return;
    *best = slips;
    snprintf(nearest, NEAREST_LENGTH_MAX, "%s", name);
}

void talk_check_near(lua_State *lua, const struct talk_vocabulary *vocabulary, const char *key,
                     bool scalar)
{
    char name[NEAREST_LENGTH_MAX], nearest[NEAREST_LENGTH_MAX] = "";
    const struct gt_setting *setting;
    unsigned best = slips_allowed(strlen(key)) + 1;
    consider("listen", key, &best, nearest);
    for (size_t i = 0; scalar && (setting = vocabulary->at(i)) != NULL; i++) {
        name_in_lua(name, sizeof name, setting->name);
        if (setting->scope == GT_SCOPE_LISTENER || setting->scope == GT_SCOPE_SERVER)
            consider(name, key, &best, nearest);
    }
    if (*nearest)
        luaL_error(lua,
                   "%s: no such setting; did you mean %s? A variable of that name is declared "
                   "local",
                   key, nearest);
}

/* ---- values ---- */

static bool is_text(const struct gt_setting *setting)
{
    return setting->argument && strcmp(setting->argument, "TEXT") == 0;
}

/* Push text with backslashes and NULs escaped. */
static void push_escaped(lua_State *lua, const char *text, size_t size)
{
    luaL_Buffer buffer;
    luaL_buffinit(lua, &buffer);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            luaL_addstring(&buffer, "\\\\");
        else if (text[i] == '\0')
            luaL_addstring(&buffer, "\\0");
        else
            luaL_addchar(&buffer, text[i]);
    }
    luaL_pushresult(&buffer);
}

/* A number that is whole is written without a point, whatever it is in Lua. */
static void push_number(lua_State *lua, int index)
{
    int whole;
    lua_Integer integer = lua_tointegerx(lua, index, &whole);
    if (whole)
        lua_pushinteger(lua, integer);
    else
        lua_pushvalue(lua, index);
    lua_tolstring(lua, -1, NULL);
}

static void push_string(lua_State *lua, const struct gt_setting *setting, const char *name,
                        int index)
{
    size_t size;
    const char *text = lua_tolstring(lua, index, &size);
    if (is_text(setting))
        push_escaped(lua, text, size);
    else if (memchr(text, '\0', size))
        luaL_error(lua, "%s: a string without NUL bytes expected", name);
    else
        lua_pushvalue(lua, index);
}

/* Push the value at index as one would write it. */
static void push_written(lua_State *lua, const struct gt_setting *setting, const char *name,
                         int index)
{
    int type = lua_type(lua, index);
    if (!setting->argument && type == LUA_TBOOLEAN)
        lua_pushstring(lua, lua_toboolean(lua, index) ? "on" : "off");
    else if (!setting->argument)
        luaL_error(lua, "%s: true or false expected, met %s", name, script_met(lua, index));
    else if (type == LUA_TSTRING)
        push_string(lua, setting, name, index);
    else if (type == LUA_TNUMBER)
        push_number(lua, index);
    else
        luaL_error(lua, "%s: a string or a number expected (%s), met %s%s", name, setting->argument,
                   script_met(lua, index), type == LUA_TNIL ? "; a string is in quotes" : "");
}

static struct slice slice_at(lua_State *lua, int index)
{
    size_t size;
    const char *text = lua_tolstring(lua, index, &size);
    return slice_of(text, size);
}

void talk_capture_setting(lua_State *lua, struct talk_settings *settings,
                          const struct gt_setting *setting, int index)
{
    char name[NEAREST_LENGTH_MAX];
    name_in_lua(name, sizeof name, setting->name);
    if (setting->scope == GT_SCOPE_PROGRAM)
        luaL_error(lua, "%s: an option of the program, which stands on its command line", name);
    if (setting->scope == GT_SCOPE_LATER)
        luaL_error(lua, "%s: not built yet in this version", name);
    push_written(lua, setting, name, index);
    if (talk_settings_add(settings, setting->name, slice_at(lua, -1), talk_line(lua)) < 0)
        script_no_memory(lua);
    lua_pop(lua, 1);
}

/* ---- listen ---- */

static struct talk_address *add_address(lua_State *lua, struct talk_words *words, int index)
{
    struct slice address = slice_at(lua, index);
    if (address.size == 0 || memchr(address.data, '\0', address.size))
        luaL_error(lua, "listen: an address expected, such as \"9999\" or \"udp:9999\", met %s",
                   script_met(lua, index));
    struct talk_address *added = talk_words_add_address(words, address);
    if (!added)
        script_no_memory(lua);
    return added;
}

/* A key of a table with an address: the key at -2, the value at -1. */
static void check_own(lua_State *lua, const struct talk_vocabulary *vocabulary)
{
    if (lua_isinteger(lua, -2) && lua_tointeger(lua, -2) == 1)
        return;
    const char *key = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : NULL;
    if (!key)
        luaL_error(lua,
                   "listen: one address expected in a table that has settings of its own, met %s "
                   "besides",
                   script_met(lua, -1));
    const struct gt_setting *setting = talk_setting_named(vocabulary, key);
    if (!setting) {
        talk_check_near(lua, vocabulary, key, true);
        luaL_error(lua, "listen: %s: no such setting", key);
    } else if (setting->scope == GT_SCOPE_SERVER) {
        luaL_error(lua,
                   "listen: %s: belongs to the whole server, not to one of its addresses; it is "
                   "set outside of listen",
                   key);
    }
}

/* A table has no order, but the settings have one: the same in every state. */
static void capture_own(lua_State *lua, const struct talk_vocabulary *vocabulary, int table,
                        struct talk_settings *own)
{
    char name[NEAREST_LENGTH_MAX];
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        name_in_lua(name, sizeof name, setting->name);
        lua_pushstring(lua, name);
        if (lua_rawget(lua, table) != LUA_TNIL)
            talk_capture_setting(lua, own, setting, lua_gettop(lua));
        lua_pop(lua, 1);
    }
}

/* { "udp:9999", frame = "chunk" }, on top. */
static void capture_table(lua_State *lua, struct talk_instance *instance)
{
    int table = lua_gettop(lua);
    if (lua_rawgeti(lua, table, 1) != LUA_TSTRING && !lua_isnumber(lua, -1))
        luaL_error(lua,
                   "listen: a table begins with an address, such as { \"udp:9999\", frame = "
                   "\"chunk\" }; met %s",
                   script_met(lua, -1));
    struct talk_address *address = add_address(lua, instance->words, -1);
    lua_pop(lua, 1);
    const struct talk_vocabulary *vocabulary = instance->talk->vocabulary;
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1))
        check_own(lua, vocabulary);
    capture_own(lua, vocabulary, table, &address->settings);
}

/* An entry, on top. */
static void capture_entry(lua_State *lua, struct talk_instance *instance)
{
    if (lua_type(lua, -1) == LUA_TTABLE)
        capture_table(lua, instance);
    else if (lua_type(lua, -1) == LUA_TSTRING || lua_isinteger(lua, -1))
        add_address(lua, instance->words, -1);
    else
        luaL_error(lua, "listen: an address or a table with an address expected, met %s",
                   script_met(lua, -1));
}

/* Its entries are numbered: other keys would be lost. */
static void check_list(lua_State *lua, int table)
{
    lua_Integer size = (lua_Integer)lua_rawlen(lua, table);
    for (lua_pushnil(lua); lua_next(lua, table); lua_pop(lua, 1))
        if (!lua_isinteger(lua, -2) || lua_tointeger(lua, -2) < 1 || lua_tointeger(lua, -2) > size)
            luaL_error(lua, "listen: addresses expected; settings of an address of its own stand "
                            "in a table with it: listen = { { \"udp:9999\", frame = \"chunk\" } }");
    if (size == 0)
        luaL_error(lua, "listen: at least one address expected, met an empty table");
}

void talk_capture_listen(lua_State *lua, struct talk_instance *instance, int index)
{
    talk_words_forget_addresses(instance->words);
    instance->words->listen_line = talk_line(lua);
    luaL_checkstack(lua, 10, NULL);
    if (lua_type(lua, index) != LUA_TTABLE) {
        lua_pushvalue(lua, index);
        capture_entry(lua, instance);
        lua_pop(lua, 1);
        return;
    }
    check_list(lua, index);
    lua_Integer size = (lua_Integer)lua_rawlen(lua, index);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(lua, index, i);
        capture_entry(lua, instance);
        lua_pop(lua, 1);
    }
}
