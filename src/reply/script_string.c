/* script_string.c: what a message could make run long of the libraries that handle text.
 *
 * A function that takes time with what it is given, and no more, is charged for that and then does
 * its work as Lua's library has it: by its first argument (upper), or by the format, which is that,
 * and the texts behind it (format). rep and byte are written anew: what they take depends on
 * numbers. */
#include "reply/script_parts.h"

#include <ctype.h>
#include <limits.h>

/* ---- indices ---- */

/* An index from 1, or from the end where it is negative, as one from 0. */
static size_t from_start(lua_Integer index, size_t size)
{
    if (index > 0)
        return (size_t)index - 1;
    if (index == 0 || index < -(lua_Integer)size)
        return 0;
    return size + (size_t)index;
}

/* The same for where a range ends, behind its last. */
static size_t behind_end(lua_Integer index, size_t size)
{
    if (index > (lua_Integer)size)
        return size;
    if (index >= 0)
        return (size_t)index;
    return index < -(lua_Integer)size ? 0 : size + (size_t)index + 1;
}

size_t script_init(lua_State *lua, int index, size_t size)
{
    return from_start(luaL_optinteger(lua, index, 1), size);
}

/* ---- charged, and then Lua's own ---- */

#define ORIGINAL lua_upvalueindex(1)
#define PRICE    lua_upvalueindex(2) /* steps for 16 bytes */

static size_t size_at(lua_State *lua, int index)
{
    return lua_type(lua, index) == LUA_TSTRING ? lua_rawlen(lua, index) : 0;
}

/* Charge for the first argument; its size. */
static size_t charge_first(lua_State *lua)
{
    size_t size = size_at(lua, 1);
    script_charge(lua, 1 + size * (size_t)lua_tointeger(lua, PRICE) / 16);
    return size;
}

static int call_charged(lua_State *lua)
{
    charge_first(lua);
    return lua_tocfunction(lua, ORIGINAL)(lua);
}

/* What is made is as long as the first argument. */
static int call_as_long(lua_State *lua)
{
    size_t size = charge_first(lua);
    if (size > LUAL_BUFFERSIZE)
        script_reserve(lua, 2 * size);
    return lua_tocfunction(lua, ORIGINAL)(lua);
}

/* What is made has room for all arguments. */
static int call_with_texts(lua_State *lua)
{
    size_t size = charge_first(lua);
    for (int i = lua_gettop(lua); i > 1; i--)
        size += size_at(lua, i);
    script_charge(lua, size / 64);
    if (size > LUAL_BUFFERSIZE)
        script_reserve(lua, 2 * size);
    return lua_tocfunction(lua, ORIGINAL)(lua);
}

/* What %q writes as a number takes long; 8 steps each. */
static uint64_t quoting_steps(struct slice text)
{
    uint64_t steps = 0;
    for (size_t i = 0; i < text.size; i++)
        steps += iscntrl(text.data[i]) ? 8 : 0;
    return steps;
}

/* (format, ...) */
static int format(lua_State *lua)
{
    bool quotes = size_at(lua, 1) > 0 && memchr(lua_tostring(lua, 1), 'q', size_at(lua, 1));
    for (int i = lua_gettop(lua); quotes && i > 1; i--)
        if (size_at(lua, i) > 0)
            script_charge(lua, quoting_steps(slice_of(lua_tostring(lua, i), size_at(lua, i))));
    return call_with_texts(lua);
}

/* (text, from, to): in characters or bytes, whichever are more. */
static int call_with_range(lua_State *lua)
{
    size_t size = size_at(lua, 1);
    lua_Integer from = luaL_optinteger(lua, 2, 1);
    size_t first = from_start(from, size);
    size_t end = behind_end(luaL_optinteger(lua, 3, from), size);
    script_charge(lua, 1 + (end > first ? end - first : 0));
    return lua_tocfunction(lua, ORIGINAL)(lua);
}

/* (text, characters, from) */
static int call_with_distance(lua_State *lua)
{
    size_t size = size_at(lua, 1);
    lua_Integer count = luaL_optinteger(lua, 2, 0);
    size_t distance = count < 0 ? 0 - (size_t)count : (size_t)count;
    script_charge(lua, 1 + (distance < size ? distance : size) / 4);
    return lua_tocfunction(lua, ORIGINAL)(lua);
}

struct charged {
    const char *library, *name;
    lua_CFunction function;
    int price;
};

static void charge_for(lua_State *lua, const struct charged *charged)
{
    lua_getglobal(lua, charged->library);
    lua_getfield(lua, -1, charged->name);
    lua_pushinteger(lua, charged->price);
    lua_pushcclosure(lua, charged->function, 2);
    lua_setfield(lua, -2, charged->name);
    lua_pop(lua, 1);
}

/* ---- string.rep, string.byte ---- */

/* What is there is copied behind itself, twice as much each time. */
static void fill(char *to, size_t there, size_t total)
{
    while (there < total) {
        size_t more = there < total - there ? there : total - there;
        memcpy(to + there, to, more);
        there += more;
    }
}

static void write_repeated(char *to, size_t total, struct slice text, struct slice separator)
{
    memcpy(to, text.data, text.size);
    if (total == text.size)
        return;
    memcpy(to + text.size, separator.data, separator.size);
    fill(to, text.size + separator.size, total);
}

/* (text, times, separator) */
static int repeat(lua_State *lua)
{
    size_t size;
    size_t separator_size;
    const char *text = luaL_checklstring(lua, 1, &size);
    lua_Integer times = luaL_checkinteger(lua, 2);
    const char *separator = luaL_optlstring(lua, 3, "", &separator_size);
    size_t both = size + separator_size;
    if (times <= 0 || both == 0) {
        lua_pushliteral(lua, "");
        return 1;
    }
    if (both >= (size_t)LUA_MAXINTEGER / (size_t)times)
        return luaL_error(lua, "resulting string too large");
    size_t total = both * (size_t)times - separator_size;
    luaL_Buffer result;
    script_reserve(lua, total <= LUAL_BUFFERSIZE ? total : 2 * total);
    script_charge(lua, 1 + total / 64);
    write_repeated(luaL_buffinitsize(lua, &result, total), total, slice_of(text, size),
                   slice_of(separator, separator_size));
    luaL_pushresultsize(&result, total);
    return 1;
}

/* (text, from, to) */
static int byte(lua_State *lua)
{
    size_t size;
    const uint8_t *text = (const uint8_t *)luaL_checklstring(lua, 1, &size);
    lua_Integer from = luaL_optinteger(lua, 2, 1);
    size_t first = from_start(from, size);
    size_t end = behind_end(luaL_optinteger(lua, 3, from), size);
    if (first >= end)
        return 0;
    script_charge(lua, end - first);
    if (end - first >= INT_MAX)
        return luaL_error(lua, "string slice too long");
    luaL_checkstack(lua, (int)(end - first), "string slice too long");
    for (size_t i = first; i < end; i++)
        lua_pushinteger(lua, text[i]);
    return (int)(end - first);
}

/* tonumber is of the basic library, which is the globals. */
void script_open_strings(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"byte", byte}, {"rep", repeat}, {NULL, NULL}};
    static const struct charged charged[] = {
        {"string", "upper", call_as_long, 2},      {"string", "lower", call_as_long, 2},
        {"string", "reverse", call_as_long, 2},    {"string", "format", format, 64},
        {"string", "pack", call_with_texts, 64},   {"string", "packsize", call_charged, 32},
        {"string", "unpack", call_charged, 64},    {"utf8", "len", call_charged, 4},
        {"utf8", "codepoint", call_with_range, 0}, {"utf8", "offset", call_with_distance, 0},
        {"os", "date", call_charged, 80},          {LUA_GNAME, "tonumber", call_charged, 4}};
    lua_getglobal(lua, "string");
    luaL_setfuncs(lua, functions, 0);
    lua_pop(lua, 1);
    for (size_t i = 0; i < sizeof charged / sizeof charged[0]; i++)
        charge_for(lua, &charged[i]);
}
