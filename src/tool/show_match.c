/* show_match.c: the expression is compiled to machine code where that is allowed.
 *
 * Failing: an expression that is none; one whose match of some message takes too long is given up
 * for that message. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "tool/show_match.h"

#include "base/escape.h"

#include <goodtalk.h>
#include <pcre2.h>
#include <stdlib.h>

#define STEPS_MOST 1000000 /* that a match may take: some milliseconds */
#define HEAP_KIB   8192

struct show_match {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
};

static int refuse(struct error *error, const char *expression, int number, size_t offset)
{
    char shown[128];
    char words[128] = "";
    pcre2_get_error_message(number, (PCRE2_UCHAR *)words, sizeof words);
    escape_string(shown, sizeof shown, slice_of_text(expression));
    return error_set(error, GT_WRONG, "--match %s: %s (after %zu characters)", shown, words,
                     offset);
}

static int compile(struct show_match *match, const char *expression, struct error *error)
{
    int number;
    PCRE2_SIZE offset;
    match->code = pcre2_compile((PCRE2_SPTR)expression, PCRE2_ZERO_TERMINATED,
                                PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &number, &offset, NULL);
    if (!match->code)
        return refuse(error, expression, number, offset);
    pcre2_jit_compile(match->code, PCRE2_JIT_COMPLETE); /* where it may not: slower, that is all */
    match->data = pcre2_match_data_create_from_pattern(match->code, NULL);
    match->context = pcre2_match_context_create(NULL);
    if (!match->data || !match->context)
        return error_set(error, GT_FAILED, "out of memory");
    pcre2_set_match_limit(match->context, STEPS_MOST);
    pcre2_set_depth_limit(match->context, STEPS_MOST);
    pcre2_set_heap_limit(match->context, HEAP_KIB);
    return GT_DONE;
}

struct show_match *show_match_create(const char *expression, struct error *error)
{
    struct show_match *match = calloc(1, sizeof *match);
    if (!match)
        error_set(error, GT_FAILED, "out of memory");
    else if (compile(match, expression, error) != GT_DONE)
        show_match_free(&match);
    return match;
}

void show_match_free(struct show_match **match)
{
    if (*match) {
        pcre2_match_context_free((*match)->context);
        pcre2_match_data_free((*match)->data);
        pcre2_code_free((*match)->code);
    }
    free(*match);
    *match = NULL;
}

enum show_matched show_match_find(struct show_match *match, struct slice text, struct slice *part)
{
    PCRE2_SPTR subject = text.size > 0 ? text.data : (PCRE2_SPTR) "";
    int result = pcre2_match(match->code, subject, text.size, 0, 0, match->data, match->context);
    if (result == PCRE2_ERROR_NOMATCH)
        return SHOW_NOT_MATCHED;
    if (result < 0)
        return SHOW_UNDECIDED;
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match->data);
    size_t from = bounds[0] < bounds[1] ? bounds[0] : bounds[1]; /* \K may turn them round */
    size_t to = bounds[0] < bounds[1] ? bounds[1] : bounds[0];
    *part = slice_of(subject + from, to - from);
    return SHOW_MATCHED;
}
