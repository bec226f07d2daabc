/* batch.c: see batch.h. */
#include "record/batch.h"

/* A buffer that one huge batch has grown beyond this is given back. */
#define BUFFER_KEPT_BYTES ((size_t)1 << 20)

int batch_take(struct batch *batch, enum show_format format, const struct message *message)
{
    size_t size = batch->bytes.size;
    int result = format == SHOW_JSON ? json_line(&batch->bytes, &batch->envelope, message)
                                     : show_message(&batch->bytes, format, message);
    if (result < 0)
        return result;
    batch->size_before = size;
    batch->last_before = batch->last;
    batch->last = message->sequence;
    return 0;
}

void batch_take_back(struct batch *batch)
{
    batch->bytes.size = batch->size_before;
    batch->last = batch->last_before;
}

void batch_clear(struct batch *batch)
{
    batch->last = 0;
    if (batch->bytes.capacity > BUFFER_KEPT_BYTES)
        bytes_free(&batch->bytes);
    else
        bytes_clear(&batch->bytes);
}

void batch_free(struct batch *batch)
{
    batch->last = 0;
    bytes_free(&batch->bytes);
    envelope_free(&batch->envelope);
}
