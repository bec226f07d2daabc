/* script_table.c: the functions of the table library that go through a table, each element paid
 * for.
 *
 * As in Lua's library they honour metamethods. So lengths may be anything (__len), and differ from
 * one look to the next: each is asked for once, and what it says is charged for before anything is
 * done. Sorting is by heap: its time does not depend on what the comparison says. */
#include "reply/script_parts.h"

#include <limits.h>

/* ---- what can be gone through ---- */

enum { READS = 1, WRITES = 2, HAS_LENGTH = 4 };

static bool has_metamethod(lua_State *lua, int index, const char *name)
{
    if (luaL_getmetafield(lua, index, name) == LUA_TNIL)
        return false;
    lua_pop(lua, 1);
    return true;
}

/* A table, or what behaves like one. */
static void check_table(lua_State *lua, int index, int use)
{
    if (lua_type(lua, index) == LUA_TTABLE)
        return;
    if (!(use & READS && !has_metamethod(lua, index, "__index")) &&
        !(use & WRITES && !has_metamethod(lua, index, "__newindex")) &&
        !(use & HAS_LENGTH && !has_metamethod(lua, index, "__len")))
        return;
    luaL_checktype(lua, index, LUA_TTABLE);
}

static lua_Integer length_of(lua_State *lua, int index, int use)
{
    check_table(lua, index, use | HAS_LENGTH);
    return luaL_len(lua, index);
}

/* As many as there are from first to last, which may be any. */
static uint64_t count_of(lua_Integer first, lua_Integer last)
{
    return first > last ? 0 : (uint64_t)last - (uint64_t)first + 1;
}

/* Each is read, written, or both. */
static uint64_t charge_range(lua_State *lua, lua_Integer first, lua_Integer last)
{
    uint64_t count = count_of(first, last);
    script_charge(lua, count > 0 ? count : 1);
    return count;
}

/* ---- insert, remove, move ---- */

static void shift(lua_State *lua, lua_Integer from, lua_Integer to)
{
    lua_geti(lua, 1, from);
    lua_seti(lua, 1, to);
}

/* (table, [place,] value) */
static int insert(lua_State *lua)
{
    lua_Integer behind = (lua_Integer)((lua_Unsigned)length_of(lua, 1, READS | WRITES) + 1);
    lua_Integer place = behind;
    if (lua_gettop(lua) == 3) {
        place = luaL_checkinteger(lua, 2);
        luaL_argcheck(lua, (lua_Unsigned)place - 1 < (lua_Unsigned)behind, 2,
                      "position out of bounds");
        charge_range(lua, place, behind);
        for (lua_Integer i = behind; i > place; i--)
            shift(lua, i - 1, i);
    } else if (lua_gettop(lua) != 2) {
        return luaL_error(lua, "wrong number of arguments to 'insert'");
    }
    lua_seti(lua, 1, place);
    return 0;
}

/* (table, place) */
static int take_away(lua_State *lua)
{
    lua_Integer size = length_of(lua, 1, READS | WRITES);
    lua_Integer place = luaL_optinteger(lua, 2, size);
    if (place != size)
        luaL_argcheck(lua, (lua_Unsigned)place - 1 <= (lua_Unsigned)size, 2,
                      "position out of bounds");
    charge_range(lua, place, size);
    lua_geti(lua, 1, place);
    for (; place < size; place++)
        shift(lua, place + 1, place);
    lua_pushnil(lua);
    lua_seti(lua, 1, place);
    return 1;
}

/* (from, first, last, place [, to]) */
static int move(lua_State *lua)
{
    lua_Integer first = luaL_checkinteger(lua, 2);
    lua_Integer last = luaL_checkinteger(lua, 3);
    lua_Integer place = luaL_checkinteger(lua, 4);
    int to = lua_isnoneornil(lua, 5) ? 1 : 5;
    check_table(lua, 1, READS);
    check_table(lua, to, WRITES);
    luaL_argcheck(lua, last < first || first > 0 || last < LUA_MAXINTEGER + first, 3,
                  "too many elements to move");
    lua_Integer count = (lua_Integer)count_of(first, last);
    luaL_argcheck(lua, count == 0 || place <= LUA_MAXINTEGER - count + 1, 4,
                  "destination wrap around");
    charge_range(lua, first, last);
    bool apart = place > last || place <= first || (to != 1 && !lua_compare(lua, 1, to, LUA_OPEQ));
    for (lua_Integer i = 0; i < count; i++) {
        lua_Integer each = apart ? i : count - 1 - i;
        lua_geti(lua, 1, first + each);
        lua_seti(lua, to, place + each);
    }
    lua_pushvalue(lua, to);
    return 1;
}

/* ---- concat, unpack ---- */

static void add_element(lua_State *lua, luaL_Buffer *to, lua_Integer index)
{
    size_t size = 0;
    lua_geti(lua, 1, index);
    if (!lua_isstring(lua, -1))
        luaL_error(lua, "invalid value (%s) at index %I in table for 'concat'",
                   luaL_typename(lua, -1), (LUAI_UACINT)index);
    lua_tolstring(lua, -1, &size);
    script_charge(lua, size / 64);
    script_make_room(lua, to, size);
    luaL_addvalue(to);
}

/* (table, separator, first, last) */
static int concatenate(lua_State *lua)
{
    luaL_Buffer result;
    size_t size;
    lua_Integer length = length_of(lua, 1, READS);
    const char *separator = luaL_optlstring(lua, 2, "", &size);
    lua_Integer first = luaL_optinteger(lua, 3, 1);
    lua_Integer last = luaL_optinteger(lua, 4, length);
    uint64_t count = charge_range(lua, first, last);
    luaL_buffinit(lua, &result);
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            script_add(lua, &result, separator, size);
        add_element(lua, &result, first + (lua_Integer)i);
    }
    luaL_pushresult(&result);
    return 1;
}

/* (table, first, last) */
static int unpack(lua_State *lua)
{
    lua_Integer first = luaL_optinteger(lua, 2, 1);
    lua_Integer last = lua_isnoneornil(lua, 3) ? luaL_len(lua, 1) : luaL_checkinteger(lua, 3);
    uint64_t count = count_of(first, last);
    if (first <= last && (count == 0 || count >= INT_MAX))
        return luaL_error(lua, "too many results to unpack");
    charge_range(lua, first, last);
    if (!lua_checkstack(lua, (int)count))
        return luaL_error(lua, "too many results to unpack");
    for (uint64_t i = 0; i < count; i++)
        lua_geti(lua, 1, first + (lua_Integer)i);
    return (int)count;
}

/* ---- sort ---- */

/* Whether one value on the stack is less than another. The stack: table, function or nil, ... */
static bool less(lua_State *lua, int one, int other)
{
    if (!lua_isnil(lua, 2)) {
        lua_pushvalue(lua, 2);
        lua_pushvalue(lua, one);
        lua_pushvalue(lua, other);
        lua_call(lua, 2, 1);
        bool result = lua_toboolean(lua, -1);
        lua_pop(lua, 1);
        return result;
    }
    if (lua_type(lua, one) == LUA_TSTRING)
        script_charge(lua, lua_rawlen(lua, one) / 64);
    return lua_compare(lua, one, other, LUA_OPLT);
}

enum { ABOVE = 3, CHILD, OTHER }; /* on the stack */

/* Of the children of a place in the heap, the greater one is moved up: where it was. 0: it has
 * none.
 */
static lua_Integer move_child_up(lua_State *lua, lua_Integer place, lua_Integer size)
{
    lua_Integer child = 2 * place;
    if (child > size)
        return 0;
    lua_geti(lua, 1, child);
    if (child < size) {
        lua_geti(lua, 1, child + 1);
        if (less(lua, CHILD, OTHER)) {
            lua_insert(lua, CHILD);
            child++;
        }
        lua_pop(lua, 1);
    }
    lua_seti(lua, 1, place);
    return child;
}

/* Put the value that is ABOVE where it belongs in the heap beneath a root. The hole goes down to
 * the end, then back up: most values belong far down. */
static void sink(lua_State *lua, lua_Integer root, lua_Integer size)
{
    lua_Integer hole = root;
    for (lua_Integer child; (child = move_child_up(lua, hole, size)) > 0; hole = child)
        script_charge(lua, 2);
    for (; hole > root; hole /= 2) {
        script_charge(lua, 1);
        lua_geti(lua, 1, hole / 2);
        if (!less(lua, CHILD, ABOVE)) {
            lua_pop(lua, 1);
            break;
        }
        lua_seti(lua, 1, hole);
    }
    lua_seti(lua, 1, hole);
}

/* (table, function) */
static int sort(lua_State *lua)
{
    lua_Integer size = length_of(lua, 1, READS | WRITES);
    luaL_argcheck(lua, size < INT_MAX, 1, "array too big");
    if (!lua_isnoneornil(lua, 2))
        luaL_checktype(lua, 2, LUA_TFUNCTION);
    lua_settop(lua, 2);
    if (size < 2)
        return 0;
    charge_range(lua, 1, size);
    for (lua_Integer root = size / 2; root > 0; root--) {
        lua_geti(lua, 1, root);
        sink(lua, root, size);
    }
    for (; size > 1; size--) {
        lua_geti(lua, 1, size);
        lua_geti(lua, 1, 1);
        lua_seti(lua, 1, size);
        sink(lua, 1, size - 1);
    }
    return 0;
}

void script_open_table(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"concat", concatenate}, {"insert", insert}, {"move", move}, {"remove", take_away},
        {"sort", sort},          {"unpack", unpack}, {NULL, NULL}};
    lua_getglobal(lua, "table");
    luaL_setfuncs(lua, functions, 0);
    lua_pop(lua, 1);
}
