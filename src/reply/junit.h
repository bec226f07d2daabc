/* junit.h: what talks came to as JUnit XML, which CI systems show.
 *
 *   <testsuites><testsuite name="mail.lua" tests="5" failures="1" ...>
 *     <testcase classname="mail" name="run"/>              ended as it should (else an error)
 *     <testcase classname="mail" name="conversation 1"/>   each; many are summed up
 *     <testcase classname="mail" name="script"/>           each error outside of conversations
 *     <testcase classname="mail" name="rule 2: ^hello"/>   each required one
 *     <testcase classname="mail" name="every message matches a rule"/>   where it is strict
 */
#ifndef REPLY_JUNIT_H
#define REPLY_JUNIT_H

#include "base/bytes.h"
#include "reply/outcome.h"

struct junit_run {
    int64_t started_us;  /* microseconds since 1970 UTC */
    int64_t duration_ns; /* of the whole run */
    const char *error;   /* why the run did not end as it should; NULL: it did */
    const char *type;    /* in a word: "timeout", "failed", "interrupted" */
};

/* Append the whole document: 0 or -ENOMEM. */
int junit_append(struct bytes *to, const struct outcome *outcome, const struct junit_run *run);

#endif
