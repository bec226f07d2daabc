/* script_libraries.c: what scripts have of Lua's libraries.
 *
 * Everything that only computes. What reaches beyond the state (files, processes, the environment,
 * other libraries) and what gets behind Lua's back (debug, bytecode) is there for the trusted; for
 * others each such name is a function that says so. What catches errors, and what a message could
 * make run long, is replaced for both.
 *
 * The tables of the libraries are like any other: a script may change them, and the conversations
 * of a worker then see that, for they are one script's, by one author. The bounds do not depend on
 * them: no function that is without bounds can be reached from anywhere, and none of goodtalk's own
 * looks one up there.
 *
 * Finalizers (__gc) would run with hooks off. Lua looks for __gc when a metatable is set, and marks
 * the object then or never: refusing it in setmetatable is enough, for a field that is added later
 * is not called. Objects made in C that do have a finalizer keep their metatable to themselves. */
#include "reply/script_parts.h"

#include <lualib.h>

/* ---- what is refused ---- */

static int refuse_untrusted(lua_State *lua)
{
    const char *name = lua_tostring(lua, lua_upvalueindex(1));
    return luaL_error(lua, "%s is for trusted scripts (--trust)", name);
}

/* In the table on top. */
static void refuse_field(lua_State *lua, const char *library, const char *name)
{
    lua_pushfstring(lua, *library ? "%s.%s" : "%s%s", library, name);
    lua_pushcclosure(lua, refuse_untrusted, 1);
    lua_setfield(lua, -2, name);
}

static void refuse_names(lua_State *lua)
{
    static const struct {
        const char *library;
        const char *names[20];
    } refused[] = {
        {"", {"dofile", "loadfile", "require"}},
        {"string", {"dump"}},
        {"os", {"execute", "exit", "getenv", "remove", "rename", "setlocale", "tmpname"}},
        {"io",
         {"close", "flush", "input", "lines", "open", "output", "popen", "read", "tmpfile", "type",
          "write"}},
        {"debug",
         {"debug", "gethook", "getinfo", "getlocal", "getmetatable", "getregistry", "getupvalue",
          "getuservalue", "sethook", "setlocal", "setmetatable", "setupvalue", "setuservalue",
          "traceback", "upvalueid", "upvaluejoin"}},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        lua_pushglobaltable(lua);
        if (*refused[i].library)
            luaL_getsubtable(lua, -1, refused[i].library);
        for (const char *const *name = refused[i].names; *name; name++)
            refuse_field(lua, refused[i].library, *name);
        lua_settop(lua, 0);
    }
}

/* ---- functions of the basic library ---- */

static int collect_garbage(lua_State *lua)
{
    const char *option = luaL_optstring(lua, 1, "collect");
    if (strcmp(option, "count") != 0)
        return luaL_error(lua, "collectgarbage \"%s\" is for trusted scripts (--trust)", option);
    lua_pushnumber(lua, (lua_Number)script_bytes(script_of(lua)) / 1024);
    return 1;
}

static int set_metatable(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    luaL_argexpected(lua, lua_istable(lua, 2) || lua_isnil(lua, 2), 2, "nil or table");
    if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL)
        return luaL_error(lua, "cannot change a protected metatable");
    lua_settop(lua, 2);
    if (lua_istable(lua, 2)) {
        lua_pushliteral(lua, "__gc");
        if (lua_rawget(lua, 2) != LUA_TNIL)
            return luaL_error(lua, "__gc: finalizers are for trusted scripts (--trust)");
        lua_settop(lua, 2);
    }
    lua_setmetatable(lua, 1);
    return 1;
}

/* Of a value made in C: what __metatable says, and nothing else. */
static int get_metatable(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL)
        return 1;
    if (lua_type(lua, 1) == LUA_TUSERDATA || !lua_getmetatable(lua, 1))
        lua_pushnil(lua);
    return 1;
}

/* The pieces that a function hands out, one after the other. */
static void gather_pieces(lua_State *lua)
{
    luaL_Buffer gathered;
    luaL_buffinit(lua, &gathered);
    for (;;) {
        size_t size = 0;
        lua_pushvalue(lua, 1);
        lua_call(lua, 0, 1);
        if (!lua_isnil(lua, -1) && !lua_isstring(lua, -1))
            luaL_error(lua, "reader function must return a string");
        if (!lua_tolstring(lua, -1, &size) || size == 0)
            break;
        script_charge(lua, 1 + size / 16);
        luaL_addvalue(&gathered);
    }
    lua_pop(lua, 1);
    luaL_pushresult(&gathered);
}

/* What the compiler looks up it looks for in lists: its time may grow with the square. */
static void charge_compiler(lua_State *lua, size_t size)
{
    script_charge(lua, 1 + size + size * (size / 4096));
}

/* (chunk, name, mode, environment) */
static int load(lua_State *lua)
{
    size_t size;
    bool trusted = script_of(lua)->bounds.trusted;
    bool environment = !lua_isnone(lua, 4);
    lua_settop(lua, 4);
    if (!lua_isstring(lua, 1)) {
        luaL_checktype(lua, 1, LUA_TFUNCTION);
        gather_pieces(lua);
        lua_replace(lua, 1);
        if (lua_isnil(lua, 2))
            lua_pushliteral(lua, "=(load)");
        else
            lua_pushvalue(lua, 2);
        lua_replace(lua, 2);
    }
    const char *source = lua_tolstring(lua, 1, &size);
    const char *name = luaL_optstring(lua, 2, source);
    const char *mode = luaL_optstring(lua, 3, "bt");
    charge_compiler(lua, size);
    int status = luaL_loadbufferx(lua, source, size, name,
                                  trusted             ? mode
                                  : strchr(mode, 't') ? "t"
                                                      : "");
    if (status != LUA_OK) {
        script_caught(lua, status);
        lua_pushnil(lua);
        lua_insert(lua, -2);
        return 2;
    }
    if (environment) {
        lua_pushvalue(lua, 4);
        if (!lua_setupvalue(lua, -2, 1)) /* bytecode of a function that has none */
            lua_pop(lua, 1);
    }
    return 1;
}

/* Where a table was large and is empty now, it has many places to look at. */
static int next(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TTABLE);
    script_look(lua);
    lua_settop(lua, 2);
    if (lua_next(lua, 1))
        return 2;
    lua_pushnil(lua);
    return 1;
}

static int go_on_with_pairs(lua_State *lua, int status, lua_KContext context)
{
    (void)lua;
    (void)status;
    (void)context;
    return 3;
}

static int pairs(lua_State *lua)
{
    luaL_checkany(lua, 1);
    if (luaL_getmetafield(lua, 1, "__pairs") == LUA_TNIL) {
        lua_pushcfunction(lua, next);
        lua_pushvalue(lua, 1);
        lua_pushnil(lua);
    } else {
        lua_pushvalue(lua, 1);
        lua_callk(lua, 1, 3, 0, go_on_with_pairs);
    }
    return 3;
}

/* Standard output carries messages only: what is printed is logged. */
static int print(lua_State *lua)
{
    int count = lua_gettop(lua);
    luaL_checkstack(lua, 2 * count + 2, "too many values to print");
    if (lua_getglobal(lua, "log") != LUA_TFUNCTION)
        return luaL_error(lua, "print: standard output carries messages only, and there is no log");
    lua_pushliteral(lua, "");
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            lua_pushliteral(lua, "\t");
        luaL_tolstring(lua, i, NULL);
    }
    lua_concat(lua, count > 0 ? 2 * count : 1);
    lua_call(lua, 1, 0);
    return 0;
}

/* ---- opening ---- */

static void open_computing(lua_State *lua)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},        {LUA_COLIBNAME, luaopen_coroutine},
        {LUA_MATHLIBNAME, luaopen_math},  {LUA_OSLIBNAME, luaopen_os},
        {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table},
        {LUA_UTF8LIBNAME, luaopen_utf8},  {NULL, NULL}};
    for (const luaL_Reg *library = libraries; library->name; library++)
        luaL_requiref(lua, library->name, library->func, 1);
    lua_settop(lua, 0);
}

static void replace_basic(lua_State *lua, bool trusted)
{
    static const luaL_Reg for_all[] = {
        {"load", load}, {"next", next}, {"pairs", pairs}, {"print", print}, {NULL, NULL}};
    static const luaL_Reg for_untrusted[] = {{"collectgarbage", collect_garbage},
                                             {"getmetatable", get_metatable},
                                             {"setmetatable", set_metatable},
                                             {NULL, NULL}};
    lua_pushglobaltable(lua);
    luaL_setfuncs(lua, for_all, 0);
    if (!trusted)
        luaL_setfuncs(lua, for_untrusted, 0);
    lua_settop(lua, 0);
}

/* Who has it takes the hook away by accident. */
static void drop_sethook(lua_State *lua)
{
    lua_getglobal(lua, "debug");
    lua_pushnil(lua);
    lua_setfield(lua, -2, "sethook");
    lua_settop(lua, 0);
}

int script_open_libraries(lua_State *lua)
{
    bool trusted = script_of(lua)->bounds.trusted;
    lua_settop(lua, 0);
    if (trusted) {
        luaL_openlibs(lua);
        drop_sethook(lua);
    } else {
        open_computing(lua);
        refuse_names(lua);
    }
    replace_basic(lua, trusted);
    script_open_catching(lua);
    script_open_matching(lua);
    script_open_strings(lua);
    script_open_table(lua);
    return 0;
}
