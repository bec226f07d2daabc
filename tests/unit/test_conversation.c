/* Conversations over the simulated engine: who says what when, and how they end. */
#include "talk_side.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const once[] = {"frame", "line", "count", "1", NULL};

/* A client that connects, and has until now to be served. */
static struct sim_client *come(struct talk_side *side)
{
    struct sim_client *client = sim_connect(side->world.engine, side->world.listener);
    sim_server_run(&side->world, 10 * MS);
    return client;
}

static void say(struct talk_side *side, struct sim_client *client, const char *text)
{
    sim_client_says(client, text);
    sim_server_run(&side->world, 10 * MS);
}

static void greets_hears_and_says(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:say '220 hello\\r\\n'\n"
               "  local message = peer:hear()\n"
               "  peer:say('heard ', message.text, '\\r\\n')\n"
               "  peer:say(#message.text, '\\r\\n')\n"
               "end)",
               once);
    struct sim_client *client = come(&side);
    assert_true(sim_client_got(client, "220 hello\r\n"));
    say(&side, client, "EHLO\r\n");
    assert_true(sim_client_got(client, "220 hello\r\nheard EHLO\r\n4\r\n"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_hears_and_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
