/* script_bounds.c: how much a script may do.
 *
 * Steps. Lua calls the hook after each interval of instructions, in whatever thread runs; the hook
 * charges them. Functions in C charge for what they do. A step takes some 10 ns; where steps
 * take far longer, because an instruction of Lua's compares or converts a very long string, they
 * are charged by the processor's time, as one for each 100 ns. Intervals are shorter in a state
 * that has long strings or large tables, so that this is seen soon.
 *
 * Bytes. The allocator refuses what crosses a bound. Lua then collects all garbage and asks again;
 * so the bound of the state is one of what is in use. The closer a call comes to its own bound, the
 * sooner the state's is met: whoever hoards leaves room for the calls that need little. A state
 * that stays full refuses calls at once instead of collecting its garbage for each.
 *
 * Collecting is nobody's step. It takes time with what is in use, and more than that in one case:
 * tables with weak keys of which one keeps the next alive, in thousands (16,000: 0.2 s at a time).
 *
 * An error of the hook's own is raised while Lua has hooks off. pcall turns them on again, but they
 * stay off for a coroutine that ends by it: it is marked, and never runs again, not even what it
 * would close (script_is_killed). */
#include "base/attributes.h"
#include "base/units.h"
#include "reply/script_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SHORT_INTERVAL  4
#define LONG_BLOCK      ((size_t)32 << 10) /* of twice that, the interval is half as long */
#define WINDOW_NS       8000000            /* so often the time is looked at */
#define SMALL_STATE     ((size_t)1 << 20)  /* bytes */
#define REFUSED_AT_ONCE 64 /* calls, by a full state, of which one collects the garbage */

/* ---- a thread's mark ---- */

/* Lua keeps a word for each thread, a copy of the main one's: the script's address, and in its
 * lowest bit whether the thread was killed. */
static uintptr_t word_of(lua_State *lua)
{
    uintptr_t word;
    memcpy(&word, lua_getextraspace(lua), sizeof word);
    return word;
}

struct script *script_of(lua_State *lua)
{
    uintptr_t word = word_of(lua) & ~(uintptr_t)1;
    struct script *script;
    memcpy(&script, &word, sizeof script);
    return script;
}

bool script_is_killed(lua_State *lua)
{
    return word_of(lua) & 1;
}

static void kill_thread(struct script *script, lua_State *lua)
{
    uintptr_t word = word_of(lua) | 1;
    if (lua != script->lua)
        memcpy(lua_getextraspace(lua), &word, sizeof word);
}

/* ---- where it happened ---- */

static void write_function(char *to, size_t size, const lua_Debug *at)
{
    if (*at->what == 'm')
        snprintf(to, size, "main chunk");
    else if (at->name && strcmp(at->name, "?") != 0)
        snprintf(to, size, "%s '%s'", *at->namewhat ? at->namewhat : "function", at->name);
    else if (*at->what == 'C')
        snprintf(to, size, "?");
    else
        snprintf(to, size, "function <%s:%d>", at->short_src, at->linedefined);
}

/* Lua's own traceback needs memory, and there may be none. */
static void write_trace(struct script *script, lua_State *lua)
{
    lua_Debug at;
    size_t used = 0;
    script->where[0] = script->trace[0] = '\0';
    for (int level = 0; level < 12 && lua_getstack(lua, level, &at); level++) {
        char line[24] = "";
        char function[160];
        lua_getinfo(lua, "Sln", &at);
        write_function(function, sizeof function, &at);
        if (at.currentline > 0)
            snprintf(line, sizeof line, "%d:", at.currentline);
        if (*line && !*script->where)
            snprintf(script->where, sizeof script->where, "%s:%s ", at.short_src, line);
        size_t left = sizeof script->trace - used;
        int size =
            snprintf(script->trace + used, left, "\n\t%s:%s in %s", at.short_src, line, function);
        if (size < 0 || (size_t)size >= left)
            break;
        used += (size_t)size;
    }
    script->trace[used] = '\0';
}

void script_bound_words(const struct script *script, char *text, size_t size)
{
    char words[40];
    const struct script_bounds *bounds = &script->bounds;
    if (script->crossed == BOUND_STEPS)
        snprintf(text, size, "too many steps: more than %" PRIu64 " in one call (max-script-steps)",
                 bounds->steps);
    else if (script->crossed == BOUND_CALL)
        snprintf(text, size,
                 "too much memory: more than %s allocated in one call (max-script-allocation)",
                 units_size_words(words, sizeof words, (int64_t)bounds->call_bytes));
    else
        snprintf(text, size, "out of memory: the script's state is full: %s (max-script-memory)",
                 units_size_words(words, sizeof words, (int64_t)bounds->state_bytes));
}

/* ---- steps ---- */

static void hook(lua_State *lua, lua_Debug *event);

static void watch(const struct script *script, lua_State *lua)
{
    lua_sethook(lua, hook, LUA_MASKCOUNT, script->crossed ? 1 : script->interval);
}

void script_watch(const struct script *script, lua_State *lua)
{
    if (lua_gethookcount(lua) != script->interval)
        watch(script, lua);
}

void script_watch_new(const struct script *script, lua_State *lua)
{
    int interval =
        script->interval < SCRIPT_COROUTINE_STEPS ? script->interval : SCRIPT_COROUTINE_STEPS;
    lua_sethook(lua, hook, LUA_MASKCOUNT, interval);
}

static SELDOM void cross(struct script *script, lua_State *lua, enum bound bound)
{
    if (script->crossed == BOUND_NONE) {
        script->crossed = bound;
        write_trace(script, lua);
    }
    script->steps = 0;
    watch(script, lua);
}

const char script_crossed_words[] = "a bound was crossed";

/* The true words are put together when the call is over (script.c): there may be no memory now. */
static SELDOM void raise_crossed(struct script *script, lua_State *lua)
{
    kill_thread(script, lua);
    watch(script, lua);
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &script_crossed_words);
    lua_error(lua);
}

bool script_is_spent(lua_State *lua)
{
    return script_of(lua)->crossed != BOUND_NONE;
}

void script_charge(lua_State *lua, uint64_t steps)
{
    struct script *script = script_of(lua);
    if (script->crossed == BOUND_NONE && steps <= script->steps) {
        script->steps -= steps;
        return;
    }
    cross(script, lua, BOUND_STEPS);
    raise_crossed(script, lua);
}

uint64_t script_steps(lua_State *lua)
{
    return script_of(lua)->steps;
}

void script_caught(lua_State *lua, int status)
{
    struct script *script = script_of(lua);
    if (status == LUA_ERRMEM)
        cross(script, lua, BOUND_STATE);
    if (script->crossed != BOUND_NONE)
        raise_crossed(script, lua);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* charged: what is about to be, for what was before. */
static void begin_window(struct script *script, int64_t now, int64_t used, uint64_t charged)
{
    script->watched = script->calls;
    script->window_ns = now;
    script->window_used_ns = used;
    script->window_steps = script->steps - charged;
}

/* Steps that are due for the time of the last window, and were not charged in it. Its clock is
 * coarse and takes 5 ns; that of the processor takes 200, and is looked at once in a window; at a
 * call's beginning only where instructions may be long. */
static SELDOM uint64_t time_due(struct script *script, uint64_t counted, int64_t now)
{
    bool known = script->watched == script->calls;
    int64_t used =
        known || script->interval < SCRIPT_INTERVAL ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
    int64_t before = known && script->window_used_ns > 0 ? script->window_used_ns : used;
    uint64_t due = (uint64_t)(used - before) / script->bounds.step_ns;
    uint64_t charged = known ? script->window_steps - script->steps + counted : counted;
    uint64_t more = due > charged ? due - charged : 0;
    begin_window(script, now, used, counted + more);
    return more;
}

static uint64_t slowness(struct script *script, uint64_t counted)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);
    if (script->watched == script->calls && now - script->window_ns < WINDOW_NS)
        return 0;
    return time_due(script, counted, now);
}

/* So many instructions, and what of the time is more. */
static void charge_counted(lua_State *lua, struct script *script, uint64_t counted)
{
    script_charge(lua, counted + slowness(script, counted));
}

static void hook(lua_State *lua, lua_Debug *event)
{
    (void)event;
    struct script *script = script_of(lua);
    uint64_t counted = (uint64_t)lua_gethookcount(lua);
    script_watch(script, lua);
    charge_counted(lua, script, counted);
}

/* Functions in C may be called without an instruction in between: by table.sort, or where variables
 * are closed. */
void script_look(lua_State *lua)
{
    struct script *script = script_of(lua);
    if (script->crossed == BOUND_NONE && ++script->looks < script->interval)
        return;
    uint64_t counted = (uint64_t)script->looks;
    script->looks = 0;
    charge_counted(lua, script, counted);
}

/* ---- bytes ---- */

/* While there is such a block, intervals are shorter. */
static bool is_long(size_t block)
{
    return block >= 2 * LONG_BLOCK;
}

static SELDOM void watch_closer(struct script *script, size_t block)
{
    size_t interval = SCRIPT_INTERVAL / (block / LONG_BLOCK);
    interval = interval > SHORT_INTERVAL ? interval : SHORT_INTERVAL;
    if ((int)interval >= script->interval)
        return;
    script->interval = (int)interval;
    watch(script, script->running);
}

/* How many bytes the state may have for this call. */
static size_t ceiling(const struct script *script)
{
    size_t reserve = script->bounds.state_bytes / 8;
    size_t used = script->bounds.call_bytes - script->call_bytes;
    return script->bounds.state_bytes - (used < reserve ? used : reserve);
}

static bool may_grow(struct script *script, size_t growth)
{
    if (script->depth == 0 || script->lifted)
        return true;
    if (growth > script->call_bytes) {
        cross(script, script->running, BOUND_CALL);
        return false;
    }
    if (growth <= ceiling(script) && script->bytes <= ceiling(script) - growth)
        return true;
    write_trace(script, script->running);
    script->watched = 0; /* the time that collecting takes is not the call's */
    return false;
}

static void *grow(struct script *script, void *block, size_t after, size_t growth)
{
    if (!may_grow(script, growth))
        return NULL;
    void *result = block ? free_lists_resize(block, after - growth, after)
                         : free_lists_take(&script->free, after);
    if (!result)
        return NULL;
    script->bytes += growth;
    script->call_bytes -= growth < script->call_bytes ? growth : script->call_bytes;
    if (is_long(after)) {
        script->long_blocks += !is_long(after - growth);
        watch_closer(script, after);
    }
    return result;
}

void *script_allocate(void *context, void *block, size_t before, size_t after)
{
    struct script *script = context;
    size_t held = block ? before : 0;
    if (after > held)
        return grow(script, block, after, after - held);
    script->bytes -= held - after;
    script->long_blocks -= is_long(held) && !is_long(after);
    if (after > 0)
        return free_lists_resize(block, before, after);
    if (block)
        free_lists_give(&script->free, block, before);
    return NULL;
}

void script_reserve(lua_State *lua, size_t size)
{
    struct script *script = script_of(lua);
    if (size > script->call_bytes) {
        cross(script, lua, BOUND_CALL);
        raise_crossed(script, lua);
    }
    if (size <= ceiling(script) && script->bytes <= ceiling(script) - size)
        return;
    lua_gc(lua, LUA_GCCOLLECT);
    script->watched = 0;
    if (size <= ceiling(script) && script->bytes <= ceiling(script) - size)
        return;
    cross(script, lua, BOUND_STATE);
    raise_crossed(script, lua);
}

void script_make_room(lua_State *lua, const luaL_Buffer *to, size_t size)
{
    if (size <= to->size - to->n)
        return;
    size_t half_more = to->size / 2 * 3; /* so it grows, or to what is needed */
    size_t needed = to->n + size;
    size_t held = to->b == to->init.b ? 0 : to->size;
    script_reserve(lua, (half_more > needed ? half_more : needed) - held);
}

void script_add(lua_State *lua, luaL_Buffer *to, const char *bytes, size_t size)
{
    script_make_room(lua, to, size);
    luaL_addlstring(to, bytes, size);
}

/* Collecting takes long for a full state, and may still be worth it: conversations end. */
bool script_is_full(struct script *script)
{
    size_t most = script->bounds.state_bytes - script->bounds.state_bytes / 16;
    if (script->bytes <= most || script->depth > 0)
        return false;
    if (script->refused++ % REFUSED_AT_ONCE == 0)
        lua_gc(script->lua, LUA_GCCOLLECT);
    if (script->bytes > most)
        return true;
    script->refused = 0;
    return false;
}

size_t script_bytes(const struct script *script)
{
    return script->bytes;
}

/* ---- collecting ---- */

/* Collecting looks at all that is in use. Where that is little, garbage may be several times as
 * much, and is collected seldom; else as much again, as Lua has it. */
static void pace_collecting(struct script *script)
{
    int pause = script->bytes < SMALL_STATE ? 400 : 200;
    if (pause == script->pause)
        return;
    script->pause = pause;
    lua_gc(script->lua, LUA_GCINC, pause, 0, 0);
}

/* ---- calls ---- */

lua_State *script_begin(struct script *script, lua_State *lua)
{
    lua_State *before = script->running;
    script->running = lua;
    if (script->depth++ > 0)
        return before;
    script->steps = script->bounds.steps;
    script->call_bytes = script->bounds.call_bytes;
    script->calls++;
    if (script->long_blocks == 0)
        script->interval = SCRIPT_INTERVAL;
    pace_collecting(script);
    return before;
}

void script_finish(struct script *script, lua_State *before)
{
    script->running = before;
    if (--script->depth > 0 || script->crossed == BOUND_NONE)
        return;
    script->crossed = BOUND_NONE;
    watch(script, script->lua);
}
