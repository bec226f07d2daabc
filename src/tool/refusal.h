/* refusal.h: what is said of an option that cannot be taken.
 *
 * Each fills the error (GT_WRONG) with one sentence: the option, the reason, what would help. */
#ifndef TOOL_REFUSAL_H
#define TOOL_REFUSAL_H

#include "base/error.h"
#include "tool/grammar.h"

/* What getopt_long answers with '?': left is what it leaves in optopt: a letter that is no option's
 * or the code of an option that takes no value; 0: written ("--colour=red") is nobody's, or could
 * be several. */
void refuse_option(struct error *error, const struct vocabulary *vocabulary, int left,
                   const char *written);

/* "--reply" without a text, and what is not built yet. */
void refuse_missing_value(struct error *error, const struct gt_setting *setting);
void refuse_later(struct error *error, const struct gt_setting *setting);

#endif
