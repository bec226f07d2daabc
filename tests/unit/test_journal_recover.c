/* The start with what a former run has left, damaged in every way: whatever no reply depended on is
 * cut off, and told; whatever one may have depended on is there, or the start is refused and
 * nothing touched. What is right says a model that knows where each frame was, and which bytes were
 * damaged. */
#include "journal_directory.h"

#include "record/journal.h"
#include "record/journal_batch.h"
#include "record/journal_frame.h"
#include "record/journal_judge.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NAME       "0-0000000001.journal"
#define ID         0x0123456789abcdefu
#define MOST_BYTES ((size_t)256 * 1024)
#define SECTOR     512

/* What was written: one segment, and where each frame is in it. */
static struct bytes whole;
static struct known {
    size_t start, end; /* end: of what the CRC covers */
    uint64_t sequence, synced_to;
} known[2048];
static size_t known_count;

static char directory[JOURNAL_DIRECTORY_SIZE];
static uint8_t before[MOST_BYTES];
static uint8_t after[MOST_BYTES];
static unsigned warnings;

/* ---- a journal of so many bytes ---- */

static struct message message_of(uint64_t sequence, uint8_t raw[400])
{
    static const struct peer peer = {.kind = PEER_IPV4, .port = 40312, .address = {127, 0, 0, 1}};
    size_t size = (size_t)(random() % 390);
    memset(raw, 'a' + (int)(sequence % 26), size);
    raw[size] = '\n';
    return (struct message){.raw = slice_of(raw, size + 1),
                            .body = slice_of(raw, size),
                            .peer = &peer,
                            .listener = "tcp:127.0.0.1:9999",
                            .sequence = sequence,
                            .time_us = (int64_t)sequence * 1000000};
}

static void put_header(void)
{
    uint8_t block[JOURNAL_HEADER_BYTES] = {0};
    struct journal_header header = {.id = ID, .number = 1, .size = MOST_BYTES};
    memcpy(header.magic, JOURNAL_MAGIC, sizeof header.magic);
    header.version = JOURNAL_VERSION;
    journal_header_seal(&header);
    memcpy(block, &header, sizeof header);
    assert_int_equal(bytes_append(&whole, slice_of(block, sizeof block)), 0);
}

static void note_frames(size_t from)
{
    struct journal_frame head;
    for (size_t at = from; at < whole.size; at += journal_frame_room(head.size)) {
        memcpy(&head, whole.data + at, sizeof head);
        known[known_count++] = (struct known){at, at + head.size, head.sequence, head.synced_to};
    }
}

/* Batches as they are written when every one is synced before the next. The last is not. */
static void write_journal(size_t bytes)
{
    struct journal_names names = {.count = 0};
    uint8_t raw[400];
    uint64_t sequence = 0;
    bytes_clear(&whole);
    known_count = 0;
    put_header();
    while (whole.size < bytes) {
        struct journal_batch batch = {.last = 0};
        uint64_t synced_to = sequence;
        for (long left = random() % 5; left >= 0; left--) {
            struct message message = message_of(++sequence, raw);
            assert_int_equal(journal_batch_take(&batch, &names, &message), 0);
        }
        journal_batch_seal(&batch, ID, synced_to);
        assert_int_equal(bytes_append(&whole, bytes_slice(&batch.bytes)), 0);
        note_frames(whole.size - batch.bytes.size);
        journal_batch_free(&batch);
    }
    journal_names_free(&names);
}

/* ---- the model ---- */

/* What must be true when the segment has become these bytes. */
struct expected {
    bool refused;
    uint64_t last_sequence;
    size_t end; /* of what is kept, rounded up */
};

static bool is_hurt(const struct known *frame, const uint8_t *damaged, size_t size)
{
    return frame->end > size || memcmp(damaged + frame->start, whole.data + frame->start,
                                       frame->end - frame->start) != 0;
}

static struct expected expect(const uint8_t *damaged, size_t size)
{
    struct expected expected = {.end = JOURNAL_HEADER_BYTES};
    uint64_t synced_to = 0;
    bool good = true;
    for (size_t i = 0; i < known_count; i++) {
        bool hurt = is_hurt(&known[i], damaged, size);
        good &= !hurt;
        if (!hurt && known[i].synced_to > synced_to)
            synced_to = known[i].synced_to;
        if (good)
            expected.last_sequence = known[i].sequence;
        if (good)
            expected.end = (known[i].end + 7) / 8 * 8;
    }
    expected.refused = synced_to > expected.last_sequence;
    return expected;
}

/* ---- the start ---- */

static void count_warning(void *context, bool warning, const char *text)
{
    (void)context;
    (void)text;
    warnings += warning;
}

static int start(struct error *error)
{
    struct journal *journal;
    struct journal_settings settings = {.directory = directory,
                                        .segment_bytes = JOURNAL_SEGMENT_LEAST};
    warnings = 0;
    int status = journal_open(&journal, &settings, count_warning, NULL, error);
    journal_close(&journal);
    return status;
}

static void assert_kept(const struct expected *expected, const uint8_t *damaged, size_t size)
{
    size_t kept = journal_directory_read(directory, NAME, after, sizeof after);
    size_t end = expected->end < size ? expected->end : size;
    assert_in_range(kept, end, expected->end);
    assert_memory_equal(after, damaged, end);
    struct error error = {0};
    assert_int_equal(start(&error), GT_DONE); /* another start finds nothing to do */
    assert_int_equal(warnings, 0);
    assert_int_equal(journal_directory_read(directory, NAME, before, sizeof before), kept);
    assert_memory_equal(before, after, kept);
}

static bool has_content(const uint8_t *bytes, size_t from, size_t to)
{
    while (from < to && bytes[from] == 0)
        from++;
    return from < to;
}

/* The segment is these bytes. */
static void try(const uint8_t *damaged, size_t size)
{
    struct error error = {0};
    struct expected expected = expect(damaged, size);
    journal_directory_write(directory, NAME, slice_of(damaged, size));
    int status = start(&error);
    if (status != (expected.refused ? GT_FAILED : GT_DONE))
        fail_msg("status %d, %s", status, error.text);
    if (!expected.refused) {
        assert_int_equal(warnings, has_content(damaged, expected.end, size));
        assert_kept(&expected, damaged, size);
        return;
    }
    assert_non_null(strstr(error.text, NAME));
    assert_non_null(strstr(error.text, "--repair"));
    assert_int_equal(journal_directory_read(directory, NAME, after, sizeof after), size);
    assert_memory_equal(after, damaged, size);
}

/* ---- the tests ---- */

/* Everywhere, or (make test) here and there. */
static bool is_thorough(void)
{
    return getenv("JOURNAL_THOROUGH") != NULL;
}

static void cut_at_every_byte(void **state)
{
    (void)state;
    size_t last_frames = whole.size - 2048;
    for (size_t size = whole.size; size >= JOURNAL_HEADER_BYTES;
         size -= is_thorough() || size > last_frames ? 1 : 29)
        try(whole.data, size);
}

static uint8_t *copy_of_whole(void)
{
    uint8_t *copy = malloc(whole.size);
    assert_non_null(copy);
    memcpy(copy, whole.data, whole.size);
    return copy;
}

static void flip(uint8_t *copy, size_t bit)
{
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    try(copy, whole.size);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void every_bit_of_the_last_two_frames(void **state)
{
    (void)state;
    uint8_t *copy = copy_of_whole();
    for (size_t frame = known_count - 2; frame < known_count; frame++)
        for (size_t bit = known[frame].start * 8; bit < known[frame].end * 8; bit++)
            flip(copy, bit);
    free(copy);
}

static void bits_anywhere(void **state)
{
    (void)state;
    uint8_t *copy = copy_of_whole();
    for (int left = is_thorough() ? 10000 : 1000; left > 0; left--)
        flip(copy, JOURNAL_HEADER_BYTES * 8 +
                       (size_t)random() % ((whole.size - JOURNAL_HEADER_BYTES) * 8));
    free(copy);
}

static void try_sector(uint8_t *copy, size_t place, const uint8_t *with)
{
    size_t size = whole.size - place < SECTOR ? whole.size - place : SECTOR;
    memcpy(copy + place, with, size);
    try(copy, whole.size);
    memcpy(copy + place, whole.data + place, size);
}

static void every_sector_zero(void **state)
{
    static const uint8_t zeros[SECTOR];
    (void)state;
    uint8_t *copy = copy_of_whole();
    for (size_t at = JOURNAL_HEADER_BYTES; at < whole.size; at += SECTOR)
        try_sector(copy, at, zeros);
    free(copy);
}

/* Blocks of a file that was, with frames that are good in another segment. */
static void every_sector_an_older_segments(void **state)
{
    (void)state;
    uint8_t *copy = copy_of_whole();
    uint8_t *older = copy_of_whole();
    for (size_t i = 0; i < known_count; i++) {
        struct journal_frame head;
        memcpy(&head, older + known[i].start, sizeof head);
        head.id = ID + 1;
        memcpy(older + known[i].start, &head, sizeof head);
        journal_frame_seal(older + known[i].start);
    }
    for (size_t at = JOURNAL_HEADER_BYTES; at < whole.size; at += SECTOR)
        try_sector(copy, at,
                   older + JOURNAL_HEADER_BYTES + (at - JOURNAL_HEADER_BYTES) / 2 / 8 * 8);
    free(older);
    free(copy);
}

static int begin(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("JOURNAL_SEED");
    if (given)
        seed = (unsigned)strtoul(given, NULL, 10);
    printf("JOURNAL_SEED=%u\n", seed);
    srandom(seed);
    write_journal((size_t)64 * 1024);
    journal_directory_make(directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_directory_remove(directory);
    bytes_free(&whole);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(every_bit_of_the_last_two_frames),
        cmocka_unit_test(bits_anywhere),
        cmocka_unit_test(every_sector_zero),
        cmocka_unit_test(every_sector_an_older_segments),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
