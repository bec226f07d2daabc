/* pattern.c: a pattern is compiled twice, as pattern_work.c tells, and matched by the code that
 * will do.
 *
 * Failing: text that is no pattern is told with the place; without memory for machine code (some
 * systems allow none) there is only the careful code, interpreted. */
#include "reply/pattern.h"

#include "base/escape.h"
#include "reply/pattern_parts.h"

#include <goodtalk.h>
#include <stdlib.h>

#define STACK_LEAST    ((size_t)32 << 10)
#define STACK_MOST     ((size_t)1 << 20)
#define HEAP_KIB       4096 /* of the interpreter */
#define NESTING_MOST   100
#define UNICODE_WEIGHT 8 /* a step through a character, where it has properties */

static const uint8_t nothing[1]; /* where an empty subject's bytes are */

struct matcher *matcher_create(size_t match_bytes)
{
    struct matcher *matcher = calloc(1, sizeof *matcher);
    if (!matcher)
        return NULL;
    matcher->match_bytes = match_bytes;
    matcher->context = pcre2_match_context_create(NULL);
    matcher->stack = pcre2_jit_stack_create(STACK_LEAST, STACK_MOST, NULL);
    if (!matcher->context) {
        matcher_destroy(&matcher);
        return NULL;
    }
    if (matcher->stack) /* else 32 KiB of the thread's own are used */
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    pcre2_set_heap_limit(matcher->context, HEAP_KIB);
    return matcher;
}

void matcher_destroy(struct matcher **matcher)
{
    if (*matcher) {
        pcre2_match_context_free((*matcher)->context);
        pcre2_jit_stack_free((*matcher)->stack);
    }
    free(*matcher);
    *matcher = NULL;
}

/* ---- compiling ---- */

static int refuse(struct slice text, int number, PCRE2_SIZE offset, struct error *error)
{
    char near[32], words[160];
    if (number == PCRE2_ERROR_HEAP_FAILED || number == PCRE2_ERROR_NOMEMORY)
        return error_set(error, GT_FAILED, "no memory for a pattern");
    if (number == PCRE2_ERROR_BACKSLASH_C_CALLER_DISABLED)
        return error_set(error, GT_WRONG, "the pattern has \\C, which is not allowed here");
    if (number == PCRE2_ERROR_PATTERN_TOO_LARGE)
        return error_set(error, GT_WRONG,
                         "the pattern is too large; fewer alternatives or repeats would help");
    pcre2_get_error_message(number, (PCRE2_UCHAR *)words, sizeof words);
    if (offset >= text.size)
        return error_set(error, GT_WRONG, "the pattern is wrong at its end: %s", words);
    escape_string(near, sizeof near, slice_after(text, offset));
    return error_set(error, GT_WRONG, "the pattern is wrong before '%s': %s", near, words);
}

/* Compile text with these options and those that all patterns have. */
static int compile(struct slice text, uint32_t options, pcre2_code **code, struct error *error)
{
    int number;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return error_set(error, GT_FAILED, "no memory for a pattern");
    pcre2_set_parens_nest_limit(context, NESTING_MOST);
    *code = pcre2_compile(text.data, text.size, options | PCRE2_NEVER_BACKSLASH_C, &number, &offset,
                          context);
    pcre2_compile_context_free(context);
    return *code ? GT_DONE : refuse(text, number, offset, error);
}

static int count_callout(pcre2_callout_enumerate_block *block, void *context)
{
    (void)block;
    (void)context;
    return 1;
}

static uint32_t options_of(const pcre2_code *code)
{
    uint32_t options = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    return options;
}

static size_t size_of(const pcre2_code *code)
{
    size_t size = 0;
    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size);
    return size;
}

static size_t machine_code_of(const pcre2_code *code)
{
    size_t size = 0;
    pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size);
    return size;
}

/* The quick code, and the options that both codes have. */
static int compile_quick(struct pattern *pattern, struct slice text, uint32_t *options,
                         struct error *error)
{
    *options = 0;
    int status = compile(text, 0, &pattern->quick, error);
    if (status == GT_DONE && options_of(pattern->quick) & PCRE2_UTF) {
        *options = PCRE2_MATCH_INVALID_UTF; /* else subjects would have to be looked at first */
        pcre2_code_free(pattern->quick);
        status = compile(text, *options, &pattern->quick, error);
    }
    if (status != GT_DONE)
        return status;
    if (pcre2_callout_enumerate(pattern->quick, count_callout, NULL) != 0)
        return error_set(error, GT_WRONG,
                         "the pattern has a callout, (?C), which calls nobody here");
    return GT_DONE;
}

static bool has_any(struct slice text, const char *bytes)
{
    for (; *bytes; bytes++)
        if (memchr(text.data, *bytes, text.size))
            return true;
    return false;
}

static void learn(struct pattern *pattern, struct slice text)
{
    uint32_t options = options_of(pattern->quick), groups = 0;
    bool unicode = options & (PCRE2_UTF | PCRE2_UCP) || memmem(text.data, text.size, "\\p", 2) ||
                   memmem(text.data, text.size, "\\P", 2);
    pcre2_pattern_info(pattern->quick, PCRE2_INFO_CAPTURECOUNT, &groups);
    pattern->jit = machine_code_of(pattern->quick) > 0;
    pattern->group_count = groups;
    pattern->one_start = options & PCRE2_ANCHORED;
    pattern->size = size_of(pattern->quick);
    pattern->weight = unicode ? UNICODE_WEIGHT + text.size / 16 : 1;
    pattern->straight = !unicode && !has_any(text, "*+?{(\\");
    filter_learn(&pattern->filter, text, pattern->quick);
}

static int compile_both(struct pattern *pattern, struct slice text, struct error *error)
{
    uint32_t options;
    int status = compile_quick(pattern, text, &options, error);
    if (status == GT_DONE)
        status = compile(text, options | PCRE2_AUTO_CALLOUT, &pattern->careful, error);
    if (status != GT_DONE)
        return status;
    /* Where there is no machine code, the interpreter does the same. */
    pcre2_jit_compile(pattern->quick, PCRE2_JIT_COMPLETE);
    pcre2_jit_compile(pattern->careful, PCRE2_JIT_COMPLETE);
    pattern->data = pcre2_match_data_create_from_pattern(pattern->quick, NULL);
    if (!pattern->data)
        return error_set(error, GT_FAILED, "no memory for a pattern");
    learn(pattern, text);
    return GT_DONE;
}

int pattern_compile(struct slice text, struct pattern **pattern, struct error *error)
{
    *pattern = NULL;
    if (text.size > PATTERN_BYTES_MAX)
        return error_set(error, GT_WRONG, "the pattern is longer than %d bytes", PATTERN_BYTES_MAX);
    struct pattern *made = calloc(1, sizeof *made + text.size + 1);
    if (!made)
        return error_set(error, GT_FAILED, "no memory for a pattern");
    if (text.size > 0)
        memcpy(made->text, text.data, text.size);
    made->text_size = text.size;
    int status = compile_both(made, slice_of(made->text, text.size), error);
    if (status != GT_DONE)
        pattern_destroy(&made);
    *pattern = made;
    return status;
}

void pattern_destroy(struct pattern **pattern)
{
    if (*pattern) {
        pcre2_match_data_free((*pattern)->data);
        pcre2_code_free((*pattern)->careful);
        pcre2_code_free((*pattern)->quick);
    }
    free(*pattern);
    *pattern = NULL;
}

/* ---- matching ---- */

void subject_of(struct subject *subject, const struct matcher *matcher, struct slice bytes)
{
    subject->bytes = bytes;
    subject->head = 0;
    subject->counted = false;
    subject->cut = bytes.size > matcher->match_bytes;
    if (subject->cut)
        subject->bytes.size = matcher->match_bytes;
    size_t head = subject->bytes.size;
    if (head >= sizeof subject->head)
        memcpy(&subject->head, bytes.data, sizeof subject->head);
    else if (head > 0)
        memcpy(&subject->head, bytes.data, head);
    else
        subject->bytes.data = nothing;
}

static int match_quick(struct matcher *matcher, struct pattern *pattern,
                       const struct subject *subject)
{
    uint32_t limit = pattern->jit ? work_limit(pattern, subject->bytes.size) : 0;
    if (limit == 0)
        return PCRE2_ERROR_MATCHLIMIT;
    pcre2_set_match_limit(matcher->context, limit);
    return pcre2_jit_match(pattern->quick, subject->bytes.data, subject->bytes.size, 0,
                           subject->cut ? PCRE2_NOTEOL : 0, pattern->data, matcher->context);
}

enum pattern_result pattern_match_filtered(struct matcher *matcher, struct pattern *pattern,
                                           const struct subject *subject)
{
    pattern->subject = subject->bytes.data;
    int result = match_quick(matcher, pattern, subject);
    if (result < PCRE2_ERROR_NOMATCH)
        result = work_match(matcher, pattern, subject);
    return result >= 0 ? PATTERN_YES : result == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}

enum pattern_result pattern_match(struct matcher *matcher, struct pattern *pattern,
                                  struct subject *subject)
{
    if (!filter_passes(&pattern->filter, subject))
        return PATTERN_NO;
    return pattern_match_filtered(matcher, pattern, subject);
}

struct filter pattern_filter(const struct pattern *pattern)
{
    return pattern->filter;
}

/* ---- captures ---- */

struct slice pattern_text(const struct pattern *pattern)
{
    return slice_of(pattern->text, pattern->text_size);
}

size_t pattern_bytes(const struct pattern *pattern)
{
    const pcre2_code *codes[] = {pattern->quick, pattern->careful};
    size_t bytes = sizeof *pattern + pattern->text_size;
    for (size_t i = 0; i < 2; i++)
        bytes += size_of(codes[i]) + machine_code_of(codes[i]);
    return bytes;
}

unsigned pattern_groups(const struct pattern *pattern)
{
    return pattern->group_count;
}

/* The table of names: entries of a number, two bytes, and a name. */
struct names {
    PCRE2_SPTR entries;
    uint32_t count, entry_size;
};

static struct names names_of(const struct pattern *pattern)
{
    struct names names = {0};
    pcre2_pattern_info(pattern->quick, PCRE2_INFO_NAMECOUNT, &names.count);
    pcre2_pattern_info(pattern->quick, PCRE2_INFO_NAMEENTRYSIZE, &names.entry_size);
    pcre2_pattern_info(pattern->quick, PCRE2_INFO_NAMETABLE, &names.entries);
    return names;
}

static unsigned name_number(PCRE2_SPTR entry)
{
    return (unsigned)entry[0] << 8 | entry[1];
}

unsigned pattern_group(const struct pattern *pattern, struct slice name)
{
    struct names names = names_of(pattern);
    for (uint32_t i = 0; i < names.count; i++) {
        PCRE2_SPTR entry = names.entries + (size_t)i * names.entry_size;
        if (slice_equal(slice_of_text((const char *)entry + 2), name))
            return name_number(entry);
    }
    return 0;
}

const char *pattern_group_name(const struct pattern *pattern, unsigned number)
{
    struct names names = names_of(pattern);
    for (uint32_t i = 0; i < names.count; i++) {
        PCRE2_SPTR entry = names.entries + (size_t)i * names.entry_size;
        if (name_number(entry) == number)
            return (const char *)entry + 2;
    }
    return NULL;
}

bool pattern_capture(const struct pattern *pattern, unsigned number, struct slice *capture)
{
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(pattern->data) + (size_t)2 * number;
    if (pair[0] == PCRE2_UNSET || pair[1] < pair[0])
        return false;
    *capture = slice_of(pattern->subject + pair[0], pair[1] - pair[0]);
    return true;
}
