/* script_match.c: string.find, match, gmatch and gsub, with a matcher that keeps to the budget. */
#include "reply/lua_pattern.h"
#include "reply/script_parts.h"

static struct slice text_at(lua_State *lua, int index)
{
    size_t size;
    const char *text = luaL_checklstring(lua, index, &size);
    return slice_of(text, size);
}

/* The matcher's steps are shorter than others. */
#define MATCHED_IN_A_STEP 4

static uint64_t affordable(lua_State *lua)
{
    uint64_t steps = script_steps(lua);
    return steps < UINT64_MAX / MATCHED_IN_A_STEP ? steps * MATCHED_IN_A_STEP : UINT64_MAX;
}

/* What the matcher has used is charged; errors of the pattern are raised. */
static bool search(lua_State *lua, struct lua_pattern *match, const uint8_t *place)
{
    uint64_t given = match->steps = affordable(lua);
    enum lua_pattern_result result = lua_pattern_search(match, place);
    script_charge(lua, 1 + (given - match->steps) / MATCHED_IN_A_STEP);
    if (result == LUA_PATTERN_SPENT)
        script_charge(lua, UINT64_MAX);
    if (result == LUA_PATTERN_WRONG)
        luaL_error(lua, "%s", match->problem);
    return result == LUA_PATTERN_MATCH;
}

/* ---- captures ---- */

/* One capture, by its index from 0; where there are none, the first is the whole match. Places are
 * pushed, as they may be anything; for others the bytes are returned. */
static struct slice capture_of(lua_State *lua, const struct lua_pattern *match, unsigned index)
{
    if (index >= match->count) {
        if (index > 0)
            luaL_error(lua, "invalid capture index %%%d", (int)index + 1);
        return slice_of(match->start, (size_t)(match->end - match->start));
    }
    const struct lua_capture *capture = &match->captures[index];
    if (capture->size == LUA_CAPTURE_OPEN)
        luaL_error(lua, "unfinished capture");
    if (capture->size == LUA_CAPTURE_PLACE) {
        lua_pushinteger(lua, capture->start - match->subject + 1);
        return slice_of(NULL, 0);
    }
    return slice_of(capture->start, (size_t)capture->size);
}

static void push_capture(lua_State *lua, const struct lua_pattern *match, unsigned index)
{
    struct slice bytes = capture_of(lua, match, index);
    if (bytes.data)
        lua_pushlstring(lua, (const char *)bytes.data, bytes.size);
}

static int push_captures(lua_State *lua, const struct lua_pattern *match, bool whole)
{
    unsigned count = match->count == 0 && whole ? 1 : match->count;
    luaL_checkstack(lua, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++)
        push_capture(lua, match, i);
    return (int)count;
}

/* ---- find and match ---- */

static int push_range(lua_State *lua, size_t first, size_t size)
{
    lua_pushinteger(lua, (lua_Integer)first + 1);
    lua_pushinteger(lua, (lua_Integer)first + (lua_Integer)size);
    return 2;
}

static int find_plain(lua_State *lua, struct slice text, struct slice sought, size_t init)
{
    struct slice rest = slice_after(text, init);
    const uint8_t *found =
        sought.size > 0 ? memmem(rest.data, rest.size, sought.data, sought.size) : rest.data;
    size_t passed = found ? (size_t)(found - rest.data) : rest.size;
    script_charge(lua, 1 + passed / (sought.size > 1 ? 16 : 64) + sought.size / 16);
    if (found)
        return push_range(lua, init + passed, sought.size);
    lua_pushnil(lua);
    return 1;
}

/* (text, pattern, init, plain) */
static int find_or_match(lua_State *lua, bool find)
{
    struct lua_pattern match;
    struct slice text = text_at(lua, 1);
    struct slice pattern = text_at(lua, 2);
    size_t init = script_init(lua, 3, text.size);
    if (init > text.size) {
        lua_pushnil(lua);
        return 1;
    }
    script_charge(lua, pattern.size / 16);
    if (find && (lua_toboolean(lua, 4) || lua_pattern_is_plain(pattern)))
        return find_plain(lua, text, pattern, init);
    lua_pattern_prepare(&match, text, pattern, true, 0);
    if (!search(lua, &match, text.data + init)) {
        lua_pushnil(lua);
        return 1;
    }
    if (!find)
        return push_captures(lua, &match, true);
    push_range(lua, (size_t)(match.start - match.subject), (size_t)(match.end - match.start));
    return 2 + push_captures(lua, &match, false);
}

static int find(lua_State *lua)
{
    return find_or_match(lua, true);
}

static int match_first(lua_State *lua)
{
    return find_or_match(lua, false);
}

/* ---- one match after the other ---- */

/* The next match from a place on that does not end where the last one did (NULL: there was none).
 */
static bool search_next(lua_State *lua, struct lua_pattern *match, const uint8_t *place,
                        const uint8_t *last)
{
    for (; place <= match->subject_end; place++) {
        if (!search(lua, match, place))
            return false;
        if (match->end != last)
            return true;
        if (match->anchored)
            return false;
        place = match->start;
    }
    return false;
}

/* Upvalues: text, pattern, where to go on (from 0), where the last match ended (or -1). */
static int next_match(lua_State *lua)
{
    struct lua_pattern match;
    struct slice text = text_at(lua, lua_upvalueindex(1));
    lua_Integer from = lua_tointeger(lua, lua_upvalueindex(3));
    lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));
    if (from > (lua_Integer)text.size)
        return 0;
    lua_pattern_prepare(&match, text, text_at(lua, lua_upvalueindex(2)), false, 0);
    bool found = search_next(lua, &match, text.data + from, last < 0 ? NULL : text.data + last);
    lua_Integer end = found ? match.end - match.subject : (lua_Integer)text.size + 1;
    lua_pushinteger(lua, end);
    lua_copy(lua, -1, lua_upvalueindex(3));
    lua_replace(lua, lua_upvalueindex(4));
    return found ? push_captures(lua, &match, true) : 0;
}

/* (text, pattern, init) */
static int match_all(lua_State *lua)
{
    size_t size = text_at(lua, 1).size;
    text_at(lua, 2);
    lua_Integer init = (lua_Integer)script_init(lua, 3, size);
    lua_settop(lua, 2);
    lua_pushinteger(lua, init);
    lua_pushinteger(lua, -1);
    lua_pushcclosure(lua, next_match, 4);
    return 1;
}

/* ---- replacing ---- */

/* The replacement is a text with %0 to %9 and %% in it. */
static void add_filled(lua_State *lua, luaL_Buffer *to, const struct lua_pattern *match)
{
    struct slice text = text_at(lua, 3);
    script_charge(lua, 1 + text.size / 16);
    while (text.size > 0) {
        const uint8_t *escape = memchr(text.data, '%', text.size);
        size_t plain = escape ? (size_t)(escape - text.data) : text.size;
        script_add(lua, to, (const char *)text.data, plain);
        text = slice_after(text, plain);
        if (!escape)
            return;
        uint8_t letter = text.size > 1 ? text.data[1] : 0;
        struct slice bytes = slice_of(&text.data[1], 1);
        if (letter == '0')
            bytes = slice_of(match->start, (size_t)(match->end - match->start));
        else if (letter >= '1' && letter <= '9')
            bytes = capture_of(lua, match, (unsigned)(letter - '1'));
        else if (letter != '%')
            luaL_error(lua, "invalid use of '%%' in replacement string");
        if (bytes.data)
            script_add(lua, to, (const char *)bytes.data, bytes.size);
        else
            luaL_addvalue(to);
        script_charge(lua, 1);
        text = slice_after(text, 2);
    }
}

/* What a table or function says to the match is on top: whether it is anything. */
static bool add_value(lua_State *lua, luaL_Buffer *to, const struct lua_pattern *match)
{
    size_t size = 0;
    if (lua_tolstring(lua, -1, &size)) {
        script_charge(lua, 1 + size / 64);
        script_make_room(lua, to, size);
        luaL_addvalue(to);
        return true;
    }
    if (lua_toboolean(lua, -1))
        luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
    lua_pop(lua, 1);
    script_add(lua, to, (const char *)match->start, (size_t)(match->end - match->start));
    return false;
}

/* (..., ..., replacement). Whether the match was replaced. */
static bool add_replaced(lua_State *lua, luaL_Buffer *to, const struct lua_pattern *match)
{
    switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(lua, 3);
        lua_call(lua, push_captures(lua, match, true), 1);
        return add_value(lua, to, match);
    case LUA_TTABLE:
        push_capture(lua, match, 0);
        lua_gettable(lua, 3);
        return add_value(lua, to, match);
    default:
        add_filled(lua, to, match);
        return true;
    }
}

static void check_replacement(lua_State *lua)
{
    int type = lua_type(lua, 3);
    luaL_argexpected(lua,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     3, "string/function/table");
}

/* (text, pattern, replacement, most) */
static int replace(lua_State *lua)
{
    struct lua_pattern match;
    luaL_Buffer result;
    struct slice text = text_at(lua, 1);
    struct slice pattern = text_at(lua, 2);
    check_replacement(lua);
    lua_Integer most = luaL_optinteger(lua, 4, (lua_Integer)text.size + 1);
    lua_Integer count = 0;
    bool changed = false;
    lua_pattern_prepare(&match, text, pattern, true, 0);
    const uint8_t *copied = text.data;
    const uint8_t *last = NULL;
    luaL_buffinit(lua, &result);
    while (count < most && search_next(lua, &match, copied, last)) {
        script_add(lua, &result, (const char *)copied, (size_t)(match.start - copied));
        changed = add_replaced(lua, &result, &match) || changed;
        copied = last = match.end;
        count++;
        if (match.anchored)
            break;
    }
    if (changed) {
        script_add(lua, &result, (const char *)copied, (size_t)(match.subject_end - copied));
        luaL_pushresult(&result);
    } else {
        lua_pushvalue(lua, 1);
    }
    lua_pushinteger(lua, count);
    return 2;
}

void script_open_matching(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"find", find},
                                         {"match", match_first},
                                         {"gmatch", match_all},
                                         {"gsub", replace},
                                         {NULL, NULL}};
    lua_getglobal(lua, "string");
    luaL_setfuncs(lua, functions, 0);
    lua_pop(lua, 1);
}
