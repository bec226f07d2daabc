/* The judgement of what a worker has recorded: whole, a tail, or corruption. */
#include "journal_side.h"

#include "record/journal_judge.h"

#include <errno.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct journal_side side;
static struct journal_verdict verdict;

static int begin(void **state)
{
    (void)state;
    journal_side_begin(&side);
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_side_free(&side);
    return 0;
}

static int judge(void)
{
    struct journal_index index = {0};
    struct error error = {0};
    assert_int_equal(journal_index_read(&index, &side.place), 0);
    int status = journal_judge(&verdict, &side.place, &index, 0, NULL, NULL, &error);
    journal_index_free(&index);
    return status;
}

static void assert_judged(enum journal_state state, uint64_t last_sequence, uint64_t synced_to)
{
    assert_int_equal(judge(), GT_DONE);
    assert_int_equal(verdict.last_sequence, last_sequence);
    assert_int_equal(verdict.synced_to, synced_to);
    assert_int_equal(verdict.state, state);
    assert_true((verdict.why != NULL) == (state != JOURNAL_WHOLE));
}

static uint8_t *byte_at(size_t file, uint64_t offset)
{
    struct bytes *content = &side.files[file].content;
    assert_true(offset < content->size);
    return content->data + content->start + offset;
}

/* Three messages, of which two are known to be on disk. */
static uint64_t at[4];
static void three_messages(void)
{
    journal_side_segment(&side, 0, 1, 0);
    at[0] = journal_side_listener(&side, 0, "tcp:127.0.0.1:9999");
    at[1] = journal_side_message(&side, "one", 0);
    at[2] = journal_side_message(&side, "two", 1);
    at[3] = journal_side_message(&side, "three", 2);
}

static void a_journal_that_is_whole(void **state)
{
    (void)state;
    three_messages();
    uint64_t content = side.files[0].content.size;
    journal_side_room(&side, 4096);
    assert_judged(JOURNAL_WHOLE, 3, 2);
    assert_int_equal(verdict.messages, 3);
    assert_int_equal(verdict.segments, 1);
    assert_int_equal(verdict.number, 1);
    assert_int_equal(verdict.offset, content);
    assert_int_equal(verdict.bad_bytes, 0);
}

static void nothing_at_all_is_whole(void **state)
{
    (void)state;
    assert_judged(JOURNAL_WHOLE, 0, 0);
    assert_int_equal(verdict.number, 0);
}

static void damage_behind_what_is_durable(void **state)
{
    (void)state;
    three_messages();
    journal_side_room(&side, 4096);
    uint64_t bad = at[3] + 60;
    *byte_at(0, bad) ^= 1;
    assert_judged(JOURNAL_TAIL, 2, 1);
    assert_int_equal(verdict.number, 1);
    assert_int_equal(verdict.offset, at[3]);
    assert_int_equal(verdict.bad_bytes, 56 + 24 + 6);
    assert_int_equal(verdict.next_offset, 0);
    assert_int_equal(verdict.next_number, 0);
}

static void damage_below_it(void **state)
{
    (void)state;
    three_messages();
    *byte_at(0, at[2] + 60) ^= 1;
    assert_judged(JOURNAL_CORRUPT, 1, 2);
    assert_int_equal(verdict.offset, at[2]);
    assert_int_equal(verdict.next_offset, at[3]);
    assert_int_equal(verdict.next_before, 2);
}

/* Sectors of a batch that was not synced land in any order: the first of it may be missing. */
static void a_hole_in_what_was_not_synced(void **state)
{
    (void)state;
    three_messages();
    uint64_t hole = journal_side_message(&side, "four", 3);
    uint64_t last = journal_side_message(&side, "five", 3);
    memset(byte_at(0, hole), 0, (size_t)(last - hole));
    assert_judged(JOURNAL_TAIL, 3, 3);
    assert_int_equal(verdict.offset, hole);
    assert_int_equal(verdict.next_offset, last);

    journal_side_mark(&side, 4); /* the control: one that knew better */
    assert_judged(JOURNAL_CORRUPT, 3, 4);
}

static void a_mark_tells_what_is_durable(void **state)
{
    (void)state;
    three_messages();
    journal_side_mark(&side, 3);
    assert_judged(JOURNAL_WHOLE, 3, 3);
    *byte_at(0, at[3] + 60) ^= 1;
    assert_judged(JOURNAL_CORRUPT, 2, 3);
}

static void a_header_tells_what_is_durable(void **state)
{
    (void)state;
    three_messages();
    *byte_at(0, at[3] + 60) ^= 1;
    journal_side_segment(&side, 0, 2, 3);
    assert_judged(JOURNAL_CORRUPT, 2, 3);
    assert_int_equal(verdict.number, 1);
    assert_int_equal(verdict.next_number, 2);
    assert_int_equal(verdict.next_before, 3);
}

static void a_tail_of_two_segments(void **state)
{
    (void)state;
    three_messages();
    *byte_at(0, at[3] + 60) ^= 1;
    journal_side_segment(&side, 0, 2, 2);
    journal_side_message(&side, "four", 2);
    assert_judged(JOURNAL_TAIL, 2, 2);
    assert_int_equal(verdict.offset, at[3]);
    assert_int_equal(verdict.last_number, 2);
}

static void messages_missing_between_segments(void **state)
{
    (void)state;
    three_messages();
    uint64_t content = side.files[0].content.size;
    side.sequence += 2;
    journal_side_segment(&side, 0, 2, 3);
    assert_judged(JOURNAL_TAIL, 3, 3);
    journal_side_message(&side, "six", 4);
    assert_judged(JOURNAL_CORRUPT, 3, 4);
    assert_int_equal(verdict.number, 1);
    assert_int_equal(verdict.offset, content);
    assert_int_equal(verdict.next_number, 2);
    assert_int_equal(verdict.next_before, 5);
}

static void a_segment_that_was_never_finished(void **state)
{
    (void)state;
    three_messages();
    struct slice header = bytes_slice(&side.files[0].content);
    const size_t told = 70; /* what follows in this header is zero */
    for (size_t size = 0; size <= told; size++) {
        side.count = 1;
        bytes_clear(&side.files[1].content);
        journal_side_file(&side, "0-0000000002.journal", slice_of(header.data, size));
        journal_side_room(&side, 8192);
        assert_judged(size > 0 ? JOURNAL_TAIL : JOURNAL_WHOLE, 3, 2);
        assert_int_equal(verdict.number, 2);
        assert_int_equal(verdict.offset, 0);
        assert_true(verdict.bad_bytes <= size && (verdict.bad_bytes > 0 || size == 0));
    }
}

static void a_header_lost_with_frames_behind_it(void **state)
{
    (void)state;
    three_messages();
    journal_side_segment(&side, 0, 2, 3);
    journal_side_message(&side, "four", 3);
    memset(byte_at(1, 0), 0, JOURNAL_HEADER_BYTES);
    assert_judged(JOURNAL_CORRUPT, 3, 2);
    assert_int_equal(verdict.number, 2);
    assert_int_equal(verdict.offset, 0);
    assert_string_equal(verdict.why, "its header is damaged");
}

static void what_follows_a_lost_segment(void **state)
{
    (void)state;
    three_messages();
    journal_side_segment(&side, 0, 2, 3);
    journal_side_message(&side, "four", 3);
    journal_side_segment(&side, 0, 3, 4);
    journal_side_message(&side, "five", 4);
    *byte_at(1, 30) ^= 1;
    assert_judged(JOURNAL_CORRUPT, 3, 4);
    assert_int_equal(verdict.number, 2);
    assert_int_equal(verdict.next_number, 3);
    assert_int_equal(verdict.next_before, 4);
}

static void what_cannot_be_read_is_no_verdict(void **state)
{
    (void)state;
    three_messages();
    side.fail_read = EIO;
    assert_int_equal(judge(), GT_FAILED);
}

/* ---- whatever happens ---- */

/* How many messages the first size bytes of three_messages() and a mark hold. */
static unsigned messages_within(size_t size)
{
    return (size >= at[1] + 84) + (size >= at[2] + 84) + (size >= at[3] + 86);
}

/* Whether so many bytes end where a frame does, or in the zeros that round it up. */
static bool is_an_end(size_t size, uint64_t mark)
{
    if (size < at[0])
        return size == 0 || size >= sizeof(struct journal_header);
    const uint64_t ends[][2] = {{at[0], at[0]},
                                {at[1] - 6, at[1]},
                                {at[2] - 4, at[2]},
                                {at[3] - 4, at[3]},
                                {mark - 2, mark}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (size >= ends[i][0] && size <= ends[i][1])
            return true;
    return false;
}

/* What is left is the messages before the cut; none of them says that more were on disk. */
static void cut_at_every_byte(void **state)
{
    (void)state;
    static const uint64_t synced[] = {0, 0, 1, 2};
    three_messages();
    uint64_t mark = journal_side_mark(&side, 3);
    for (size_t size = side.files[0].content.size; size-- > 0;) {
        side.files[0].content.size = size;
        unsigned left = messages_within(size);
        assert_judged(is_an_end(size, mark) ? JOURNAL_WHOLE : JOURNAL_TAIL, left, synced[left]);
    }
}

static void no_random_damage_is_believed(void **state)
{
    (void)state;
    three_messages();
    journal_side_mark(&side, 3);
    struct slice content = bytes_slice(&side.files[0].content);
    uint32_t random = 12345;
    for (unsigned run = 0; run < 20000; run++) {
        random = random * 1664525 + 1013904223;
        uint64_t place =
            JOURNAL_HEADER_BYTES + (random >> 8) % (content.size - JOURNAL_HEADER_BYTES);
        uint8_t flip = (uint8_t)(1 + (random >> 16) % 255);
        *byte_at(0, place) ^= flip;
        assert_int_equal(judge(), GT_DONE);
        assert_true(verdict.last_sequence == 3 || verdict.state == JOURNAL_CORRUPT ||
                    place >= at[3]);
        assert_true(verdict.state != JOURNAL_CORRUPT || verdict.synced_to > verdict.last_sequence);
        *byte_at(0, place) ^= flip;
    }
}

#define SECTOR   512
#define MESSAGES 500

/* Each sector of a longer journal zeroed, then replaced by one of an older segment: the messages
 * before it are left, and it is corruption where one behind it says so. */
static void sectors_that_are_lost_or_stale(void **state)
{
    (void)state;
    static uint64_t begins[MESSAGES + 1];
    static uint8_t kept[SECTOR];
    journal_side_segment(&side, 0, 1, 0);
    for (unsigned i = 0; i < MESSAGES; i++)
        begins[i] = journal_side_message(&side, "a message that is not all too short", i);
    begins[MESSAGES] = side.files[0].content.size;
    side.sequence = 0;
    journal_side_segment(&side, 1, 7, 0); /* the older one, of the same frames */
    for (unsigned i = 0; i < MESSAGES; i++)
        journal_side_message(&side, "a message that is not all too short", i);
    for (uint64_t sector = JOURNAL_HEADER_BYTES; sector + SECTOR <= begins[MESSAGES - 1];
         sector += SECTOR) {
        unsigned left = 0;
        while (begins[left + 1] - 4 <= sector) /* 4 bytes round it up */
            left++;
        memcpy(kept, byte_at(0, sector), SECTOR);
        for (int stale = 0; stale < 2; stale++) {
            memset(byte_at(0, sector), 0, SECTOR);
            if (stale)
                memcpy(byte_at(0, sector), byte_at(1, sector), SECTOR);
            /* The last letters of a message may be the same in both. */
            bool same =
                memcmp(kept, byte_at(0, sector), (size_t)(begins[left + 1] - 4 - sector)) == 0;
            assert_judged(JOURNAL_CORRUPT, left + same, MESSAGES - 1);
        }
        memcpy(byte_at(0, sector), kept, SECTOR);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_journal_that_is_whole),
        TEST(nothing_at_all_is_whole),
        TEST(damage_behind_what_is_durable),
        TEST(damage_below_it),
        TEST(a_hole_in_what_was_not_synced),
        TEST(a_mark_tells_what_is_durable),
        TEST(a_header_tells_what_is_durable),
        TEST(a_tail_of_two_segments),
        TEST(messages_missing_between_segments),
        TEST(a_segment_that_was_never_finished),
        TEST(a_header_lost_with_frames_behind_it),
        TEST(what_follows_a_lost_segment),
        TEST(what_cannot_be_read_is_no_verdict),
        TEST(cut_at_every_byte),
        TEST(no_random_damage_is_believed),
        TEST(sectors_that_are_lost_or_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
