/* journal.h: a directory in which messages are kept so that none of them is lost: what a server
 * opens once, and the recorders of its workers.
 *
 * journal_format.h says what the files are. Opening locks the directory for this process, looks at
 * everything that is in it, and cuts off what no reply depended on; what is damaged otherwise is
 * refused. */
#ifndef RECORD_JOURNAL_H
#define RECORD_JOURNAL_H

#include "record/record.h"

#define JOURNAL_SYNC_ALWAYS 0
#define JOURNAL_SYNC_NEVER  (-1)

#define JOURNAL_SEGMENT_LEAST ((uint64_t)64 * 1024) /* bytes */
#define JOURNAL_SEGMENT_MOST  ((uint64_t)1 << 30)

struct journal;

struct journal_settings {
    const char *directory;
    int64_t sync_ns; /* ALWAYS: a message is recorded once it is on disk. NEVER: once it is written.
                        Else: once it is written, but only while nothing written is older than this
                        and not on disk yet */
    uint64_t segment_bytes;
    uint64_t most_bytes; /* of all segments: then the oldest are dropped; 0: no bound */
};

/* Something that a person should know: what was cut off, how far a long start is. */
typedef void journal_tell(void *context, bool warning, const char *text);

/* Open it: GT_DONE; GT_FAILED with the reason. It must last longer than its recorders. */
int journal_open(struct journal **journal, const struct journal_settings *settings,
                 journal_tell *tell, void *context, struct error *error);
void journal_close(struct journal **journal);

/* A worker's recorder, one at most for each worker; its first segment is made. What it has recorded
 * is what the journal has of that worker already: the next message's sequence is one more. It is
 * full when bound bytes wait. NULL with the reason. */
struct recorder *journal_recorder_create(struct journal *journal, struct engine *engine,
                                         unsigned worker, size_t bound_bytes, struct error *error);

/* How many descriptors a worker's recorder has at most, and the journal itself. */
#define JOURNAL_DESCRIPTORS_EACH 1
#define JOURNAL_DESCRIPTORS      2

#endif
