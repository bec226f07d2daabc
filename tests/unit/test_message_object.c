/* The message as scripts see it. */
#include "reply/message_object.h"

#include "reply/script.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct script_bounds bounds = {.steps = 1000000,
                                            .call_bytes = 8 << 20,
                                            .state_bytes = 64 << 20,
                                            .step_ns = 10000}; /* under valgrind, too */
static const struct peer peer = {.kind = PEER_IPV4, .port = 7, .address = {10, 0, 0, 1}};

static struct script *script;

/* message(text): an object. */
static int make_message(lua_State *lua)
{
    size_t size;
    const char *text = luaL_checklstring(lua, 1, &size);
    const struct message message = {.body = slice_of(text, size),
                                    .peer = &peer,
                                    .listener = "tcp:[::]:9999",
                                    .worker = 2,
                                    .sequence = 5,
                                    .time_us = 1};
    message_object_push_metatable(lua);
    message_object_push(lua, &message, lua_gettop(lua));
    return 1;
}

/* text_of(value): what C sees. */
static int text_of(lua_State *lua)
{
    struct slice text;
    if (!message_object_text(lua, 1, &text))
        return 0;
    lua_pushlstring(lua, (const char *)text.data, text.size);
    return 1;
}

static int add_functions(lua_State *lua)
{
    lua_pushcfunction(lua, make_message);
    lua_setglobal(lua, "message");
    lua_pushcfunction(lua, text_of);
    lua_setglobal(lua, "text_of");
    return 0;
}

static int open_script(void **state)
{
    (void)state;
    script = script_create(&bounds, NULL);
    return script && script_protect(script, add_functions, NULL) == LUA_OK ? 0 : -1;
}

static int close_script(void **state)
{
    (void)state;
    script_destroy(&script);
    return 0;
}

/* What an expression comes to, or the error. */
static void gives(const char *source, const char *expected)
{
    char chunk[512];
    struct error error = {0};
    lua_State *lua = script_lua(script);
    snprintf(chunk, sizeof chunk, "return tostring(%s)", source);
    if (script_load(script, slice_of_text(chunk), "x.lua", &error) != GT_DONE)
        fail_msg("%s", error.text);
    script_call(script, 0, 1);
    char *text = strdup(lua_tostring(lua, -1));
    assert_non_null(text);
    char *traceback = strchr(text, '\n');
    if (traceback)
        *traceback = '\0';
    assert_string_equal(text, expected);
    free(text);
    lua_pop(lua, 1);
}

static void it_has_five_fields(void **state)
{
    (void)state;
    gives("message('hello').text", "hello");
    gives("message('hello').peer", "10.0.0.1:7");
    gives("message('hello').listener", "tcp:[::]:9999");
    gives("message('hello').id", "2-5");
    gives("message('hello').time", "1970-01-01T00:00:00.000001Z");
    gives("message('hello')", "hello");
    gives("#message('a\\0b').text", "3");
    gives("#message('').text", "0");
}

static void other_names_are_errors(void **state)
{
    (void)state;
    gives("message('x').txt",
          "x.lua:1: a message has no 'txt'; it has text, peer, listener, id, time");
    gives("message('x')[1]",
          "x.lua:1: a message has no '?'; it has text, peer, listener, id, time");
}

static void it_is_concatenated_as_its_text(void **state)
{
    (void)state;
    gives("'<' .. message('a\\0b') .. '>'", "<a");
    gives("#('<' .. message('a\\0b') .. '>')", "5");
    gives("message('a') .. message('b')", "ab");
    gives("message('a') .. 7", "a7");
    gives("message('a') .. {}", "x.lua:1: attempt to concatenate a table value");
    gives("nil .. message('a')", "x.lua:1: attempt to concatenate a nil value");
}

static void it_cannot_be_changed(void **state)
{
    (void)state;
    gives("(function() local m = message('x') m.text = 'y' end)()",
          "x.lua:1: a message cannot be changed");
    gives("getmetatable(message('x'))", "false");
    gives("pcall(setmetatable, message('x'), {})", "false");
}

static void it_may_be_kept(void **state)
{
    (void)state;
    gives("(function()\n"
          "  local kept = {}\n"
          "  for i = 1, 2000 do kept[i] = message('text ' .. i) end\n"
          "  for i = 1, 20000 do message('garbage') end\n"
          "  for i = 1, 2000 do\n"
          "    if kept[i].text ~= 'text ' .. i or kept[i].id ~= '2-5' then return i end\n"
          "  end\n"
          "  return 'all'\n"
          "end)()",
          "all");
}

static void c_sees_its_text_and_no_others(void **state)
{
    (void)state;
    gives("text_of(message('hello'))", "hello");
    gives("#text_of(message('a\\0b'))", "3");
    gives("(text_of('hello'))", "nil");
    gives("(text_of({}))", "nil");
    gives("(text_of(nil))", "nil");
}

/* The function behind message.text, taken out and called with something else. */
static void others_do_not_pass_for_it(void **state)
{
    (void)state;
    gives("pcall(function() return (message('x')):text() end)", "false");
    lua_State *lua = script_lua(script);
    const struct message message = {.body = slice_of("x", 1), .peer = &peer, .listener = "l"};
    message_object_push_metatable(lua);
    message_object_push(lua, &message, lua_gettop(lua));
    assert_int_not_equal(luaL_getmetafield(lua, -1, "__index"), LUA_TNIL);
    lua_newuserdatauv(lua, 100, 2);
    lua_pushliteral(lua, "text");
    assert_int_equal(script_call(script, 2, 1), LUA_ERRRUN);
    assert_non_null(strstr(lua_tostring(lua, -1), "not a message"));
    lua_pop(lua, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_five_fields),
        cmocka_unit_test(other_names_are_errors),
        cmocka_unit_test(it_is_concatenated_as_its_text),
        cmocka_unit_test(it_cannot_be_changed),
        cmocka_unit_test(it_may_be_kept),
        cmocka_unit_test(c_sees_its_text_and_no_others),
        cmocka_unit_test(others_do_not_pass_for_it),
    };
    return cmocka_run_group_tests(tests, open_script, close_script);
}
