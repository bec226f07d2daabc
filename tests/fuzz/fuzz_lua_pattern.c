/* Whatever the pattern and the subject, the matcher comes to an end within its steps, and finds
 * what Lua's own finds, where that comes to an end. */
#include "reply/lua_pattern.h"

#include "fuzz.h"

#include <lauxlib.h>
#include <lualib.h>

#define STEPS 3000 /* of ours; Lua's own takes no longer */

static lua_State *plain_lua(void)
{
    static lua_State *lua;
    if (!lua) {
        lua = luaL_newstate();
        require(lua != NULL);
        luaL_openlibs(lua);
        lua_getglobal(lua, "string");
    }
    lua_settop(lua, 1);
    return lua;
}

static void require_capture(lua_State *lua, const struct lua_pattern *match, unsigned index)
{
    size_t size;
    const struct lua_capture *capture = &match->captures[index];
    int place = 4 + (int)index;
    if (capture->size == LUA_CAPTURE_PLACE) {
        require(lua_tointeger(lua, place) == capture->start - match->subject + 1);
        return;
    }
    const char *expected = lua_tolstring(lua, place, &size);
    require(expected &&
            slice_equal(slice_of(expected, size), slice_of(capture->start, (size_t)capture->size)));
}

static bool any_open(const struct lua_pattern *match)
{
    for (unsigned i = 0; i < match->count; i++)
        if (match->captures[i].size == LUA_CAPTURE_OPEN)
            return true;
    return false;
}

/* string.find, which leaves where the match is and its captures; or the error. */
static bool lua_finds(lua_State *lua, struct slice subject, struct slice pattern)
{
    lua_getfield(lua, 1, "find");
    lua_pushlstring(lua, (const char *)subject.data, subject.size);
    lua_pushlstring(lua, (const char *)pattern.data, pattern.size);
    return lua_pcall(lua, 2, LUA_MULTRET, 0) == LUA_OK;
}

static void require_same(struct lua_pattern *match, enum lua_pattern_result result,
                         struct slice subject, struct slice pattern)
{
    lua_State *lua = plain_lua();
    if (!lua_finds(lua, subject, pattern)) {
        const char *problem = lua_tostring(lua, -1);
        if (result == LUA_PATTERN_MATCH)
            require(any_open(match) && strcmp(problem, "unfinished capture") == 0);
        else
            require(result == LUA_PATTERN_WRONG && strcmp(problem, match->problem) == 0);
        return;
    }
    if (lua_isnil(lua, 2)) {
        require(result == LUA_PATTERN_NONE);
        return;
    }
    require(result == LUA_PATTERN_MATCH);
    require(lua_tointeger(lua, 2) == match->start - match->subject + 1);
    require(lua_tointeger(lua, 3) == match->end - match->subject);
    require(lua_gettop(lua) == 3 + (int)match->count);
    for (unsigned i = 0; i < match->count; i++)
        require_capture(lua, match, i);
}

/* A pattern of plain text is found by other means. */
static void check(struct slice subject, struct slice pattern)
{
    struct lua_pattern match;
    lua_pattern_prepare(&match, subject, pattern, true, STEPS);
    enum lua_pattern_result result = lua_pattern_search(&match, match.subject);
    require(match.steps <= STEPS);
    if (result == LUA_PATTERN_SPENT)
        require(match.steps == 0);
    else if (!lua_pattern_is_plain(pattern))
        require_same(&match, result, subject, pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct slice words = next_word(&input, '\n');
    char *pattern = text_of(words);
    char *subject = text_of(input);
    check(slice_of(subject, input.size), slice_of(pattern, words.size));
    free(pattern);
    free(subject);
    return 0;
}
