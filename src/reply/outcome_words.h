/* outcome_words.h: failures in words: one line each, escaped. */
#ifndef REPLY_OUTCOME_WORDS_H
#define REPLY_OUTCOME_WORDS_H

#include "reply/outcome.h"

/* The lines of an error, each escaped and without its indentation, with between between them; cut
 * where they do not fit. size is at least 1. Returns to. */
char *outcome_join_lines(char *to, size_t size, const char *error, const char *between);

/* What an expect heard, escaped: the message, "end of the stream" or "timeout". Returns to. */
char *outcome_heard_words(char *to, size_t size, const struct outcome_failure *failure);

/* The sentence of a failed expect: mail.lua:12: expected "^EHLO", heard "QUIT" (message 0-7). */
void outcome_say_expect(char *to, size_t size, const struct outcome_failure *failure);

/* Of a script's failure: the error and its traceback. */
void outcome_say_script(char *to, size_t size, const struct outcome_failure *failure);

/* Of a message: no rule matches "QUIT" (message 0-7). */
void outcome_say_unmatched(char *to, size_t size, const struct outcome_failure *failure);

/* Of a required rule: rule 2, "^hello": required 3 times, matched 1. */
void outcome_say_rule(char *to, size_t size, const struct outcome_rule *rule);

#endif
