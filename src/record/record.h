/* record.h: messages to somewhere, before they are replied to.
 *
 * A recorder takes messages (copying what it needs), and at the end of each engine pass is told to
 * commit what it gathered: one write for all of them. A message is recorded when recorder->recorded
 * has reached its sequence. That may be at once (a file, a pipe with room) or later (a slow
 * reader): then changed is called. The first failure is final: recorder->failure stays set,
 * recorded no longer grows. What can be waited for (a disk that is full) is no failure but a want:
 * it is full meanwhile, and goes on by itself. */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include "base/error.h"
#include "base/turn.h"
#include "record/outlet_lock.h"

struct recorder;
struct engine;

/* recorded has grown, or failure was set, or want has changed: called from within an engine pass,
 * never from within a call to the recorder. */
typedef void recorder_changed(void *owner);

struct recorder_table {
    const char *name;
    int (*take)(struct recorder *recorder, const struct message *message);
    void (*take_back)(struct recorder *recorder);
    void (*commit)(struct recorder *recorder);
    bool (*full)(const struct recorder *recorder);
    bool (*finish)(struct recorder *recorder); /* NULL: nothing to finish */
    bool (*stop)(struct recorder *recorder);
    int (*reopen)(struct recorder *recorder, struct error *error); /* NULL: nothing to reopen */
    void (*destroy)(struct recorder *recorder);
};

struct recorder {
    const struct recorder_table *table;
    uint64_t recorded;    /* every message up to this sequence is recorded */
    struct error failure; /* status 0: none */
    struct error want;    /* status 0: none; else what it waits for, until that is there */
    recorder_changed *changed;
    void *owner;
};

/* Take a message: 0 or -ENOMEM (nothing taken then). Sequences come in order. */
static inline int recorder_take(struct recorder *recorder, const struct message *message)
{
    return recorder->table->take(recorder, message);
}

/* The message taken last is not taken after all, since another recorder could not take it. */
static inline void recorder_take_back(struct recorder *recorder)
{
    recorder->table->take_back(recorder);
}

/* Write what was gathered, unless a write is under way already. See recorded and failure
 * afterwards. */
static inline void recorder_commit(struct recorder *recorder)
{
    recorder->table->commit(recorder);
}

/* Whether no more should be taken until changed is called: what it holds is at its bound. */
static inline bool recorder_full(const struct recorder *recorder)
{
    return recorder->table->full(recorder);
}

/* Nothing more will be taken, and all that was is recorded: see that it stays so. True once that is
 * done, or has failed; else ask again after a pass. */
static inline bool recorder_finish(struct recorder *recorder)
{
    return !recorder->table->finish || recorder->table->finish(recorder);
}

/* Cancel a write that is under way, when the server leaves: true once nothing is active; else ask
 * again after a pass. */
static inline bool recorder_stop(struct recorder *recorder)
{
    return recorder->table->stop(recorder);
}

/* Open anew, by its name, what it writes to: GT_DONE, or why it stays with what it has. */
static inline int recorder_reopen(struct recorder *recorder, struct error *error)
{
    return recorder->table->reopen ? recorder->table->reopen(recorder, error) : 0;
}

/* Free a recorder with no operation under way; *recorder becomes NULL. */
static inline void recorder_destroy(struct recorder **recorder)
{
    if (*recorder)
        (*recorder)->table->destroy(*recorder);
    *recorder = NULL;
}

/* ---- stdout ---- */

enum show_format { SHOW_TALK, SHOW_RAW, SHOW_JSON, SHOW_HEX, SHOW_NONE };

/* The format by name, or -1; names in order, NULL at the end, for messages. */
int show_format_parse(const char *text);
extern const char *const show_format_names[];

/* Append the message as the format shows it: 0 or -ENOMEM (to unchanged). talk: "The message was:
 * ...\n" escaped; raw: message->raw; json: one object and a newline: id time listener peer size,
 * and text, or base64 where the body is not UTF-8; hex: as hexdump -C shows the raw bytes, offsets
 * from 0 per message, with the closing line that gives the length. */
int show_message(struct bytes *to, enum show_format format, const struct message *message);

/* Where shown messages go: standard output made fit for an engine. */
struct outlet {
    int fd;     /* to write to */
    int mode;   /* enum write_mode */
    bool owned; /* fd was opened here: outlet_close closes it */
};

/* Look at fd: pipes and terminals are reopened non-blocking through /proc/self/fd, so that others
 * who share them are not touched; sockets are sent to without blocking; everything else is written
 * as a file. Where it cannot be reopened fd is used as it is. GT_DONE; GT_FAILED (fd is closed or
 * read-only). */
int outlet_open(struct outlet *outlet, int fd, struct error *error);
void outlet_close(struct outlet *outlet);

/* A recorder that shows messages on an outlet (which it takes over and closes); where others write
 * there too, each in turn by this lock (NULL: it is alone). It is full when bound bytes wait. NULL
 * when memory is out (the outlet stays the caller's then). */
struct recorder *show_recorder_create(struct engine *engine, struct outlet outlet,
                                      struct outlet_lock *lock, enum show_format format,
                                      size_t bound_bytes);

/* ---- a log ---- */

/* Make a log fit to be appended to: created where there is none (0666 but for the umask), a last
 * line that is torn cut off; *cut: of how many bytes, 0: none. GT_DONE; GT_FAILED, also where path
 * is no regular file or does not end as a log does: it is left as it is. */
int log_prepare(const char *path, size_t *cut, struct error *error);

/* A recorder that appends messages to a log as JSON lines, whole ones only; where others append to
 * the same one, each in turn by this lock (NULL: it is alone). While the disk is full it wants
 * room. It is full when bound bytes wait. path must stay. NULL with the reason. */
struct recorder *log_recorder_create(struct engine *engine, const char *path,
                                     struct outlet_lock *lock, size_t bound_bytes,
                                     struct error *error);

/* ---- several as one ---- */

#define RECORDERS_MAX 3

/* A recorder that gives each message to all of these, and has recorded what all of them have. It
 * takes over those that are not NULL, of which there is at least one; a single one is returned
 * as it is. NULL when memory is out: they stay the caller's then. */
struct recorder *recorders_join(struct recorder *const list[], size_t count);

#endif
