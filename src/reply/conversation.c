/* conversation.c: a coroutine from its beginning to its end.
 *
 * The happy path: begun, resumed each time what it waits for is there, until its function returns.
 * The registry holds its peer object, that holds the coroutine; when it is over both are let go,
 * and the script's collector has them.
 *
 * Ways to fail: the script raises an error or crosses a bound: told with a traceback, and the
 * conversation has failed. It yields by itself: nobody would resume it for that, so it is an error.
 * The line is gone: a script that hears learns it once, and may tidy up; one that waits for
 * anything else is ended. Whatever is ended before its function returns has its to-be-closed
 * variables closed. */
#include "reply/conversation_parts.h"
#include "reply/outcome.h"

#include <goodtalk.h>

/* How often a script may ask for what will not come, once its line closes: a last word, a pause and
 * a farewell are less. */
#define PATIENCE 16

static void tell_failure(const struct conversation *conversation, const char *error)
{
    struct outcome_failure failure = {.conversation = conversation->number,
                                      .peer = conversation->peer,
                                      .listener = conversation->listener,
                                      .error = error ? error : "an error that is no text"};
    outcome_failed(conversation->outcome, &failure);
}

/* ---- the beginning ---- */

struct beginning {
    struct conversation *conversation;
    const struct conversation_terms *terms;
};

/* On the coroutine's stack: the function and its argument. */
static int make(lua_State *lua)
{
    const struct beginning *beginning = lua_touserdata(lua, 1);
    struct conversation *conversation = beginning->conversation;
    conversation_patterns_open(lua, beginning->terms->match_bytes);
    conversation_peer_push(lua, conversation);
    lua_State *coroutine = lua_newthread(lua);
    lua_setiuservalue(lua, -2, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, beginning->terms->function);
    lua_pushvalue(lua, -2);
    lua_xmove(lua, coroutine, 2);
    conversation->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    conversation->lua = coroutine;
    return 0;
}

int conversation_begin(struct conversation *conversation, const struct conversation_terms *terms)
{
    struct beginning beginning = {conversation, terms};
    conversation->script = terms->script;
    conversation->outcome = terms->outcome;
    conversation->need = NEEDS_START;
    conversation->until_ns = NEVER_NS;
    conversation->patience = PATIENCE;
    lua_State *lua = script_lua(terms->script);
    if (script_protect(terms->script, make, &beginning) != LUA_OK) {
        tell_failure(conversation, lua_tostring(lua, -1));
        lua_pop(lua, 1);
        return GT_FAILED;
    }
    conversation->number = outcome_begin(terms->outcome);
    conversation->began_ns = conversation->host->now_ns(conversation);
    return GT_DONE;
}

/* ---- the end ---- */

static enum outcome_end outcome_of(enum conversation_end end)
{
    switch (end) {
    case CONVERSATION_RETURNED:
        return OUTCOME_AS_EXPECTED;
    case CONVERSATION_UNMET:
    case CONVERSATION_FAILED:
        return OUTCOME_NOT;
    default:
        return OUTCOME_CUT_SHORT;
    }
}

static void finish(struct conversation *conversation, enum conversation_end end)
{
    lua_State *coroutine = conversation->lua;
    conversation->need = NEEDS_NOTHING;
    conversation->end = (uint8_t)end;
    conversation->lua = NULL;
    if (end != CONVERSATION_RETURNED)
        script_end(conversation->script, coroutine);
    *conversation->handle = NULL;
    luaL_unref(script_lua(conversation->script), LUA_REGISTRYINDEX, conversation->reference);
    int64_t now_ns = conversation->host->now_ns(conversation);
    outcome_end(conversation->outcome, conversation->number, outcome_of(end),
                now_ns - conversation->began_ns);
}

static void fail(struct conversation *conversation, const char *error)
{
    tell_failure(conversation, error);
    finish(conversation, CONVERSATION_FAILED);
}

/* ---- going on ---- */

static void settle(struct conversation *conversation, int status)
{
    if (status == LUA_OK)
        finish(conversation, CONVERSATION_RETURNED);
    else if (status != LUA_YIELD)
        fail(conversation, lua_tostring(conversation->lua, -1));
    else if (conversation->end != CONVERSATION_GOES_ON)
        finish(conversation, (enum conversation_end)conversation->end);
    else if (conversation->need == NEEDS_NOTHING)
        fail(conversation, "coroutine.yield: a conversation's own coroutine waits by peer:hear, "
                           "peer:wait or peer:say only");
}

void conversation_resume(struct conversation *conversation, const struct message *message)
{
    int arguments = conversation->need == NEEDS_START ? 1 : 0;
    int results = 0;
    conversation->message = message;
    conversation->need = NEEDS_NOTHING;
    int status = script_resume(conversation->script, conversation->lua, arguments, &results);
    conversation->message = NULL;
    settle(conversation, status);
}

bool conversation_due(const struct conversation *conversation)
{
    const struct conversation_host *host = conversation->host;
    enum conversation_line line = conversation_line(conversation, NULL);
    bool late = host->now_ns(conversation) >= conversation->until_ns;
    switch ((enum conversation_need)conversation->need) {
    case NEEDS_START:
        return true;
    case NEEDS_MESSAGE:
        return line != LINE_OPEN || late;
    case NEEDS_ROOM:
        return line == LINE_GONE || host->room(conversation);
    case NEEDS_TIME:
        return line >= LINE_CLOSING || late;
    case NEEDS_NOTHING:
        return false;
    }
    return false;
}

void conversation_release(struct conversation *conversation, bool learns_it)
{
    if (learns_it && conversation->need == NEEDS_MESSAGE)
        conversation_resume(conversation, NULL);
    if (conversation->need != NEEDS_NOTHING)
        finish(conversation, CONVERSATION_CUT_SHORT);
}
