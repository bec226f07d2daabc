/* show_match.h: --match: a regular expression (PCRE2) that messages are held against.
 *
 * A message may hold anything: it is taken as UTF-8, of which invalid bytes match nothing, and the
 * work that one of them can make is bounded. */
#ifndef TOOL_SHOW_MATCH_H
#define TOOL_SHOW_MATCH_H

#include "base/error.h"
#include "base/slice.h"

struct show_match;

/* NULL with the reason: GT_WRONG, and where in the expression; GT_FAILED: memory is out. */
struct show_match *show_match_create(const char *expression, struct error *error);
void show_match_free(struct show_match **match);

enum show_matched { SHOW_MATCHED, SHOW_NOT_MATCHED, SHOW_UNDECIDED /* at the bound */ };

/* Whether it is anywhere in text; *part is then what matched. */
enum show_matched show_match_find(struct show_match *match, struct slice text, struct slice *part);

#endif
