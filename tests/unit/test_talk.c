/* Talk files: what they say, once and for each worker. */
#include "reply/outcome.h"
#include "reply/talk.h"
#include "reply/talk_words.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct talk_vocabulary vocabulary = {gt_setting_at};
static const struct script_bounds bounds = {
    .steps = 100000, .call_bytes = 1 << 20, .state_bytes = 8 << 20};

static struct error error;

static struct talk *read_text(const char *text)
{
    struct talk *talk;
    error = (struct error){0};
    talk_read_text("mail.lua", slice_of_text(text), &vocabulary, &bounds, &talk, &error);
    return talk;
}

static struct talk *read_right(const char *text)
{
    struct talk *talk = read_text(text);
    if (!talk)
        fail_msg("%s", error.text);
    return talk;
}

static void expect_setting(const struct talk_settings *settings, size_t index, const char *name,
                           const char *value, unsigned line)
{
    assert_true(index < settings->count);
    assert_string_equal(settings->entries[index].name, name);
    assert_string_equal(settings->entries[index].value, value);
    assert_int_equal(settings->entries[index].line, line);
}

/* ---- what is said ---- */

static void test_settings_are_as_on_the_command_line(void **state)
{
    (void)state;
    struct talk *talk = read_right("frame = 'line'\nmax_message = 2^10\nkeep = true\n\n"
                                   "reply = 'a\\\\b\\0' pause = 0.5 echo = false");
    const struct talk_settings *settings = &talk->words.settings;
    assert_int_equal(settings->count, 6);
    expect_setting(settings, 0, "frame", "line", 1);
    expect_setting(settings, 1, "max-message", "1024", 2);
    expect_setting(settings, 2, "keep", "on", 3);
    expect_setting(settings, 3, "reply", "a\\\\b\\0", 5);
    expect_setting(settings, 4, "pause", "0.5", 5);
    expect_setting(settings, 5, "echo", "off", 5);
    assert_int_equal(talk->words.kind, TALK_OF_SETTINGS);
    assert_int_equal(talk->words.listen_line, 0);
    talk_release(&talk);
    assert_null(talk);
}

static void test_addresses_have_settings_in_the_order_of_the_table(void **state)
{
    (void)state;
    struct talk *talk =
        read_right("\nlisten = { 9999, { 'udp:9', pause = '1s', frame = 'nul', reply = 'x' } }");
    const struct talk_words *words = &talk->words;
    assert_int_equal(words->listen_line, 2);
    assert_int_equal(words->address_count, 2);
    assert_string_equal(words->addresses[0].address, "9999");
    assert_int_equal(words->addresses[0].settings.count, 0);
    assert_string_equal(words->addresses[1].address, "udp:9");
    expect_setting(&words->addresses[1].settings, 0, "reply", "x", 2);
    expect_setting(&words->addresses[1].settings, 1, "frame", "nul", 2);
    expect_setting(&words->addresses[1].settings, 2, "pause", "1s", 2);
    talk_release(&talk);
}

static void test_the_last_listen_counts(void **state)
{
    (void)state;
    struct talk *talk = read_right("listen = { '1', '2' } listen = '3'");
    assert_int_equal(talk->words.address_count, 1);
    assert_string_equal(talk->words.addresses[0].address, "3");
    talk_release(&talk);
}

static void test_it_has_rules_or_a_conversation(void **state)
{
    (void)state;
    struct talk *talk = read_right("\nreply { { 'a', 'b' }, function () end }");
    assert_int_equal(talk->words.kind, TALK_OF_RULES);
    assert_int_equal(talk->words.kind_line, 2);
    assert_int_equal(talk->words.rule_count, 2);
    talk_release(&talk);
    talk = read_right("talk(function (peer) end)");
    assert_int_equal(talk->words.kind, TALK_OF_CONVERSATION);
    assert_int_equal(talk->words.kind_line, 1);
    talk_release(&talk);
}

static void test_what_is_wrong_has_a_line(void **state)
{
    (void)state;
    assert_null(read_text("\nmax_mesage = 5"));
    assert_int_equal(error.status, GT_WRONG);
    assert_string_equal(error.text, "mail.lua:2: max_mesage: no such setting; did you mean "
                                    "max_message? A variable of that name is declared local");
    assert_null(read_text("error('a\\nb')"));
    assert_string_equal(error.text, "mail.lua:1: a\\nb");
    assert_null(read_text("\x1bLua"));
    assert_memory_equal(error.text, "mail.lua: ", 10);
}

/* ---- for each worker ---- */

static struct reply_host host_of(unsigned workers, struct outcome *outcome)
{
    return (struct reply_host){
        .workers = workers, .seed = 7, .bounds = &bounds, .match_bytes = 4096, .outcome = outcome};
}

static struct outcome *deaf_outcome(void)
{
    struct outcome *outcome = outcome_create(&(struct outcome_host){NULL, NULL});
    assert_non_null(outcome);
    return outcome;
}

static enum reply_when ask(struct replier *replier, unsigned worker, struct reply *reply)
{
    static const struct peer peer;
    struct message message = {.body = slice_of_text("hello"),
                              .raw = slice_of_text("hello\n"),
                              .peer = &peer,
                              .listener = "tcp:[::]:9999",
                              .worker = worker,
                              .sequence = 1};
    *reply = (struct reply){.shared = false};
    return replier_answer(replier, &message, NULL, reply);
}

static void test_each_worker_has_a_state_of_its_own(void **state)
{
    (void)state;
    static const char *const said[][2] = {{"1", "1"}, {"2", "2"}, {"3", "3"}};
    struct talk *talk = read_right("shared.n = 0\nreply { function () shared.n = shared.n + 1 "
                                   "return shared.n end }");
    struct outcome *outcome = deaf_outcome();
    struct reply_host host = host_of(2, outcome);
    struct replier *replier = replier_talk(talk);
    talk_release(&talk); /* the replier keeps it */
    assert_int_equal(replier->table->prepare(replier, &host, &error), GT_DONE);
    for (size_t i = 0; i < 3; i++) {
        struct reply reply;
        for (unsigned worker = 0; worker < 2; worker++) {
            assert_int_equal(ask(replier, worker, &reply), REPLY_NOW);
            assert_int_equal(reply.bytes.size, 1);
            assert_memory_equal(reply.bytes.data, said[i][worker], 1);
        }
    }
    replier_destroy(&replier);
    outcome_destroy(&outcome);
}

static void test_functions_in_c_find_their_instance(void **state)
{
    (void)state;
    struct talk *talk = read_right("talk(function (peer) end)");
    struct outcome *outcome = deaf_outcome();
    struct reply_host host = host_of(3, outcome);
    assert_int_equal(talk_prepare(talk, &host, &error), GT_DONE);
    for (unsigned worker = 0; worker < 3; worker++) {
        struct talk_instance *instance = talk_instance_at(talk, worker);
        assert_ptr_equal(talk_instance_of(script_lua(instance->script)), instance);
        assert_int_equal(instance->worker, worker);
        assert_int_not_equal(instance->conversation, LUA_NOREF);
        assert_null(instance->words);
    }
    talk_release(&talk);
    outcome_destroy(&outcome);
}

static void test_a_file_of_whims_is_refused(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"max_message = math.random(1 << 30) reply { { '', 'x' } }", "max-message"},
        {"listen = math.random(1 << 30) reply { { '', 'x' } }", "listen"},
    };
    struct outcome *outcome = deaf_outcome();
    struct reply_host host = host_of(2, outcome);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct talk *talk = read_right(files[i][0]);
        assert_int_equal(talk_prepare(talk, &host, &error), GT_WRONG);
        assert_non_null(strstr(error.text, files[i][1]));
        assert_non_null(strstr(error.text, "is not the same each time"));
        assert_null(talk->instances);
        talk_release(&talk);
    }
    outcome_destroy(&outcome);
}

static void test_it_lives_as_long_as_somebody_keeps_it(void **state)
{
    (void)state;
    struct talk *talk = read_right("");
    struct talk *kept = talk_keep(talk);
    talk_release(&talk);
    assert_null(talk);
    assert_string_equal(kept->name, "mail.lua");
    talk_release(&kept);
    talk_release(&kept); /* nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_are_as_on_the_command_line),
        cmocka_unit_test(test_addresses_have_settings_in_the_order_of_the_table),
        cmocka_unit_test(test_the_last_listen_counts),
        cmocka_unit_test(test_it_has_rules_or_a_conversation),
        cmocka_unit_test(test_what_is_wrong_has_a_line),
        cmocka_unit_test(test_each_worker_has_a_state_of_its_own),
        cmocka_unit_test(test_functions_in_c_find_their_instance),
        cmocka_unit_test(test_a_file_of_whims_is_refused),
        cmocka_unit_test(test_it_lives_as_long_as_somebody_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
