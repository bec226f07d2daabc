/* How conversations end: what was expected, what failed, who left, what is counted. */
#include "talk_side.h"

#include "reply/outcome.h"
#include "serve/server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const once[] = {"frame", "line", "count", "1", NULL};
static const char *const kept[] = {"frame", "line", "count", "0", NULL};

/* ---- expect ---- */

static const char *const expecting = "talk(function (peer)\n"
                                     "  local verb, who = peer:expect '^(HELO|EHLO) (\\\\S+)'\n"
                                     "  peer:say(verb, '=', who, '\\n')\n"
                                     "  peer:say(peer:expect('^qu..', {timeout='2s'}), '\\n')\n"
                                     "  peer:say(tostring(select(2, peer:expect '(a)?(b)?')))\n"
                                     "end)";

static void what_is_expected_is_captured(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, once);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "EHLO me\nquit now\na\n");
    assert_true(sim_client_got(client, "EHLO=me\nquit\nnil"));
    assert_true(outcome_met(side.outcome));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

static void what_is_not_met_is_told(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, kept);
    struct sim_client *other = talk_come(&side);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "EHLO me\nwhat\n");
    assert_true(sim_client_got(client, "EHLO=me\n"));
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "talk.lua:4"));
    assert_true(talk_told(&side, "^qu.."));
    assert_true(talk_told(&side, "what"));
    assert_false(outcome_met(side.outcome));
    talk_say(&side, other, "EHLO you\nquit\nb\n");
    assert_true(sim_client_got(other, "EHLO=you\nquit\nb"));
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_server_told(&side.world, "unmet"));
    assert_true(sim_server_told(&side.world, "talked"));
    talk_stop(&side);
}

static void silence_is_not_what_is_expected(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "EHLO me\n");
    sim_server_run(&side.world, 1980 * MS);
    assert_false(sim_client_got(client, "") || sim_client_state(client).ended);
    sim_server_run(&side.world, 20 * MS);
    assert_int_equal(sim_client_read(client, 100), 0);
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "expect"));
    assert_false(outcome_met(side.outcome));
    talk_stop(&side);
}

static void an_end_is_not_what_is_expected(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, kept);
    struct sim_client *client = talk_come(&side);
    sim_client_says(client, "EHLO me\n");
    sim_client_shutdown(client);
    sim_server_run(&side.world, 10 * MS);
    assert_false(outcome_met(side.outcome));
    talk_stop(&side);
}

static void a_reset_is_not_what_is_expected(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "EH");
    sim_client_reset(client);
    sim_server_run(&side.world, 10 * MS);
    assert_false(outcome_met(side.outcome));
    talk_stop(&side);
}

/* It has sent nothing: nobody was there who could have failed. */
static void a_probe_fails_at_nothing(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, expecting, once);
    struct sim_client *probe = talk_come(&side);
    sim_client_shutdown(probe);
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_client_got(probe, ""));
    assert_true(sim_client_state(probe).ended);
    struct sim_client *rude = talk_come(&side);
    sim_client_reset(rude);
    sim_server_run(&side.world, 3 * SEC);
    assert_false(server_over(side.world.server));
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "HELO x\nquit\nb\n");
    assert_true(sim_client_got(client, "HELO=x\nquit\nb"));
    assert_true(outcome_met(side.outcome));
    talk_finish(&side);
    assert_int_equal(side.world.status, GT_DONE);
}

static void a_wrong_pattern_is_an_error(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, "talk(function (peer) peer:expect '(' end)", kept);
    struct sim_client *client = talk_come(&side);
    assert_int_equal(sim_client_read(client, 1), 0);
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "peer:expect: "));
    assert_true(talk_told(&side, "talk.lua:1"));
    talk_stop(&side);
}

/* Ever new patterns do not fill the memory. */
static void patterns_are_bounded(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  for i = 1, 3000 do peer:expect(i .. '|x') end\n"
               "  peer:say 'done'\n"
               "end)",
               once);
    struct sim_client *client = talk_come(&side);
    for (int i = 0; i < 3000; i++)
        sim_client_says(client, "x\n");
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_got(client, "done"));
    assert_in_range(talk_bytes(&side), 1, 200000);
    talk_finish(&side);
}

/* ---- scripts that fail ---- */

static void an_error_is_told_and_ends_its_own(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "local function deeper(message) return message.text + nil end\n"
               "talk(function (peer)\n"
               "  local guard <close> = setmetatable({}, {__close = function () shared.closed = "
               "true end})\n"
               "  peer:say 'hello\\n'\n"
               "  local message = peer:hear()\n"
               "  if message.text == 'fail' then deeper(message) end\n"
               "  peer:say(message.text)\n"
               "end)",
               kept);
    struct sim_client *other = talk_come(&side);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "fail\n");
    assert_true(sim_client_got(client, "hello\n"));
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "talk.lua:1: attempt to add a 'string' with a 'nil'"));
    talk_do(&side, "assert(shared.closed)");
    talk_say(&side, other, "fine\n");
    assert_true(sim_client_got(other, "hello\nfine"));
    sim_server_run(&side.world, 3 * SEC);
    assert_true(sim_server_told(&side.world, "script-failed"));
    talk_stop(&side);
}

static void misuse_is_an_error(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "local function fails(text, ...)\n"
               "  local good, why = pcall(...)\n"
               "  assert(not good and why:find(text, 1, true), why)\n"
               "end\n"
               "talk(function (peer)\n"
               "  fails('text was expected, this is a nil', peer.say, peer, 'a', nil)\n"
               "  fails('with a colon', peer.say, 'a')\n"
               "  fails('not a duration: soon', peer.wait, peer, 'soon')\n"
               "  fails('not a duration: -1', peer.wait, peer, -1)\n"
               "  fails('not a duration', peer.hear, peer, {timeout = {}})\n"
               "  fails('no such option: timout', peer.hear, peer, {timout = '2s'})\n"
               "  fails('options are a table', peer.expect, peer, 'x', '5s')\n"
               "  fails('peer has no \"adress\"', function () return peer.adress end)\n"
               "  fails('own coroutine', coroutine.wrap(function () peer:hear() end))\n"
               "  fails('table.sort', table.sort, {1, 2, 3}, function () peer:wait(0) end)\n"
               "  assert(getmetatable(peer) == false)\n"
               "  assert(tostring(peer) == peer.address and peer.address:find '^127.0.0.1:')\n"
               "  assert(peer.listener == 'tcp:sim')\n"
               "  peer:say 'all'\n"
               "  coroutine.yield()\n"
               "  peer:say 'never'\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    assert_true(sim_client_got(client, "all"));
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "coroutine.yield"));
    talk_stop(&side);
}

static void a_script_closes(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "talk(function (peer)\n"
               "  peer:say 'bye'\n"
               "  peer:close()\n"
               "  assert(select(2, peer:hear()) == 'talked')\n"
               "  peer:wait '1h'\n"
               "  peer:say 'more'\n"
               "end)",
               kept);
    struct sim_client *client = talk_come(&side);
    assert_true(sim_client_got(client, "bye"));
    assert_true(sim_client_state(client).ended);
    assert_true(talk_told(&side, "peer:say: this peer was closed before"));
    talk_stop(&side);
}

static void a_script_resets(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, "talk(function (peer) peer:say 'ha' peer:hear() peer:reset() end)", kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "x\n");
    sim_server_run(&side.world, SEC);
    assert_true(sim_client_state(client).reset);
    talk_stop(&side);
}

/* ---- peers that go ---- */

static const char *const guarded =
    "shared.ends = ''\n"
    "talk(function (peer)\n"
    "  local guard <close> = setmetatable({}, {__close = function () shared.closed = true end})\n"
    "  local message = peer:hear()\n"
    "  if message.text == 'hear' then\n"
    "    shared.ends = select(2, peer:hear())\n"
    "    peer:say 'to nobody'\n"
    "  elseif message.text == 'wait' then\n"
    "    peer:wait '1h'\n"
    "  end\n"
    "  shared.ends = 'returned'\n"
    "end)";

static void whoever_hears_learns_that_the_peer_is_gone(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, guarded, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "hear\n");
    sim_client_reset(client);
    sim_server_run(&side.world, SEC);
    talk_do(&side, "assert(shared.ends == 'gone' and shared.closed)");
    assert_true(outcome_met(side.outcome));
    talk_stop(&side);
}

static void whoever_waits_is_ended(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side, guarded, kept);
    struct sim_client *client = talk_come(&side);
    talk_say(&side, client, "wait\n");
    sim_client_reset(client);
    sim_server_run(&side.world, SEC);
    talk_do(&side, "assert(shared.ends == '' and shared.closed)");
    assert_true(outcome_met(side.outcome));
    talk_stop(&side);
}

/* One of a chat: who has gone cannot be said anything, and is known to be gone. */
static void peers_are_said_things_by_others(void **state)
{
    (void)state;
    struct talk_side side;
    talk_start(&side,
               "shared.all = {}\n"
               "talk(function (peer)\n"
               "  shared.all[#shared.all + 1] = peer\n"
               "  for message in peer.hear, peer do\n"
               "    for i, other in ipairs(shared.all) do\n"
               "      local said, why = other:say(message.text, '\\n')\n"
               "      if not said then peer:say(i, ' is ', why, '\\n') end\n"
               "    end\n"
               "  end\n"
               "end)",
               kept);
    struct sim_client *anna = talk_come(&side);
    struct sim_client *bert = talk_come(&side);
    talk_say(&side, anna, "hello\n");
    talk_say(&side, bert, "servus\n");
    assert_true(sim_client_got(anna, "hello\nservus\n"));
    assert_true(sim_client_got(bert, "hello\nservus\n"));
    sim_client_shutdown(anna);
    sim_server_run(&side.world, SEC);
    talk_say(&side, bert, "anyone?\n");
    assert_true(sim_client_got(bert, "hello\nservus\n1 is gone\nanyone?\n"));
    talk_do(&side, "assert(tostring(shared.all[1]) == 'a peer whose conversation is over')\n"
                   "assert(not pcall(shared.all[1].hear, shared.all[1]))\n"
                   "shared.all[1]:close()");
    talk_stop(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_expected_is_captured),
        cmocka_unit_test(what_is_not_met_is_told),
        cmocka_unit_test(silence_is_not_what_is_expected),
        cmocka_unit_test(an_end_is_not_what_is_expected),
        cmocka_unit_test(a_reset_is_not_what_is_expected),
        cmocka_unit_test(a_probe_fails_at_nothing),
        cmocka_unit_test(a_wrong_pattern_is_an_error),
        cmocka_unit_test(patterns_are_bounded),
        cmocka_unit_test(an_error_is_told_and_ends_its_own),
        cmocka_unit_test(misuse_is_an_error),
        cmocka_unit_test(a_script_closes),
        cmocka_unit_test(a_script_resets),
        cmocka_unit_test(whoever_hears_learns_that_the_peer_is_gone),
        cmocka_unit_test(whoever_waits_is_ended),
        cmocka_unit_test(peers_are_said_things_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
