/* rules_keys.c: what a rule may carry beside its pattern and reply: a table of names, and a
 * function for each that reads the value on top of the stack. Durations and sizes are written as on
 * the command line, or are numbers: seconds, bytes. */
#include "reply/rules_parts.h"
#include "reply/script_met.h"

#include "base/nearest.h"
#include "base/units.h"

#include <lauxlib.h>

#define SECOND_NS 1e9
#define LONGEST_S 1e9 /* thirty years */

struct key;
typedef void key_reader(struct reading *reading, const struct key *key);

struct key {
    const char *name;
    key_reader *read;
    size_t place; /* in struct rule, of what it is read to, where the reader does not know */
    bool effect;
};

#define PLACE(member) offsetof(struct rule, member)

static void *place_of(struct reading *reading, const struct key *key)
{
    return (char *)reading->rule + key->place;
}

_Noreturn static void refuse(struct reading *reading, const struct key *key, const char *expected)
{
    rules_refuse(reading, "%s: %s expected, met %s", key->name, expected,
                 script_met(reading->lua, -1));
}

static void read_flag(struct reading *reading, const struct key *key)
{
    if (!lua_isboolean(reading->lua, -1))
        refuse(reading, key, "true or false");
    *(bool *)place_of(reading, key) = lua_toboolean(reading->lua, -1);
}

static void read_duration(struct reading *reading, const struct key *key)
{
    int64_t *ns = place_of(reading, key);
    lua_State *lua = reading->lua;
    if (lua_type(lua, -1) == LUA_TNUMBER) {
        double seconds = lua_tonumber(lua, -1);
        if (seconds >= 0 && seconds <= LONGEST_S) {
            *ns = (int64_t)(seconds * SECOND_NS);
            return;
        }
    } else if (lua_type(lua, -1) == LUA_TSTRING && units_duration(lua_tostring(lua, -1), ns) &&
               *ns >= 0)
        return;
    refuse(reading, key, "a duration such as \"250ms\" or 2 (seconds)");
}

/* A number of bytes, from 0 on; -1: the value is none. */
static int64_t size_at(lua_State *lua, int index)
{
    int64_t bytes;
    if (lua_isinteger(lua, index))
        return lua_tointeger(lua, index);
    if (lua_type(lua, index) == LUA_TSTRING && units_size(lua_tostring(lua, index), &bytes))
        return bytes;
    return -1;
}

static void read_size(struct reading *reading, const struct key *key)
{
    int64_t bytes = size_at(reading->lua, -1);
    if (bytes < 0)
        refuse(reading, key, "a size such as 100 (bytes) or \"4KiB\"");
    *(int64_t *)place_of(reading, key) = bytes;
}

/* At least one byte. */
static int64_t check_some(struct reading *reading, const struct key *key)
{
    int64_t bytes = size_at(reading->lua, -1);
    if (bytes < 1)
        refuse(reading, key, "a size of at least 1, such as 100 (bytes) or \"4KiB\"");
    return bytes;
}

static void read_drip(struct reading *reading, const struct key *key)
{
    reading->rule->effects.drip = check_some(reading, key);
}

static void read_pieces(struct reading *reading, const struct key *key)
{
    reading->rule->effects.pieces = (size_t)check_some(reading, key);
}

static void read_count(struct reading *reading, const struct key *key)
{
    lua_Integer count = lua_isinteger(reading->lua, -1) ? lua_tointeger(reading->lua, -1) : 0;
    if (count < 1)
        refuse(reading, key, "a whole number of at least 1");
    *(uint64_t *)place_of(reading, key) = (uint64_t)count;
}

static void read_chance(struct reading *reading, const struct key *key)
{
    double chance = lua_type(reading->lua, -1) == LUA_TNUMBER ? lua_tonumber(reading->lua, -1) : -1;
    if (!(chance >= 0 && chance <= 1))
        refuse(reading, key, "a number from 0 to 1");
    *(double *)place_of(reading, key) = chance;
}

static void read_function(struct reading *reading, const struct key *key)
{
    if (!lua_isfunction(reading->lua, -1))
        refuse(reading, key, "a function");
    lua_pushvalue(reading->lua, -1);
    *(int *)place_of(reading, key) = luaL_ref(reading->lua, LUA_REGISTRYINDEX);
}

/* once, or cycle, which is its contrary. */
static void read_once(struct reading *reading, const struct key *key)
{
    bool once = false, cycle;
    lua_State *lua = reading->lua;
    if (!lua_isboolean(lua, -1))
        refuse(reading, key, "true or false");
    if (lua_getfield(lua, reading->table, "replies") == LUA_TNIL)
        rules_refuse(reading, "%s: is about replies = {...}, which it does not have", key->name);
    bool told_once = lua_getfield(lua, reading->table, "once") != LUA_TNIL;
    once = lua_toboolean(lua, -1);
    bool told_cycle = lua_getfield(lua, reading->table, "cycle") != LUA_TNIL;
    cycle = lua_toboolean(lua, -1);
    if (told_once && told_cycle && once == cycle)
        rules_refuse(reading, "once and cycle contradict each other");
    reading->rule->once = told_once ? once : !cycle;
    lua_pop(lua, 3);
}

/* Read with the pattern and the reply. */
static void read_no_more(struct reading *reading, const struct key *key)
{
    (void)reading;
    (void)key;
}

static const struct key keys[] = {
    {"replies", read_no_more, 0, false},
    {"cycle", read_once, 0, false},
    {"once", read_once, 0, false},
    {"when", read_function, PLACE(when), false},
    {"chance", read_chance, PLACE(chance), false},
    {"times", read_count, PLACE(times), false},
    {"required", read_count, PLACE(required), false},
    {"delay", read_duration, PLACE(effects.delay_ns), true},
    {"drip", read_drip, 0, true},
    {"pieces", read_pieces, 0, true},
    {"truncate", read_size, PLACE(effects.truncate_size), true},
    {"close", read_flag, PLACE(effects.close), true},
    {"reset", read_flag, PLACE(effects.reset), true},
    {"hang", read_flag, PLACE(effects.hang), true},
};

#define KEY_COUNT (sizeof keys / sizeof *keys)

/* whose: what may have such keys, and which. */
_Noreturn static void refuse_key(struct reading *reading, const char *name, bool effect,
                                 const char *whose)
{
    const struct key *nearest = NULL;
    unsigned best = nearest_slips_allowed(strlen(name)) + 1;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (effect && !keys[i].effect)
            continue;
        unsigned slips = nearest_slips(slice_of_text(name), slice_of_text(keys[i].name));
        if (slips < best) {
            best = slips;
            nearest = &keys[i];
        }
    }
    lua_pushstring(reading->lua, name);
    const char *shown = script_met(reading->lua, -1);
    if (nearest)
        rules_refuse(reading, "%s: no such key; did you mean %s?", shown, nearest->name);
    rules_refuse(reading, "%s: no such key; %s delay, drip, pieces, truncate, close, reset, hang",
                 shown, whose);
}

void rules_read_key(struct reading *reading, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0) {
            keys[i].read(reading, &keys[i]);
            return;
        }
    refuse_key(reading, name, false,
               "a rule has replies, cycle, once, when, chance, times, required,");
}

void rules_read_effect(struct reading *reading, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (keys[i].effect && strcmp(keys[i].name, name) == 0) {
            keys[i].read(reading, &keys[i]);
            return;
        }
    refuse_key(reading, name, true, "a reply among several may have");
}
