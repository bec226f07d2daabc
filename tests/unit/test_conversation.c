/* Conversations over the simulated engine: what a script can hear and say, and when. */
#include "talk_side.h"

#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const once[] = {"frame", "line", "count", "1", NULL};
static const char *const kept[] = {"frame", "line", "count", "0", NULL};

static void greets_hears_and_says(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:say '220 hello\\r\\n'\n"
               "  local message = peer:hear()\n"
               "  peer:say('heard ', message.text, '\\r\\n')\n"
               "  peer:say(#message.text, ' ', message, '\\r\\n')\n"
               "end)",
               once);
    struct sim_client *client = talk_come(&side);
    assert_true(sim_client_got(client, "220 hello\r\n"));
    talk_say(&side, client, "EHLO\r\n");
    assert_true(sim_client_got(client, "220 hello\r\nheard EHLO\r\n4 EHLO\r\n"));
    assert_true(sim_client_state(client).ended);
    assert_true(sim_server_shows(&side.world, "The message was: EHLO\n"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

static void the_end_of_the_stream_is_nil(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  for message in peer.hear, peer do peer:say(message.text:upper(), '.') end\n"
               "  local message, why = peer:hear()\n"
               "  peer:say('bye ', tostring(message), ' ', tostring(why))\n"
               "end)",
               once);
    struct sim_client *client = talk_come(&side);
    sim_client_says(client, "one\ntwo\nthr");
    sim_client_shutdown(client);
    sim_server_run(&side.world, 10 * MS);
    assert_true(sim_client_got(client, "ONE.TWO.THR.bye nil nil"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

static void hearing_ends_at_its_timeout(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  local message, why = peer:hear{timeout='5s'}\n"
               "  peer:say(tostring(message), ' ', why, '\\n')\n"
               "  message, why = peer:hear{timeout=0.5}\n"
               "  peer:say(tostring(message), ' ', why, '\\n')\n"
               "  peer:say(peer:hear{timeout='1h'}.text)\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    sim_server_run(&side.world, 4980 * MS);
    assert_true(sim_client_got(client, ""));
    sim_server_run(&side.world, 20 * MS);
    assert_true(sim_client_got(client, "nil timeout\n"));
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_got(client, "nil timeout\nnil timeout\n"));
    /* Longer than idle-timeout: the script has said how long. */
    sim_server_run(&side.world, 1000 * SEC);
    talk_say(&side, client, "late\n");
    assert_true(sim_client_got(client, "nil timeout\nnil timeout\nlate"));
    talk_stop(&side);
}

static void waiting_takes_its_time(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:say 'patience\\n'\n"
               "  peer:wait '2s'\n"
               "  peer:say(peer:hear().text, '\\n')\n"
               "  peer:wait(600)\n"
               "  peer:say(peer:hear().text, '\\n')\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "first\nsecond\n");
    sim_server_run(&side.world, 1970 * MS);
    assert_true(sim_client_got(client, "patience\n"));
    assert_true(sim_server_shows(&side.world, ""));
    sim_server_run(&side.world, 20 * MS);
    assert_true(sim_client_got(client, "patience\nfirst\n"));
    assert_true(sim_server_shows(&side.world, "The message was: first\n"));
    sim_server_run(&side.world, 599 * SEC); /* a script that waits is not idle */
    assert_true(sim_client_got(client, "patience\nfirst\n"));
    sim_server_run(&side.world, 2 * SEC);
    assert_true(sim_client_got(client, "patience\nfirst\nsecond\n"));
    talk_stop(&side);
}

/* What waits while nobody hears is bounded. */
static void nobody_is_heard_meanwhile(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:wait '2s'\n"
               "  local count = 0\n"
               "  for message in peer.hear, peer do count = count + #message.text end\n"
               "  peer:say(count)\n"
               "end)",
               once);
    sim_faults(side.world.engine)->window_to_server = 64 * 1024;
    struct sim_client *client = talk_come(&side);
    for (int i = 0; i < 10000; i++)
        sim_client_says(client, "a hundred bytes a hundred bytes a hundred bytes a hundred bytes a "
                                "hundred bytes a hundred bytes 123\n");
    sim_client_shutdown(client);
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_state(client).unacknowledged > 700000);
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_client_got(client, "990000"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* ---- framings ---- */

static const char *const mail = "talk(function (peer)\n"
                                "  for message in peer.hear, peer do\n"
                                "    if message.text == 'DATA' then\n"
                                "      peer:say '354\\n'\n"
                                "      peer:frame 'delim:\\r\\n.\\r\\n'\n"
                                "      peer:say('got ', #peer:hear().text, '\\n')\n"
                                "      peer:frame 'line'\n"
                                "    else\n"
                                "      peer:say('250 ', message.text, '\\n')\n"
                                "    end\n"
                                "  end\n"
                                "end)";

static const char *const mailed = "HELO\r\nDATA\r\nSubject: x\r\n\r\n.hi\r\n.\r\nQUIT\r\n";
static const char *const replied = "250 HELO\n354\ngot 17\n250 QUIT\n";

static void framing_changes_for_what_is_there(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, mail, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, mailed);
    assert_true(sim_client_got(client, replied));
    talk_stop(&side);
}

static void framing_changes_at_any_cut(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, mail, kept);
    for (size_t cut = 1; cut < strlen(mailed); cut++) {
        struct sim_client *client = talk_come(&side);
        assert_true(sim_client_send(client, slice_of(mailed, cut)));
        sim_server_run(&side.world, MS);
        talk_say(&side, client, mailed + cut);
        assert_true(sim_client_got(client, replied));
        sim_client_close(client);
    }
    talk_stop(&side);
}

static void lengths_go_in_front(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:say('ab', 'c')\n"
               "  peer:frame 'fixed:3'\n"
               "  peer:say(peer:hear().text)\n"
               "  peer:frame 'length:1'\n"
               "  local good, why = pcall(peer.say, peer, ('x'):rep(256))\n"
               "  log(why)\n"
               "  peer:frame 'netstring'\n"
               "  peer:say ''\n"
               "end)",
               (const char *const[]){"frame", "netstring", "count", "1", NULL});
    struct sim_client *client = talk_come(&side);
    assert_true(sim_client_got(client, "3:abc,"));
    talk_say(&side, client, "\n\n!3:xyz,");
    assert_true(sim_client_got(client, "3:abc,\n\n!0:,"));
    assert_true(talk_told(&side, "peer:say: the framing cannot say 256 bytes"));
    talk_finish(&side);
}

static void a_wrong_framing_is_an_error(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  for _, name in ipairs{'lyne', 'fixed:x', 'fixed:1\\0'} do\n"
               "    log(select(2, pcall(peer.frame, peer, name)))\n"
               "  end\n"
               "  peer:say(peer:hear().text)\n"
               "end)",
               once);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "still\n");
    assert_true(sim_client_got(client, "still"));
    assert_true(talk_told(&side, "peer:frame: \"lyne\": not a framing; did you mean line?"));
    assert_true(talk_told(&side, "peer:frame: \"fixed:x\""));
    assert_true(talk_told(&side, "has a NUL in it"));
    talk_finish(&side);
}

static void a_malformed_length_is_told(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  local message, why = peer:hear()\n"
               "  peer:say(tostring(message), ' ', why)\n"
               "  peer:say(select(2, peer:hear()))\n"
               "end)",
               (const char *const[]){"frame", "netstring", "count", "0", NULL});
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "01:x,");
    assert_true(sim_client_got(client, "13:nil malformed,9:malformed,"));
    assert_true(sim_client_state(client).ended);
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_server_told(&side.world, "malformed"));
    talk_stop(&side);
}

/* ---- much ---- */

/* A script that says more than its peer reads waits for it. */
static void saying_waits_for_room(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  for i = 1, 100000 do peer:say('line ', i, '\\n') shared.said = i end\n"
               "end)",
               once);
    sim_faults(side.world.engine)->send_buffer = 64 * 1024;
    sim_faults(side.world.engine)->window_to_client = 64 * 1024;
    struct sim_client *client = talk_come(&side);
    sim_server_run(&side.world, 5 * SEC);
    const struct worker *worker = &side.world.server->crew.workers[0];
    assert_in_range(worker->memory_bytes, 1, 700000);
    talk_do(&side, "assert(shared.said > 10000 and shared.said < 40000)");
    size_t received = 0;
    while (!sim_client_state(client).ended) {
        received += sim_client_read(client, SIZE_MAX);
        sim_server_run(&side.world, MS);
    }
    assert_int_equal(received, 1088895);
    struct slice all = sim_client_received(client);
    assert_memory_equal(all.data + all.size - 23, "line 99999\nline 100000\n", 23);
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* In one pipeline; the others have their turns. */
static void a_flood_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "shared.flood = 0\n"
               "talk(function (peer)\n"
               "  for message in peer.hear, peer do\n"
               "    if message.text == 'how many' then peer:say(shared.flood, '\\n')\n"
               "    else shared.flood = shared.flood + 1 end\n"
               "  end\n"
               "end)",
               kept);
    struct sim_client *flood = talk_come(&side);
    struct sim_client *other = talk_come(&side);
    for (int i = 0; i < 20000; i++)
        sim_client_says(flood, "flood\n");
    sim_client_says(other, "how many\n");
    sim_server_run(&side.world, 200000); /* a few passes */
    while (sim_client_read(other, SIZE_MAX) == 0)
        sim_server_run(&side.world, 100000);
    assert_in_range(atoi((const char *)sim_client_received(other).data), 0, 100);
    sim_server_run(&side.world, 10 * SEC);
    talk_do(&side, "assert(shared.flood == 20000)");
    talk_stop(&side);
}

/* What nobody records, and nobody answers, goes on all the same. */
static void a_flood_is_heard_to_its_end(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "shared.count = 0\n"
               "talk(function (peer)\n"
               "  for _ in peer.hear, peer do shared.count = shared.count + 1 end\n"
               "end)",
               (const char *const[]){"frame", "line", "count", "0", "show", "none", NULL});
    struct sim_client *client = talk_come(&side);
    for (int i = 0; i < 1000; i++)
        sim_client_says(client, "flood\n");
    sim_server_run(&side.world, SEC);
    talk_do(&side, "assert(shared.count == 1000)");
    talk_stop(&side);
}

/* Said little by little, by somebody who hears much, to somebody who does not read. */
static void little_by_little_is_bounded(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "shared.full = 0\n"
               "talk(function (peer)\n"
               "  shared.other = shared.other or peer\n"
               "  for message in peer.hear, peer do\n"
               "    local said, why = shared.other:say(message.text)\n"
               "    if why == 'full' then shared.full = shared.full + 1 end\n"
               "  end\n"
               "end)",
               (const char *const[]){"frame", "line", "count", "0", "write-timeout", "2min",
                                     "drain-timeout", "5min", NULL});
    sim_faults(side.world.engine)->send_buffer = 10;
    sim_faults(side.world.engine)->window_to_client = 10;
    talk_come(&side);
    struct sim_client *client = talk_come(&side);
    for (int i = 0; i < 5000; i++)
        talk_say(&side, client, "tick\n");
    assert_in_range(side.world.server->crew.workers[0].memory_bytes, 1, 700000);
    talk_do(&side, "assert(shared.full > 100)");
    talk_stop(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_hears_and_says),
        cmocka_unit_test(the_end_of_the_stream_is_nil),
        cmocka_unit_test(hearing_ends_at_its_timeout),
        cmocka_unit_test(waiting_takes_its_time),
        cmocka_unit_test(nobody_is_heard_meanwhile),
        cmocka_unit_test(framing_changes_for_what_is_there),
        cmocka_unit_test(framing_changes_at_any_cut),
        cmocka_unit_test(lengths_go_in_front),
        cmocka_unit_test(a_wrong_framing_is_an_error),
        cmocka_unit_test(a_malformed_length_is_told),
        cmocka_unit_test(saying_waits_for_room),
        cmocka_unit_test(a_flood_keeps_nobody_waiting),
        cmocka_unit_test(a_flood_is_heard_to_its_end),
        cmocka_unit_test(little_by_little_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
