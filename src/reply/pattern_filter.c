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

/* Whether what stands before it may be there not at all. */
static bool may_be_nothing(struct slice text)
{
    return text.size > 0 && memchr("?*{", text.data[0], 3);
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
    size_t size = strlen(what);
    if (text->size < size || memcmp(text->data, what, size) != 0)
        return false;
    *text = slice_after(*text, size);
    return true;
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

static void learn_need(struct filter *filter, const pcre2_code *code, uint32_t type, uint32_t unit)
{
    uint32_t kind = 0, byte = 0;
    pcre2_pattern_info(code, type, &kind);
    pcre2_pattern_info(code, unit, &byte);
    if (kind == 1)
        filter->need[filter->need_count++] = (uint8_t)byte;
}

void filter_learn(struct filter *filter, struct slice text, const pcre2_code *code)
{
    uint32_t options = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    pcre2_pattern_info(code, PCRE2_INFO_MINLENGTH, &filter->shortest);
    if (options & (PCRE2_UTF | PCRE2_UCP)) /* characters have cases of other lengths there */
        return;
    if (text.size > 0)
        learn_head(filter, text);
    learn_need(filter, code, PCRE2_INFO_FIRSTCODETYPE, PCRE2_INFO_FIRSTCODEUNIT);
    learn_need(filter, code, PCRE2_INFO_LASTCODETYPE, PCRE2_INFO_LASTCODEUNIT);
}

static void count_bytes(struct subject *subject)
{
    for (size_t i = 0; i < subject->bytes.size; i++) {
        uint8_t byte = subject->bytes.data[i];
        subject->has[byte >> 6] |= UINT64_C(1) << (byte & 63);
    }
    subject->counted = true;
}

static bool has(const struct subject *subject, uint8_t byte)
{
    return subject->has[byte >> 6] >> (byte & 63) & 1;
}

bool filter_needs(const struct filter *filter, struct subject *subject)
{
    if (!subject->counted)
        count_bytes(subject);
    for (unsigned i = 0; i < filter->need_count; i++) {
        uint8_t byte = filter->need[i];
        if (!has(subject, byte) && !(isalpha(byte) && has(subject, byte ^ 0x20)))
            return false;
    }
    return true;
}
