/* Whatever a script does, it comes to an end within its bounds, and the state is as good as before.
 *
 * Each byte of an input is a word of Lua, so that most of what is made comes past the parser; some
 * are whole statements, and most of what can be called is among them. What is left of the stack of
 * open blocks is closed at the end. */
#include "reply/script.h"

#include "base/bytes.h"
#include "fuzz.h"

#include <goodtalk.h>

static const struct script_bounds bounds = {
    .steps = 5000, .call_bytes = (size_t)256 << 10, .state_bytes = (size_t)1 << 20};

#define ROOM ((size_t)16 << 10) /* for what is done from outside: coroutines made */

static const char *const words[] = {
    /* statements */
    "a = ",
    "b = ",
    "c = ",
    "local d = ",
    "kept[#kept + 1] = ",
    "return ",
    "break ",
    "goto l ",
    "::l:: ",
    "; ",
    "a() ",
    "b() ",
    "c:d() ",
    "local e <close> = setmetatable({}, {__close = ",
    "}) ",
    /* blocks: open, and their ends */
    "while true do ",
    "while a do ",
    "repeat ",
    "for i = 1, 9 do ",
    "for i = 1, 1e9 do ",
    "for k, v in pairs(kept) do ",
    "for x in ",
    "if a then ",
    "else ",
    "do ",
    "function a(x) ",
    "function b(...) ",
    "end ",
    "until a ",
    "(function(...) ",
    "end) ",
    /* values */
    "a ",
    "b ",
    "c ",
    "d ",
    "x ",
    "... ",
    "nil ",
    "true ",
    "false ",
    "1 ",
    "2 ",
    "-1 ",
    "0x7fffffff ",
    "math.maxinteger ",
    "math.mininteger ",
    "1e300 ",
    "'a' ",
    "'' ",
    "'%d' ",
    "'(.-)%1' ",
    "'[^a]*' ",
    "'return a' ",
    "('a'):rep(100) ",
    "('a'):rep(99999) ",
    "{} ",
    "{a, b, 1, 2} ",
    "kept ",
    "_G ",
    /* between */
    "+ ",
    "- ",
    "* ",
    "// ",
    "% ",
    "^ ",
    "| ",
    "<< ",
    ">> ",
    ".. ",
    "== ",
    "< ",
    "<= ",
    "and ",
    "or ",
    "not ",
    "# ",
    "~ ",
    ", ",
    "( ",
    ") ",
    "{ ",
    "} ",
    "[ ",
    "] ",
    "= ",
    ": ",
    ". ",
    /* what can be called */
    "pcall(",
    "xpcall(",
    "error(",
    "select(",
    "tostring(",
    "tonumber(",
    "load(",
    "next(",
    "rawset(",
    "setmetatable(",
    "getmetatable(",
    "coroutine.wrap(",
    "coroutine.create(",
    "coroutine.resume(",
    "coroutine.yield(",
    "coroutine.close(",
    "coroutine.running(",
    "string.find(",
    "string.match(",
    "string.gmatch(",
    "string.gsub(",
    "string.rep(",
    "string.format(",
    "string.byte(",
    "string.pack(",
    "string.unpack(",
    "string.upper(",
    "table.insert(",
    "table.remove(",
    "table.move(",
    "table.concat(",
    "table.unpack(",
    "table.sort(",
    "table.pack(",
    "utf8.len(",
    "utf8.codepoint(",
    "utf8.offset(",
    "utf8.codes(",
    "utf8.char(",
    "os.date(",
    "os.time(",
    "print(",
    "assert(",
    "ipairs(",
    "collectgarbage(",
    /* metamethods */
    "{__index = ",
    "{__newindex = ",
    "{__len = ",
    "{__call = ",
    "{__eq = ",
    "{__lt = ",
    "{__concat = ",
    "{__tostring = ",
    "{__close = ",
    "{__gc = ",
    "{__mode = 'k'",
    "{__name = ",
    "{__pairs = ",
    "{__metatable = ",
};

static void write_source(struct bytes *source, struct slice input)
{
    while (input.size > 0) {
        const char *word = words[next_byte(&input) % (sizeof words / sizeof *words)];
        require(bytes_append(source, slice_of_text(word)) == 0);
    }
}

static struct script *make(void)
{
    struct error error = {0};
    struct script *script = script_create(&bounds, &error);
    require(script != NULL);
    require(script_load(script,
                        slice_of_text("kept = {} function a() return a, b end function b(x) c = x "
                                      "return x end c = {d = b} function log() end"),
                        "begin", &error) == GT_DONE);
    require(script_call(script, 0, 0) == LUA_OK);
    return script;
}

static void run(struct script *script, struct slice source)
{
    struct error error = {0};
    lua_State *lua = script_lua(script);
    int status = script_load(script, source, "fuzz", &error);
    if (status != GT_DONE) {
        require(status == GT_WRONG || status == GT_FAILED);
        return;
    }
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(lua, -1);
        if (script_call(script, 0, 0) != LUA_OK) {
            require(lua_type(lua, -1) == LUA_TSTRING);
            lua_pop(lua, 1);
        }
        require(script_bytes(script) <= bounds.state_bytes + ROOM);
    }
    lua_pop(lua, 1);
}

/* As a conversation runs: until it ends, or has waited often enough. */
static void run_as_coroutine(struct script *script, struct slice source)
{
    struct error error = {0};
    lua_State *lua = script_lua(script);
    if (script_load(script, source, "fuzz", &error) != GT_DONE)
        return;
    int results;
    lua_State *coroutine = lua_newthread(lua);
    lua_insert(lua, -2);
    lua_xmove(lua, coroutine, 1);
    for (int i = 0; i < 3; i++) {
        int status = script_resume(script, coroutine, 0, &results);
        require(script_bytes(script) <= bounds.state_bytes + ROOM);
        if (status != LUA_YIELD)
            break;
        lua_pop(coroutine, results);
    }
    lua_pop(lua, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes source = {0};
    struct script *script = make();
    int top = lua_gettop(script_lua(script));
    write_source(&source, slice_of(data, size));
    run(script, bytes_slice(&source));
    run_as_coroutine(script, bytes_slice(&source));
    require(lua_gettop(script_lua(script)) == top);
    bytes_free(&source);
    script_destroy(&script);
    return 0;
}
