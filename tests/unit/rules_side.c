/* rules_side.c: a script's reply{...} without a server. */
#include "rules_side.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct script_bounds bounds = {
    .steps = 1000000, .call_bytes = 8 << 20, .state_bytes = 64 << 20};

static void add_told(struct rules_side *side, const char *reason, const char *text)
{
    size_t used = strlen(side->told);
    snprintf(side->told + used, sizeof side->told - used, "%s: %s\n", reason, text);
}

static void hear_outcome(void *owner, const struct outcome_news *news)
{
    add_told(owner, news->reason, news->text);
}

static void hear_host(void *owner, enum gt_level level, const struct peer *peer,
                      const char *listener, const char *text)
{
    (void)level, (void)peer, (void)listener;
    add_told(owner, "host", text);
}

/* The function reply; its upvalue is the side. */
static int read_rules(lua_State *lua)
{
    struct rules_side *side = lua_touserdata(lua, lua_upvalueindex(1));
    rules_read(lua, 1, &side->rules);
    return 0;
}

static int add_reply(lua_State *lua)
{
    lua_pushcclosure(lua, read_rules, 1);
    lua_setglobal(lua, "reply");
    return 0;
}

static void run(struct rules_side *side, const char *source)
{
    struct error error = {0};
    lua_State *lua = script_lua(side->script);
    assert_int_equal(script_protect(side->script, add_reply, side), LUA_OK);
    if (script_load(side->script, slice_of_text(source), "mail.lua", &error) != GT_DONE) {
        snprintf(side->wrong, sizeof side->wrong, "%s", error.text);
        return;
    }
    if (script_call(side->script, 0, 0) == LUA_OK)
        return;
    snprintf(side->wrong, sizeof side->wrong, "%s", lua_tostring(lua, -1));
    char *traceback = strchr(side->wrong, '\n');
    if (traceback)
        *traceback = '\0';
    lua_pop(lua, 1);
    rules_destroy(&side->rules);
}

struct rules_side *rules_side_open_as(const char *source, uint64_t seed, unsigned worker,
                                      struct rules_side *beside)
{
    struct error error = {0};
    struct rules_side *side = calloc(1, sizeof *side);
    assert_non_null(side);
    struct outcome_host outcome_host = {.owner = side, .tell = hear_outcome};
    side->outcome = beside ? beside->outcome : outcome_create(&outcome_host);
    side->script = script_create(&bounds, &error);
    assert_non_null(side->outcome);
    assert_non_null(side->script);
    side->host = (struct reply_host){.owner = side,
                                     .workers = 2,
                                     .seed = seed,
                                     .match_bytes = 4096,
                                     .outcome = side->outcome,
                                     .tell = hear_host};
    side->peer = (struct peer){.kind = PEER_IPV4, .port = 40312, .address = {127, 0, 0, 1}};
    side->time_us = 1769860800000001;
    run(side, source);
    if (side->rules)
        assert_int_equal(rules_prepare(side->rules, &side->host, worker, 1, &error), GT_DONE);
    return side;
}

struct rules_side *rules_side_open(const char *source)
{
    struct rules_side *side = rules_side_open_as(source, 1, 0, NULL);
    assert_string_equal(side->wrong, "");
    assert_non_null(side->rules);
    assert_int_equal(outcome_use(side->outcome, 1, "mail.lua", false), GT_DONE);
    return side;
}

void rules_side_close(struct rules_side **side)
{
    rules_destroy(&(*side)->rules);
    script_destroy(&(*side)->script);
    if ((*side)->outcome)
        outcome_destroy(&(*side)->outcome);
    free(*side);
    *side = NULL;
}

enum reply_when rules_side_answer(struct rules_side *side, struct slice text)
{
    struct message message = {.body = text,
                              .raw = text,
                              .peer = &side->peer,
                              .listener = "tcp:[::]:9999",
                              .worker = 0,
                              .sequence = ++side->sequence,
                              .time_us = side->time_us};
    return rules_answer(side->rules, &message, &side->reply);
}

void rules_side_expect(struct rules_side *side, const char *text, const char *expected)
{
    enum reply_when when = rules_side_answer(side, slice_of_text(text));
    if (!expected) {
        assert_int_equal(when, REPLY_NONE);
        return;
    }
    struct slice bytes = side->reply.bytes;
    char *reply = bytes.size > 0 ? strndup((const char *)bytes.data, bytes.size) : strdup("");
    assert_int_equal(when, REPLY_NOW);
    assert_non_null(reply);
    assert_string_equal(reply, expected);
    free(reply);
}

void rules_side_refused(const char *source, const char *sentence)
{
    struct rules_side *side = rules_side_open_as(source, 1, 0, NULL);
    assert_string_equal(side->wrong, sentence);
    assert_null(side->rules);
    rules_side_close(&side);
}
