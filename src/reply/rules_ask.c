/* rules_ask.c: the functions of rules: called with the message and what the pattern captured.
 *
 * All of it happens within one protected call, so that whatever fails in Lua, memory too, ends
 * there: it is told with its traceback, and counted as a script's failure.
 *
 * Nothing is looked up by name, and nothing is allocated but the message object and the strings
 * that the function is given. The function in C around it is in the registry, and has what message
 * objects need with it. */
#include "reply/message_object.h"
#include "reply/outcome.h"
#include "reply/rules_parts.h"
#include "reply/script.h"
#include "reply/script_met.h"

#include <stdlib.h>

#define STACK_OWN 8 /* places beside captures */

struct question {
    struct rules *rules;
    const struct rule *rule;
    const struct message *message;
    int function;
    bool condition; /* it is `when`: any value is an answer */
    enum said said;
};

/* Push what the groups captured: how many values that are. */
static int push_captures(lua_State *lua, const struct pattern *pattern)
{
    int count = pattern ? (int)pattern_groups(pattern) : 0;
    if (count > LUA_MINSTACK - STACK_OWN)
        luaL_checkstack(lua, count + STACK_OWN, "too many groups");
    for (int i = 1; i <= count; i++) {
        struct slice capture;
        if (pattern_capture(pattern, (unsigned)i, &capture))
            lua_pushlstring(lua, (const char *)capture.data, capture.size);
        else
            lua_pushnil(lua);
    }
    return count;
}

static void keep_text(lua_State *lua, struct rules *rules, struct slice text)
{
    if (bytes_append(&rules->filled, text) < 0)
        script_no_memory(lua);
}

/* The value on top is no answer. */
_Noreturn static void refuse_answer(lua_State *lua, const struct question *question)
{
    lua_Debug function;
    const char *met = script_met(lua, -1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, question->function);
    lua_getinfo(lua, ">S", &function);
    luaL_error(lua, "%s:%d: rule %d: its function returned %s; a string, nil or false expected",
               function.short_src, function.linedefined,
               (int)(question->rule - question->rules->list) + 1, met);
    abort(); /* not reached */
}

/* What the value on top says. */
static enum said read_answer(lua_State *lua, struct question *question)
{
    struct slice text;
    switch (lua_type(lua, -1)) {
    case LUA_TNIL:
        return SAID_NOTHING;
    case LUA_TSTRING:
    case LUA_TNUMBER:
        text.data = (const uint8_t *)lua_tolstring(lua, -1, &text.size);
        keep_text(lua, question->rules, text);
        return SAID_REPLY;
    default:
        if (lua_isboolean(lua, -1) && !lua_toboolean(lua, -1))
            return SAID_DECLINED;
        if (message_object_text(lua, -1, &text)) {
            keep_text(lua, question->rules, text);
            return SAID_REPLY;
        }
        refuse_answer(lua, question);
    }
}

static int ask_protected(lua_State *lua)
{
    struct question *question = lua_touserdata(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, question->function);
    message_object_push(lua, question->message, lua_upvalueindex(1));
    int captures = push_captures(lua, question->rule->pattern);
    lua_call(lua, 1 + captures, 1);
    if (question->condition)
        question->said = lua_toboolean(lua, -1) ? SAID_REPLY : SAID_DECLINED;
    else
        question->said = read_answer(lua, question);
    return 0;
}

/* The error is on the stack. */
static void tell_failure(const struct question *question)
{
    lua_State *lua = script_lua(question->rules->script);
    const char *text = lua_tostring(lua, -1);
    const struct message *message = question->message;
    struct outcome_failure failure = {.peer = message->peer,
                                      .listener = message->listener,
                                      .worker = message->worker,
                                      .sequence = message->sequence,
                                      .heard = message->body,
                                      .error = text ? text : "an error that is no text"};
    outcome_failed(question->rules->host->outcome, &failure);
    lua_pop(lua, 1);
}

static enum said ask(struct question *question)
{
    struct script *script = question->rules->script;
    lua_State *lua = script_lua(script);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, question->rules->asking);
    lua_pushlightuserdata(lua, question);
    if (script_call(script, 1, 0) == LUA_OK)
        return question->said;
    tell_failure(question);
    return SAID_FAILED;
}

int rules_ask_function(lua_State *lua)
{
    message_object_push_metatable(lua);
    lua_pushcclosure(lua, ask_protected, 1);
    return luaL_ref(lua, LUA_REGISTRYINDEX);
}

enum said rules_ask(struct rules *rules, const struct rule *rule, int function,
                    const struct message *message)
{
    struct question question = {
        .rules = rules, .rule = rule, .message = message, .function = function};
    return ask(&question);
}

enum said rules_ask_when(struct rules *rules, const struct rule *rule,
                         const struct message *message)
{
    struct question question = {.rules = rules,
                                .rule = rule,
                                .message = message,
                                .function = rule->when,
                                .condition = true};
    return ask(&question);
}
