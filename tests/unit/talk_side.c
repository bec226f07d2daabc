/* talk_side.c: see talk_side.h. The replier is put into the listener's settings in place of the one
 * that they were sealed with. */
#include "talk_side.h"

#include "reply/conversation.h"
#include "reply/log_function.h"
#include "reply/outcome.h"
#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct talk_replier {
    struct replier replier; /* first */
    struct conversation_terms terms;
};

static enum reply_when answer(struct replier *replier, const struct message *message,
                              struct gt_turn *turn, struct reply *reply)
{
    (void)replier;
    (void)message;
    (void)turn;
    (void)reply;
    fail_msg("a message was answered");
    return REPLY_NONE;
}

static int converse(struct replier *replier, unsigned worker, struct conversation *conversation)
{
    (void)worker;
    return conversation_begin(conversation, &((struct talk_replier *)(void *)replier)->terms);
}

static void destroy(struct replier *replier)
{
    free(replier);
}

static const struct replier_table table = {
    .name = "talk", .answer = answer, .converse = converse, .destroy = destroy};

static void tell_news(void *owner, const struct outcome_news *news)
{
    struct talk_side *side = owner;
    bytes_format(&side->news, "%s: %s\n", news->reason, news->text);
}

static int keep_function(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_settop(lua, 1);
    lua_setfield(lua, LUA_REGISTRYINDEX, "talk");
    return 0;
}

static int prepare(lua_State *lua)
{
    struct talk_side *side = lua_touserdata(lua, 1);
    lua_register(lua, "talk", keep_function);
    lua_newtable(lua);
    lua_setglobal(lua, "shared");
    log_function_push(lua, side->outcome);
    lua_setglobal(lua, "log");
    return 0;
}

static int take_function(lua_State *lua)
{
    int *reference = lua_touserdata(lua, 1);
    lua_getfield(lua, LUA_REGISTRYINDEX, "talk");
    *reference = luaL_ref(lua, LUA_REGISTRYINDEX);
    return 0;
}

void talk_do(struct talk_side *side, const char *source)
{
    struct error error = {0};
    if (script_load(side->script, slice_of_text(source), "talk.lua", &error) != GT_DONE)
        fail_msg("%s", error.text);
    if (script_call(side->script, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(script_lua(side->script), -1));
}

static struct talk_replier *make_replier(struct talk_side *side, const char *source)
{
    static const struct script_bounds bounds = {
        .steps = 1000000, .call_bytes = 8 << 20, .state_bytes = 64 << 20};
    struct error error = {0};
    struct outcome_host host = {.owner = side, .tell = tell_news};
    side->outcome = outcome_create(&host);
    side->script = script_create(&bounds, &error);
    assert_non_null(side->script);
    assert_int_equal(script_protect(side->script, prepare, side), LUA_OK);
    talk_do(side, source);
    struct talk_replier *replier = calloc(1, sizeof *replier);
    assert_non_null(replier);
    replier->replier.table = &table;
    replier->replier.converses = true;
    replier->terms = (struct conversation_terms){
        .script = side->script, .outcome = side->outcome, .match_bytes = 4096};
    assert_int_equal(script_protect(side->script, take_function, &replier->terms.function), LUA_OK);
    return replier;
}

static void begin(struct talk_side *side, const char *source, const char *const *settings)
{
    struct sim_server *world = &side->world;
    struct talk_replier *replier = make_replier(side, source);
    for (; *settings; settings += 2)
        assert_int_equal(gt_set(world->server, settings[0], settings[1]), GT_DONE);
    int type = SOCK_STREAM;
    assert_int_equal(server_listen_on(world->server, world->listener, type, "tcp:sim"), GT_DONE);
    struct listener *listener = list_item(world->server->listeners.next, struct listener, link);
    replier_destroy(&listener->settings->replier);
    listener->settings->replier = &replier->replier;
    assert_int_equal(server_start(world->server, world->engine), GT_DONE);
}

void talk_start(struct talk_side *side, const char *source, const char *const *settings)
{
    *side = (struct talk_side){0};
    struct sim_server *world = &side->world;
    sim_server_prepare(world, 1);
    world->shown = sim_file(world->engine);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_FILE};
    begin(side, source, settings);
}

void talk_start_piped(struct talk_side *side, size_t capacity, const char *source,
                      const char *const *settings)
{
    *side = (struct talk_side){0};
    struct sim_server *world = &side->world;
    sim_server_prepare(world, 1);
    world->shown = sim_stream(world->engine, capacity);
    sim_stream_pace(world->engine, world->shown, 0, SEC);
    world->server->outlet = (struct outlet){.fd = world->shown, .mode = WRITE_STREAM};
    begin(side, source, settings);
}

void talk_finish(struct talk_side *side)
{
    sim_server_run(&side->world, 100000 * SEC);
    side->ended_ns = sim_now(side->world.engine);
    sim_server_finish(&side->world);
    script_destroy(&side->script);
    outcome_destroy(&side->outcome);
    bytes_free(&side->news);
}

void talk_stop(struct talk_side *side)
{
    gt_stop(side->world.server);
    talk_finish(side);
    assert_int_equal(side->world.status, GT_DONE);
}

struct sim_client *talk_come(struct talk_side *side)
{
    struct sim_client *client = sim_connect(side->world.engine, side->world.listener);
    sim_server_run(&side->world, 10 * MS);
    return client;
}

void talk_say(struct talk_side *side, struct sim_client *client, const char *text)
{
    sim_client_says(client, text);
    sim_server_run(&side->world, 10 * MS);
}

bool talk_told(const struct talk_side *side, const char *text)
{
    struct slice news = bytes_slice(&side->news);
    return news.size && memmem(news.data, news.size, text, strlen(text));
}

static int collect(lua_State *lua)
{
    lua_gc(lua, LUA_GCCOLLECT);
    return 0;
}

size_t talk_bytes(struct talk_side *side)
{
    for (int i = 0; i < 2; i++)
        assert_int_equal(script_protect(side->script, collect, NULL), LUA_OK);
    return script_bytes(side->script);
}
