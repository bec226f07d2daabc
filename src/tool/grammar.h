/* grammar.h: the options as getopt_long wants them, made from the settings table (gt_setting_at).
 *
 * getopt_long answers with codes: a row's letter, LONG_BASE and the row's place for its long name,
 * ADDRESS_CODE for a word that is no option, one of NC_LETTERS, ':' and '?' for errors. */
#ifndef TOOL_GRAMMAR_H
#define TOOL_GRAMMAR_H

#include <getopt.h>
#include <goodtalk.h>

#define GRAMMAR_LONG_BASE    256
#define GRAMMAR_ADDRESS_CODE 1

struct grammar {
    struct option *longs;
    char *letters;
};

/* 0, or -ENOMEM. Either way grammar_free frees what was made. */
int grammar_make(struct grammar *grammar);
void grammar_free(struct grammar *grammar);

/* The row of a code, or of what getopt_long left in optopt; NULL where it is none's. */
const struct gt_setting *grammar_setting(int code);

/* The row of this name, or NULL. */
const struct gt_setting *grammar_setting_named(const char *name);

#endif
