/* journal_side.c: files are buffers; the last one is the segment being written. */
#include "journal_side.h"

#include "record/journal_frame.h"

#include <errno.h>
#include <stdlib.h>

static struct journal_side *side_of(struct journal_place *place)
{
    return (struct journal_side *)(void *)place; /* its first member */
}

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* ---- reading ---- */

static int list(struct journal_place *place, journal_place_found *found, void *context)
{
    struct journal_side *side = side_of(place);
    int result = 0;
    for (size_t i = side->count; result == 0 && i > 0; i--)
        if (!side->files[i - 1].gone)
            result = found(context, side->files[i - 1].name);
    return result;
}

static int open_file(struct journal_place *place, const char *name)
{
    struct journal_side *side = side_of(place);
    for (size_t i = 0; i < side->count; i++)
        if (!side->files[i].gone && strcmp(side->files[i].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

static int64_t size_of_file(struct journal_place *place, int file)
{
    return (int64_t)side_of(place)->files[file].content.size;
}

static int64_t read_file(struct journal_place *place, int file, void *to, size_t size,
                         uint64_t offset)
{
    struct journal_side *side = side_of(place);
    struct slice content = bytes_slice(&side->files[file].content);
    if (side->fail_read)
        return -side->fail_read;
    if (offset >= content.size)
        return 0;
    struct slice rest = slice_after(content, (size_t)offset);
    size_t count = rest.size < size ? rest.size : size;
    memcpy(to, rest.data, count);
    return (int64_t)count;
}

static void close_file(struct journal_place *place, int file)
{
    (void)place;
    (void)file;
}

void journal_side_begin(struct journal_side *side)
{
    static const struct journal_place_table table = {
        .list = list,
        .open = open_file,
        .size = size_of_file,
        .read = read_file,
        .close = close_file,
    };
    *side = (struct journal_side){.place = {.table = &table, .directory = -1}};
}

void journal_side_free(struct journal_side *side)
{
    for (size_t i = 0; i < side->count; i++)
        bytes_free(&side->files[i].content);
    side->count = 0;
}

/* ---- writing ---- */

static struct bytes *last(struct journal_side *side)
{
    return &side->files[side->count - 1].content;
}

static void append(struct journal_side *side, const void *data, size_t size)
{
    require(bytes_append(last(side), slice_of(data, size)) == 0);
}

size_t journal_side_file(struct journal_side *side, const char *name, struct slice content)
{
    require(side->count < JOURNAL_SIDE_FILES && strlen(name) < JOURNAL_NAME_SIZE);
    strcpy(side->files[side->count++].name, name);
    append(side, content.data, content.size);
    return side->count - 1;
}

void journal_side_room(struct journal_side *side, size_t size)
{
    require(bytes_reserve(last(side), size) == 0);
    memset(bytes_end(last(side)), 0, size);
    last(side)->size += size;
}

size_t journal_side_segment(struct journal_side *side, unsigned worker, uint64_t number,
                            uint64_t synced_to)
{
    char name[JOURNAL_NAME_SIZE];
    side->header = (struct journal_header){
        .version = JOURNAL_VERSION,
        .id = UINT64_C(0x9e3779b97f4a7c15) * (number + worker * 1000),
        .number = number,
        .sequence = side->sequence,
        .synced_to = synced_to,
        .worker = worker,
        .size = 1 << 20,
    };
    memcpy(side->header.magic, JOURNAL_MAGIC, sizeof side->header.magic);
    journal_header_seal(&side->header);
    size_t file = journal_side_file(side, journal_segment_name(worker, number, name),
                                    slice_of(&side->header, sizeof side->header));
    journal_side_room(side, JOURNAL_HEADER_BYTES - sizeof side->header);
    return file;
}

static uint64_t append_frame(struct journal_side *side, struct journal_frame head,
                             struct slice first, struct slice rest)
{
    uint64_t at = last(side)->size;
    head.size = (uint32_t)(sizeof head + first.size + rest.size);
    head.id = side->header.id;
    append(side, &head, sizeof head);
    append(side, first.data, first.size);
    append(side, rest.data, rest.size);
    journal_frame_seal(last(side)->data + last(side)->start + at);
    journal_side_room(side, (size_t)(journal_frame_room(head.size) - head.size));
    return at;
}

uint64_t journal_side_listener(struct journal_side *side, uint16_t number, const char *name)
{
    struct journal_frame head = {
        .kind = JOURNAL_LISTENER, .listener = number, .sequence = side->sequence};
    return append_frame(side, head, slice_of_text(name), slice_of(NULL, 0));
}

uint64_t journal_side_message(struct journal_side *side, const char *text, uint64_t synced_to)
{
    struct journal_peer peer = {.address = {127, 0, 0, 1}};
    struct bytes raw = {0};
    struct journal_frame head = {
        .kind = JOURNAL_MESSAGE,
        .sequence = ++side->sequence,
        .synced_to = synced_to,
        .time_us = (int64_t)side->sequence * 1000000,
        .peer_kind = PEER_IPV4,
        .peer_port = 40312,
        .body_size = (uint32_t)strlen(text),
    };
    require(bytes_format(&raw, "%s\n", text) == 0);
    uint64_t at = append_frame(side, head, slice_of(&peer, sizeof peer), bytes_slice(&raw));
    bytes_free(&raw);
    return at;
}

uint64_t journal_side_mark(struct journal_side *side, uint64_t synced_to)
{
    struct journal_frame head = {
        .kind = JOURNAL_MARK, .sequence = side->sequence, .synced_to = synced_to};
    return append_frame(side, head, slice_of(NULL, 0), slice_of(NULL, 0));
}

uint64_t journal_side_gap(struct journal_side *side, uint64_t sequence, size_t size)
{
    struct bytes zeros = {0};
    struct journal_frame head = {.kind = JOURNAL_GAP, .sequence = sequence, .synced_to = sequence};
    require(size >= sizeof head && bytes_reserve(&zeros, size) == 0);
    memset(zeros.data, 0, size);
    uint64_t at =
        append_frame(side, head, slice_of(zeros.data, size - sizeof head), slice_of(NULL, 0));
    side->sequence = sequence;
    bytes_free(&zeros);
    return at;
}
