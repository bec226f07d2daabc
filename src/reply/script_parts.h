/* script_parts.h: what the files of a script share: its state, and the bounds.
 *
 * A bound that is crossed is final for the call: `crossed` says which, until the next call begins.
 * Whatever catches errors (pcall, a coroutine's resume) looks at it, and hands the error on; the
 * hook, which then comes before every instruction, raises it again in whoever goes on regardless.
 */
#ifndef REPLY_SCRIPT_PARTS_H
#define REPLY_SCRIPT_PARTS_H

#include "reply/free_lists.h"
#include "reply/script.h"

/* What an error is, to Lua, whose words are still to be made; a key of the registry, with the text
 * as its value. */
extern const char script_crossed_words[];

enum bound { BOUND_NONE, BOUND_STEPS, BOUND_CALL, BOUND_STATE };

#define SCRIPT_INTERVAL   1000 /* instructions */
#define SCRIPT_TRACE_SIZE 1500

struct script {
    lua_State *lua;
    lua_State *running; /* the thread that runs now: the main one or a coroutine */
    struct script_bounds bounds;
    unsigned depth;   /* calls and resumes from outside, one within another */
    unsigned closing; /* coroutines being closed, one within another */
    bool lifted;      /* nothing is refused: an error's own words are being made */

    uint64_t steps;    /* left */
    size_t call_bytes; /* left */
    size_t bytes;      /* of the state */
    struct free_lists free;
    unsigned refused; /* calls, one after the other, because the state was full */
    enum bound crossed;

    int pause;          /* of the collector: at how many percent of what is in use it begins */
    size_t long_blocks; /* which make instructions long, and the interval short */
    int interval;       /* instructions from one hook to the next */
    int looks;          /* since one of them looked at the time (script_look) */
    uint64_t calls;     /* that have begun */

    uint64_t watched;       /* the call whose time is looked at, in windows: */
    int64_t window_ns;      /* when the last one began */
    int64_t window_used_ns; /* what of the processor its thread had used then; 0: not known */
    uint64_t window_steps;  /* and how many steps were left */

    char where[LUA_IDSIZE + 24];   /* "mail.lua:3: " */
    char trace[SCRIPT_TRACE_SIZE]; /* where a bound was crossed, or an allocation refused */
};

/* The allocator of Lua's that keeps to the bounds. */
void *script_allocate(void *context, void *block, size_t before, size_t after);

/* A call from outside begins in this thread, with a budget of its own unless it is within another;
 * and ends: before is what script_begin returned. */
lua_State *script_begin(struct script *script, lua_State *lua);
void script_finish(struct script *script, lua_State *before);

/* Whether a coroutine ended by crossing a bound: nothing of it may run any more. */
bool script_is_killed(lua_State *lua);

/* Have the hook count the instructions of a thread, in intervals as they are now; of a new one,
 * made by a script, which are charged for in advance: so many. */
void script_watch(const struct script *script, lua_State *lua);
void script_watch_new(const struct script *script, lua_State *lua);
#define SCRIPT_COROUTINE_STEPS 100

/* Within a function in C whose time shows in nothing that it is given: it is charged as an
 * instruction is, by the time. */
void script_look(lua_State *lua);

/* Whether a call must not begin: the state is full of what is in use. */
bool script_is_full(struct script *script);

/* An error was caught: hand it on where it is final. */
void script_caught(lua_State *lua, int status);

/* The libraries' ways to catch errors: pcall, xpcall, coroutine; they go into the globals. */
void script_open_catching(lua_State *lua);

/* Those that a message could make run long; they go into the tables string, utf8, table and os. */
void script_open_matching(lua_State *lua);
void script_open_strings(lua_State *lua);
void script_open_table(lua_State *lua);

/* Have so much room in a buffer of Lua's; add bytes to one. */
void script_make_room(lua_State *lua, const luaL_Buffer *to, size_t size);
void script_add(lua_State *lua, luaL_Buffer *to, const char *bytes, size_t size);

/* Where a call of (string, ..., init) begins: an index from 0; more than the size where it is
 * behind the end. */
size_t script_init(lua_State *lua, int index, size_t size);

/* What is said of a bound that was crossed: "too many steps: ...". */
void script_bound_words(const struct script *script, char *text, size_t size);

/* The libraries, as the state's bounds say; called in protected mode. */
int script_open_libraries(lua_State *lua);

#endif
