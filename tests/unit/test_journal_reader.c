/* Reading what a worker has recorded: frames, segments, and whatever damage. */
#include "journal_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct journal_side side;
static struct journal_index journal_index;
static struct journal_series series;
static struct journal_found found;

static int begin(void **state)
{
    (void)state;
    journal_side_begin(&side);
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_series_end(&series);
    journal_index_free(&journal_index);
    journal_side_free(&side);
    return 0;
}

static void start(unsigned worker)
{
    assert_int_equal(journal_index_read(&journal_index, &side.place), 0);
    journal_series_end(&series);
    journal_series_begin(&series, &side.place, worker, 0);
}

static enum journal_step next(void)
{
    return journal_series_next(&series, &journal_index, &found);
}

/* The next frame that is a message. */
static enum journal_step next_message(void)
{
    enum journal_step step;
    do {
        step = next();
    } while (step == JOURNAL_STEP_FRAME && found.head.kind != JOURNAL_MESSAGE);
    return step;
}

static void assert_message(const char *text, uint64_t sequence)
{
    assert_int_equal(next_message(), JOURNAL_STEP_FRAME);
    assert_int_equal(found.head.sequence, sequence);
    assert_true(slice_equal(found.body, slice_of_text(text)));
}

static void two_segments(void)
{
    journal_side_segment(&side, 0, 1, 0);
    journal_side_listener(&side, 0, "tcp:127.0.0.1:9999");
    journal_side_message(&side, "one", 0);
    journal_side_message(&side, "two", 1);
    journal_side_room(&side, 1000);
    journal_side_segment(&side, 0, 2, 2);
    journal_side_listener(&side, 0, "tcp:127.0.0.1:9999");
    journal_side_message(&side, "three", 2);
    journal_side_room(&side, 1000);
}

/* ---- names ---- */

static void a_segment_has_its_name(void **state)
{
    (void)state;
    char name[JOURNAL_NAME_SIZE];
    unsigned worker;
    uint64_t number;
    assert_string_equal(journal_segment_name(3, 17, name), "3-0000000017.journal");
    assert_true(journal_segment_parse(name, &worker, &number));
    assert_int_equal(worker, 3);
    assert_int_equal(number, 17);
}

static void other_names_are_no_segments(void **state)
{
    (void)state;
    unsigned worker;
    uint64_t number;
    static const char *const others[] = {
        "lock",
        ".",
        "0-0000000000.journal",
        "0-1.journal",
        "00-0000000001.journal",
        "0-0000000001.journal.damaged",
        "0-0000000001.journa",
        "-1-0000000001.journal",
        "0--000000001.journal",
        " 0-0000000001.journal",
        "4294967296-0000000001.journal",
        "0-99999999999999999999.journal",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(journal_segment_parse(others[i], &worker, &number));
}

/* ---- what is good ---- */

static void messages_come_in_their_order(void **state)
{
    (void)state;
    two_segments();
    start(0);
    assert_message("one", 1);
    struct message message = journal_reader_message(&series.reader, &found);
    assert_string_equal(message.listener, "tcp:127.0.0.1:9999");
    assert_int_equal(message.time_us, 1000000);
    assert_true(slice_equal(message.raw, slice_of_text("one\n")));
    char name[PEER_NAME_SIZE];
    assert_string_equal(peer_name(message.peer, name), "127.0.0.1:40312");
    assert_message("two", 2);
    assert_message("three", 3);
    assert_int_equal(next(), JOURNAL_STEP_END);
    assert_int_equal(journal_series_settle(&series, &found), JOURNAL_STEP_END);
    assert_int_equal(series.number, 2);
    assert_int_equal(series.synced_to, 2);
}

static void a_worker_has_its_own(void **state)
{
    (void)state;
    two_segments();
    side.sequence = 0;
    journal_side_segment(&side, 10, 1, 0);
    journal_side_message(&side, "other", 0);
    start(10);
    assert_message("other", 1);
    struct message message = journal_reader_message(&series.reader, &found);
    assert_string_equal(message.listener, "unknown");
    assert_int_equal(next(), JOURNAL_STEP_END);
    start(1);
    assert_int_equal(next(), JOURNAL_STEP_END);
}

static void what_is_written_later_is_read_later(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    start(0);
    assert_int_equal(next(), JOURNAL_STEP_END);
    journal_side_message(&side, "one", 0);
    assert_message("one", 1);
    assert_int_equal(next(), JOURNAL_STEP_END);
    journal_side_message(&side, "two", 0); /* after the index was read; and a new segment */
    journal_side_segment(&side, 0, 2, 2);
    journal_side_message(&side, "three", 0);
    assert_int_equal(journal_index_read(&journal_index, &side.place), 0);
    assert_message("two", 2);
    assert_message("three", 3);
    assert_int_equal(next(), JOURNAL_STEP_END);
}

static void a_header_may_come_later(void **state)
{
    (void)state;
    size_t file = journal_side_segment(&side, 0, 1, 0);
    struct bytes whole = side.files[file].content;
    side.files[file].content = (struct bytes){0};
    start(0);
    assert_int_equal(next(), JOURNAL_STEP_END);
    assert_int_equal(next(), JOURNAL_STEP_END);
    side.files[file].content = whole;
    journal_side_message(&side, "one", 0);
    assert_message("one", 1);
}

static void old_segments_may_have_been_dropped(void **state)
{
    (void)state;
    two_segments();
    side.files[0].gone = true;
    start(0);
    assert_message("three", 3);
    assert_int_equal(series.before, 2);
}

static void segments_may_be_dropped_while_they_are_read(void **state)
{
    (void)state;
    two_segments();
    journal_side_segment(&side, 0, 3, 3);
    journal_side_message(&side, "four", 2);
    start(0);
    assert_message("one", 1);
    side.files[1].gone = true;
    assert_message("two", 2);
    assert_message("four", 4);
}

static void a_name_may_change(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_listener(&side, 0, "tcp:a:1");
    journal_side_listener(&side, 0, "tcp:b:2");
    journal_side_message(&side, "one", 0);
    start(0);
    assert_message("one", 1);
    assert_string_equal(journal_reader_message(&series.reader, &found).listener, "tcp:b:2");
}

static void a_gap_is_gone_over(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    journal_side_gap(&side, 7, 200);
    journal_side_message(&side, "eight", 7);
    start(0);
    assert_message("one", 1);
    assert_message("eight", 8);
    assert_int_equal(next(), JOURNAL_STEP_END);
}

static void a_frame_longer_than_what_is_read_ahead(void **state)
{
    (void)state;
    size_t size = 3 << 20;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    journal_side_message(&side, text, 0);
    journal_side_message(&side, "three", 0);
    start(0);
    assert_message("one", 1);
    assert_message(text, 2);
    assert_message("three", 3);
    free(text);
}

/* ---- what is not ---- */

static uint8_t *byte_at(size_t file, uint64_t offset)
{
    struct bytes *content = &side.files[file].content;
    assert_true(offset < content->size);
    return content->data + content->start + offset;
}

static void no_flipped_bit_is_believed(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    uint64_t from = journal_side_message(&side, "two", 0);
    uint64_t to = from + sizeof(struct journal_frame) + sizeof(struct journal_peer) + 4;
    journal_side_message(&side, "three", 0);
    for (uint64_t bit = from * 8; bit < to * 8; bit++) {
        *byte_at(0, bit / 8) ^= (uint8_t)(1 << bit % 8);
        start(0);
        assert_message("one", 1);
        assert_int_equal(next(), JOURNAL_STEP_BAD);
        assert_int_equal(series.reader.offset, from);
        assert_string_equal(series.why, "it is damaged");
        *byte_at(0, bit / 8) ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_cut_ends_it(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    uint64_t from = journal_side_message(&side, "two", 0);
    uint64_t whole = from + sizeof(struct journal_frame) + sizeof(struct journal_peer) + 4;
    for (uint64_t size = from; size < whole; size++) {
        side.files[0].content.size = (size_t)size;
        start(0);
        assert_message("one", 1);
        assert_int_equal(next(), size == from ? JOURNAL_STEP_END : JOURNAL_STEP_BAD);
    }
    side.files[0].content.size = (size_t)whole; /* the zeros that round it up need not be there */
    start(0);
    assert_message("one", 1);
    assert_message("two", 2);
}

static void a_hole_is_no_end(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    uint64_t from = journal_side_message(&side, "two", 0);
    uint64_t to = journal_side_message(&side, "three", 0);
    journal_side_room(&side, 4096);
    uint8_t *hole = byte_at(0, from);
    uint8_t kept[512];
    assert_true(to - from < sizeof kept);
    memcpy(kept, hole, (size_t)(to - from));
    memset(hole, 0, (size_t)(to - from));
    start(0);
    assert_message("one", 1);
    assert_int_equal(next(), JOURNAL_STEP_END);
    assert_int_equal(journal_series_settle(&series, &found), JOURNAL_STEP_BAD);
    memcpy(hole, kept, (size_t)(to - from)); /* it was being written: here it is */
    assert_int_equal(journal_series_settle(&series, &found), JOURNAL_STEP_FRAME);
    assert_int_equal(found.head.sequence, 2);
    assert_message("three", 3);
}

static void good_frames_are_found_behind_damage(void **state)
{
    (void)state;
    uint64_t at;
    journal_side_segment(&side, 0, 1, 0);
    uint64_t first = journal_side_message(&side, "one", 0);
    journal_side_message(&side, "two", 0);
    uint64_t third = journal_side_message(&side, "three", 0);
    memset(byte_at(0, first), 0xff, (size_t)(third - first) - 8);
    start(0);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    struct journal_reader *reader = &series.reader;
    assert_int_equal(journal_reader_find(reader, first, &found, &at), JOURNAL_STEP_FRAME);
    assert_int_equal(at, third);
    assert_int_equal(found.head.sequence, 3);
    assert_int_equal(journal_reader_next(reader, &found), JOURNAL_STEP_END);
    assert_int_equal(journal_reader_find(reader, reader->offset, &found, &at), JOURNAL_STEP_END);
}

/* A frame that another segment has left, or that is there a second time, is not taken for one. */
static void old_frames_are_not_believed(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    uint64_t from = journal_side_message(&side, "one", 0);
    size_t size = side.files[0].content.size - (size_t)from;
    uint8_t old[256];
    assert_true(size < sizeof old);
    memcpy(old, byte_at(0, from), size);
    assert_int_equal(bytes_append(&side.files[0].content, slice_of(old, size)), 0);
    start(0);
    assert_message("one", 1);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    uint64_t at;
    assert_int_equal(journal_reader_find(&series.reader, 0, &found, &at), JOURNAL_STEP_END);

    journal_side_segment(&side, 1, 1, 0);
    assert_int_equal(bytes_append(&side.files[1].content, slice_of(old, size)), 0);
    start(1);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
}

static void a_message_missing_between_segments(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    uint64_t end = side.files[0].content.size;
    side.sequence++;
    journal_side_segment(&side, 0, 2, 0);
    journal_side_message(&side, "three", 0);
    start(0);
    assert_message("one", 1);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    assert_int_equal(series.number, 1);
    assert_int_equal(series.reader.offset, end);
    assert_string_equal(series.why, "messages are missing at its end");
}

static void assert_second_segment_bad(const char *why)
{
    start(0);
    assert_message("one", 1);
    assert_message("two", 2);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    assert_int_equal(series.number, 2);
    assert_int_equal(series.reader.offset, 0);
    assert_string_equal(series.why, why);
}

static void a_header_that_is_none(void **state)
{
    (void)state;
    two_segments();
    for (size_t bit = 0; bit < sizeof(struct journal_header) * 8; bit++) {
        bool version = bit / 8 >= 16 && bit / 8 < 20;
        *byte_at(1, bit / 8) ^= (uint8_t)(1 << bit % 8);
        assert_second_segment_bad(version ? "its format is that of another version"
                                          : "its header is damaged");
        *byte_at(1, bit / 8) ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_header_of_another_segment(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    journal_side_message(&side, "two", 0);
    journal_side_segment(&side, 0, 3, 0);
    strcpy(side.files[1].name, "0-0000000002.journal");
    assert_second_segment_bad("its header is that of another segment");
}

static void a_segment_that_was_there_before(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    journal_side_message(&side, "one", 0);
    journal_side_message(&side, "two", 0);
    side.sequence = 1;
    journal_side_segment(&side, 0, 2, 0);
    assert_second_segment_bad("it begins with messages that came before");
}

static void what_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    two_segments();
    start(0);
    side.fail_read = EIO;
    assert_int_equal(next(), JOURNAL_STEP_FAILED);
    assert_int_equal(series.reader.failure, EIO);
}

/* Heads that say what none can, with a CRC that is right. */
static void heads_that_cannot_be(void **state)
{
    (void)state;
    static const struct journal_frame heads[] = {
        {.kind = 0, .size = 56},
        {.kind = JOURNAL_GAP + 1, .size = 56},
        {.kind = JOURNAL_MARK, .size = 55},
        {.kind = JOURNAL_MARK, .size = 57},
        {.kind = JOURNAL_MARK, .size = 56, .synced_to = 1},
        {.kind = JOURNAL_MARK, .size = 56, .sequence = 1},
        {.kind = JOURNAL_LISTENER, .size = 64}, /* its name is zeros */
        {.kind = JOURNAL_LISTENER, .size = 56 + JOURNAL_NAME_LONGEST + 1},
        {.kind = JOURNAL_MESSAGE, .size = 79, .sequence = 1},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 2},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 1, .synced_to = 1},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 1, .peer_kind = 4},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 1, .body_size = 9},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 1, .body_offset = 9},
        {.kind = JOURNAL_MESSAGE,
         .size = 88,
         .sequence = 1,
         .body_offset = UINT32_MAX,
         .body_size = 2},
        {.kind = JOURNAL_MESSAGE, .size = 88, .sequence = 1}, /* the control: this one can be */
    };
    size_t count = sizeof heads / sizeof *heads;
    for (size_t i = 0; i < count; i++) {
        struct bytes *content = &side.files[0].content;
        uint8_t frame[56 + JOURNAL_NAME_LONGEST + 8] = {0};
        struct journal_frame head = heads[i];
        journal_side_free(&side);
        journal_side_segment(&side, 0, 1, 0);
        head.id = side.header.id;
        memcpy(frame, &head, sizeof head);
        journal_frame_seal(frame);
        assert_int_equal(bytes_append(content, slice_of(frame, sizeof frame)), 0);
        start(0);
        assert_int_equal(next(), i + 1 == count ? JOURNAL_STEP_FRAME : JOURNAL_STEP_BAD);
    }
}

/* A size beyond the file's takes no memory. */
static void a_frame_longer_than_its_file(void **state)
{
    (void)state;
    journal_side_segment(&side, 0, 1, 0);
    uint64_t at = journal_side_gap(&side, 0, 64);
    struct journal_frame head;
    memcpy(&head, byte_at(0, at), sizeof head);
    head.size = UINT32_MAX - 7;
    memcpy(byte_at(0, at), &head, sizeof head);
    start(0);
    assert_int_equal(next(), JOURNAL_STEP_BAD);
    assert_true(series.reader.window_capacity < 1 << 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_segment_has_its_name),
        TEST(other_names_are_no_segments),
        TEST(messages_come_in_their_order),
        TEST(a_worker_has_its_own),
        TEST(what_is_written_later_is_read_later),
        TEST(a_header_may_come_later),
        TEST(old_segments_may_have_been_dropped),
        TEST(segments_may_be_dropped_while_they_are_read),
        TEST(a_name_may_change),
        TEST(a_gap_is_gone_over),
        TEST(a_frame_longer_than_what_is_read_ahead),
        TEST(no_flipped_bit_is_believed),
        TEST(a_cut_ends_it),
        TEST(a_hole_is_no_end),
        TEST(good_frames_are_found_behind_damage),
        TEST(old_frames_are_not_believed),
        TEST(a_message_missing_between_segments),
        TEST(a_header_that_is_none),
        TEST(a_header_of_another_segment),
        TEST(a_segment_that_was_there_before),
        TEST(what_cannot_be_read_is_an_error),
        TEST(heads_that_cannot_be),
        TEST(a_frame_longer_than_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
