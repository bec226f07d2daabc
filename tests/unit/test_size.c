/* An idle connection costs its struct and the engine's row for its descriptor, and no more than 270
 * bytes together: people keep hundreds of thousands of them. */
#include "engine/epoll.h"
#include "serve/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define IDLE_CONNECTION_BYTES 270

static void idle_connection_is_small(void **state)
{
    (void)state;
    size_t bytes = sizeof(struct connection) + sizeof(struct descriptor);
    print_message("an idle connection: %zu bytes\n", bytes);
    assert_in_range(bytes, 1, IDLE_CONNECTION_BYTES);
}

/* The two things that come and go must not have become part of it. */
static void what_comes_and_goes_is_elsewhere(void **state)
{
    (void)state;
    struct connection *connection = NULL;
    assert_int_equal(sizeof(connection->output), sizeof(void *));
    assert_int_equal(sizeof(connection->input), sizeof(struct bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connection_is_small),
        cmocka_unit_test(what_comes_and_goes_is_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
