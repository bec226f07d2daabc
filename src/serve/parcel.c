/* parcel.c: replies join the parcel at the end of their connection's queue.
 *
 * The happy path: the first reply makes the output's own parcel, which refers to the shared bytes;
 * it is sent before a second one comes. In a pipeline the second has both copied into the output's
 * space, where the others follow. No allocation; nothing is copied twice but the first reply.
 *
 * Packets are not joined: each is sent as one. Failing: memory is out, and nothing has joined. */
#include "serve/parcel.h"

#include "base/attributes.h"
#include "serve/affected.h"
#include "serve/connection.h"
#include "serve/worker.h"

#include <stdlib.h>

static void count_owned(struct output *output, size_t before, size_t after)
{
    output->owned_bytes += after - before;
    worker_count_memory(output->worker, before, after);
}

/* ---- memory ---- */

static struct parcel *take_any(struct output *output)
{
    if (!output->first_taken) {
        output->first_taken = true;
        return &output->first;
    }
    struct parcel *parcel = pool_take(&output->worker->parcels);
    if (parcel)
        count_owned(output, 0, sizeof *parcel);
    return parcel;
}

static bool take_staging(struct parcel *parcel)
{
    struct output *output = parcel->output;
    parcel->staging = pool_take(&output->worker->stagings);
    if (!parcel->staging)
        return false;
    count_owned(output, 0, sizeof *parcel->staging);
    parcel->staging->users = 1;
    parcel->end = parcel->staging->data;
    parcel->room = sizeof parcel->staging->data;
    return true;
}

/* What the last parcel has left of its staging buffer; that one takes in no more. */
static void take_rest(struct parcel *parcel, struct parcel *last)
{
    parcel->staging = last->staging;
    parcel->staging->users++;
    parcel->end = last->end;
    parcel->room = last->room;
    parcel->part.bytes = slice_of(parcel->end, 0);
    last->room = 0;
}

static void give_staging(struct parcel *parcel)
{
    struct output *output = parcel->output;
    if (--parcel->staging->users > 0)
        return;
    count_owned(output, sizeof *parcel->staging, 0);
    pool_give(&output->worker->stagings, parcel->staging);
}

/* As much as is needed, and no more: nothing joins it. */
static bool take_memory(struct parcel *parcel, size_t size)
{
    struct bytes *owned = &parcel->part.owned;
    if (bytes_reserve(owned, size) < 0)
        return false;
    count_owned(parcel->output, 0, owned->capacity);
    parcel->end = owned->data;
    parcel->room = size;
    return true;
}

/* Room for size bytes at the start of a parcel that has none: false when memory is out, and the
 * parcel is as before. */
static bool make_room(struct parcel *parcel, size_t size)
{
    struct output *output = parcel->output;
    bool nearby = parcel == &output->first && size <= sizeof output->space;
    bool alone = output->connection->packets || size > PARCEL_SMALL;
    bool made = true;
    if (alone) {
        made = take_memory(parcel, size);
    } else if (nearby) {
        parcel->end = output->space;
        parcel->room = sizeof output->space;
    } else {
        made = take_staging(parcel);
    }
    if (made)
        parcel->part.bytes = slice_of(parcel->end, 0);
    return made;
}

struct parcel *parcel_take(struct output *output, size_t size)
{
    struct parcel *parcel = take_any(output);
    if (!parcel)
        return NULL;
    list_init(&parcel->part.link);
    parcel->part.bytes = slice_of(NULL, 0);
    parcel->part.owned = (struct bytes){0};
    parcel->part.turn = NULL;
    list_init(&parcel->held);
    parcel->output = output;
    parcel->affected = NULL;
    parcel->staging = NULL;
    parcel->end = NULL;
    parcel->room = 0;
    parcel->sequence = 0;
    parcel->messages = parcel->replies = 0;
    if (size == 0 || make_room(parcel, size))
        return parcel;
    parcel_give(parcel);
    return NULL;
}

void parcel_give(struct parcel *parcel)
{
    struct output *output = parcel->output;
    list_remove(&parcel->part.link);
    if (parcel->affected) {
        count_owned(output, sizeof *parcel->affected, 0);
        affected_give(&parcel->affected);
    }
    if (parcel->staging)
        give_staging(parcel);
    if (parcel->part.owned.data) {
        count_owned(output, parcel->part.owned.capacity, 0);
        bytes_free(&parcel->part.owned);
    }
    if (parcel == &output->first) {
        output->first_taken = false;
        return;
    }
    count_owned(output, sizeof *parcel, 0);
    pool_give(&output->worker->parcels, parcel);
}

/* ---- joining ---- */

/* The parcel that the next reply may join, or NULL. */
static struct parcel *growing(const struct output *output)
{
    struct parcel *open = output->open;
    return open && open->sequence > output->worker->committed ? open : NULL;
}

/* At the end of the queue, held until that message (0: text) is recorded. */
static void put_last(struct parcel *parcel, uint64_t sequence)
{
    struct output *output = parcel->output;
    list_append(&output->queue, &parcel->part.link);
    if (output->worker->recorder && sequence)
        list_append(&output->worker->held_parcels, &parcel->held);
}

/* A parcel at the end of the queue, for the reply to that message (0: text). */
static struct parcel *add(struct output *output, uint64_t sequence, size_t room)
{
    struct parcel *last = output->open;
    bool shares = last && last->staging && room > 0 && room <= last->room;
    struct parcel *parcel = parcel_take(output, shares ? 0 : room);
    if (!parcel)
        return NULL;
    if (shares)
        take_rest(parcel, last);
    put_last(parcel, sequence);
    output->open = parcel;
    return parcel;
}

/* Give a parcel that has no memory, or only refers to a shared reply, room for size bytes more:
 * false where it cannot have it. */
static bool begin_copying(struct parcel *parcel, size_t size)
{
    struct slice shared = parcel->part.bytes;
    size_t both = shared.size + size;
    if (parcel->end || both > PARCEL_SMALL || parcel->output->connection->packets ||
        !make_room(parcel, both))
        return false;
    if (shared.size)
        memcpy(parcel->end, shared.data, shared.size);
    parcel->part.bytes.size = shared.size;
    parcel->end += shared.size;
    parcel->room -= shared.size;
    return true;
}

/* A parcel with room for size bytes more: the one that grows if it can be, else a new one. */
static struct parcel *open_for(struct output *output, uint64_t sequence, size_t size)
{
    struct parcel *parcel = growing(output);
    if (parcel && begin_copying(parcel, size))
        return parcel;
    return add(output, sequence, size);
}

static void count_reply(struct parcel *parcel, uint64_t sequence, size_t size)
{
    struct output *output = parcel->output;
    parcel->sequence = sequence;
    parcel->messages++;
    parcel->replies += size > 0;
    output->waiting_turns++;
    output->waiting_bytes += size;
}

/* The next size bytes of its room. */
static uint8_t *put_bytes(struct parcel *parcel, size_t size)
{
    static uint8_t nowhere[1];
    uint8_t *place = parcel->end;
    if (size == 0)
        return nowhere;
    parcel->part.bytes.size += size;
    parcel->end += size;
    parcel->room -= size;
    return place;
}

/* The same for the reply to a message. */
static uint8_t *grow(struct parcel *parcel, uint64_t sequence, size_t size)
{
    count_reply(parcel, sequence, size);
    return put_bytes(parcel, size);
}

SELDOM static uint8_t *join_another(struct output *output, uint64_t sequence, size_t size)
{
    struct parcel *parcel = open_for(output, sequence, size);
    return parcel ? grow(parcel, sequence, size) : NULL;
}

uint8_t *parcel_join(struct output *output, uint64_t sequence, size_t size)
{
    struct parcel *parcel = growing(output);
    if (parcel && size <= parcel->room)
        return grow(parcel, sequence, size);
    return join_another(output, sequence, size);
}

/* The bytes stay where they are. */
static bool refer(struct output *output, uint64_t sequence, struct slice shared)
{
    struct parcel *parcel = add(output, sequence, 0);
    if (!parcel)
        return false;
    parcel->part.bytes = shared;
    return true;
}

/* The first reply of a parcel, or one that is too large to be copied. */
SELDOM static bool join_first(struct output *output, uint64_t sequence, struct slice shared)
{
    bool copied = growing(output) && shared.size <= PARCEL_SMALL && !output->connection->packets;
    if (!copied && shared.size > 0) {
        bool referred = refer(output, sequence, shared);
        if (referred)
            count_reply(output->open, sequence, shared.size);
        return referred;
    }
    uint8_t *place = join_another(output, sequence, shared.size);
    if (place && shared.size > 0)
        memcpy(place, shared.data, shared.size);
    return place;
}

bool parcel_join_shared(struct output *output, uint64_t sequence, struct slice shared)
{
    struct parcel *parcel = growing(output);
    if (!parcel || shared.size > parcel->room || shared.size == 0)
        return join_first(output, sequence, shared);
    memcpy(grow(parcel, sequence, shared.size), shared.data, shared.size);
    return true;
}

/* It may go on: its connection does so at the end of the pass. */
static void go_on(void *owner)
{
    const struct parcel *parcel = owner;
    worker_mark_dirty(parcel->output->worker, parcel->output);
}

static bool affect(struct parcel *parcel, const struct effects *effects)
{
    parcel->affected = affected_create(parcel->output->worker, effects, go_on, parcel);
    if (parcel->affected)
        count_owned(parcel->output, 0, sizeof *parcel->affected);
    return parcel->affected;
}

uint8_t *parcel_join_affected(struct output *output, uint64_t sequence, size_t size,
                              const struct effects *effects)
{
    static uint8_t nowhere[1];
    size_t leaving = affected_size(effects, size);
    struct parcel *parcel = parcel_take(output, 0);
    if (!parcel)
        return NULL;
    if (!affect(parcel, effects) || (size > 0 && !take_memory(parcel, size))) {
        parcel_give(parcel);
        return NULL;
    }
    put_last(parcel, sequence);
    output->open = NULL;
    count_reply(parcel, sequence, leaving);
    parcel->part.bytes = slice_of(parcel->end, leaving);
    parcel->room = 0;
    return size > 0 ? parcel->end : nowhere;
}

bool parcel_add_text(struct output *output, struct slice shared)
{
    if (!refer(output, 0, shared))
        return false;
    output->waiting_bytes += shared.size;
    return true;
}

/* The parcel at the end of the queue, if text that must wait for that message may join it: what
 * stands there has to wait as long, or longer. */
static struct parcel *growing_for(const struct output *output, uint64_t sequence)
{
    struct parcel *open = output->open;
    return open && sequence <= open->sequence ? open : growing(output);
}

uint8_t *parcel_say(struct output *output, uint64_t sequence, size_t size)
{
    if (sequence <= worker_recorded(output->worker))
        sequence = 0;
    struct parcel *parcel = growing_for(output, sequence);
    if (!parcel || (size > parcel->room && !begin_copying(parcel, size)))
        parcel = add(output, sequence, size);
    if (!parcel)
        return NULL;
    uint8_t *place = put_bytes(parcel, size);
    parcel->sequence = sequence > parcel->sequence ? sequence : parcel->sequence;
    parcel->replies += size > 0;
    output->waiting_bytes += size;
    return place;
}

void parcel_leave(struct parcel *parcel)
{
    struct output *output = parcel->output;
    list_remove(&parcel->part.link);
    list_remove(&parcel->held);
    output->waiting_bytes -= parcel->part.bytes.size;
    output->waiting_turns -= parcel->messages;
    if (output->open == parcel)
        output->open = NULL;
}
