/* pattern_parts.h: what the files of patterns share. */
#ifndef REPLY_PATTERN_PARTS_H
#define REPLY_PATTERN_PARTS_H

#include "reply/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Work is counted in units, of about a nanosecond each here. */
#define WORK_QUICK   4000000 /* that the quick code may come to at most, by what is known of it */
#define WORK_CAREFUL 8000000 /* that is counted in the careful code */

struct pattern {
    pcre2_code *quick;   /* runs with a limit of steps for each start in the subject */
    pcre2_code *careful; /* calls out before each item, which counts its work */
    pcre2_match_data *data;
    const uint8_t *subject; /* of the last match */
    struct filter filter;
    uint64_t weight; /* units of a step through a byte in the quick code, at most */
    uint64_t size;   /* units of a way through all of the quick code that takes no bytes */
    bool jit;        /* quick is machine code */
    bool one_start;  /* it can match at the subject's start only */
    bool straight;   /* neither repeats nor groups nor references: each start is one way */
    unsigned group_count;
    size_t text_size;
    uint8_t text[]; /* careful's items are parts of it */
};

struct matcher {
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    size_t match_bytes;
    /* Of the careful match that runs: */
    const struct pattern *pattern;
    uint64_t work_left;
    size_t position; /* where the last item ended, and what a step through a byte was in it */
    uint64_t step;
};

/* Learn what a subject must have from the pattern's text and its quick code. */
void filter_learn(struct filter *filter, struct slice text, const pcre2_code *code);

/* The quick code's limit of steps for each start in a subject of this size, so that all of them
 * come to no more than WORK_QUICK; 0: it must not run. */
uint32_t work_limit(const struct pattern *pattern, size_t size);

/* Match with all work counted: as pcre2_match. */
int work_match(struct matcher *matcher, const struct pattern *pattern,
               const struct subject *subject);

#endif
