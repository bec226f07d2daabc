/* Reserving messages and connections: exact, from many threads too. */
#include "serve/goal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void without_a_limit_everything_is_taken(void **state)
{
    (void)state;
    struct goal goal = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(goal_reserve_message(&goal) && goal_reserve_connection(&goal));
    assert_false(goal_exists(&goal));
    assert_false(goal_reached(&goal));
}

static void no_more_than_the_limit_is_reserved(void **state)
{
    (void)state;
    struct goal goal = {.messages = 2};
    assert_true(goal_reserve_message(&goal));
    assert_false(goal_reached(&goal));
    assert_true(goal_reserve_message(&goal));
    assert_true(goal_reached(&goal));
    assert_false(goal_reserve_message(&goal));
    goal_return_message(&goal);
    assert_false(goal_reached(&goal));
    assert_true(goal_reserve_message(&goal));
}

static void connections_count_when_they_have_ended(void **state)
{
    (void)state;
    struct goal goal = {.connections = 1};
    assert_true(goal_reserve_connection(&goal));
    assert_false(goal_reserve_connection(&goal));
    assert_false(goal_reached(&goal));
    goal_connection_ended(&goal);
    assert_true(goal_reached(&goal));
}

static void *reserve_all(void *context)
{
    intptr_t taken = 0;
    for (int i = 0; i < 10000; i++)
        taken += goal_reserve_message(context);
    return (void *)taken;
}

static void threads_share_the_limit_exactly(void **state)
{
    (void)state;
    struct goal goal = {.messages = 12345};
    pthread_t threads[4];
    intptr_t sum = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_all, &goal), 0);
    for (int i = 0; i < 4; i++) {
        void *taken;
        pthread_join(threads[i], &taken);
        sum += (intptr_t)taken;
    }
    assert_int_equal(sum, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_everything_is_taken),
        cmocka_unit_test(no_more_than_the_limit_is_reserved),
        cmocka_unit_test(connections_count_when_they_have_ended),
        cmocka_unit_test(threads_share_the_limit_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
