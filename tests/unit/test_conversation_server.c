/* Conversations and the server around them: what is counted, recorded, drained, timed out, held. */
#include "talk_side.h"

#include "reply/outcome.h"
#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const kept[] = {"frame", "line", "count", "0", NULL};
static const char *const twice[] = {"frame", "line", "count", "2", NULL};

/* Hears lines, until there are none. */
static const char *const hearing = "talk(function (peer)\n"
                                   "  peer:say 'hello\\n'\n"
                                   "  for message in peer.hear, peer do\n"
                                   "    if message.text == 'quit' then return end\n"
                                   "    peer:say(message.text, '\\n')\n"
                                   "  end\n"
                                   "  peer:say(select(2, peer:hear()) or 'end', '\\n')\n"
                                   "end)";

static bool sim_shows(const struct talk_side *side, const char *text)
{
    struct slice shown = sim_content(side->world.engine, side->world.shown);
    return shown.size && memmem(shown.data, shown.size, text, strlen(text));
}

/* ---- counting ---- */

static void conversations_are_counted_when_they_end(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, hearing, twice);
    struct sim_client *anna = talk_come(&side);
    struct sim_client *probe = talk_come(&side);
    assert_true(sim_client_got(probe, "hello\n"));
    sim_client_shutdown(probe);
    talk_say(&side, anna, "1\n2\n3\n4\n");
    struct sim_client *bert = talk_come(&side);
    talk_say(&side, bert, "quit\n");
    assert_true(sim_client_got(bert, "hello\n"));
    assert_true(sim_client_state(bert).ended);
    sim_server_run(&side.world, 3 * SEC);
    assert_false(server_over(side.world.server));
    struct sim_client *late = talk_come(&side);
    talk_say(&side, late, "one too many\n");
    assert_true(sim_client_got(late, "hello\n"));
    assert_false(sim_shows(&side, "one too many"));
    talk_say(&side, anna, "5\nquit\n");
    assert_true(sim_client_got(anna, "hello\n1\n2\n3\n4\n5\n"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* It returns without a word from the peer: it has ended all the same. */
static void whoever_only_speaks_counts(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, "talk(function (peer) peer:say 'noon\\n' end)", twice);
    struct sim_client *one = talk_come(&side);
    assert_true(sim_client_got(one, "noon\n"));
    sim_server_run(&side.world, 3 * SEC);
    assert_false(server_over(side.world.server));
    struct sim_client *two = talk_come(&side);
    assert_true(sim_client_got(two, "noon\n"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* ---- recording ---- */

static void nothing_is_said_before_what_was_heard_is_recorded(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start_piped(&side, 30, hearing, kept);
    struct sim_client *client = talk_come(&side);
    assert_true(sim_client_got(client, "hello\n")); /* for which nothing was heard */
    talk_say(&side, client, "this fills the pipe\n");
    assert_true(sim_client_got(client, "hello\n"));
    struct sim_client *other = talk_come(&side);
    assert_true(sim_client_got(other, ""));
    sim_stream_read(side.world.engine, side.world.shown, 1000);
    sim_server_run(&side.world, SEC);
    sim_stream_read(side.world.engine, side.world.shown, 1000);
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_got(client, "hello\nthis fills the pipe\n"));
    assert_true(sim_client_got(other, "hello\n"));
    talk_stop(&side);
}

/* What one has heard another may say. */
static void nothing_is_said_before_what_others_heard_is_recorded(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start_piped(&side, 30,
                     "talk(function (peer)\n"
                     "  if not shared.first then\n"
                     "    shared.first = peer\n"
                     "    peer:hear()\n"
                     "  else\n"
                     "    shared.first:say(peer:hear().text)\n"
                     "  end\n"
                     "end)",
                     kept);
    struct sim_client *first = talk_come(&side);
    struct sim_client *second = talk_come(&side);
    talk_say(&side, second, "this fills the pipe\n");
    assert_true(sim_client_got(first, ""));
    for (int i = 0; i < 3; i++) {
        sim_stream_read(side.world.engine, side.world.shown, 1000);
        sim_server_run(&side.world, SEC);
    }
    assert_true(sim_client_got(first, "this fills the pipe"));
    talk_stop(&side);
}

/* ---- stopping ---- */

static void a_draining_server_says_so(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, hearing, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "x\n");
    gt_stop(side.world.server);
    sim_server_run(&side.world, 20 * MS);
    assert_true(sim_client_got(client, "hello\nx\nstopping\n"));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
    assert_true(side.ended_ns < 3 * SEC);
}

static void waits_end_when_it_drains(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:wait '1h'\n"
               "  peer:say 'waited'\n"
               "  peer:wait '1h'\n"
               "  peer:say '.'\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    gt_stop(side.world.server);
    sim_server_run(&side.world, 20 * MS);
    assert_true(sim_client_got(client, "waited."));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* It would never end by itself. */
static void whoever_goes_on_and_on_is_ended(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  while true do peer:say 'tick\\n' peer:wait '1s' end\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    sim_server_run(&side.world, 1500 * MS);
    assert_true(sim_client_got(client, "tick\ntick\n"));
    gt_stop(side.world.server);
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
    assert_true(side.ended_ns < 6 * SEC);
}

/* The peer does not read what is said to it. */
static void whoever_does_not_end_is_cut_off(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(
        &side, "talk(function (peer) while true do peer:say(('x'):rep(1000)) end end)",
        (const char *const[]){"count", "0", "drain-timeout", "5s", "write-timeout", "none", NULL});
    sim_faults(side.world.engine)->window_to_client = 1000;
    sim_faults(side.world.engine)->send_buffer = 1000;
    talk_come(&side);
    gt_stop(side.world.server);
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_FAILED);
    assert_in_range(side.ended_ns, 5 * SEC, 7 * SEC);
}

static void what_is_cut_short_is_no_failure(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, "talk(function (peer) peer:expect 'a' peer:expect 'b' end)", kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "a\n");
    gt_stop(side.world.server);
    sim_server_run(&side.world, SEC);
    assert_true(outcome_met(side.outcome));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

/* Told twice: it leaves at once, and no script runs any more. */
static void an_abandoned_one_does_not_run(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, "talk(function (peer) while true do peer:say(('x'):rep(1000)) end end)",
               kept);
    sim_faults(side.world.engine)->window_to_client = 1000;
    sim_faults(side.world.engine)->send_buffer = 1000;
    talk_come(&side);
    gt_stop(side.world.server);
    gt_stop(side.world.server);
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_STOPPED);
}

/* ---- time ---- */

static void a_silent_peer_is_told_and_left(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, hearing,
               (const char *const[]){"frame", "line", "count", "0", "idle-timeout", "10s", NULL});
    struct sim_client *client = talk_come(&side);
    sim_server_run(&side.world, 9 * SEC);
    talk_say(&side, client, "x\n");
    sim_server_run(&side.world, 9 * SEC);
    assert_true(sim_client_got(client, "hello\nx\n"));
    sim_server_run(&side.world, 2 * SEC);
    assert_true(sim_client_got(client, "hello\nx\ntimeout\n"));
    assert_true(sim_client_state(client).ended);
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_server_told(&side.world, "idle-timeout"));
    talk_stop(&side);
}

/* From when it could have been heard. */
static void a_message_has_its_time(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:wait '100s'\n"
               "  local message, why = peer:hear()\n"
               "  peer:say(why or message.text)\n"
               "end)",
               kept);
    struct sim_client *late = talk_come(&side);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, late, "half a");
    talk_say(&side, client, "half a");
    sim_server_run(&side.world, 110 * SEC);
    talk_say(&side, client, " message\n");
    assert_true(sim_client_got(client, "half a message"));
    sim_server_run(&side.world, 15 * SEC);
    assert_true(sim_client_got(late, ""));
    sim_server_run(&side.world, 10 * SEC);
    assert_true(sim_client_got(late, "timeout"));
    talk_stop(&side);
}

/* ---- many ---- */

static void giving_way(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, hearing,
               (const char *const[]){"frame", "line", "count", "0", "max-connections", "2", NULL});
    struct sim_client *heard = talk_come(&side);
    talk_say(&side, heard, "x\n");
    struct sim_client *silent = talk_come(&side);
    struct sim_client *newcomer = talk_come(&side);
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_got(newcomer, "hello\n"));
    sim_client_read(silent, SIZE_MAX);
    assert_true(sim_client_state(silent).ended || sim_client_state(silent).reset);
    assert_true(sim_server_told(&side.world, "gave-way"));
    talk_say(&side, heard, "y\n");
    assert_true(sim_client_got(heard, "hello\nx\ny\n"));
    talk_stop(&side);
}

/* A mail server (examples/talks/smtp.lua), in the middle of its talk. */
static const char *const mail =
    "local simple = { HELO = '250 sink.example\\r\\n', NOOP = '250 OK\\r\\n' }\n"
    "local function take_mail(peer, from, to)\n"
    "  peer:say '354 Go on, and end with a dot\\r\\n'\n"
    "  peer:frame 'delim:\\r\\n.\\r\\n'\n"
    "  local mail = peer:hear()\n"
    "  peer:frame 'crlf'\n"
    "  if mail then peer:say '250 Taken\\r\\n' end\n"
    "end\n"
    "talk(function (peer)\n"
    "  local from, to = nil, {}\n"
    "  peer:say '220 sink.example ESMTP\\r\\n'\n"
    "  local message = peer:hear()\n"
    "  while message do\n"
    "    local verb, rest = message.text:match '^(%a+)%s*(.*)$'\n"
    "    verb = (verb or ''):upper()\n"
    "    if simple[verb] then peer:say(simple[verb])\n"
    "    elseif verb == 'MAIL' then from, to = rest:match '<(.-)>', {} peer:say '250 OK\\r\\n'\n"
    "    elseif verb == 'RCPT' then table.insert(to, rest) peer:say '250 OK\\r\\n'\n"
    "    elseif verb == 'DATA' then take_mail(peer, from, to) from, to = nil, {}\n"
    "    elseif verb == 'QUIT' then return peer:say '221 Good-bye\\r\\n'\n"
    "    else peer:say '503 Not now\\r\\n' end\n"
    "    message = peer:hear()\n"
    "  end\n"
    "end)";

#define TALKS_MANY 2000
#define BYTES_EACH 2048

static void many_cost_little(void **state)
{
    (void)state;
    static struct sim_client *clients[TALKS_MANY];
    struct talk_side side;
    talk_start(&side, mail, (const char *const[]){"frame", "crlf", "count", "0", NULL});
    size_t before = talk_bytes(&side);
    for (int i = 0; i < TALKS_MANY; i++) {
        clients[i] = talk_come(&side);
        sim_client_says(clients[i], "HELO me\r\nMAIL FROM:<me@example.org>\r\n"
                                    "RCPT TO:<you@example.org>\r\nDATA\r\n");
    }
    sim_server_run(&side.world, SEC);
    for (int i = 0; i < TALKS_MANY; i++)
        assert_true(sim_client_got(clients[i],
                                   "220 sink.example ESMTP\r\n250 sink.example\r\n250 OK\r\n"
                                   "250 OK\r\n354 Go on, and end with a dot\r\n"));
    size_t uncollected = (script_bytes(side.script) - before) / TALKS_MANY;
    size_t each = (talk_bytes(&side) - before) / TALKS_MANY;
    print_message("a conversation: %zu bytes (%zu with what is not collected yet)\n", each,
                  uncollected);
    assert_in_range(each, 100, BYTES_EACH);
    for (int i = 0; i < TALKS_MANY; i++)
        sim_client_close(clients[i]);
    sim_server_run(&side.world, 3 * SEC);
    assert_in_range(talk_bytes(&side), 1, before + TALKS_MANY * 32); /* the registry stays large */
    talk_stop(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_are_counted_when_they_end),
        cmocka_unit_test(whoever_only_speaks_counts),
        cmocka_unit_test(nothing_is_said_before_what_was_heard_is_recorded),
        cmocka_unit_test(nothing_is_said_before_what_others_heard_is_recorded),
        cmocka_unit_test(a_draining_server_says_so),
        cmocka_unit_test(waits_end_when_it_drains),
        cmocka_unit_test(whoever_goes_on_and_on_is_ended),
        cmocka_unit_test(whoever_does_not_end_is_cut_off),
        cmocka_unit_test(what_is_cut_short_is_no_failure),
        cmocka_unit_test(an_abandoned_one_does_not_run),
        cmocka_unit_test(a_silent_peer_is_told_and_left),
        cmocka_unit_test(a_message_has_its_time),
        cmocka_unit_test(giving_way),
        cmocka_unit_test(many_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
