/* lua_pattern.c: matching by going forward, and back to the last choice where that fails.
 *
 * A pattern is read as it is matched: a wrong one is only seen when matching comes to where it is
 * wrong. An item is a single character (a class, a set, a literal) with or without a suffix, or a
 * parenthesis, a back reference, a balance (%b), a frontier (%f). Items that leave a choice (as
 * many as possible, or one fewer) or change a capture push it onto a list; failure pops from there.
 */
#include "reply/lua_pattern.h"

#include <ctype.h>
#include <stdio.h>

#define ESCAPE  '%'
#define CHOICES 199 /* Lua says "pattern too complex" where it would recurse once more */

enum kind {
    OPTION, /* with one: then without */
    MOST,   /* as many as there are: then one fewer each time */
    FEWEST, /* none: then one more each time */
    OPENED,
    CLOSED /* a capture: undo that */
};

struct choice {
    enum kind kind;
    const uint8_t *place;      /* in the subject */
    const uint8_t *item, *end; /* in the pattern */
    size_t count;              /* MOST: how many; CLOSED: which capture */
};

struct run {
    struct lua_pattern *match;
    const uint8_t *place; /* where we are in the subject */
    const uint8_t *item;  /* and in the pattern */
    unsigned depth;
    struct choice choices[CHOICES];
};

enum move { ON, BACK };

/* ---- stopping ---- */

static void wrong(struct lua_pattern *match, const char *problem)
{
    if (!match->stopped)
        snprintf(match->problem, sizeof match->problem, "%s", problem);
    match->stopped = true;
}

static void wrong_index(struct lua_pattern *match, int index)
{
    char problem[64];
    snprintf(problem, sizeof problem, "invalid capture index %%%d", index);
    wrong(match, problem);
}

static bool pay(struct lua_pattern *match, size_t steps)
{
    if (match->steps >= steps) {
        match->steps -= steps;
        return true;
    }
    match->steps = 0;
    match->stopped = true;
    return false;
}

/* ---- single characters ---- */

/* What stands there, or 0 behind the end: as if a NUL did. */
static uint8_t byte_at(const uint8_t *place, const uint8_t *end)
{
    return place < end ? *place : 0;
}

/* %z is from the time when patterns could hold no NUL; Lua still knows it. */
static int is_nul(int byte)
{
    return byte == 0;
}

static bool class_has(uint8_t letter, uint8_t byte)
{
    static int (*const tests[26])(int) = {
        ['z' - 'a'] = is_nul,

        ['a' - 'a'] = isalpha, ['c' - 'a'] = iscntrl, ['d' - 'a'] = isdigit, ['g' - 'a'] = isgraph,
        ['l' - 'a'] = islower, ['p' - 'a'] = ispunct, ['s' - 'a'] = isspace, ['u' - 'a'] = isupper,
        ['w' - 'a'] = isalnum, ['x' - 'a'] = isxdigit};
    if (!isalpha(letter) || !tests[tolower(letter) - 'a'])
        return letter == byte;
    return (tests[tolower(letter) - 'a'](byte) != 0) == (islower(letter) != 0);
}

/* Whether the set from [ to ] has the byte; close: where the ] is. */
static bool set_has(const uint8_t *open, const uint8_t *close, uint8_t byte)
{
    const uint8_t *each = open + 1;
    bool listed = *each != '^';
    if (!listed)
        each++;
    while (each < close) {
        if (*each == ESCAPE) {
            if (class_has(each[1], byte))
                return listed;
            each += 2;
        } else if (close - each > 2 && each[1] == '-') {
            if (each[0] <= byte && byte <= each[2])
                return listed;
            each += 3;
        } else if (*each++ == byte) {
            return listed;
        }
    }
    return !listed;
}

/* Where a set ends, behind its ]; NULL where it does not. */
static const uint8_t *set_end(struct lua_pattern *match, const uint8_t *open)
{
    const uint8_t *each = open + 1;
    if (byte_at(each, match->pattern_end) == '^')
        each++;
    do { /* a ] that comes first is one of the set */
        if (each == match->pattern_end) {
            wrong(match, "malformed pattern (missing ']')");
            return NULL;
        }
        if (*each++ == ESCAPE && each < match->pattern_end)
            each++;
    } while (byte_at(each, match->pattern_end) != ']');
    return pay(match, (size_t)(each - open) / 8) ? each + 1 : NULL;
}

static const uint8_t *single_end(struct lua_pattern *match, const uint8_t *item)
{
    if (*item == '[')
        return set_end(match, item);
    if (*item != ESCAPE)
        return item + 1;
    if (item + 1 < match->pattern_end)
        return item + 2;
    wrong(match, "malformed pattern (ends with '%')");
    return NULL;
}

/* Whether a single character matches at a place: it costs a step, and a long set more. */
static bool single_matches(struct lua_pattern *match, const uint8_t *place, const uint8_t *item,
                           const uint8_t *end)
{
    if (!pay(match, 1 + (size_t)(end - item) / 8) || place >= match->subject_end)
        return false;
    switch (*item) {
    case '.':
        return true;
    case ESCAPE:
        return class_has(item[1], *place);
    case '[':
        return set_has(item, end - 1, *place);
    default:
        return *item == *place;
    }
}

/* ---- going back ---- */

static enum move push(struct run *run, struct choice choice, const uint8_t *place,
                      const uint8_t *item)
{
    if (run->depth == CHOICES) {
        wrong(run->match, "pattern too complex");
        return BACK;
    }
    run->choices[run->depth++] = choice;
    run->place = place;
    run->item = item;
    return ON;
}

/* Try the choice's next possibility: BACK where it has none. */
static enum move reconsider(struct run *run, struct choice *choice)
{
    switch (choice->kind) {
    case OPTION:
        run->depth--;
        break;
    case MOST:
        if (choice->count == 0)
            return BACK;
        choice->count--;
        break;
    case FEWEST:
        if (!single_matches(run->match, choice->place, choice->item, choice->end))
            return BACK;
        choice->place++;
        break;
    case OPENED:
        run->match->count--;
        return BACK;
    case CLOSED:
        run->match->captures[choice->count].size = LUA_CAPTURE_OPEN;
        return BACK;
    }
    run->place = choice->place + (choice->kind == MOST ? choice->count : 0);
    run->item = choice->end + 1;
    return ON;
}

/* Whether there is anything left to try. */
static bool go_back(struct run *run)
{
    while (run->depth > 0) {
        if (!pay(run->match, 1))
            return false;
        if (reconsider(run, &run->choices[run->depth - 1]) == ON)
            return true;
        run->depth--;
    }
    return false;
}

/* ---- items ---- */

static enum move take_most(struct run *run, const uint8_t *end)
{
    const uint8_t *first = run->place;
    size_t count = 0;
    while (single_matches(run->match, first + count, run->item, end))
        count++;
    if (*end == '+' && count == 0)
        return BACK;
    /* One is a must for +: it is not given back. */
    size_t must = *end == '+' ? 1 : 0;
    struct choice choice = {MOST, first + must, run->item, end, count - must};
    return push(run, choice, first + count, end + 1);
}

static enum move take_single(struct run *run)
{
    const uint8_t *end = single_end(run->match, run->item);
    if (!end)
        return BACK;
    uint8_t suffix = byte_at(end, run->match->pattern_end);
    bool matches = single_matches(run->match, run->place, run->item, end);
    if (matches && (suffix == '*' || suffix == '+'))
        return take_most(run, end);
    if (matches && suffix == '-')
        return push(run, (struct choice){FEWEST, run->place, run->item, end, 0}, run->place,
                    end + 1);
    if (matches && suffix == '?')
        return push(run, (struct choice){OPTION, run->place, run->item, end, 0}, run->place + 1,
                    end + 1);
    if (!matches && suffix != '*' && suffix != '?' && suffix != '-')
        return BACK;
    run->place += matches ? 1 : 0;
    run->item = end + (matches ? 0 : 1);
    return ON;
}

static enum move open_capture(struct run *run)
{
    struct lua_pattern *match = run->match;
    bool place_only = byte_at(run->item + 1, match->pattern_end) == ')';
    if (match->count == LUA_PATTERN_CAPTURES) {
        wrong(match, "too many captures");
        return BACK;
    }
    match->captures[match->count++] =
        (struct lua_capture){run->place, place_only ? LUA_CAPTURE_PLACE : LUA_CAPTURE_OPEN};
    return push(run, (struct choice){.kind = OPENED}, run->place, run->item + (place_only ? 2 : 1));
}

static enum move close_capture(struct run *run)
{
    struct lua_pattern *match = run->match;
    unsigned which = match->count;
    while (which > 0 && match->captures[which - 1].size != LUA_CAPTURE_OPEN)
        which--;
    if (which-- == 0) {
        wrong(match, "invalid pattern capture");
        return BACK;
    }
    match->captures[which].size = run->place - match->captures[which].start;
    return push(run, (struct choice){.kind = CLOSED, .count = which}, run->place, run->item + 1);
}

/* What a capture has captured comes again. */
static enum move match_again(struct run *run, uint8_t digit)
{
    struct lua_pattern *match = run->match;
    int which = digit - '1';
    if (which < 0 || (unsigned)which >= match->count ||
        match->captures[which].size == LUA_CAPTURE_OPEN) {
        wrong_index(match, which + 1);
        return BACK;
    }
    const struct lua_capture *capture = &match->captures[which];
    if (capture->size == LUA_CAPTURE_PLACE || match->subject_end - run->place < capture->size)
        return BACK;
    size_t size = (size_t)capture->size;
    if (!pay(match, 1 + size / 16) || memcmp(capture->start, run->place, size) != 0)
        return BACK;
    run->place += size;
    run->item += 2;
    return ON;
}

static enum move match_balance(struct run *run)
{
    struct lua_pattern *match = run->match;
    if (match->pattern_end - run->item < 4) {
        wrong(match, "malformed pattern (missing arguments to '%b')");
        return BACK;
    }
    uint8_t open = run->item[2], close = run->item[3];
    const uint8_t *place = run->place;
    if (place == match->subject_end || *place++ != open)
        return BACK;
    for (size_t depth = 1; place < match->subject_end && pay(match, 1); place++) {
        if (*place == close && --depth == 0) {
            run->place = place + 1;
            run->item += 4;
            return ON;
        }
        if (*place == open && *place != close)
            depth++;
    }
    return BACK;
}

static enum move match_frontier(struct run *run)
{
    struct lua_pattern *match = run->match;
    const uint8_t *set = run->item + 2;
    if (byte_at(set, match->pattern_end) != '[') {
        wrong(match, "missing '[' after '%f' in pattern");
        return BACK;
    }
    const uint8_t *end = set_end(match, set);
    if (!end || !pay(match, 1 + (size_t)(end - set) / 8))
        return BACK;
    uint8_t before = run->place > match->subject ? run->place[-1] : 0;
    uint8_t behind = byte_at(run->place, match->subject_end);
    if (set_has(set, end - 1, before) || !set_has(set, end - 1, behind))
        return BACK;
    run->item = end;
    return ON;
}

static enum move match_escape(struct run *run)
{
    uint8_t letter = byte_at(run->item + 1, run->match->pattern_end);
    if (letter == 'b')
        return match_balance(run);
    if (letter == 'f')
        return match_frontier(run);
    return isdigit(letter) ? match_again(run, letter) : take_single(run);
}

static enum move match_item(struct run *run)
{
    switch (*run->item) {
    case '(':
        return open_capture(run);
    case ')':
        return close_capture(run);
    case ESCAPE:
        return match_escape(run);
    case '$':
        if (run->item + 1 < run->match->pattern_end)
            return take_single(run);
        run->item++;
        return run->place == run->match->subject_end ? ON : BACK;
    default:
        return take_single(run);
    }
}

/* ---- patterns ---- */

static enum lua_pattern_result stopped(const struct lua_pattern *match)
{
    return *match->problem ? LUA_PATTERN_WRONG : LUA_PATTERN_SPENT;
}

enum lua_pattern_result lua_pattern_match_at(struct lua_pattern *match, const uint8_t *place)
{
    struct run run;
    run.match = match;
    run.place = place;
    run.item = match->pattern;
    run.depth = 0;
    match->count = 0;
    if (!pay(match, 1))
        return LUA_PATTERN_SPENT;
    while (run.item < match->pattern_end) {
        enum move move = match_item(&run);
        if (match->stopped || (move == BACK && !go_back(&run)))
            return match->stopped ? stopped(match) : LUA_PATTERN_NONE;
    }
    match->start = place;
    match->end = run.place;
    return LUA_PATTERN_MATCH;
}

enum lua_pattern_result lua_pattern_search(struct lua_pattern *match, const uint8_t *place)
{
    for (;; place++) {
        enum lua_pattern_result result = lua_pattern_match_at(match, place);
        if (result != LUA_PATTERN_NONE || match->anchored || place == match->subject_end)
            return result;
    }
}

void lua_pattern_prepare(struct lua_pattern *match, struct slice subject, struct slice pattern,
                         bool anchors, uint64_t steps)
{
    match->anchored = anchors && pattern.size > 0 && *pattern.data == '^';
    match->subject = subject.data;
    match->subject_end = subject.data + subject.size;
    match->pattern = pattern.data + (match->anchored ? 1 : 0);
    match->pattern_end = pattern.data + pattern.size;
    match->steps = steps;
    match->count = 0;
    match->problem[0] = '\0';
    match->stopped = false;
}

bool lua_pattern_is_plain(struct slice pattern)
{
    for (size_t i = 0; i < pattern.size; i++)
        if (pattern.data[i] && strchr("^$*+?.([%-", pattern.data[i]))
            return false;
    return true;
}
