/* batch.h: messages as text that are written together. All zeros is an empty one. */
#ifndef RECORD_BATCH_H
#define RECORD_BATCH_H

#include "record/json_line.h"

struct batch {
    struct bytes bytes;
    uint64_t last;        /* the sequence of its last message; 0: no message */
    size_t size_before;   /* bytes, before the last message */
    uint64_t last_before; /* last, before the last message */
    struct envelope envelope;
};

/* Append a message in this format: 0, or -ENOMEM and nothing changed. */
int batch_take(struct batch *batch, enum show_format format, const struct message *message);

/* The last message was not taken after all. Only directly after batch_take. */
void batch_take_back(struct batch *batch);

/* Empty again; memory that one large batch has grown is given back. */
void batch_clear(struct batch *batch);

/* Empty, and all memory given back. */
void batch_free(struct batch *batch);

#endif
