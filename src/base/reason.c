/* reason.c: the table of reason.h as rows. A number that is not a reason is our own bug. */
#include "base/reason.h"

#include <assert.h>

static const struct reason_row rows[REASON_COUNT] = {
#define REASON(name, word, fault, text) [REASON_##name] = {word, fault, text},
    REASONS(REASON)
#undef REASON
};

const struct reason_row *reason_row(enum reason reason)
{
    assert((unsigned)reason < REASON_COUNT);
    return &rows[reason];
}
