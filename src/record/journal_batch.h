/* journal_batch.h: messages as frames of a journal, gathered to be written together. All zeros is
 * an empty batch.
 *
 * Which segment they will be written to, and what is durable by then, is not known while they
 * gather: sealing fills that in, as often as it is needed. */
#ifndef RECORD_JOURNAL_BATCH_H
#define RECORD_JOURNAL_BATCH_H

#include "base/bytes.h"
#include "base/turn.h"

/* The names that messages came to, each with its number. All zeros is an empty list. */
struct journal_names {
    char **list; /* owned */
    size_t count;
};

struct journal_batch {
    struct bytes bytes;
    uint64_t last;        /* the sequence of its last message; 0: no message */
    size_t size_before;   /* bytes, before the last message */
    uint64_t last_before; /* last, before the last message */
};

/* Append a message, and before it the name it came to, where that is a new one: 0 or -ENOMEM. */
int journal_batch_take(struct journal_batch *batch, struct journal_names *names,
                       const struct message *message);

/* The last message was not taken after all. Only directly after taking it. */
void journal_batch_take_back(struct journal_batch *batch);

/* Append all names, as a new segment needs them; or that everything up to sequence is durable: 0 or
 * -ENOMEM. */
int journal_batch_declare(struct journal_batch *batch, const struct journal_names *names,
                          uint64_t sequence);
int journal_batch_mark(struct journal_batch *batch, uint64_t sequence);

/* Make them frames of the segment with this id, written when everything up to synced_to was
 * durable. */
void journal_batch_seal(struct journal_batch *batch, uint64_t id, uint64_t synced_to);

/* Empty again; memory that one large batch has grown is given back. */
void journal_batch_clear(struct journal_batch *batch);

/* Empty, and all memory given back. */
void journal_batch_free(struct journal_batch *batch);
void journal_names_free(struct journal_names *names);

#endif
