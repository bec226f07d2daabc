/* Several recorders as one, each of them played by the test. */
#include "goodtalk.h"
#include "record/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A recorder that does what the test says. */
struct puppet {
    struct recorder recorder; /* first */
    bool refuses;             /* memory is out */
    bool full;
    bool busy; /* something is active when it is told to stop */
    uint64_t taken;
    unsigned commits;
    unsigned reopened;
};

static unsigned freed;

static struct puppet *puppet_of(struct recorder *recorder)
{
    return (struct puppet *)(void *)recorder;
}

static int puppet_take(struct recorder *recorder, const struct message *message)
{
    if (puppet_of(recorder)->refuses)
        return -ENOMEM;
    puppet_of(recorder)->taken = message->sequence;
    return 0;
}

static void puppet_take_back(struct recorder *recorder)
{
    puppet_of(recorder)->taken--;
}

static void puppet_commit(struct recorder *recorder)
{
    puppet_of(recorder)->commits++;
}

static bool puppet_full(const struct recorder *recorder)
{
    return ((const struct puppet *)(const void *)recorder)->full;
}

static bool puppet_stop(struct recorder *recorder)
{
    return !puppet_of(recorder)->busy;
}

static int puppet_reopen(struct recorder *recorder, struct error *error)
{
    (void)error;
    puppet_of(recorder)->reopened++;
    return GT_DONE;
}

static void puppet_destroy(struct recorder *recorder)
{
    freed++;
    free(recorder);
}

static const struct recorder_table puppets = {.name = "puppet",
                                              .take = puppet_take,
                                              .take_back = puppet_take_back,
                                              .commit = puppet_commit,
                                              .full = puppet_full,
                                              .stop = puppet_stop,
                                              .reopen = puppet_reopen,
                                              .destroy = puppet_destroy};

static struct recorder *puppet(void)
{
    struct puppet *made = calloc(1, sizeof *made);
    assert_non_null(made);
    made->recorder.table = &puppets;
    return &made->recorder;
}

struct stage {
    struct recorder *list[2];
    struct puppet *first, *second;
    struct recorder *both;
    unsigned changes;
};

static void changed(void *owner)
{
    ((struct stage *)owner)->changes++;
}

static int open_stage(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->list[0] = puppet();
    stage->list[1] = puppet();
    stage->first = puppet_of(stage->list[0]);
    stage->second = puppet_of(stage->list[1]);
    stage->both = recorders_join(stage->list, 2);
    assert_non_null(stage->both);
    stage->both->changed = changed;
    stage->both->owner = stage;
    *state = stage;
    return 0;
}

static int close_stage(void **state)
{
    struct stage *stage = *state;
    freed = 0;
    recorder_destroy(&stage->both);
    assert_int_equal(freed, 2);
    free(stage);
    return 0;
}

static int take(struct stage *stage, uint64_t sequence)
{
    struct message message = {.sequence = sequence};
    return recorder_take(stage->both, &message);
}

static void test_all_take_and_commit(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(take(stage, 1), 0);
    assert_int_equal(stage->first->taken, 1);
    assert_int_equal(stage->second->taken, 1);
    recorder_commit(stage->both);
    assert_int_equal(stage->first->commits, 1);
    assert_int_equal(stage->second->commits, 1);
}

static void test_one_that_cannot_take_makes_the_others_give_back(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(take(stage, 1), 0);
    stage->second->refuses = true;
    assert_int_equal(take(stage, 2), -ENOMEM);
    assert_int_equal(stage->first->taken, 1);
    assert_int_equal(stage->second->taken, 1);
    stage->second->refuses = false;
    assert_int_equal(take(stage, 2), 0);
    recorder_take_back(stage->both);
    assert_int_equal(stage->first->taken, 1);
    assert_int_equal(stage->second->taken, 1);
}

static void test_recorded_is_what_all_have(void **state)
{
    struct stage *stage = *state;
    take(stage, 5);
    stage->first->recorder.recorded = 5;
    recorder_commit(stage->both);
    assert_int_equal(stage->both->recorded, 0);
    stage->second->recorder.recorded = 3;
    stage->second->recorder.changed(stage->second->recorder.owner);
    assert_int_equal(stage->both->recorded, 3);
    assert_int_equal(stage->changes, 1);
    stage->second->recorder.recorded = 5;
    recorder_commit(stage->both);
    assert_int_equal(stage->both->recorded, 5);
}

static void test_the_first_failure_stands_and_nothing_more_is_recorded(void **state)
{
    struct stage *stage = *state;
    stage->first->recorder.recorded = stage->second->recorder.recorded = 2;
    recorder_commit(stage->both);
    error_set(&stage->second->recorder.failure, GT_FAILED, "the disk is gone");
    stage->first->recorder.recorded = stage->second->recorder.recorded = 9;
    recorder_commit(stage->both);
    assert_string_equal(stage->both->failure.text, "the disk is gone");
    error_set(&stage->first->recorder.failure, GT_FAILED, "the reader has gone");
    recorder_commit(stage->both);
    assert_string_equal(stage->both->failure.text, "the disk is gone");
    assert_int_equal(stage->both->recorded, 2);
}

static void test_a_want_lasts_as_long_as_one_has_it(void **state)
{
    struct stage *stage = *state;
    error_set(&stage->second->recorder.want, GT_FAILED, "no room");
    recorder_commit(stage->both);
    assert_string_equal(stage->both->want.text, "no room");
    stage->second->recorder.want = (struct error){0};
    recorder_commit(stage->both);
    assert_int_equal(stage->both->want.status, 0);
}

static void test_full_stopped_and_reopened(void **state)
{
    struct stage *stage = *state;
    struct error error = {0};
    assert_false(recorder_full(stage->both));
    stage->second->full = true;
    assert_true(recorder_full(stage->both));
    stage->first->busy = true;
    assert_false(recorder_stop(stage->both));
    stage->first->busy = false;
    assert_true(recorder_stop(stage->both));
    assert_int_equal(recorder_reopen(stage->both, &error), GT_DONE);
    assert_int_equal(stage->first->reopened + stage->second->reopened, 2);
}

static void test_a_single_one_stays_itself(void **state)
{
    struct recorder *list[3] = {NULL, puppet(), NULL};
    (void)state;
    struct recorder *single = recorders_join(list, 3);
    assert_ptr_equal(single, list[1]);
    recorder_destroy(&single);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(test_all_take_and_commit),
        STAGED(test_one_that_cannot_take_makes_the_others_give_back),
        STAGED(test_recorded_is_what_all_have),
        STAGED(test_the_first_failure_stands_and_nothing_more_is_recorded),
        STAGED(test_a_want_lasts_as_long_as_one_has_it),
        STAGED(test_full_stopped_and_reopened),
        cmocka_unit_test(test_a_single_one_stays_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
