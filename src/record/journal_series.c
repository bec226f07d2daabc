/* journal_series.c: at the end of a segment the next one is opened, if there is one, and held
 * against what came before: its header says which message that was.
 *
 * Who writes goes on in a new segment only when he has written the last of the one before; so where
 * a newer one is there, the end of an older one is looked at once more.
 *
 * Bad: a header that is none, or another's; a message missing between two segments. Where segments
 * are dropped (--record-size) while they are to be read, the series goes on with the oldest left.
 */
#include "record/journal_series.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- names ---- */

char *journal_segment_name(unsigned worker, uint64_t number, char name[JOURNAL_NAME_SIZE])
{
    snprintf(name, JOURNAL_NAME_SIZE, JOURNAL_NAME_FORMAT, worker, (unsigned long long)number);
    return name;
}

bool journal_segment_parse(const char *name, unsigned *worker, uint64_t *number)
{
    char same[JOURNAL_NAME_SIZE];
    unsigned long long read;
    if (sscanf(name, "%9u-%18llu.journal", worker, &read) != 2 || read == 0)
        return false;
    *number = read;
    return strcmp(journal_segment_name(*worker, *number, same), name) == 0;
}

/* ---- the index ---- */

static int index_add(void *context, const char *name)
{
    struct journal_index *index = context;
    struct journal_index_entry entry;
    if (!journal_segment_parse(name, &entry.worker, &entry.number))
        return 0;
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : 16;
        void *entries = realloc(index->entries, capacity * sizeof *index->entries);
        if (!entries)
            return -ENOMEM;
        index->entries = entries;
        index->capacity = capacity;
    }
    index->entries[index->count++] = entry;
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct journal_index_entry *a = left;
    const struct journal_index_entry *b = right;
    if (a->worker != b->worker)
        return a->worker < b->worker ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

int journal_index_read(struct journal_index *index, struct journal_place *place)
{
    index->count = 0;
    int result = place->table->list(place, index_add, index);
    if (result == 0 && index->count > 0)
        qsort(index->entries, index->count, sizeof *index->entries, compare_entries);
    return result;
}

void journal_index_free(struct journal_index *index)
{
    free(index->entries);
    *index = (struct journal_index){0};
}

/* The first segment of the worker behind this number, or 0. */
static uint64_t number_after(const struct journal_index *index, unsigned worker, uint64_t number)
{
    struct journal_index_entry sought = {worker, number};
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_entries(&index->entries[middle], &sought) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count && index->entries[low].worker == worker ? index->entries[low].number
                                                                      : 0;
}

/* ---- a series ---- */

void journal_series_begin(struct journal_series *series, struct journal_place *place,
                          unsigned worker, uint64_t from_number)
{
    *series = (struct journal_series){
        .place = place, .worker = worker, .number = from_number > 0 ? from_number - 1 : 0};
    series->opened = JOURNAL_STEP_END;
    series->reader.file = -1;
}

void journal_series_end(struct journal_series *series)
{
    journal_reader_close(&series->reader);
}

static enum journal_step bad(struct journal_series *series, const char *why)
{
    series->why = why;
    return JOURNAL_STEP_BAD;
}

static const char *wrong_header(const struct journal_reader *reader)
{
    if (memcmp(reader->header.magic, JOURNAL_MAGIC, sizeof reader->header.magic) == 0 &&
        reader->header.version != JOURNAL_VERSION)
        return "its format is that of another version";
    return "its header is damaged";
}

/* Of a segment with a good header: whether it takes up where the one before it ended. */
static enum journal_step joins(struct journal_series *series, const struct journal_reader *next,
                               uint64_t number)
{
    const struct journal_header *header = &next->header;
    if (header->worker != series->worker || header->number != number)
        return bad(series, "its header is that of another segment");
    if (!series->started || header->sequence == series->sequence)
        return JOURNAL_STEP_FRAME;
    if (header->sequence < series->sequence)
        return bad(series, "it begins with messages that came before");
    return series->skips ? JOURNAL_STEP_FRAME : bad(series, NULL);
}

/* Go over to the segment that was opened. */
static void adopt(struct journal_series *series, struct journal_reader *next, uint64_t number,
                  enum journal_step opened)
{
    series->read_bytes += series->reader.offset;
    journal_reader_close(&series->reader);
    series->reader = *next;
    series->number = number;
    series->opened = opened;
    series->skips = false;
    if (opened == JOURNAL_STEP_FRAME) {
        series->sequence = next->header.sequence;
        series->before = series->started ? series->before : series->sequence;
        series->started = true;
    }
    if (opened == JOURNAL_STEP_FRAME && series->synced_to < next->header.synced_to)
        series->synced_to = next->header.synced_to;
}

/* Open the segment of this number: FRAME (it is being read now), END (it has gone), BAD, FAILED.
 * Where messages are missing before it, what is bad is the end of the one before. */
static enum journal_step enter(struct journal_series *series, uint64_t number)
{
    char name[JOURNAL_NAME_SIZE];
    struct journal_reader next;
    enum journal_step opened = journal_reader_open(
        &next, series->place, journal_segment_name(series->worker, number, name));
    if (opened == JOURNAL_STEP_FAILED) {
        series->reader.failure = next.failure;
        journal_reader_close(&next);
        series->skips |= series->reader.failure == ENOENT;
        return series->reader.failure == ENOENT ? JOURNAL_STEP_END : opened;
    }
    series->why = NULL;
    enum journal_step joined = opened == JOURNAL_STEP_FRAME ? joins(series, &next, number) : opened;
    if (joined == JOURNAL_STEP_BAD && opened == JOURNAL_STEP_FRAME && !series->why) {
        journal_reader_close(&next);
        return bad(series, "messages are missing at its end");
    }
    if (opened == JOURNAL_STEP_BAD)
        series->why = wrong_header(&next);
    adopt(series, &next, number, joined);
    if (joined != JOURNAL_STEP_FRAME)
        series->reader.offset = 0;
    return joined;
}

/* The next frame of the segment being read. */
static enum journal_step step(struct journal_series *series, struct journal_found *found)
{
    if (series->opened != JOURNAL_STEP_FRAME)
        return series->opened;
    enum journal_step result = journal_reader_next(&series->reader, found);
    series->sequence = series->reader.sequence;
    if (result == JOURNAL_STEP_BAD)
        series->why = "it is damaged";
    return result;
}

/* As step, where the segment seems to have ended, with the file as it is now: it may have got its
 * header meanwhile. */
static enum journal_step step_again(struct journal_series *series, struct journal_found *found)
{
    journal_reader_refresh(&series->reader);
    if (series->opened == JOURNAL_STEP_END && series->reader.place) {
        enum journal_step entered = enter(series, series->number);
        if (entered != JOURNAL_STEP_FRAME)
            return entered;
    }
    return step(series, found);
}

enum journal_step journal_series_next(struct journal_series *series,
                                      const struct journal_index *index,
                                      struct journal_found *found)
{
    uint64_t behind = series->number; /* where the next segment is looked for */
    enum journal_step result = step(series, found);
    while (result == JOURNAL_STEP_END) {
        uint64_t number = number_after(index, series->worker, behind);
        result = step_again(series, found);
        if (number == 0 || result != JOURNAL_STEP_END)
            break;
        result = enter(series, number);
        behind = number;
        if (result == JOURNAL_STEP_FRAME)
            result = step(series, found);
    }
    return result;
}

enum journal_step journal_series_settle(struct journal_series *series, struct journal_found *found)
{
    struct journal_reader *reader = &series->reader;
    uint64_t offset = reader->offset;
    uint64_t sequence = reader->sequence;
    uint64_t at;
    if (series->opened != JOURNAL_STEP_FRAME)
        return series->opened;
    enum journal_step result = journal_reader_find(reader, offset, found, &at);
    reader->offset = offset;
    reader->sequence = sequence;
    if (result != JOURNAL_STEP_FRAME)
        return result;
    result = step_again(series, found);
    return result == JOURNAL_STEP_END ? bad(series, "it is damaged") : result;
}
