/* pattern.h: patterns of talk files: PCRE2
 * (https://www.pcre.org/current/doc/html/pcre2pattern.html), with bounds on the time that a message
 * can make them take.
 *
 * A pattern sees the first match_bytes of a subject, byte by byte; one that starts with (*UTF) sees
 * characters, and bytes that are no UTF-8 match nothing in it. Where a subject was cut, $ does not
 * match at the cut. \C and callouts are refused.
 *
 * Work is counted: so many positions and so many steps. What crosses the bound (10 ms here, however
 * the pattern is built) ends as PATTERN_LIMIT, at the same place each time: no clock has a say.
 *
 * A matcher and the patterns that are matched with it belong to one thread at a time. */
#ifndef REPLY_PATTERN_H
#define REPLY_PATTERN_H

#include "base/error.h"
#include "base/slice.h"
#include "reply/pattern_filter.h"

/* A pattern may be as long. */
#define PATTERN_BYTES_MAX 4096

/* What the matches of a thread share: a stack, the count of work. */
struct matcher;

/* NULL: memory is out. */
struct matcher *matcher_create(size_t match_bytes);
void matcher_destroy(struct matcher **matcher);

struct pattern;

/* GT_DONE; GT_WRONG where it is no pattern ("at 4, before 'x)': missing closing parenthesis");
 * GT_FAILED when memory is out. */
int pattern_compile(struct slice text, struct pattern **pattern, struct error *error);
void pattern_destroy(struct pattern **pattern);

enum pattern_result {
    PATTERN_NO,
    PATTERN_YES,
    PATTERN_LIMIT /* given up: to be taken for a no, and told */
};

/* Make a subject of bytes, which are there as long as it is. */
void subject_of(struct subject *subject, const struct matcher *matcher, struct slice bytes);

/* Whether a pattern matches somewhere in the subject. Its captures are known until it is matched
 * again. */
enum pattern_result pattern_match(struct matcher *matcher, struct pattern *pattern,
                                  struct subject *subject);

/* The same in two steps: where the filter does not pass, the pattern does not match. */
struct filter pattern_filter(const struct pattern *pattern);
enum pattern_result pattern_match_filtered(struct matcher *matcher, struct pattern *pattern,
                                           const struct subject *subject);

/* As it was written. */
struct slice pattern_text(const struct pattern *pattern);

/* How many bytes it takes, its code for the machine included. */
size_t pattern_bytes(const struct pattern *pattern);

/* How many groups a pattern has, beside the whole match, which is number 0. */
unsigned pattern_groups(const struct pattern *pattern);

/* The number of the group of this name; 0: there is none. */
unsigned pattern_group(const struct pattern *pattern, struct slice name);

/* The name of a group, NULL where it has none. */
const char *pattern_group_name(const struct pattern *pattern, unsigned number);

/* What a group has captured in the last match, within the subject's bytes; false: nothing, it took
 * no part. number is at most pattern_groups. */
bool pattern_capture(const struct pattern *pattern, unsigned number, struct slice *capture);

#endif
