/* conversation_pattern.c: the patterns of expects, each compiled once in a state.
 *
 * They are kept by their text. A script that makes ever new ones (out of what it heard) does not
 * fill the memory: when there are too many, all are forgotten. Lua sees little of what they take,
 * and is told, so that it collects those in time. */
#include "reply/conversation_parts.h"
#include "reply/script.h"

#include <goodtalk.h>

#define PATTERNS_MOST  256
#define PATTERNS_BYTES ((size_t)16 << 20)

#define PATTERNS_TYPE "goodtalk.patterns"
#define PATTERN_TYPE  "goodtalk.pattern"

struct patterns {
    struct matcher *matcher;
    unsigned count; /* in its table, which is its user value */
    size_t bytes;   /* that they take */
};

static int forget_matcher(lua_State *lua)
{
    struct patterns *patterns = lua_touserdata(lua, 1);
    matcher_destroy(&patterns->matcher);
    return 0;
}

static int forget_pattern(lua_State *lua)
{
    struct pattern **pattern = lua_touserdata(lua, 1);
    pattern_destroy(pattern);
    return 0;
}

static void set_type(lua_State *lua, const char *type, lua_CFunction forget)
{
    if (luaL_newmetatable(lua, type)) {
        lua_pushcfunction(lua, forget);
        lua_setfield(lua, -2, "__gc");
    }
    lua_setmetatable(lua, -2);
}

/* The state's, which is pushed. */
static struct patterns *push_patterns(lua_State *lua)
{
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &conversation_patterns_open);
    return lua_touserdata(lua, -1);
}

void conversation_patterns_open(lua_State *lua, size_t match_bytes)
{
    struct patterns *patterns = push_patterns(lua);
    lua_pop(lua, 1);
    if (patterns)
        return;
    patterns = lua_newuserdatauv(lua, sizeof *patterns, 1);
    *patterns = (struct patterns){0};
    set_type(lua, PATTERNS_TYPE, forget_matcher);
    patterns->matcher = matcher_create(match_bytes);
    if (!patterns->matcher)
        script_no_memory(lua);
    lua_newtable(lua);
    lua_setiuservalue(lua, -2, 1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &conversation_patterns_open);
}

struct matcher *conversation_matcher(lua_State *lua)
{
    struct patterns *patterns = push_patterns(lua);
    lua_pop(lua, 1);
    return patterns->matcher;
}

/* Push a new one. */
static struct pattern *compile(lua_State *lua, struct slice text)
{
    struct error error = {0};
    struct pattern **pattern = lua_newuserdatauv(lua, sizeof *pattern, 0);
    *pattern = NULL;
    set_type(lua, PATTERN_TYPE, forget_pattern);
    int status = pattern_compile(text, pattern, &error);
    if (status == GT_FAILED)
        script_no_memory(lua);
    if (status != GT_DONE)
        luaL_error(lua, "peer:expect: %s", error.text);
    lua_gc(lua, LUA_GCSTEP,
           (int)(pattern_bytes(*pattern) / 1024)); /* as if it had allocated them */
    return *pattern;
}

/* Keep the pattern on top of the stack by the text at index. */
static void keep(lua_State *lua, struct patterns *patterns, int table, int index)
{
    size_t bytes = pattern_bytes(*(struct pattern **)lua_touserdata(lua, -1));
    if (patterns->count >= PATTERNS_MOST || patterns->bytes + bytes > PATTERNS_BYTES) {
        lua_newtable(lua);
        lua_pushvalue(lua, -1);
        lua_setiuservalue(lua, table - 1, 1);
        lua_replace(lua, table);
        patterns->count = 0;
        patterns->bytes = 0;
    }
    lua_pushvalue(lua, index);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, table);
    patterns->count++;
    patterns->bytes += bytes;
}

struct pattern *conversation_pattern_push(lua_State *lua, int index)
{
    size_t size;
    const char *text = luaL_checklstring(lua, index, &size);
    struct patterns *patterns = push_patterns(lua);
    lua_getiuservalue(lua, -1, 1);
    int table = lua_gettop(lua);
    lua_pushvalue(lua, index);
    lua_rawget(lua, table);
    struct pattern **known = lua_touserdata(lua, -1);
    struct pattern *pattern = known ? *known : NULL;
    if (!known) {
        lua_pop(lua, 1);
        pattern = compile(lua, slice_of(text, size));
        keep(lua, patterns, table, index);
    }
    lua_replace(lua, table - 1);
    lua_settop(lua, table - 1);
    return pattern;
}
