/* converse.c: a script takes the place of the echo, and says the same: now in two halves, now after
 * a moment; so all that is expected of an echo is expected of it. It is put into the settings that
 * the listener was sealed with, and freed with them. */
#include "converse.h"

#include "reply/conversation.h"
#include "reply/outcome.h"
#include "serve/server.h"

#include <stdio.h>
#include <stdlib.h>

static const char source[] =
    "local tail, whole = ...\n"
    "return function (peer)\n"
    "  local count = 0\n"
    "  for message in peer.hear, peer do\n"
    "    local text = message.text\n"
    "    if #tail > 0 and text:sub(-#tail) ~= tail then text = text .. tail end\n"
    "    count = count + 1\n"
    "    if count % 3 == 0 then peer:wait(0.001) end\n"
    "    local half = (whole or count % 2 == 0) and #text or #text // 2\n"
    "    peer:say(text:sub(1, half))\n"
    "    if count % 5 == 0 then peer:wait(0.002) end\n"
    "    if half < #text then peer:say(text:sub(half + 1)) end\n"
    "  end\n"
    "end\n";

struct echo_talk {
    struct replier replier; /* first */
    struct conversation_terms terms;
    struct slice tail; /* what ends a reply */
    bool whole;        /* each say is a reply */
};

static enum reply_when answer(struct replier *replier, const struct message *message,
                              struct gt_turn *turn, struct reply *reply)
{
    (void)replier;
    (void)message;
    (void)turn;
    (void)reply;
    abort(); /* conversations have no replies */
}

static int converse(struct replier *replier, unsigned worker, struct conversation *conversation)
{
    (void)worker;
    return conversation_begin(conversation, &((struct echo_talk *)(void *)replier)->terms);
}

static void destroy(struct replier *replier)
{
    struct echo_talk *talk = (struct echo_talk *)(void *)replier;
    script_destroy(&talk->terms.script);
    outcome_destroy(&talk->terms.outcome);
    free(talk);
}

/* Called with the talk: the chunk is run, and gives the function. */
static int keep_function(lua_State *lua)
{
    struct echo_talk *talk = lua_touserdata(lua, 1);
    if (luaL_loadbufferx(lua, source, sizeof source - 1, "@echo.lua", "t") != LUA_OK)
        return lua_error(lua);
    lua_pushlstring(lua, (const char *)talk->tail.data, talk->tail.size);
    lua_pushboolean(lua, talk->whole);
    lua_call(lua, 2, 1);
    talk->terms.function = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

static void need(bool there, const char *what)
{
    if (there)
        return;
    fprintf(stderr, "storm: %s\n", what);
    abort();
}

/* What an echo is ended with; a length in front, and what belongs to that, say adds by itself. */
static struct slice tail_of(const struct framing *framing)
{
    struct frame_wrapping plain, exact;
    frame_wrap(framing, slice_of_text("x"), FRAME_REPLY_PLAIN, &plain);
    frame_wrap(framing, slice_of_text("x"), FRAME_REPLY_EXACT, &exact);
    return exact.tail.size > 0 ? slice_of(NULL, 0) : plain.tail;
}

void converse_instead(gt_server *server, const struct speech *speech)
{
    static const struct replier_table table = {
        .name = "talk", .answer = answer, .converse = converse, .destroy = destroy};
    static const struct script_bounds bounds = {
        .steps = 1000000, .call_bytes = 64 << 20, .state_bytes = 256 << 20};
    struct listener *listener = list_item(server->listeners.previous, struct listener, link);
    struct settings *settings = listener->settings;
    struct echo_talk *talk = calloc(1, sizeof *talk);
    struct error error = {0};
    need(talk, "no memory for a conversation");
    talk->replier.table = &table;
    talk->replier.converses = true;
    talk->whole = listener->socket.type == SOCK_SEQPACKET || speech_is_counted(speech);
    talk->tail = tail_of(&settings->framing);
    talk->terms.match_bytes = 4096;
    talk->terms.outcome = outcome_create(&(struct outcome_host){NULL, NULL});
    talk->terms.script = script_create(&bounds, &error);
    need(talk->terms.outcome && talk->terms.script, error.text);
    need(script_protect(talk->terms.script, keep_function, talk) == LUA_OK, "a script is wrong");
    replier_destroy(&settings->replier);
    settings->replier = &talk->replier;
}
