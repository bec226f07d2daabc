/* The recorder that keeps messages in a journal: over an engine that writes, syncs or fails as the
 * test says, in a directory that is real. What is in the journal is read as everybody reads it. */
#include "journal_directory.h"
#include "journal_engine.h"

#include "engine/engine.h"
#include "record/journal.h"
#include "record/journal_judge.h"

#include <errno.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define BOUND       ((size_t)1000)
#define MILLISECOND INT64_C(1000000)

/* ---- a journal with one recorder ---- */

static char directory[JOURNAL_DIRECTORY_SIZE];
static struct journal *journal;
static struct recorder *recorder;
static unsigned changes;

static void count_change(void *owner)
{
    (void)owner;
    changes++;
}

static void open_with(int64_t sync_ns, uint64_t most_bytes)
{
    struct error error = {0};
    struct journal_settings settings = {.directory = directory,
                                        .sync_ns = sync_ns,
                                        .segment_bytes = JOURNAL_SEGMENT_LEAST,
                                        .most_bytes = most_bytes};
    fake_begin();
    changes = 0;
    assert_int_equal(journal_open(&journal, &settings, NULL, NULL, &error), GT_DONE);
    recorder = journal_recorder_create(journal, &fake.engine, 0, BOUND, &error);
    assert_non_null(recorder);
    recorder->changed = count_change;
}

static void shut(void)
{
    recorder_destroy(&recorder);
    assert_int_equal(timers_next(&fake.engine.timers), INT64_MAX);
    journal_close(&journal);
}

static int begin(void **state)
{
    (void)state;
    journal_directory_make(directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_directory_remove(directory);
    return 0;
}

static void take_size(uint64_t sequence, size_t size)
{
    static const struct peer peer = {.kind = PEER_IPV4, .port = 1, .address = {127, 0, 0, 1}};
    static uint8_t raw[100000];
    memset(raw, 'a' + (int)(sequence % 26), size);
    struct message message = {.raw = slice_of(raw, size),
                              .body = slice_of(raw, size),
                              .peer = &peer,
                              .listener = sequence % 2 ? "tcp:odd" : "tcp:even",
                              .sequence = sequence,
                              .time_us = (int64_t)sequence};
    assert_int_equal(recorder_take(recorder, &message), 0);
}

static void take(uint64_t sequence)
{
    take_size(sequence, 20);
}

static void take_and_commit(uint64_t sequence)
{
    take(sequence);
    recorder_commit(recorder);
}

static void pass_time(int64_t ns)
{
    fake.engine.now_ns += ns;
    timers_run(&fake.engine.timers, fake.engine.now_ns);
}

/* ---- what is there ---- */

static struct journal_verdict verdict;

/* Read all of it: every message's bytes are as they were taken. Their sequences are 1 to the last.
 */
static void read_back(void)
{
    struct journal_place place;
    struct journal_index index = {0};
    struct error error = {0};
    struct journal_series series;
    struct journal_found found;
    assert_int_equal(journal_place_open(&place, directory, &error), GT_DONE);
    assert_int_equal(journal_index_read(&index, &place), 0);
    assert_int_equal(journal_judge(&verdict, &place, &index, 0, NULL, NULL, &error), GT_DONE);
    journal_series_begin(&series, &place, 0, 0);
    while (journal_series_next(&series, &index, &found) == JOURNAL_STEP_FRAME) {
        if (found.head.kind != JOURNAL_MESSAGE)
            continue;
        struct message message = journal_reader_message(&series.reader, &found);
        assert_string_equal(message.listener, message.sequence % 2 ? "tcp:odd" : "tcp:even");
        assert_int_equal(message.body.data[0], 'a' + (int)(message.sequence % 26));
        assert_int_equal(message.time_us, message.sequence);
    }
    journal_series_end(&series);
    journal_index_free(&index);
    journal_place_close(&place);
}

static void assert_there(enum journal_state state, uint64_t last_sequence, uint64_t synced_to)
{
    read_back();
    assert_int_equal(verdict.state, state);
    assert_int_equal(verdict.last_sequence, last_sequence);
    assert_int_equal(verdict.synced_to, synced_to);
}

/* ---- always ---- */

static void a_batch_is_one_write_and_one_sync(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take(1);
    take(2);
    take(3);
    assert_int_equal(fake.writes, 0);
    recorder_commit(recorder);
    assert_int_equal(fake.writes, 1);
    assert_int_equal(fake.syncs, 1);
    assert_int_equal(recorder->recorded, 3);
    assert_int_equal(changes, 0);
    recorder_commit(recorder);
    assert_int_equal(fake.writes, 1);
    assert_there(JOURNAL_WHOLE, 3, 0);
    shut();
}

/* Where the engine has more to tell at once, that is for the same batch; but a batch waits once. */
static void what_has_happened_already_is_waited_for(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.engine.crowded = true;
    take_and_commit(1);
    assert_int_equal(fake.writes, 0);
    take(2);
    pass_time(0);
    assert_int_equal(fake.writes, 1);
    assert_int_equal(recorder->recorded, 2);
    assert_int_equal(changes, 1);
    assert_there(JOURNAL_WHOLE, 2, 0);
    shut();
}

static void each_batch_says_what_was_durable(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_and_commit(1);
    take_and_commit(2);
    take_and_commit(3);
    assert_there(JOURNAL_WHOLE, 3, 2);
    shut();
}

static void nothing_counts_before_its_sync(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.holds = true;
    take_and_commit(1);
    assert_int_equal(recorder->recorded, 0);
    take_and_commit(2); /* gathers */
    take_and_commit(3);
    assert_int_equal(fake.writes, 1);
    end_sync(0);
    assert_int_equal(recorder->recorded, 1);
    assert_int_equal(changes, 1);
    assert_int_equal(fake.writes, 2);
    end_sync(0);
    assert_int_equal(recorder->recorded, 3);
    assert_there(JOURNAL_WHOLE, 3, 1);
    shut();
}

static void a_failed_sync_is_final(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.holds = true;
    take_and_commit(1);
    take(2);
    end_sync(-ENOSPC);
    assert_int_equal(recorder->recorded, 0);
    assert_int_equal(recorder->failure.status, GT_FAILED);
    assert_int_equal(recorder->failure.number, ENOSPC);
    assert_int_equal(recorder->want.status, 0);
    unsigned syncs = fake.syncs, writes = fake.writes;
    take_and_commit(3);
    pass_time(1000 * MILLISECOND);
    assert_true(recorder_finish(recorder));
    assert_int_equal(fake.syncs, syncs);
    assert_int_equal(fake.writes, writes);
    assert_int_equal(recorder->recorded, 0);
    shut();
}

static void a_failed_write_is_final(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_and_commit(1);
    fake.fails = -EIO;
    take_and_commit(2);
    assert_int_equal(recorder->failure.number, EIO);
    assert_int_equal(recorder->recorded, 1);
    shut();
}

static void room_is_waited_for(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_and_commit(1);
    fake.fails = -ENOSPC;
    take_and_commit(2);
    assert_int_equal(recorder->failure.status, 0);
    assert_int_equal(recorder->want.number, ENOSPC);
    assert_true(recorder_full(recorder));
    take_and_commit(3);
    unsigned writes = fake.writes;
    pass_time(99 * MILLISECOND);
    assert_int_equal(fake.writes, writes);
    pass_time(2 * MILLISECOND);
    assert_int_equal(fake.writes, writes + 1);
    assert_true(recorder_full(recorder));
    fake.fails = 0;
    pass_time(101 * MILLISECOND);
    assert_int_equal(recorder->recorded, 3);
    assert_int_equal(recorder->want.status, 0);
    assert_false(recorder_full(recorder));
    assert_there(JOURNAL_WHOLE, 3, 2);
    shut();
}

static void it_is_full_at_its_bound(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.holds = true;
    take_and_commit(1);
    assert_false(recorder_full(recorder));
    take_size(2, BOUND);
    assert_true(recorder_full(recorder));
    end_sync(0);
    end_sync(0);
    assert_false(recorder_full(recorder));
    shut();
}

static void what_is_taken_back_is_not_there(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take(1);
    take(2);
    recorder_take_back(recorder);
    take_and_commit(2);
    take(3);
    recorder_take_back(recorder);
    recorder_commit(recorder);
    assert_int_equal(recorder->recorded, 2);
    assert_there(JOURNAL_WHOLE, 2, 0);
    shut();
}

static void slow_syncs_go_apart_for_a_while(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.took_ns = 6 * MILLISECOND;
    take_and_commit(1); /* in the pass, and slow */
    assert_null(fake.held);
    fake.took_ns = MILLISECOND;
    take_and_commit(2);
    assert_true(fake.held_apart);
    end_sync(0);
    pass_time(500 * MILLISECOND);
    take_and_commit(3); /* the last one was quick, but it is not long enough ago */
    assert_true(fake.held_apart);
    end_sync(0);
    pass_time(1000 * MILLISECOND);
    take_and_commit(4);
    assert_null(fake.held);
    assert_int_equal(recorder->recorded, 4);
    fake.took_ns = 6 * MILLISECOND;
    take_and_commit(5);
    pass_time(5000 * MILLISECOND);
    take_and_commit(6); /* long ago, but the last one stalled */
    assert_non_null(fake.held);
    end_sync(0);
    shut();
}

static void a_mark_when_nothing_comes(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_and_commit(1);
    unsigned writes = fake.writes, syncs = fake.syncs;
    pass_time(201 * MILLISECOND);
    assert_int_equal(fake.writes, writes + 1);
    assert_int_equal(fake.syncs, syncs); /* it is not worth one */
    assert_there(JOURNAL_WHOLE, 1, 1);
    pass_time(1000 * MILLISECOND);
    assert_int_equal(fake.writes, writes + 1);
    take_and_commit(2);
    assert_there(JOURNAL_WHOLE, 2, 1);
    shut();
}

/* ---- in an interval, and never ---- */

static void an_interval_releases_what_is_written(void **state)
{
    (void)state;
    open_with(100 * MILLISECOND, 0);
    take_and_commit(1);
    assert_int_equal(recorder->recorded, 1);
    assert_int_equal(fake.syncs, 0);
    pass_time(51 * MILLISECOND);
    assert_true(fake.held_apart);
    take_and_commit(2); /* it is not waited for */
    assert_int_equal(recorder->recorded, 2);
    end_sync(0);
    take_and_commit(3);
    assert_there(JOURNAL_WHOLE, 3, 1);
    pass_time(51 * MILLISECOND);
    end_sync(0);
    take_and_commit(4);
    assert_there(JOURNAL_WHOLE, 4, 3);
    pass_time(51 * MILLISECOND);
    end_sync(0);
    shut();
}

static void an_overdue_sync_holds_replies(void **state)
{
    (void)state;
    open_with(100 * MILLISECOND, 0);
    take_and_commit(1);
    pass_time(60 * MILLISECOND);
    assert_non_null(fake.held);
    pass_time(50 * MILLISECOND);
    take_and_commit(2);
    assert_int_equal(recorder->recorded, 1);
    assert_int_equal(fake.writes, 1);
    end_sync(0);
    assert_int_equal(recorder->recorded, 2);
    pass_time(60 * MILLISECOND);
    end_sync(-EIO);
    take_and_commit(3);
    assert_int_equal(recorder->recorded, 2);
    assert_int_equal(recorder->failure.number, EIO);
    shut();
}

static void an_interval_is_finished_with_a_sync(void **state)
{
    (void)state;
    open_with(100 * MILLISECOND, 0);
    take_and_commit(1);
    assert_false(recorder_finish(recorder));
    end_sync(0);
    assert_true(recorder_finish(recorder));
    assert_there(JOURNAL_WHOLE, 1, 1);
    shut();
}

static void never_is_never(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_NEVER, 0);
    for (uint64_t sequence = 1; sequence <= 10; sequence++) {
        take_and_commit(sequence);
        assert_int_equal(recorder->recorded, sequence);
        pass_time(1000 * MILLISECOND);
    }
    assert_true(recorder_finish(recorder));
    assert_int_equal(fake.syncs, 0);
    assert_there(JOURNAL_WHOLE, 10, 0);
    shut();
}

/* ---- segments ---- */

static void a_segment_that_is_full_is_followed(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    for (uint64_t sequence = 1; sequence <= 200; sequence++) {
        take_size(sequence, 1000);
        recorder_commit(recorder);
        assert_int_equal(recorder->recorded, sequence);
    }
    assert_there(JOURNAL_WHOLE, 200, 199);
    assert_in_range(verdict.segments, 4, 5);
    assert_int_equal(fake.syncs, 200 + (verdict.segments - 1) * 2);
    shut();
}

/* Its header and its name are durable before the first frame is written. */
static void a_new_segment_is_durable_first(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_size(1, 50000);
    recorder_commit(recorder);
    fake.holds = true;
    unsigned writes = fake.writes;
    take_size(2, 50000);
    recorder_commit(recorder);
    end_sync(0);
    end_sync(0);
    assert_int_equal(recorder->recorded, 1);
    assert_int_equal(fake.writes, writes + 1);
    end_sync(0);
    assert_int_equal(recorder->recorded, 2);
    shut();
}

static void what_was_written_before_is_durable_first(void **state)
{
    (void)state;
    open_with(100 * MILLISECOND, 0);
    take_size(1, 50000);
    recorder_commit(recorder);
    take_size(2, 50000);
    recorder_commit(recorder);
    assert_int_equal(recorder->recorded, 1);
    end_sync(0); /* of what was written */
    end_sync(0); /* of the new segment's header */
    assert_int_equal(recorder->recorded, 1);
    end_sync(0); /* of its name */
    assert_int_equal(recorder->recorded, 2);
    shut();
}

/* A mark that is torn would make a tail of all that follows it. */
static void a_mark_is_durable_before_a_new_segment(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_size(1, 50000);
    recorder_commit(recorder);
    pass_time(201 * MILLISECOND);
    unsigned syncs = fake.syncs;
    take_size(2, 50000);
    recorder_commit(recorder);
    assert_int_equal(recorder->recorded, 2);
    assert_int_equal(fake.syncs, syncs + 4); /* the mark, a header, a name, the batch */
    shut();
}

static void a_large_message_has_a_large_segment(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    take_and_commit(1);
    take_size(2, 100000);
    recorder_commit(recorder);
    take_and_commit(3);
    assert_int_equal(recorder->recorded, 3);
    assert_there(JOURNAL_WHOLE, 3, 2);
    shut();
}

static void it_goes_on_where_it_was(void **state)
{
    (void)state;
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        open_with(JOURNAL_SYNC_ALWAYS, 0);
        assert_int_equal(recorder->recorded, sequence - 1);
        take_and_commit(sequence);
        assert_true(recorder_finish(recorder));
        shut();
    }
    assert_there(JOURNAL_WHOLE, 5, 5);
}

/* A run without messages leaves nothing, unless it has made something durable. */
static void what_was_made_durable_is_said(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_NEVER, 0);
    take_and_commit(1);
    assert_true(recorder_finish(recorder));
    shut();
    assert_there(JOURNAL_WHOLE, 1, 0);
    for (int run = 0; run < 2; run++) {
        open_with(JOURNAL_SYNC_ALWAYS, 0);
        assert_true(recorder_finish(recorder));
        shut();
        assert_there(JOURNAL_WHOLE, 1, 1);
        assert_int_equal(verdict.segments, 2);
    }
}

static void old_segments_are_dropped(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 4 * JOURNAL_SEGMENT_LEAST);
    for (uint64_t sequence = 1; sequence <= 1000; sequence++) {
        take_size(sequence, 1000);
        recorder_commit(recorder);
    }
    assert_there(JOURNAL_WHOLE, 1000, 999);
    assert_in_range(verdict.segments, 3, 4);
    assert_in_range(verdict.messages, 100, 300);
    shut();
    open_with(JOURNAL_SYNC_ALWAYS, JOURNAL_SEGMENT_LEAST);
    assert_int_equal(recorder->recorded, 1000);
    assert_there(JOURNAL_WHOLE, 1000, 1000);
    assert_int_equal(verdict.segments, 1); /* it knows where the series stands */
    shut();
}

static void one_recorder_leaves_while_it_syncs(void **state)
{
    (void)state;
    open_with(JOURNAL_SYNC_ALWAYS, 0);
    fake.holds = true;
    take_and_commit(1);
    take(2);
    assert_false(recorder_stop(recorder));
    end_sync(-ECANCELED);
    assert_true(recorder_stop(recorder));
    assert_int_equal(recorder->recorded, 0);
    assert_int_equal(recorder->failure.number, ECANCELED);
    assert_int_equal(fake.writes, 1);
    shut();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_one_write_and_one_sync),
        TEST(what_has_happened_already_is_waited_for),
        TEST(each_batch_says_what_was_durable),
        TEST(nothing_counts_before_its_sync),
        TEST(a_failed_sync_is_final),
        TEST(a_failed_write_is_final),
        TEST(room_is_waited_for),
        TEST(it_is_full_at_its_bound),
        TEST(what_is_taken_back_is_not_there),
        TEST(slow_syncs_go_apart_for_a_while),
        TEST(a_mark_when_nothing_comes),
        TEST(an_interval_releases_what_is_written),
        TEST(an_overdue_sync_holds_replies),
        TEST(an_interval_is_finished_with_a_sync),
        TEST(never_is_never),
        TEST(a_segment_that_is_full_is_followed),
        TEST(a_new_segment_is_durable_first),
        TEST(what_was_written_before_is_durable_first),
        TEST(a_mark_is_durable_before_a_new_segment),
        TEST(a_large_message_has_a_large_segment),
        TEST(it_goes_on_where_it_was),
        TEST(what_was_made_durable_is_said),
        TEST(old_segments_are_dropped),
        TEST(one_recorder_leaves_while_it_syncs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
