/* rules_read.c: the list of rules, as it stands in a talk file, is read and held to what a rule
 * may be.
 *
 * Everything that is allocated belongs to the rules before anything can raise an error: whoever
 * asked for them frees what there is then. */
#include "reply/rules_parts.h"
#include "reply/script.h"
#include "reply/script_met.h"

#include <goodtalk.h>
#include <stdlib.h>

static struct slice text_at(lua_State *lua, int index)
{
    size_t size;
    const char *text = lua_tolstring(lua, index, &size);
    return slice_of(text, size);
}

/* What a pattern or a text is refused for, if it is not for want of memory. */
_Noreturn static void refuse_as_told(const struct reading *reading, const struct error *error)
{
    if (error->status == GT_FAILED)
        script_no_memory(reading->lua);
    rules_refuse(reading, "%s", error->text);
}

/* ---- what to say ---- */

/* The saying on top of the stack, which is popped. */
static void read_saying(struct reading *reading, struct saying *saying, const char *what)
{
    lua_State *lua = reading->lua;
    struct error error = {0};
    if (lua_isfunction(lua, -1)) {
        saying->function = luaL_ref(lua, LUA_REGISTRYINDEX);
        return;
    }
    if (lua_isstring(lua, -1)) {
        if (template_parse(text_at(lua, -1), reading->rule->pattern, &saying->text, &error) !=
            GT_DONE)
            refuse_as_told(reading, &error);
    } else if (!lua_isboolean(lua, -1) || lua_toboolean(lua, -1))
        rules_refuse(reading, "%s: a text or a function expected, met %s", what,
                     script_met(lua, -1));
    lua_pop(lua, 1);
}

static void make_sayings(struct reading *reading, size_t count)
{
    struct rule *rule = reading->rule;
    rule->sayings = calloc(count, sizeof *rule->sayings);
    if (!rule->sayings)
        script_no_memory(reading->lua);
    for (size_t i = 0; i < count; i++)
        rule->sayings[i] = (struct saying){.function = LUA_NOREF, .effects = rule->effects};
    rule->saying_count = count;
}

/* What happens to a saying, once all that is said about it is known. */
static void finish_effects(struct reading *reading, struct saying *saying)
{
    struct effects *effects = &saying->effects;
    struct effects others = *effects;
    others.hang = false;
    if (effects->hang && effects_any(&others))
        rules_refuse(reading, "hang: nothing is sent then, and nothing else can happen to it");
    if (effects->close && effects->reset)
        rules_refuse(reading, "close and reset: a connection ends in one way");
    saying->affected = effects_any(effects);
    if (effects->reset && effects->truncate_size < 0)
        effects->truncate_size = 0;
}

/* The table on top of the stack, which is popped: a reply and its own effects. */
static void read_reply_table(struct reading *reading, struct saying *saying)
{
    lua_State *lua = reading->lua;
    struct rule scratch = {.effects = saying->effects};
    struct reading own = {
        .lua = lua, .rule = &scratch, .number = reading->number, .table = lua_gettop(lua)};
    for (lua_pushnil(lua); lua_next(lua, own.table); lua_pop(lua, 1)) {
        if (lua_type(lua, -2) == LUA_TSTRING)
            rules_read_effect(&own, lua_tostring(lua, -2));
        else if (!lua_isinteger(lua, -2) || lua_tointeger(lua, -2) != 1)
            rules_refuse(reading,
                         "replies: a table has one reply, then names; met %s without a name",
                         script_met(lua, -1));
    }
    saying->effects = scratch.effects;
    if (lua_rawgeti(lua, own.table, 1) == LUA_TNIL)
        lua_pop(lua, 1);
    else
        read_saying(reading, saying, "replies");
    lua_pop(lua, 1);
}

/* The list on top of the stack. */
static void read_replies(struct reading *reading)
{
    lua_State *lua = reading->lua;
    if (!lua_istable(lua, -1) || lua_rawlen(lua, -1) == 0)
        rules_refuse(reading, "replies: a list of texts and functions expected, met %s",
                     lua_istable(lua, -1) ? "an empty table" : script_met(lua, -1));
    make_sayings(reading, lua_rawlen(lua, -1));
    for (size_t i = 0; i < reading->rule->saying_count; i++) {
        struct saying *saying = &reading->rule->sayings[i];
        if (lua_rawgeti(lua, -1, (lua_Integer)i + 1) == LUA_TTABLE)
            read_reply_table(reading, saying);
        else
            read_saying(reading, saying, "replies");
    }
}

static void read_what_to_say(struct reading *reading)
{
    lua_State *lua = reading->lua;
    bool several = lua_getfield(lua, reading->table, "replies") != LUA_TNIL;
    bool single = lua_rawgeti(lua, reading->table, 2) != LUA_TNIL;
    if (several && single)
        rules_refuse(reading, "it has a reply, and replies; one of them is enough");
    if (!several)
        make_sayings(reading, 1);
    if (single)
        read_saying(reading, reading->rule->sayings, "the reply");
    else
        lua_pop(lua, 1);
    if (several)
        read_replies(reading);
    lua_pop(lua, 1);
    for (size_t i = 0; i < reading->rule->saying_count; i++)
        finish_effects(reading, &reading->rule->sayings[i]);
}

/* ---- a rule ---- */

static void read_pattern(struct reading *reading)
{
    lua_State *lua = reading->lua;
    struct error error = {0};
    int type = lua_rawgeti(lua, reading->table, 1);
    if (type != LUA_TSTRING)
        rules_refuse(reading, "it begins with a pattern, a string; met %s%s", script_met(lua, -1),
                     type == LUA_TFUNCTION ? "; \"\" matches every message" : "");
    if (pattern_compile(text_at(lua, -1), &reading->rule->pattern, &error) != GT_DONE)
        refuse_as_told(reading, &error);
    lua_pop(lua, 1);
}

/* Keys but the pattern, the reply and `replies`. */
static void read_keys(struct reading *reading)
{
    lua_State *lua = reading->lua;
    for (lua_pushnil(lua); lua_next(lua, reading->table); lua_pop(lua, 1)) {
        if (lua_type(lua, -2) == LUA_TSTRING)
            rules_read_key(reading, lua_tostring(lua, -2));
        else if (!lua_isinteger(lua, -2) || lua_tointeger(lua, -2) < 1 ||
                 lua_tointeger(lua, -2) > 2)
            rules_refuse(reading, "it has a pattern and a reply, then names; met %s without a name",
                         script_met(lua, -1));
    }
}

static void check_counts(struct reading *reading)
{
    const struct rule *rule = reading->rule;
    uint64_t most = rule->once ? rule->saying_count : rule->times;
    if (rule->times > 0 && rule->times < most)
        most = rule->times;
    if (most > 0 && rule->required > most)
        rules_refuse(reading, "required: it may match %u times at most", (unsigned)most);
    if (rule->chance == 0 && rule->required > 0)
        rules_refuse(reading, "required: it never matches, with a chance of 0");
}

static void read_rule(struct reading *reading)
{
    read_pattern(reading);
    read_keys(reading);
    read_what_to_say(reading);
    check_counts(reading);
}

static void read_bare_function(struct reading *reading)
{
    make_sayings(reading, 1);
    lua_pushvalue(reading->lua, reading->table);
    read_saying(reading, reading->rule->sayings, "the reply");
}

/* ---- the list ---- */

static void check_list(lua_State *lua, int index)
{
    lua_Integer size = (lua_Integer)lua_rawlen(lua, index);
    for (lua_pushnil(lua); lua_next(lua, index); lua_pop(lua, 1))
        if (!lua_isinteger(lua, -2) || lua_tointeger(lua, -2) < 1 || lua_tointeger(lua, -2) > size)
            luaL_error(lua, "reply: a list of rules expected, { pattern, reply, ... } each; met %s",
                       script_met(lua, -2));
    if (size == 0)
        luaL_error(lua, "reply: at least one rule expected");
}

/* The next entry of the list at index. */
static void read_entry(lua_State *lua, int index, struct rules *rules)
{
    size_t place = rules->count++;
    struct rule *rule = &rules->list[place];
    *rule = (struct rule){.when = LUA_NOREF, .chance = 1, .effects = EFFECTS_NONE};
    rules->filters[place] = FILTER_NOTHING_ASKED;
    int type = lua_rawgeti(lua, index, (lua_Integer)place + 1);
    struct reading reading = {
        .lua = lua, .rule = rule, .number = (int)place + 1, .table = lua_gettop(lua)};
    if (type == LUA_TFUNCTION)
        read_bare_function(&reading);
    else if (type == LUA_TTABLE)
        read_rule(&reading);
    else
        rules_refuse(&reading, "a table { pattern, reply } or a function expected, met %s",
                     script_met(lua, -1));
    if (rule->pattern)
        rules->filters[place] = pattern_filter(rule->pattern);
    lua_settop(lua, reading.table - 1);
}

static struct rules *make_rules(lua_State *lua, size_t count)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        return NULL;
    rules->script = script_of(lua);
    rules->list = calloc(count + 1, sizeof *rules->list);
    rules->filters = calloc(count + 1, sizeof *rules->filters);
    if (!rules->list || !rules->filters)
        rules_destroy(&rules);
    return rules;
}

void rules_read(lua_State *lua, int index, struct rules **rules)
{
    index = lua_absindex(lua, index);
    *rules = NULL;
    luaL_checkstack(lua, 16, NULL);
    if (!lua_istable(lua, index))
        luaL_error(lua, "reply: a list of rules expected, met %s", script_met(lua, index));
    check_list(lua, index);
    size_t count = lua_rawlen(lua, index);
    *rules = make_rules(lua, count);
    if (!*rules)
        script_no_memory(lua);
    (*rules)->asking = rules_ask_function(lua);
    for (size_t i = 0; i < count; i++)
        read_entry(lua, index, *rules);
}
