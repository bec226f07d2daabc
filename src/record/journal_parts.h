/* journal_parts.h: what the files of the journal share; nobody else includes it. */
#ifndef RECORD_JOURNAL_PARTS_H
#define RECORD_JOURNAL_PARTS_H

#include "engine/disk.h"
#include "record/journal.h"
#include "record/journal_series.h"

#include <pthread.h>

/* Where a worker's series stands. */
struct journal_end {
    unsigned worker;
    uint64_t number;    /* of its last segment; 0: none */
    uint64_t sequence;  /* of its last message */
    uint64_t synced_to; /* up to here it is durable, */
    uint64_t marked;    /* and up to here its frames say so */
};

struct journal {
    struct journal_settings settings;
    char *directory; /* as it is shown */
    struct disk disk;
    journal_tell *tell;
    void *tell_context;
    struct journal_end *ends; /* of the series that were there */
    size_t end_count;

    pthread_mutex_t lock; /* for what follows */
    struct journal_room {
        unsigned worker;
        uint64_t number;
        uint64_t bytes;
        int64_t created_us;
    } * rooms; /* of all segments, by worker, then by number */
    size_t room_count;
    size_t room_capacity;
};

/* Tell whoever opened it. */
void journal_say(const struct journal *journal, bool warning, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- journal_recover.c ---- */

/* Look at a worker's series, cut off its tail, make durable what is left: where it stands. GT_DONE;
 * GT_FAILED with the reason. */
int journal_recover(struct journal *journal, const struct journal_index *index,
                    struct journal_end *end, struct error *error);

/* ---- journal_room.c ---- */

/* Note a segment that was found or made, or how large it has become: 0 or -ENOMEM. */
int journal_room_note(struct journal *journal, const struct journal_room *room);

/* Drop the oldest segments until no more than most_bytes are left: 0 or -errno. The last one of
 * each worker stays: it knows where the series stands. */
int journal_room_keep(struct journal *journal);

#endif
