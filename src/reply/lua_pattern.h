/* lua_pattern.h: Lua's patterns (https://www.lua.org/manual/5.4/manual.html#6.4.1) with a budget.
 *
 * Bytes in, captures out: nothing here knows Lua's state. What matches, and what is said of a
 * malformed pattern and when, is as in Lua 5.4. The difference is that every byte that is looked at
 * is paid for, and that a match ends when the budget is spent. It keeps what it may have to come
 * back to in a list of a fixed length, the one that Lua's recursion has. */
#ifndef REPLY_LUA_PATTERN_H
#define REPLY_LUA_PATTERN_H

#include "base/slice.h"

#define LUA_PATTERN_CAPTURES 32

enum { LUA_CAPTURE_OPEN = -1, LUA_CAPTURE_PLACE = -2 };

struct lua_capture {
    const uint8_t *start;
    ptrdiff_t size; /* or LUA_CAPTURE_OPEN: never closed; LUA_CAPTURE_PLACE: only its start */
};

enum lua_pattern_result {
    LUA_PATTERN_MATCH,
    LUA_PATTERN_NONE,
    LUA_PATTERN_SPENT, /* steps ran out */
    LUA_PATTERN_WRONG  /* the pattern is: problem says why */
};

struct lua_pattern {
    const uint8_t *subject, *subject_end;
    const uint8_t *pattern, *pattern_end; /* behind the ^ of one that is anchored */
    bool anchored;                        /* it only matches where the search begins */
    uint64_t steps;                       /* left; some 5 ns each */

    /* The match: */
    const uint8_t *start, *end;
    unsigned count; /* captures */
    struct lua_capture captures[LUA_PATTERN_CAPTURES];
    char problem[64]; /* "malformed pattern (missing ']')" */
    bool stopped;     /* for that reason, or, where there is none, because the steps ran out */
};

/* Read a pattern: a ^ in front anchors it, unless it is for one match after the other (gmatch). */
void lua_pattern_prepare(struct lua_pattern *match, struct slice subject, struct slice pattern,
                         bool anchors, uint64_t steps);

/* Whether it matches at this place of the subject. */
enum lua_pattern_result lua_pattern_match_at(struct lua_pattern *match, const uint8_t *place);

/* The first match from this place of the subject on; of one that is anchored, at it. */
enum lua_pattern_result lua_pattern_search(struct lua_pattern *match, const uint8_t *place);

/* Whether a pattern is plain text: nothing in it has a meaning. */
bool lua_pattern_is_plain(struct slice pattern);

#endif
