/* pattern_work.c: a bound on the time that a match takes, whatever pattern and subject are.
 *
 * PCRE2's own limit counts anew at each start in the subject, and not what a step costs: ".*" is
 * one, however far it goes. So there are two codes of a pattern. The quick one runs where starts
 * times limit times the costliest step are few enough, and the limit is of use; that is so for
 * short subjects and tame patterns. Where it is not, or where the quick code reached its limit, the
 * careful code runs. It calls out before each item of the pattern, and what was done since the last
 * call is counted here: the bytes that were walked over, what the call itself costs, and what the
 * next item may do without getting anywhere (a reference that fails at its end, a count of repeats
 * that is not reached).
 *
 * Nothing depends on a clock: the same match ends at the same place everywhere. */
#include "reply/pattern_parts.h"

#define CALL_UNITS      24 /* of a call out; each group costs one more: captures are copied */
#define LIMIT_LEAST     8
#define LIMIT_MOST      10000000
#define ITEM_BYTES_STEP 8 /* a class of so many bytes more makes a step cost one unit more */

uint32_t work_limit(const struct pattern *pattern, size_t size)
{
    uint64_t starts = pattern->one_start ? 1 : size + 1;
    if (pattern->straight)
        return starts * (pattern->size + pattern->weight) <= WORK_QUICK ? LIMIT_MOST : 0;
    uint64_t step = (size + 1) * pattern->weight + pattern->size;
    uint64_t limit = WORK_QUICK / starts / step;
    return limit < LIMIT_LEAST ? 0 : limit > LIMIT_MOST ? LIMIT_MOST : (uint32_t)limit;
}

/* A reference: what it compares is as long as the longest capture. */
static uint64_t reference_units(const pcre2_callout_block *block)
{
    size_t longest = 0;
    for (uint32_t i = 1; i < block->capture_top; i++) {
        const PCRE2_SIZE *pair = block->offset_vector + 2 * i;
        if (pair[0] != PCRE2_UNSET && pair[1] > pair[0] && pair[1] - pair[0] > longest)
            longest = pair[1] - pair[0];
    }
    return longest;
}

static bool is_reference(struct slice item)
{
    return item.size > 1 && ((item.data[0] == '\\' && strchr("123456789gk", item.data[1])) ||
                             (item.data[0] == '(' && item.size > 2 && item.data[2] == 'P'));
}

/* The largest number in the braces that end an item, as "x{10,20}" or "x{10}+"; at most largest. */
static uint64_t repeat_units(struct slice item, size_t largest)
{
    const uint8_t *brace = item.size > 0 ? memrchr(item.data, '{', item.size) : NULL;
    uint64_t most = 0, number = 0;
    if (!brace)
        return 0;
    for (const uint8_t *at = brace + 1; at < item.data + item.size; at++) {
        bool digit = *at >= '0' && *at <= '9';
        number = digit && number <= largest ? number * 10 + (uint64_t)(*at - '0')
                 : digit                    ? number
                                            : 0;
        most = number > most ? number : most;
    }
    return most < largest ? most : largest;
}

static int count_work(pcre2_callout_block *block, void *context)
{
    struct matcher *matcher = context;
    size_t here = block->current_position;
    struct slice item =
        slice_of(matcher->pattern->text + block->pattern_position, block->next_item_length);
    uint64_t moved = here > matcher->position ? here - matcher->position : matcher->position - here;
    uint64_t step = 1 + item.size / ITEM_BYTES_STEP;
    uint64_t work = moved * matcher->step + CALL_UNITS + matcher->pattern->group_count + step;
    work += repeat_units(item, block->subject_length - here) * step;
    if (is_reference(item))
        work += reference_units(block);
    if (work > matcher->work_left)
        return PCRE2_ERROR_MATCHLIMIT;
    matcher->work_left -= work;
    matcher->position = here;
    matcher->step = step;
    return 0;
}

int work_match(struct matcher *matcher, const struct pattern *pattern,
               const struct subject *subject)
{
    uint32_t options = subject->cut ? PCRE2_NOTEOL : 0;
    matcher->pattern = pattern;
    matcher->work_left = WORK_CAREFUL;
    matcher->position = 0;
    matcher->step = 1;
    pcre2_set_match_limit(matcher->context, LIMIT_MOST);
    pcre2_set_callout(matcher->context, count_work, matcher);
    int result = pcre2_match(pattern->careful, subject->bytes.data, subject->bytes.size, 0, options,
                             pattern->data, matcher->context);
    pcre2_set_callout(matcher->context, NULL, NULL);
    return result;
}
