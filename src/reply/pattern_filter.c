/* pattern_filter.c: most patterns of a list do not match most messages, and most of that can be
 * seen without asking PCRE2: a pattern that begins with ^ and plain characters needs them at the
 * subject's start, eight of which are compared at once; others need bytes that the subject does not
 * have.
 *
 * Where there is doubt about what a pattern's text means, nothing is learned from it. */
#include "reply/pattern_parts.h"

#include <ctype.h>

#define HEAD_BYTES 8

/* Characters that mean themselves everywhere outside of classes, without extended syntax. */
static bool is_plain(uint8_t byte)
{
    return byte < 0x80 && (isalnum(byte) || (byte && strchr(" _-:;,/@=<>\"'!%&~#", byte)));
}

/* The plain character at the start of text, escaped or not: how many bytes it takes; 0: none. */
static size_t plain_character(struct slice text, uint8_t *byte)
{
    bool escaped = text.size > 1 && text.data[0] == '\\';
    if (text.size == 0)
        return 0;
    *byte = text.data[escaped];
    if (escaped)
        return ispunct(*byte) ? 2 : 0;
    return is_plain(*byte) ? 1 : 0;
}

static bool begins(struct slice text, const char *what)
{
    size_t size = strlen(what);
    return text.size >= size && memcmp(text.data, what, size) == 0;
}

/* Whether what stands before it may be there not at all. What means nothing itself (a comment, an
 * end of quoting) may stand before the quantifier. */
static bool may_be_nothing(struct slice text)
{
    static const char *const signs[] = {"?", "*", "{", "(?#", "\\E", "\\Q"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (begins(text, signs[i]))
            return true;
    return false;
}

static void head_add(struct filter *filter, unsigned place, uint8_t byte, bool caseless)
{
    uint8_t mask = caseless && isalpha(byte) ? 0xdf : 0xff;
    uint8_t bytes[HEAD_BYTES] = {0};
    uint64_t word;
    bytes[place] = mask;
    memcpy(&word, bytes, sizeof word);
    filter->head_mask |= word;
    bytes[place] = byte & mask;
    memcpy(&word, bytes, sizeof word);
    filter->head_value |= word;
}

static bool skip(struct slice *text, const char *what)
{
    bool there = begins(*text, what);
    *text = slice_after(*text, there ? strlen(what) : 0);
    return there;
}

/* From "^plain" or "(?i)^plain", without alternatives. */
static void learn_head(struct filter *filter, struct slice text)
{
    bool caseless = skip(&text, "(?i)");
    uint8_t byte;
    size_t taken;
    if (memchr(text.data, '|', text.size) || !skip(&text, "^"))
        return;
    for (unsigned place = 0; place < HEAD_BYTES && (taken = plain_character(text, &byte));
         place++) {
        text = slice_after(text, taken);
        if (may_be_nothing(text))
            return;
        head_add(filter, place, byte, caseless);
        if (text.size > 0 && text.data[0] == '+')
            return;
    }
}

static uint16_t other_case(uint8_t byte)
{
    return isalpha(byte) ? byte ^ 0x20 : byte;
}

/* A byte that PCRE2 knows to be in every match, in either case: which one, it does not say. */
static void learn_need(struct filter *filter, unsigned place, const pcre2_code *code, uint32_t type,
                       uint32_t unit)
{
    uint32_t kind = 0, byte = 0;
    pcre2_pattern_info(code, type, &kind);
    pcre2_pattern_info(code, unit, &byte);
    if (kind != 1)
        return;
    filter->needs = true;
    filter->need[place] = (uint8_t)byte;
    filter->need[place + 1] = other_case((uint8_t)byte);
}

void filter_learn(struct filter *filter, struct slice text, const pcre2_code *code)
{
    uint32_t options = 0;
    *filter = FILTER_NOTHING_ASKED;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    pcre2_pattern_info(code, PCRE2_INFO_MINLENGTH, &filter->shortest);
    if (options & (PCRE2_UTF | PCRE2_UCP)) /* characters have cases of other lengths there */
        return;
    if (text.size > 0)
        learn_head(filter, text);
    learn_need(filter, 0, code, PCRE2_INFO_FIRSTCODETYPE, PCRE2_INFO_FIRSTCODEUNIT);
    learn_need(filter, 2, code, PCRE2_INFO_LASTCODETYPE, PCRE2_INFO_LASTCODEUNIT);
}

void subject_count(struct subject *subject)
{
    const uint8_t *end = subject->bytes.data + subject->bytes.size;
    memset(subject->has, 0, sizeof subject->has);
    subject->has[FILTER_ANYTHING] = 1;
    for (const uint8_t *at = subject->bytes.data; at < end; at++)
        subject->has[*at] = 1;
    subject->counted = true;
}
