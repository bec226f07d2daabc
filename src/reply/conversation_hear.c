/* conversation_hear.c: peer:hear and peer:expect: a message comes, or does not.
 *
 * The happy path: the script waits, its message is taken, it goes on with the object of the message
 * or with what a pattern has captured in it. Where nothing comes hear returns nil, and why unless
 * the peer has simply ended its stream. An expect that is not met is told and ends the
 * conversation; but not where the server stops, nor where the peer has never said anything: a port
 * probe has failed at nothing. */
#include "reply/caller.h"
#include "reply/conversation_parts.h"
#include "reply/message_object.h"
#include "reply/outcome.h"

#include <stdio.h>
#include <string.h>

/* ---- how long ---- */

static void refuse_option(lua_State *lua, const char *what)
{
    luaL_error(lua, "%s: no such option: %s; there is timeout", what,
               luaL_tolstring(lua, -2, NULL));
}

/* Until when, as the options at index say. The last message stands there where hear is the iterator
 * of a loop. */
static int64_t read_options(lua_State *lua, struct conversation *conversation, int index,
                            const char *what)
{
    struct slice text;
    conversation->timed = false;
    if (lua_isnoneornil(lua, index) || message_object_text(lua, index, &text))
        return NEVER_NS;
    if (!lua_istable(lua, index))
        luaL_error(lua, "%s: options are a table, as in {timeout = \"5s\"}; this is a %s", what,
                   luaL_typename(lua, index));
    int64_t until_ns = NEVER_NS;
    lua_pushnil(lua);
    while (lua_next(lua, index)) {
        const char *name = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : "";
        if (strcmp(name, "timeout") != 0)
            refuse_option(lua, what);
        until_ns = conversation_until(lua, conversation, lua_gettop(lua), what);
        conversation->timed = true;
        lua_pop(lua, 1);
    }
    return until_ns;
}

/* Wait for a message, and go on in after; where none can come, at once. */
static int wait_for_message(lua_State *lua, struct conversation *conversation, int64_t until_ns,
                            lua_KFunction after)
{
    enum conversation_line line = conversation_line(conversation, NULL);
    if (line >= LINE_CLOSING && !conversation_bears(conversation))
        return conversation_stop(lua, conversation, CONVERSATION_CUT_SHORT);
    if (line != LINE_OPEN)
        return after(lua, LUA_OK, 0);
    return conversation_wait(lua, conversation, NEEDS_MESSAGE, until_ns, after);
}

/* What has come: once. NULL: nothing has. */
static const struct message *take_message(struct conversation *conversation)
{
    const struct message *message = conversation->message;
    enum conversation_line line = conversation_line(conversation, NULL);
    conversation->message = NULL;
    conversation->deserted |= !message && (line == LINE_FINISHED || line == LINE_GONE);
    return message;
}

/* ---- hear ---- */

static int heard(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct conversation *conversation = conversation_own(lua, "peer:hear");
    const struct message *message = take_message(conversation);
    if (message) {
        message_object_push_metatable(lua);
        message_object_push(lua, message, lua_gettop(lua));
        return 1;
    }
    const char *why = NULL;
    if (conversation_line(conversation, &why) == LINE_OPEN)
        why = "timeout";
    lua_pushnil(lua);
    lua_pushstring(lua, why); /* nil for NULL */
    return 2;
}

int conversation_hear(lua_State *lua)
{
    struct conversation *conversation = conversation_own(lua, "peer:hear");
    int64_t until_ns = read_options(lua, conversation, 2, "peer:hear");
    return wait_for_message(lua, conversation, until_ns, heard);
}

/* ---- expect ---- */

#define PATTERN 3 /* where it stands on the stack, behind its text */

/* Whether nobody is to blame that nothing was heard. */
static bool is_excused(const struct conversation *conversation)
{
    const char *why = NULL;
    switch (conversation_line(conversation, &why)) {
    case LINE_OPEN:
        return false; /* a timeout */
    case LINE_CLOSING:
        return why && strcmp(why, "stopping") == 0;
    default:
        return !conversation->answered;
    }
}

static enum outcome_heard heard_what(const struct conversation *conversation,
                                     const struct message *message)
{
    const char *why = NULL;
    if (message)
        return OUTCOME_MESSAGE;
    if (conversation_line(conversation, &why) == LINE_OPEN || (why && strcmp(why, "timeout") == 0))
        return OUTCOME_TIMEOUT;
    return OUTCOME_STREAM_ENDED;
}

static int fail(lua_State *lua, struct conversation *conversation, const struct message *message)
{
    if (!message && is_excused(conversation))
        return conversation_stop(lua, conversation, CONVERSATION_CUT_SHORT);
    char place[CALLER_SIZE];
    size_t size;
    const char *pattern = lua_tolstring(lua, PATTERN - 1, &size);
    struct outcome_failure failure = {.conversation = conversation->number,
                                      .peer = conversation->peer,
                                      .listener = conversation->listener,
                                      .where = caller_line(lua, place),
                                      .heard_what = heard_what(conversation, message),
                                      .expected = slice_of(pattern, size)};
    if (message) {
        failure.worker = message->worker;
        failure.sequence = message->sequence;
        failure.heard = message->body;
    }
    outcome_failed(conversation->outcome, &failure);
    return conversation_stop(lua, conversation, CONVERSATION_UNMET);
}

static void tell_limit(lua_State *lua, const struct conversation *conversation)
{
    char place[CALLER_SIZE], line[256];
    const char *at = caller_line(lua, place);
    snprintf(line, sizeof line,
             "%s: peer:expect: the pattern takes too long on this message; it counts as not met",
             at ? at : "talk");
    outcome_log(conversation->outcome, line);
}

/* Push what the pattern has captured, or where it captures nothing the whole match. */
static int push_captures(lua_State *lua, const struct pattern *pattern)
{
    unsigned groups = pattern_groups(pattern);
    unsigned first = groups > 0 ? 1 : 0;
    luaL_checkstack(lua, (int)groups + 1, "peer:expect: captures");
    for (unsigned i = first; i <= groups; i++) {
        struct slice capture;
        if (pattern_capture(pattern, i, &capture))
            lua_pushlstring(lua, (const char *)capture.data, capture.size);
        else
            lua_pushnil(lua);
    }
    return (int)(groups - first + 1);
}

static int expected(lua_State *lua, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    struct conversation *conversation = conversation_own(lua, "peer:expect");
    const struct message *message = take_message(conversation);
    if (!message)
        return fail(lua, conversation, NULL);
    struct pattern *pattern = *(struct pattern **)lua_touserdata(lua, PATTERN);
    struct matcher *matcher = conversation_matcher(lua);
    struct subject subject;
    subject_of(&subject, matcher, message->body);
    enum pattern_result result = pattern_match(matcher, pattern, &subject);
    if (result == PATTERN_YES)
        return push_captures(lua, pattern);
    if (result == PATTERN_LIMIT)
        tell_limit(lua, conversation);
    return fail(lua, conversation, message);
}

int conversation_expect(lua_State *lua)
{
    struct conversation *conversation = conversation_own(lua, "peer:expect");
    int64_t until_ns = read_options(lua, conversation, 3, "peer:expect");
    lua_settop(lua, PATTERN - 1);
    conversation_pattern_push(lua, PATTERN - 1);
    outcome_expecting(conversation->outcome);
    return wait_for_message(lua, conversation, until_ns, expected);
}
