/* journal_batch.c: see journal_batch.h. A frame is laid out as it will be on disk, but for the
 * segment's id, synced_to and the CRC.
 *
 * There are as many names as listeners; a server with so many that their numbers run out gives the
 * last number to each of the others in turn. */
#include "record/journal_batch.h"

#include "record/journal_frame.h"

#include <errno.h>
#include <stdlib.h>

/* A buffer that one huge batch has grown beyond this is given back. */
#define BUFFER_KEPT_BYTES ((size_t)1 << 20)

#define HEAD_SIZE sizeof(struct journal_frame)
#define PEER_SIZE sizeof(struct journal_peer)

/* ---- frames ---- */

/* Room for a frame of head->size bytes at the end, its head filled in, what rounds it up zero:
 * where the rest goes; NULL when memory is out. */
static uint8_t *add_frame(struct bytes *bytes, const struct journal_frame *head)
{
    size_t room = (size_t)journal_frame_room(head->size);
    if (bytes_reserve(bytes, room) < 0)
        return NULL;
    uint8_t *frame = bytes_end(bytes);
    memset(frame + room - JOURNAL_ALIGNMENT, 0, JOURNAL_ALIGNMENT);
    memcpy(frame, head, HEAD_SIZE);
    bytes->size += room;
    return frame + HEAD_SIZE;
}

static void put_peer(uint8_t *place, const struct peer *peer)
{
    struct journal_peer kept = {.scope = peer->scope};
    memcpy(kept.address, peer->address, sizeof kept.address);
    memcpy(place, &kept, sizeof kept);
}

/* Where the message is in its bytes. One that is not part of them stands behind them. */
static bool lies_within(struct slice body, struct slice raw)
{
    return body.size == 0 ||
           (body.data >= raw.data && body.data + body.size <= raw.data + raw.size);
}

static int add_message(struct bytes *bytes, const struct message *message, uint16_t listener)
{
    struct slice raw = message->raw;
    struct slice body = message->body;
    if (!lies_within(body, raw))
        raw = body;
    if (raw.size > UINT32_MAX - HEAD_SIZE - PEER_SIZE)
        return -ENOMEM;
    struct journal_frame head = {
        .size = (uint32_t)(HEAD_SIZE + PEER_SIZE + raw.size),
        .sequence = message->sequence,
        .time_us = message->time_us,
        .kind = JOURNAL_MESSAGE,
        .peer_kind = message->peer->kind,
        .peer_port = message->peer->port,
        .listener = listener,
        .body_offset = body.size > 0 ? (uint32_t)(body.data - raw.data) : 0,
        .body_size = (uint32_t)body.size,
    };
    uint8_t *place = add_frame(bytes, &head);
    if (!place)
        return -ENOMEM;
    put_peer(place, message->peer);
    if (raw.size > 0)
        memcpy(place + PEER_SIZE, raw.data, raw.size);
    return 0;
}

static int add_name(struct bytes *bytes, const char *name, size_t number, uint64_t sequence)
{
    size_t size = strnlen(name, JOURNAL_NAME_LONGEST);
    struct journal_frame head = {
        .size = (uint32_t)(HEAD_SIZE + size),
        .sequence = sequence,
        .kind = JOURNAL_LISTENER,
        .listener = (uint16_t)number,
    };
    uint8_t *place = add_frame(bytes, &head);
    if (place)
        memcpy(place, name, size);
    return place ? 0 : -ENOMEM;
}

/* ---- names ---- */

static int names_add(struct journal_names *names, const char *name)
{
    char *copy = strdup(name);
    char **list = realloc(names->list, (names->count + 1) * sizeof *list);
    if (list)
        names->list = list;
    if (!copy || !list) {
        free(copy);
        return -ENOMEM;
    }
    names->list[names->count++] = copy;
    return 0;
}

/* The number of a name, or how many there are. */
static size_t names_find(const struct journal_names *names, const char *name)
{
    size_t number = 0;
    while (number < names->count && strcmp(names->list[number], name) != 0)
        number++;
    return number;
}

void journal_names_free(struct journal_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    free(names->list);
    *names = (struct journal_names){0};
}

/* The number of the name a message came to; a new one is declared first. Negative: -ENOMEM. */
static int number_of(struct journal_batch *batch, struct journal_names *names,
                     const struct message *message)
{
    size_t number = names_find(names, message->listener);
    if (number < names->count)
        return (int)number;
    if (number >= UINT16_MAX)
        return add_name(&batch->bytes, message->listener, UINT16_MAX, message->sequence - 1) < 0
                   ? -ENOMEM
                   : UINT16_MAX;
    size_t size = batch->bytes.size;
    if (add_name(&batch->bytes, message->listener, number, message->sequence - 1) < 0)
        return -ENOMEM;
    if (names_add(names, message->listener) == 0)
        return (int)number;
    batch->bytes.size = size;
    return -ENOMEM;
}

/* ---- batches ---- */

int journal_batch_take(struct journal_batch *batch, struct journal_names *names,
                       const struct message *message)
{
    int number = number_of(batch, names, message);
    size_t size = batch->bytes.size;
    if (number < 0 || add_message(&batch->bytes, message, (uint16_t)number) < 0)
        return -ENOMEM;
    batch->size_before = size;
    batch->last_before = batch->last;
    batch->last = message->sequence;
    return 0;
}

void journal_batch_take_back(struct journal_batch *batch)
{
    batch->bytes.size = batch->size_before;
    batch->last = batch->last_before;
}

int journal_batch_declare(struct journal_batch *batch, const struct journal_names *names,
                          uint64_t sequence)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < names->count; i++)
        result = add_name(&batch->bytes, names->list[i], i, sequence);
    return result;
}

int journal_batch_mark(struct journal_batch *batch, uint64_t sequence)
{
    struct journal_frame head = {.size = HEAD_SIZE, .sequence = sequence, .kind = JOURNAL_MARK};
    return add_frame(&batch->bytes, &head) ? 0 : -ENOMEM;
}

void journal_batch_seal(struct journal_batch *batch, uint64_t id, uint64_t synced_to)
{
    if (batch->bytes.size == 0)
        return;
    uint8_t *frame = bytes_end(&batch->bytes) - batch->bytes.size;
    const uint8_t *end = bytes_end(&batch->bytes);
    struct journal_frame head;
    for (; frame < end; frame += journal_frame_room(head.size)) {
        memcpy(&head, frame, HEAD_SIZE);
        head.id = id;
        head.synced_to = synced_to;
        memcpy(frame, &head, HEAD_SIZE);
        journal_frame_seal(frame);
    }
}

void journal_batch_clear(struct journal_batch *batch)
{
    batch->last = 0;
    if (batch->bytes.capacity > BUFFER_KEPT_BYTES)
        bytes_free(&batch->bytes);
    else
        bytes_clear(&batch->bytes);
}

void journal_batch_free(struct journal_batch *batch)
{
    batch->last = 0;
    bytes_free(&batch->bytes);
}
