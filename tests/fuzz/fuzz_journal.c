/* Whatever a segment holds, reading it ends, what is delivered lies within it and follows one after
 * the other, and the verdict is what the frames say.
 *
 * The first byte chooses: the rest is the file; or it is what follows a good header; or frames of
 * it get the id and the CRC that make them good, in order or not, so that what comes behind these
 * is reached. */
#include "logarithms.h"
#include "record/journal_judge.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENT_ID   77
#define LONGEST_HEAD 2048
#define NAME         "0-0000000001.journal"

static struct bytes file;

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* ---- a place of one file ---- */

static int list(struct journal_place *place, journal_place_found *found, void *context)
{
    (void)place;
    return found(context, NAME);
}

static int open_file(struct journal_place *place, const char *name)
{
    (void)place;
    require(strcmp(name, NAME) == 0);
    return 0;
}

static int64_t size_of_file(struct journal_place *place, int number)
{
    (void)place;
    (void)number;
    return (int64_t)file.size;
}

static int64_t read_file(struct journal_place *place, int number, void *to, size_t size,
                         uint64_t offset)
{
    (void)place;
    (void)number;
    if (offset >= file.size)
        return 0;
    struct slice rest = slice_after(bytes_slice(&file), (size_t)offset);
    size_t count = rest.size < size ? rest.size : size;
    memcpy(to, rest.data, count);
    return (int64_t)count;
}

static void close_file(struct journal_place *place, int number)
{
    (void)place;
    (void)number;
}

/* ---- what it holds ---- */

static void append_header(void)
{
    static uint8_t block[JOURNAL_HEADER_BYTES];
    struct journal_header header = {.version = JOURNAL_VERSION, .id = SEGMENT_ID, .number = 1};
    memcpy(header.magic, JOURNAL_MAGIC, sizeof header.magic);
    journal_header_seal(&header);
    memcpy(block, &header, sizeof header);
    require(bytes_append(&file, slice_of(block, sizeof block)) == 0);
}

/* Make the frame at these bytes a good one, if its kind lets it: how far the next one is. */
static size_t make_good(uint8_t *frame, size_t size, uint64_t *sequence, bool ordered)
{
    struct journal_frame head;
    memcpy(&head, frame, sizeof head);
    head.size = head.size % LONGEST_HEAD;
    if (head.size > size || head.size < sizeof head)
        head.size = sizeof head;
    head.id = SEGMENT_ID;
    head.kind = head.kind % (JOURNAL_GAP + 1);
    head.listener %= 64;
    head.sequence %= 64;
    if (ordered)
        head.sequence = *sequence += head.kind == JOURNAL_MESSAGE;
    head.synced_to %= head.sequence + 1;
    memcpy(frame, &head, sizeof head);
    journal_frame_seal(frame);
    return (size_t)journal_frame_room(head.size);
}

static void make_all_good(bool ordered)
{
    uint8_t *data = file.data + file.start;
    uint64_t sequence = 0;
    size_t at = JOURNAL_HEADER_BYTES;
    while (at + sizeof(struct journal_frame) <= file.size)
        at += make_good(data + at, file.size - at, &sequence, ordered);
}

/* ---- what is read ---- */

static bool lies_within(struct slice part, struct slice whole)
{
    return part.size == 0 ||
           (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

static uint64_t read_all(struct journal_place *place, const struct journal_index *index)
{
    struct journal_series series;
    struct journal_found found;
    journal_series_begin(&series, place, 0, 0);
    uint64_t sequence = 0;
    uint64_t messages = 0;
    while (journal_series_next(&series, index, &found) == JOURNAL_STEP_FRAME) {
        sequence = messages == 0 && sequence == 0 ? series.before : sequence;
        require(found.head.kind == JOURNAL_GAP ||
                found.head.sequence == sequence + (found.head.kind == JOURNAL_MESSAGE));
        require(lies_within(found.body, found.raw));
        require(found.raw.size <= file.size && found.name.size <= JOURNAL_NAME_LONGEST);
        struct message message = journal_reader_message(&series.reader, &found);
        require(strlen(message.listener) <= JOURNAL_NAME_LONGEST);
        sequence = found.head.sequence;
        messages += found.head.kind == JOURNAL_MESSAGE;
    }
    journal_series_settle(&series, &found);
    journal_series_end(&series);
    return messages;
}

static void check(void)
{
    static const struct journal_place_table table = {list, open_file, size_of_file, read_file,
                                                     close_file};
    struct journal_place place = {.table = &table};
    struct journal_index index = {0};
    struct journal_verdict verdict;
    require(journal_index_read(&index, &place) == 0 && index.count == 1);
    uint64_t messages = read_all(&place, &index);
    require(journal_judge(&verdict, &place, &index, 0, NULL, NULL, NULL) == 0);
    require(verdict.messages == messages && verdict.offset <= file.size + JOURNAL_ALIGNMENT);
    require(verdict.state == JOURNAL_CORRUPT || verdict.synced_to <= verdict.last_sequence);
    require(verdict.state != JOURNAL_WHOLE || verdict.bad_bytes == 0);
    journal_index_free(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bytes_clear(&file);
    if (data[0] % 4 != 0)
        append_header();
    require(bytes_append(&file, slice_of(data + 1, size - 1)) == 0);
    if (data[0] % 4 > 1)
        make_all_good(data[0] & 4);
    if (data[0] % 4 == 3 && file.size > JOURNAL_HEADER_BYTES) /* and one byte of it bad again */
        file.data[file.start + JOURNAL_HEADER_BYTES +
                  data[0] % (file.size - JOURNAL_HEADER_BYTES)] ^= 1;
    check();
    return 0;
}
