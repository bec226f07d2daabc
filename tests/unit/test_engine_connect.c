/* test_engine_connect.c: the contract of engine.h about connecting.
 *
 * It runs in the worlds of test_engine_contract.c where there is somebody to connect to. A queue
 * that is full for a while is in test_epoll.c. */
#include "engine_side.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 50

struct caller {
    struct side side;
    struct connect_op connect;
    unsigned results;
    int64_t result;
};

static void on_connect(struct op *op, int64_t result)
{
    struct caller *caller = list_item(op, struct caller, connect.op);
    assert_within_a_pass();
    assert_false(op->active);
    caller->results++;
    caller->result = result;
}

static void call(struct caller *caller, struct world *world,
                 int (*open)(struct world *world, struct place *place))
{
    *caller = (struct caller){.connect.op.done = on_connect};
    int fd = open(world, &caller->connect.to);
    side_init(&caller->side, world, fd);
    call_begins();
    engine_connect(world->engine, &caller->connect, fd);
    call_ends();
    assert_true(caller->connect.op.active);
}

static int meets(struct world *world)
{
    int client = -1;
    UNTIL(world, client >= 0 || (client = world->table->meetings->met(world)) >= 0);
    return client;
}

static void connects_and_talks(struct world *world)
{
    struct caller caller;
    if (!world->table->meetings)
        return;
    call(&caller, world, world->table->meetings->open);
    UNTIL(world, caller.results == 1);
    assert_int_equal(caller.result, 0);
    int client = meets(world);
    side_receive(&caller.side);
    side_send(&caller.side, "Who is there?", 13);
    client_hears(world, client, "Who is there?", 13);
    client_says(world, client, "Me", 2);
    UNTIL(world, caller.side.bytes.size == 2);
    assert_memory_equal(caller.side.bytes.data, "Me", 2);
    world->table->client_close(world, client);
    UNTIL(world, caller.side.endings == 1);
    assert_int_equal(caller.side.end, 0);
    assert_int_equal(caller.results, 1);
    side_close(&caller.side);
}

static void connects_many(struct world *world)
{
    struct caller *callers = calloc(MANY, sizeof *callers);
    assert_non_null(callers);
    if (world->table->meetings) {
        for (int i = 0; i < MANY; i++)
            call(&callers[i], world, world->table->meetings->open);
        for (int i = 0; i < MANY; i++) {
            UNTIL(world, callers[i].results == 1);
            assert_int_equal(callers[i].result, 0);
            meets(world);
        }
        for (int i = 0; i < MANY; i++)
            side_close(&callers[i].side);
    }
    free(callers);
}

static void is_refused(struct world *world)
{
    struct caller caller;
    if (!world->table->meetings)
        return;
    call(&caller, world, world->table->meetings->refused);
    UNTIL(world, caller.results == 1);
    assert_int_equal(caller.result, -ECONNREFUSED);
    steps(world, 3);
    assert_int_equal(caller.results, 1);
    side_close(&caller.side);
}

static void waits_for_an_answer_until_cancelled(struct world *world)
{
    struct caller caller;
    if (!world->table->meetings)
        return;
    call(&caller, world, world->table->meetings->unanswered);
    steps(world, 30);
    assert_int_equal(caller.results, 0);
    side_cancel(&caller.side, &caller.connect.op);
    side_cancel(&caller.side, &caller.connect.op);
    assert_true(caller.connect.op.active);
    UNTIL(world, caller.results == 1);
    assert_int_equal(caller.result, -ECANCELED);
    side_close(&caller.side);
}

/* Nothing of it is left: whoever gets its number next is not disturbed. */
static void is_cancelled_at_once(struct world *world)
{
    struct caller caller;
    if (!world->table->meetings)
        return;
    for (int i = 0; i < 10; i++) {
        call(&caller, world, world->table->meetings->open);
        side_cancel(&caller.side, &caller.connect.op);
        UNTIL(world, caller.results == 1);
        assert_true(caller.result == -ECANCELED || caller.result == 0);
        side_close(&caller.side);
    }
    call(&caller, world, world->table->meetings->open);
    UNTIL(world, caller.results == 1);
    assert_int_equal(caller.result, 0);
    side_close(&caller.side);
}

static const struct contract contracts[] = {
    CONTRACT(connects_and_talks),   CONTRACT(connects_many),
    CONTRACT(is_refused),           CONTRACT(waits_for_an_answer_until_cancelled),
    CONTRACT(is_cancelled_at_once),
};

int main(void)
{
    return contracts_run(contracts, sizeof contracts / sizeof *contracts);
}
