/* show_place.h: a journal as goodtalk show is told of it: a directory, or one segment in it; and
 * what is said of it. */
#ifndef TOOL_SHOW_PLACE_H
#define TOOL_SHOW_PLACE_H

#include "record/journal_judge.h"

struct show_place {
    struct journal_place place;
    struct journal_index index;
    const char *path; /* the caller's: of the directory, for messages */
    bool one;         /* only one segment of it: the index is that */
    char directory[4096];
};

/* Open it, and list its segments. GT_DONE; GT_FAILED with the reason. Either way show_place_close
 * frees what it holds. */
int show_place_open(struct show_place *place, const char *path, struct error *error);
void show_place_close(struct show_place *place);

/* List the segments again. */
int show_place_refresh(struct show_place *place, struct error *error);

/* The workers that have segments, one after the other: the first of them, or the first behind
 * worker; -1: no more. */
int64_t show_place_worker(const struct show_place *place, int64_t after);

/* The process that has the journal open for writing, or 0: nobody has, or it is not known. */
int64_t show_place_holder(const struct show_place *place);

/* What a verdict means, as a sentence: escaped, without a newline. Returns text. */
char *show_place_words(const struct show_place *place, unsigned worker,
                       const struct journal_verdict *verdict, char *text, size_t size);

#endif
