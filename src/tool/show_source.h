/* show_source.h: where recorded messages come from: a journal, or a log of JSON lines. */
#ifndef TOOL_SHOW_SOURCE_H
#define TOOL_SHOW_SOURCE_H

#include "base/error.h"
#include "base/turn.h"
#include "tool/report.h"

struct show_source;

enum show_step {
    SHOW_STEP_MESSAGE,
    SHOW_STEP_END, /* no more; who follows may ask again */
    SHOW_STEP_FAILED
};

struct show_source_table {
    enum show_step (*next)(struct show_source *source, struct message *message,
                           struct error *error);
    int (*watch)(struct show_source *source, int inotify);
    void (*destroy)(struct show_source *source);
};

struct show_source {
    const struct show_source_table *table;
    struct report *report; /* who is told of damage */
    bool follows;          /* messages may still come */
    bool damaged;          /* not all of it was good; that has been told */
};

/* The next message, good until the next call. FAILED with the reason. */
static inline enum show_step show_source_next(struct show_source *source, struct message *message,
                                              struct error *error)
{
    return source->table->next(source, message, error);
}

/* Have this inotify descriptor tell of changes: 0, or -1 with errno. */
static inline int show_source_watch(struct show_source *source, int inotify)
{
    return source->table->watch(source, inotify);
}

/* *source becomes NULL. */
static inline void show_source_destroy(struct show_source **source)
{
    if (*source)
        (*source)->table->destroy(*source);
    *source = NULL;
}

/* A journal: the directory, or one of its segments. NULL with the reason. */
struct show_source *show_journal_open(const char *path, bool follows, struct report *report,
                                      struct error *error);

/* A log; "-" is standard input. NULL with the reason. */
struct show_source *show_log_open(const char *path, bool follows, struct report *report,
                                  struct error *error);

/* Whichever it is. */
struct show_source *show_source_open(const char *path, bool follows, struct report *report,
                                     struct error *error);

/* Whether this is a journal: a directory, or a file that is called as a segment is. */
bool show_is_journal(const char *path);

#endif
