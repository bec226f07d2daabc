/* grammar.h: the options of a command as getopt_long wants them, made from its table of settings.
 *
 * getopt_long answers with codes: a row's letter, LONG_BASE and the row's place for its long name,
 * WORD_CODE for a word that is no option, one of the vocabulary's other letters, ':' and '?' for
 * errors. */
#ifndef TOOL_GRAMMAR_H
#define TOOL_GRAMMAR_H

#include <getopt.h>
#include <goodtalk.h>

#define GRAMMAR_LONG_BASE 256
#define GRAMMAR_WORD_CODE 1

/* What a command calls its options. */
struct vocabulary {
    const struct gt_setting *(*at)(size_t index); /* its table, as gt_setting_at */
    const char *help;                             /* the command that lists them */
    const char *others; /* letters that are in no row, as getopt writes them */
};

struct grammar {
    struct option *longs;
    char *letters;
};

/* 0, or -ENOMEM. Either way grammar_free frees what was made. */
int grammar_make(struct grammar *grammar, const struct vocabulary *vocabulary);
void grammar_free(struct grammar *grammar);

/* The row of a code, or of what getopt_long left in optopt; NULL where it is none's. */
const struct gt_setting *grammar_setting(const struct vocabulary *vocabulary, int code);

/* The row of this name, or NULL. */
const struct gt_setting *grammar_setting_named(const struct vocabulary *vocabulary,
                                               const char *name);

#endif
