/* sim_disk.c: what the simulated server writes to: files and pipes.
 *
 * Both keep everything that was written. A file takes bytes at once; a sync makes durable what was
 * there. A pipe has room for so many unread bytes, and a reader that reads at its own pace, by
 * itself or when the test says so.
 *
 * Ways to fail: the n-th write and all after it, after part of the bytes; a file that has no room
 * for more (ENOSPC, after what there was room for); a pipe whose reader has gone (EPIPE). The n-th
 * sync: as on Linux what it should have saved counts as saved from then on, so later syncs say 0
 * and nothing becomes durable any more. */
#include "engine/sim_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct storage {
    struct descriptor descriptor;
    struct bytes content; /* all that was written */
    size_t room;          /* a file: content at most; a stream: unread bytes at most */
    size_t durable;       /* a file: bytes that would survive */
    bool lies;            /* a sync has failed */
    size_t read;          /* a stream: bytes its reader has read */
    size_t pace;          /* bytes at a time */
    int64_t interval_ns;
    uint64_t paces; /* how often the pace was set: which of them an event means */
    bool reading;   /* an event for the next read exists */
    bool gone;      /* the reader has left */
};

static struct storage *storage_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct storage, descriptor);
}

/* Whether this write is to fail; then at most part of it is made. */
static bool write_fails(struct sim *sim)
{
    sim->write_count++;
    return sim->faults.fail_write_at > 0 && sim->write_count >= sim->faults.fail_write_at;
}

/* Where the next byte of the write goes: behind the content, but for one that says where. */
static size_t write_place(const struct storage *storage)
{
    struct op *op = storage->descriptor.output;
    struct send_op *send = list_item(op, struct send_op, op);
    const struct write_op *write = list_item(send, struct write_op, send);
    if (op->kind != OP_WRITE || write->mode != WRITE_AT)
        return storage->content.size;
    return (size_t)write->offset + send->transferred;
}

/* At the place; what lies before it and was never written is zero. */
static void storage_put(struct storage *storage, size_t place, struct slice bytes)
{
    struct bytes *content = &storage->content;
    while (content->size < place)
        sim_append(content, slice_of("", 1));
    size_t over = content->size - place < bytes.size ? content->size - place : bytes.size;
    if (over > 0)
        memcpy(content->data + content->start + place, bytes.data, over);
    sim_append(content, slice_after(bytes, over));
    if (storage->durable > place) /* what is written over is in doubt until the next sync */
        storage->durable = place;
    sim_note(storage->descriptor.sim, OP_WRITE, bytes.size);
}

static void storage_append(struct storage *storage, struct slice bytes)
{
    storage_put(storage, write_place(storage), bytes);
}

/* A write fails, after part of it was made. */
static int64_t storage_fail(struct storage *storage, struct slice bytes, size_t room)
{
    struct sim *sim = storage->descriptor.sim;
    if (bytes.size > room)
        bytes.size = room;
    bytes.size = (size_t)sim_between(sim, 0, (int64_t)bytes.size);
    storage_append(storage, bytes);
    return -sim->faults.fail_write_with;
}

static int64_t file_take(struct descriptor *descriptor, struct slice bytes)
{
    struct storage *storage = storage_of(descriptor);
    size_t place = write_place(storage);
    size_t room = storage->room > place ? storage->room - place : 0;
    if (write_fails(descriptor->sim))
        return storage_fail(storage, bytes, room);
    if (room == 0)
        return -ENOSPC;
    if (bytes.size > room)
        bytes.size = room;
    storage_append(storage, bytes);
    return (int64_t)bytes.size;
}

static int file_sync(struct descriptor *descriptor)
{
    struct storage *storage = storage_of(descriptor);
    struct sim *sim = descriptor->sim;
    if (++sim->sync_count == sim->faults.fail_sync_at) {
        storage->lies = true;
        return -sim->faults.fail_sync_with;
    }
    if (!storage->lies)
        storage->durable = storage->content.size;
    sim_note(sim, OP_SYNC, storage->durable);
    return 0;
}

static size_t stream_unread(const struct storage *storage)
{
    return storage->content.size - storage->read;
}

static void stream_read_next(struct storage *storage);

static void stream_read_some(struct storage *storage, size_t most)
{
    size_t unread = stream_unread(storage);
    storage->read += unread < most ? unread : most;
    sim_try_output(&storage->descriptor);
}

static void stream_read_event(void *subject, uint64_t number)
{
    struct storage *storage = subject;
    if (storage->paces != number)
        return;
    storage->reading = false;
    if (storage->gone)
        return;
    stream_read_some(storage, storage->pace);
    stream_read_next(storage);
}

/* See that the reader's next read will happen, if there will be one. */
static void stream_read_next(struct storage *storage)
{
    struct sim *sim = storage->descriptor.sim;
    if (storage->reading || storage->pace == 0 || stream_unread(storage) == 0)
        return;
    storage->reading = true;
    sim_at(sim, sim->engine.now_ns + storage->interval_ns, stream_read_event, storage,
           storage->paces);
}

static int64_t stream_take(struct descriptor *descriptor, struct slice bytes)
{
    struct storage *storage = storage_of(descriptor);
    size_t room = storage->room - stream_unread(storage);
    if (storage->gone)
        return -EPIPE;
    if (room == 0)
        return 0;
    if (write_fails(descriptor->sim))
        return storage_fail(storage, bytes, room);
    if (bytes.size > room)
        bytes.size = room;
    storage_append(storage, bytes);
    stream_read_next(storage);
    return (int64_t)bytes.size;
}

static void storage_close(struct descriptor *descriptor, bool reset)
{
    (void)descriptor;
    (void)reset;
}

static void storage_free(struct descriptor *descriptor)
{
    struct storage *storage = storage_of(descriptor);
    bytes_free(&storage->content);
    free(storage);
}

static const struct descriptor_table file_table = {
    .take = file_take, .sync = file_sync, .close = storage_close, .free = storage_free};

static const struct descriptor_table stream_table = {
    .take = stream_take, .close = storage_close, .free = storage_free};

static int storage_open(struct engine *engine, const struct descriptor_table *table, size_t room)
{
    struct storage *storage = sim_allocate(sizeof *storage);
    storage->room = room;
    storage->pace = SIZE_MAX;
    storage->descriptor.disk = true;
    return sim_open(sim_of(engine), &storage->descriptor, table);
}

/* The storage behind a descriptor, closed or not; asserted to be of this kind. */
static struct storage *storage_at(const struct engine *engine, int fd,
                                  const struct descriptor_table *table)
{
    struct descriptor *descriptor = sim_descriptor_ever(sim_of_const(engine), fd);
    assert(descriptor->table == table);
    (void)table;
    return storage_of(descriptor);
}

int sim_file(struct engine *engine)
{
    return storage_open(engine, &file_table, SIZE_MAX / 2);
}

void sim_file_bound(struct engine *engine, int file, size_t most)
{
    struct storage *storage = storage_at(engine, file, &file_table);
    storage->room = most > storage->content.size ? most : storage->content.size;
}

int sim_stream(struct engine *engine, size_t capacity)
{
    return storage_open(engine, &stream_table, capacity);
}

void sim_stream_pace(struct engine *engine, int stream, size_t most, int64_t interval_ns)
{
    struct storage *storage = storage_at(engine, stream, &stream_table);
    storage->pace = most;
    storage->interval_ns = interval_ns;
    storage->paces++;
    storage->reading = false;
    if (!storage->gone)
        stream_read_next(storage);
}

size_t sim_stream_read(struct engine *engine, int stream, size_t most)
{
    struct storage *storage = storage_at(engine, stream, &stream_table);
    size_t before = storage->read;
    stream_read_some(storage, most);
    return storage->read - before;
}

void sim_stream_leave(struct engine *engine, int stream)
{
    struct storage *storage = storage_at(engine, stream, &stream_table);
    storage->gone = true;
    sim_try_output(&storage->descriptor);
}

struct slice sim_content(const struct engine *engine, int fd)
{
    struct descriptor *descriptor = sim_descriptor_ever(sim_of_const(engine), fd);
    assert(descriptor->disk);
    return bytes_slice(&storage_of(descriptor)->content);
}

size_t sim_stream_read_size(const struct engine *engine, int stream)
{
    return storage_at(engine, stream, &stream_table)->read;
}

struct slice sim_file_durable(const struct engine *engine, int file)
{
    struct storage *storage = storage_at(engine, file, &file_table);
    return slice_of(bytes_slice(&storage->content).data, storage->durable);
}
