/* refusal.h: what is said of an option that cannot be taken.
 *
 * Each fills the error (GT_WRONG) with one sentence: the option, the reason, what would help. */
#ifndef TOOL_REFUSAL_H
#define TOOL_REFUSAL_H

#include "base/error.h"

#include <goodtalk.h>

/* A letter that is no option's. */
void refuse_letter(struct error *error, int letter);

/* A long option, as it was written ("--colour=red"), that is nobody's or could be several. */
void refuse_long(struct error *error, const char *written);

/* "--keep=yes", "--reply" without a text, and what is not built yet. */
void refuse_value(struct error *error, const struct gt_setting *setting);
void refuse_missing_value(struct error *error, const struct gt_setting *setting);
void refuse_later(struct error *error, const struct gt_setting *setting);

#endif
