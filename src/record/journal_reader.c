/* journal_reader.c: bytes are read ahead in large pieces, and each frame is taken from where it
 * lies. A frame that reaches beyond what was read, and the whole of a long one, is read again from
 * its beginning. (Memory that is mapped would save the copy; but a file that is cut while it is
 * read would be the end of us.)
 *
 * Behind damage the id is looked for, at every place where a frame may begin.
 *
 * Failing: a size is held against the file's before memory is taken for it. A frame that is good in
 * itself but does not follow the one before it is bad. */
#include "record/journal_reader.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define AHEAD          ((size_t)256 * 1024) /* bytes: what stays in a processor's cache */
#define AHEAD_AT_FIRST ((size_t)16 * 1024)
#define HEAD_SIZE      sizeof(struct journal_frame)

/* ---- bytes ---- */

void journal_reader_refresh(struct journal_reader *reader)
{
    reader->window_size = 0;
}

/* Small files are read with little memory: the window grows as more is asked for. */
static int window_grow(struct journal_reader *reader, size_t size)
{
    size_t capacity = reader->window_capacity > 0 ? reader->window_capacity * 4 : AHEAD_AT_FIRST;
    if (capacity > AHEAD)
        capacity = AHEAD;
    if (size < capacity)
        size = capacity;
    if (size <= reader->window_capacity)
        return 0;
    uint8_t *window = realloc(reader->window, size);
    if (!window)
        return -ENOMEM;
    reader->window = window;
    reader->window_capacity = size;
    return 0;
}

static int window_fill(struct journal_reader *reader, uint64_t offset)
{
    struct journal_place *place = reader->place;
    int64_t count;
    reader->window_offset = offset;
    reader->window_size = 0;
    do {
        count = place->table->read(place, reader->file, reader->window + reader->window_size,
                                   reader->window_capacity - reader->window_size,
                                   offset + reader->window_size);
        if (count > 0)
            reader->window_size += (size_t)count;
    } while (count > 0 && reader->window_size < reader->window_capacity);
    return count < 0 ? (int)count : 0;
}

static bool window_has(const struct journal_reader *reader, uint64_t offset, uint64_t size)
{
    return offset >= reader->window_offset &&
           offset + size <= reader->window_offset + reader->window_size;
}

/* The bytes from offset on, of which there are at least size unless the file ends before. False:
 * failed. */
static bool look(struct journal_reader *reader, uint64_t offset, size_t size, struct slice *bytes)
{
    int result = 0;
    if (!window_has(reader, offset, size)) {
        result = window_grow(reader, size);
        if (result == 0)
            result = window_fill(reader, offset);
    }
    if (result < 0) {
        reader->failure = -result;
        reader->window_size = 0;
        return false;
    }
    size_t before = (size_t)(offset - reader->window_offset);
    *bytes = slice_of(reader->window + before, reader->window_size - before);
    return true;
}

/* Without what lies behind size bytes. */
static struct slice first_of(struct slice bytes, size_t size)
{
    return slice_of(bytes.data, bytes.size < size ? bytes.size : size);
}

static bool is_zero(struct slice bytes)
{
    return bytes.size == 0 ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

/* Where the last byte of bytes that is not zero ends, or 0. */
static size_t content_of(struct slice bytes)
{
    size_t end = is_zero(bytes) ? 0 : bytes.size;
    while (end > 0 && bytes.data[end - 1] == 0)
        end--;
    return end;
}

int journal_reader_content(struct journal_reader *reader, uint64_t from, uint64_t *end)
{
    struct slice bytes;
    *end = from;
    do {
        if (!look(reader, from, HEAD_SIZE, &bytes))
            return -reader->failure;
        if (content_of(bytes) > 0)
            *end = from + content_of(bytes);
        from += bytes.size;
    } while (bytes.size > 0);
    return 0;
}

/* ---- a segment ---- */

static enum journal_step failed(struct journal_reader *reader, int number)
{
    reader->failure = number;
    return JOURNAL_STEP_FAILED;
}

/* A file without a good header: one that was never finished has nothing behind it. */
static enum journal_step no_header(struct journal_reader *reader)
{
    uint64_t end;
    int result = journal_reader_content(reader, JOURNAL_HEADER_BYTES, &end);
    if (result < 0)
        return failed(reader, -result);
    return end > JOURNAL_HEADER_BYTES ? JOURNAL_STEP_BAD : JOURNAL_STEP_END;
}

enum journal_step journal_reader_open(struct journal_reader *reader, struct journal_place *place,
                                      const char *name)
{
    struct slice bytes;
    *reader = (struct journal_reader){.place = place};
    reader->file = place->table->open(place, name);
    if (reader->file < 0)
        return failed(reader, -reader->file);
    if (!look(reader, 0, sizeof reader->header, &bytes))
        return JOURNAL_STEP_FAILED;
    if (bytes.size < sizeof reader->header || !journal_header_read(&reader->header, bytes.data))
        return no_header(reader);
    reader->offset = JOURNAL_HEADER_BYTES;
    reader->sequence = reader->header.sequence;
    return JOURNAL_STEP_FRAME;
}

void journal_reader_close(struct journal_reader *reader)
{
    for (size_t i = 0; i < reader->name_count; i++)
        free(reader->names[i]);
    free(reader->names);
    free(reader->window);
    if (reader->place && reader->file >= 0)
        reader->place->table->close(reader->place, reader->file);
    *reader = (struct journal_reader){.file = -1};
}

/* ---- listeners ---- */

static int names_grow(struct journal_reader *reader, size_t count)
{
    if (count <= reader->name_count)
        return 0;
    char **names = realloc(reader->names, count * sizeof *names);
    if (!names)
        return -ENOMEM;
    for (size_t i = reader->name_count; i < count; i++)
        names[i] = NULL;
    reader->names = names;
    reader->name_count = count;
    return 0;
}

static int name_listener(struct journal_reader *reader, const struct journal_found *found)
{
    size_t number = found->head.listener;
    char *name = strndup((const char *)found->name.data, found->name.size);
    if (!name || names_grow(reader, number + 1) < 0) {
        free(name);
        return -ENOMEM;
    }
    free(reader->names[number]);
    reader->names[number] = name;
    return 0;
}

struct message journal_reader_message(const struct journal_reader *reader,
                                      const struct journal_found *found)
{
    size_t number = found->head.listener;
    const char *name = number < reader->name_count ? reader->names[number] : NULL;
    return (struct message){
        .body = found->body,
        .raw = found->raw,
        .peer = &found->peer,
        .listener = name ? name : "unknown", /* its frame was in what was set aside */
        .worker = reader->header.worker,
        .sequence = found->head.sequence,
        .time_us = found->head.time_us,
    };
}

/* ---- frames ---- */

static bool follows(const struct journal_reader *reader, const struct journal_frame *head)
{
    if (head->kind == JOURNAL_GAP)
        return head->sequence >= reader->sequence;
    return head->sequence == reader->sequence + (head->kind == JOURNAL_MESSAGE);
}

static enum journal_step deliver(struct journal_reader *reader, const struct journal_frame *head,
                                 const uint8_t *frame, struct journal_found *found)
{
    journal_frame_open(found, head, frame);
    if (head->kind == JOURNAL_LISTENER && name_listener(reader, found) < 0)
        return failed(reader, ENOMEM);
    reader->sequence = head->sequence;
    reader->offset += journal_frame_room(head->size);
    return JOURNAL_STEP_FRAME;
}

/* Of a head that is as it should be: whether the file can have the rest. A size is asked for only
 * where the frame is not in the window already. */
static bool fits_file(const struct journal_reader *reader, uint32_t size)
{
    struct journal_place *place = reader->place;
    if (window_has(reader, reader->offset, size))
        return true;
    int64_t file_size = place->table->size(place, reader->file);
    return file_size >= 0 && (uint64_t)file_size >= reader->offset + size;
}

enum journal_step journal_reader_next(struct journal_reader *reader, struct journal_found *found)
{
    struct journal_frame head;
    struct slice bytes;
    if (!look(reader, reader->offset, HEAD_SIZE, &bytes))
        return JOURNAL_STEP_FAILED;
    if (is_zero(first_of(bytes, HEAD_SIZE)))
        return JOURNAL_STEP_END;
    if (bytes.size < HEAD_SIZE || !journal_head_read(&head, reader->header.id, bytes.data) ||
        !follows(reader, &head) || !fits_file(reader, head.size))
        return JOURNAL_STEP_BAD;
    if (!look(reader, reader->offset, head.size, &bytes))
        return JOURNAL_STEP_FAILED;
    if (bytes.size < head.size || !journal_frame_whole(&head, bytes.data))
        return JOURNAL_STEP_BAD;
    return deliver(reader, &head, bytes.data, found);
}

/* ---- behind damage ---- */

/* Where in bytes, in steps of the alignment, the id stands as in a head; or the first place where
 * that cannot be said, the bytes being at their end. */
static size_t seek_id(struct slice bytes, uint64_t id)
{
    const size_t before = offsetof(struct journal_frame, id);
    size_t at = 0;
    uint64_t word;
    for (; at + HEAD_SIZE <= bytes.size; at += JOURNAL_ALIGNMENT) {
        memcpy(&word, bytes.data + at + before, sizeof word);
        if (word == id)
            break;
    }
    return at;
}

/* Whether a good frame stands here, whose messages are not before those that were read. */
static bool takes_up(struct journal_reader *reader, const uint8_t *bytes,
                     struct journal_found *found)
{
    struct journal_frame head;
    uint64_t sequence = reader->sequence;
    if (!journal_head_read(&head, reader->header.id, bytes))
        return false;
    uint64_t before = head.sequence - (head.kind == JOURNAL_MESSAGE);
    if (before < sequence)
        return false;
    reader->sequence = before;
    if (journal_reader_next(reader, found) == JOURNAL_STEP_FRAME)
        return true;
    reader->sequence = sequence;
    return false;
}

enum journal_step journal_reader_find(struct journal_reader *reader, uint64_t from,
                                      struct journal_found *found, uint64_t *at)
{
    struct slice bytes;
    uint64_t offset = reader->offset;
    *at = (from + JOURNAL_ALIGNMENT - 1) / JOURNAL_ALIGNMENT * JOURNAL_ALIGNMENT;
    reader->failure = 0;
    while (look(reader, *at, HEAD_SIZE, &bytes) && bytes.size >= HEAD_SIZE) {
        size_t step = seek_id(bytes, reader->header.id);
        *at += step;
        if (step + HEAD_SIZE > bytes.size)
            continue;
        reader->offset = *at;
        if (takes_up(reader, bytes.data + step, found))
            return JOURNAL_STEP_FRAME;
        reader->offset = offset;
        if (reader->failure)
            break;
        *at += JOURNAL_ALIGNMENT;
    }
    return reader->failure ? JOURNAL_STEP_FAILED : JOURNAL_STEP_END;
}
