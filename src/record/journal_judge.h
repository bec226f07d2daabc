/* journal_judge.h: is what one worker has recorded all there? For the start of a server, and for
 * goodtalk show --verify and --repair.
 *
 * All of a series is read. What is good is its frames up to the first place that is not; what must
 * be there is every message up to the highest synced_to of any good frame or header, wherever it
 * stands. Where the first reaches up to the second, what is bad behind it is a tail that no reply
 * depended on; where it does not, or where a segment has lost its header with frames behind it, it
 * is corruption. */
#ifndef RECORD_JOURNAL_JUDGE_H
#define RECORD_JOURNAL_JUDGE_H

#include "record/journal_series.h"

enum journal_state { JOURNAL_WHOLE, JOURNAL_TAIL, JOURNAL_CORRUPT };

struct journal_verdict {
    enum journal_state state;
    uint64_t segments;      /* that there are */
    uint64_t messages;      /* in the good part */
    uint64_t before;        /* the sequence before its first message */
    uint64_t last_sequence; /* of its last message, or of what came before */
    uint64_t synced_to;     /* the highest there is */
    uint64_t number;        /* of the segment in which the good part ends; 0: there is none */
    uint64_t offset;        /* where in it; 0: it has no good header */
    uint64_t bad_bytes;     /* from there on, as far as they are not zero, in all segments */
    uint64_t last_number;   /* of the last segment of the series */
    uint64_t read_bytes;    /* in all */
    const char *why;        /* in a few words, where it is not whole */

    /* Where good frames go on behind the bad place: in that segment, at next_offset; or (0) in the
     * segment next_number; or (0) nowhere. next_before: the sequence before them. */
    uint64_t next_offset;
    uint64_t next_number;
    uint64_t next_before;
};

/* Called now and then while a series is read. */
typedef void journal_judge_progress(void *context, uint64_t read_bytes);

/* Read all of a worker's segments in the index, and judge them. GT_DONE; GT_FAILED with the reason
 * (a file that cannot be read, memory). progress may be NULL. */
int journal_judge(struct journal_verdict *verdict, struct journal_place *place,
                  const struct journal_index *index, unsigned worker,
                  journal_judge_progress *progress, void *context, struct error *error);

#endif
