/* What talks came to: what is counted, told and kept; and who is to blame. */
#include "reply/outcome.h"

#include "base/bytes.h"
#include "reply/junit.h"
#include "reply/outcome_parts.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The last thing that was told. */
struct ear {
    unsigned told;
    enum gt_level level;
    bool unmet;
    bool about_a_peer;
    char reason[16];
    char text[1024];
    char expected[OUTCOME_KEPT_BYTES];
    char heard[OUTCOME_KEPT_BYTES];
};

static void hear(void *owner, const struct outcome_news *news)
{
    struct ear *ear = owner;
    ear->told++;
    ear->level = news->level;
    ear->unmet = news->unmet;
    ear->about_a_peer = news->peer != NULL;
    snprintf(ear->reason, sizeof ear->reason, "%s", news->reason);
    snprintf(ear->text, sizeof ear->text, "%s", news->text);
    snprintf(ear->expected, sizeof ear->expected, "%s", news->expected ? news->expected : "-");
    snprintf(ear->heard, sizeof ear->heard, "%s", news->heard ? news->heard : "-");
}

static struct ear ear;

static int set_up(void **state)
{
    struct outcome_host host = {&ear, hear};
    struct outcome *outcome = outcome_create(&host);
    memset(&ear, 0, sizeof ear);
    *state = outcome;
    return outcome && outcome_use(outcome, 1, "talks/mail.lua", false) == GT_DONE ? 0 : -1;
}

static int tear_down(void **state)
{
    struct outcome *outcome = *state;
    outcome_destroy(&outcome);
    return outcome ? -1 : 0;
}

static const struct peer peer = {.kind = PEER_IPV4, .port = 40312, .address = {127, 0, 0, 1}};

static const struct message message = {.body = {(const uint8_t *)"QUIT\x1b[2J", 8},
                                       .peer = &peer,
                                       .listener = "tcp:[::]:9999",
                                       .worker = 3,
                                       .sequence = 7};

static struct outcome_failure failed_expect(uint64_t conversation)
{
    return (struct outcome_failure){.conversation = conversation,
                                    .peer = &peer,
                                    .listener = "tcp:[::]:9999",
                                    .where = "mail.lua:12",
                                    .worker = 3,
                                    .sequence = 7,
                                    .expected = slice_of_text("^(HELO|EHLO) "),
                                    .heard = message.body};
}

static void assert_summary(const struct outcome *outcome, const char *expected)
{
    struct bytes summary = {0};
    assert_int_equal(outcome_summary(outcome, &summary), 0);
    assert_int_equal(bytes_append(&summary, slice_of("", 1)), 0);
    assert_string_equal((const char *)bytes_slice(&summary).data, expected);
    bytes_free(&summary);
}

static void assert_told(const char *reason, const char *text)
{
    assert_string_equal(ear.reason, reason);
    assert_string_equal(ear.text, text);
}

static void nothing_expected_is_met(void **state)
{
    assert_true(outcome_met(*state));
    outcome_tell_missing(*state);
    assert_int_equal(ear.told, 0);
    assert_summary(*state, "");
}

static void a_failed_expect_is_told_with_both_sides(void **state)
{
    struct outcome_failure failure = failed_expect(outcome_begin(*state));
    outcome_failed(*state, &failure);
    outcome_end(*state, 1, OUTCOME_NOT, 5);
    assert_told("expect",
                "mail.lua:12: expected \"^(HELO|EHLO) \", heard \"QUIT\\x1b[2J\" (message "
                "3-7)");
    assert_string_equal(ear.expected, "^(HELO|EHLO) ");
    assert_string_equal(ear.heard, "QUIT\\x1b[2J");
    assert_true(ear.unmet && ear.about_a_peer && ear.level == GT_ERROR);
    assert_false(outcome_met(*state));
    assert_summary(*state, "1 conversation, 1 not");
}

static void what_came_instead_of_a_message_is_said(void **state)
{
    struct outcome_failure failure = failed_expect(outcome_begin(*state));
    failure.sequence = 0;
    failure.heard_what = OUTCOME_STREAM_ENDED;
    outcome_failed(*state, &failure);
    assert_told("expect", "mail.lua:12: expected \"^(HELO|EHLO) \", heard end of the stream");
    failure.heard_what = OUTCOME_TIMEOUT;
    failure.where = NULL;
    outcome_failed(*state, &failure);
    assert_told("expect", "expected \"^(HELO|EHLO) \", heard timeout");
    assert_string_equal(ear.heard, "timeout");
}

static void a_script_fails_with_its_traceback_on_one_line(void **state)
{
    struct outcome_failure failure = {
        .peer = &peer, .error = "mail.lua:3: no \x1b\nstack traceback:\n\tmail.lua:3: in main"};
    outcome_failed(*state, &failure);
    assert_told("script", "mail.lua:3: no \\x1b | stack traceback: | mail.lua:3: in main");
    assert_string_equal(ear.expected, "-");
    assert_false(outcome_met(*state));
    assert_summary(*state, "1 error in a script");
}

/* It is said either way; only the strict are hurt by it. */
static void a_message_without_a_rule_matters_to_the_strict(void **state)
{
    outcome_unmatched(*state, &message, true);
    assert_told("unmatched", "no rule matches \"QUIT\\x1b[2J\" (message 3-7)");
    assert_true(!ear.unmet && ear.level == GT_WARNING);
    assert_true(outcome_met(*state));
    assert_summary(*state, "1 message that no rule matches");
    assert_int_equal(outcome_use(*state, 2, "mail.lua", true), GT_DONE);
    assert_true(outcome_met(*state));
    assert_summary(*state, "1 message that no rule matches");
    outcome_unmatched(*state, &message, true);
    assert_true(ear.unmet && ear.level == GT_ERROR);
    assert_string_equal(ear.reason, "strict");
    assert_false(outcome_met(*state));
    assert_summary(*state, "2 messages that no rule matches");
}

static void conversations_without_expectations_are_not_worth_a_line(void **state)
{
    outcome_end(*state, outcome_begin(*state), OUTCOME_AS_EXPECTED, 5);
    outcome_begin(*state);
    assert_summary(*state, "");
    outcome_expecting(*state);
    assert_summary(*state, "2 conversations, 1 as expected, 1 cut short");
}

static void conversations_that_are_cut_short_are_nobodys_fault(void **state)
{
    outcome_expecting(*state);
    for (int i = 0; i < 3; i++)
        outcome_begin(*state);
    outcome_end(*state, 2, OUTCOME_AS_EXPECTED, 5);
    outcome_end(*state, 1, OUTCOME_CUT_SHORT, 5);
    assert_true(outcome_met(*state)); /* the third is still open */
    assert_summary(*state, "3 conversations, 1 as expected, 2 cut short");
}

/* ---- rules ---- */

static void a_required_rule_matches_often_enough_or_is_missing(void **state)
{
    struct outcome_rule *rule = outcome_rule(*state, 1, 2, slice_of_text("^hello\n"), 2, 0);
    assert_non_null(rule);
    assert_true(outcome_rule_match(rule));
    assert_false(outcome_met(*state));
    assert_summary(*state, "0 of 1 required rule matched often enough");
    outcome_tell_missing(*state);
    assert_told("required", "rule 2, \"^hello\\n\": required 2 times, matched 1");
    assert_true(outcome_rule_match(rule));
    assert_true(outcome_rule_match(rule)); /* more is welcome */
    assert_true(outcome_met(*state));
    outcome_tell_missing(*state);
    assert_int_equal(ear.told, 1);
    assert_summary(*state, "1 of 1 required rule matched often enough");
}

static void workers_share_a_rule(void **state)
{
    struct outcome_rule *rule = outcome_rule(*state, 1, 1, slice_of_text("a"), 0, 3);
    assert_ptr_equal(outcome_rule(*state, 1, 1, slice_of_text("a"), 0, 3), rule);
    assert_ptr_not_equal(outcome_rule(*state, 1, 2, slice_of_text("a"), 0, 3), rule);
    assert_ptr_not_equal(outcome_rule(*state, 2, 1, slice_of_text("a"), 0, 3), rule);
}

/* A file that was loaded again begins anew; one that was refused is not asked about. */
static void only_the_file_in_use_requires(void **state)
{
    assert_non_null(outcome_rule(*state, 1, 1, slice_of_text("old"), 1, 0));
    struct outcome_rule *rule = outcome_rule(*state, 2, 1, slice_of_text("new"), 1, 0);
    assert_true(outcome_rule_match(rule));
    assert_false(outcome_met(*state));
    assert_int_equal(outcome_use(*state, 2, "mail.lua", false), GT_DONE);
    assert_true(outcome_met(*state));
}

static void a_rule_without_limits_costs_nothing(void **state)
{
    (void)state;
    assert_true(outcome_rule_match(NULL));
}

static void *match_all(void *context)
{
    intptr_t matched = 0;
    for (int i = 0; i < 10000; i++)
        matched += outcome_rule_match(context) > 0;
    return (void *)matched;
}

static void threads_share_times_exactly(void **state)
{
    struct outcome_rule *rule = outcome_rule(*state, 1, 1, slice_of_text("a"), 12345, 12345);
    pthread_t threads[4];
    intptr_t sum = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, match_all, rule), 0);
    for (int i = 0; i < 4; i++) {
        void *matched;
        assert_int_equal(pthread_join(threads[i], &matched), 0);
        sum += (intptr_t)matched;
    }
    assert_int_equal(sum, 12345);
    assert_true(outcome_met(*state));
}

/* ---- bounds ---- */

static char *report(const struct outcome *outcome, struct bytes *to)
{
    struct junit_run run = {.started_us = INT64_C(1769860800000042), .duration_ns = 1250000000};
    assert_int_equal(junit_append(to, outcome, &run), 0);
    assert_int_equal(bytes_append(to, slice_of("", 1)), 0);
    return (char *)to->data + to->start;
}

static void assert_reported(const struct outcome *outcome, const char *part, bool there)
{
    struct bytes document = {0};
    const char *text = report(outcome, &document);
    if ((strstr(text, part) != NULL) != there)
        assert_string_equal(text, part);
    bytes_free(&document);
}

static void only_so_many_failures_are_kept(void **state)
{
    struct outcome *outcome = *state;
    for (int i = 0; i < OUTCOME_FAILURES_MAX; i++) {
        struct outcome_failure failure = failed_expect(outcome_begin(outcome));
        outcome_failed(outcome, &failure);
    }
    assert_reported(outcome, "further failures", false);
    for (int i = 0; i < 23; i++) {
        struct outcome_failure failure = failed_expect(outcome_begin(outcome));
        outcome_failed(outcome, &failure);
    }
    assert_int_equal(outcome->kept_count, OUTCOME_FAILURES_MAX);
    assert_int_equal(ear.told, OUTCOME_FAILURES_MAX + 23);
    assert_reported(outcome, "message=\"23 more; the texts of no more than 100 are kept\"", true);
}

static void messages_without_a_rule_leave_room_for_conversations(void **state)
{
    struct outcome *outcome = *state;
    assert_int_equal(outcome_use(outcome, 1, "mail.lua", true), GT_DONE);
    for (int i = 0; i < 1000; i++)
        outcome_unmatched(outcome, &message, true);
    struct outcome_failure failure = failed_expect(outcome_begin(outcome));
    outcome_failed(outcome, &failure);
    assert_reported(outcome, "message=\"1000 messages that no rule matches\"", true);
    assert_reported(outcome, "expected: ^(HELO|EHLO) ", true);
}

static void many_conversations_are_summed_up(void **state)
{
    struct outcome *outcome = *state;
    for (int i = 0; i < OUTCOME_TIMES_MAX + 1; i++)
        outcome_end(outcome, outcome_begin(outcome), OUTCOME_AS_EXPECTED, 5000000);
    assert_reported(outcome, "name=\"conversation 1000\" time=\"0.005\"/>", true);
    assert_reported(outcome, "name=\"conversation 1001\"", false);
    assert_reported(outcome, "name=\"further conversations (1)\"", true);
    assert_reported(
        outcome, "tests=\"1002\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"1.250\"", true);
}

static void long_texts_are_cut(void **state)
{
    static char long_text[100000];
    memset(long_text, 'x', sizeof long_text - 1);
    struct outcome_failure failure = failed_expect(1);
    failure.expected = slice_of_text(long_text);
    failure.heard = slice_of_text(long_text);
    outcome_failed(*state, &failure);
    assert_int_equal(strlen(ear.heard), OUTCOME_KEPT_BYTES - 1);
    assert_true(strlen(ear.text) < 3 * OUTCOME_SHOWN_BYTES);
    assert_non_null(strstr(ear.text, "xxx..."));
    failure.error = long_text;
    outcome_failed(*state, &failure);
    assert_true(strlen(ear.text) < 1000);
}

/* ---- the report ---- */

static void the_report_has_a_case_for_everything(void **state)
{
    struct outcome *outcome = *state;
    struct outcome_failure failure = failed_expect(outcome_begin(outcome));
    struct bytes document = {0};
    outcome_failed(outcome, &failure);
    outcome_end(outcome, 1, OUTCOME_NOT, 1500000000);
    outcome_end(outcome, outcome_begin(outcome), OUTCOME_AS_EXPECTED, 2000000);
    outcome_begin(outcome);
    assert_true(outcome_rule_match(outcome_rule(outcome, 1, 1, slice_of_text("<a>"), 1, 0)));
    assert_non_null(outcome_rule(outcome, 1, 2, slice_of_text("b"), 1, 0));
    assert_non_null(outcome_rule(outcome, 1, 3, slice_of_text("c"), 0, 5));
    failure = (struct outcome_failure){.error = "mail.lua:3: no\nstack traceback:\n\tmain"};
    outcome_failed(outcome, &failure);
    assert_string_equal(
        report(outcome, &document),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"goodtalk\" tests=\"7\" failures=\"2\" errors=\"1\" skipped=\"1\" "
        "time=\"1.250\">\n"
        "  <testsuite name=\"talks/mail.lua\" tests=\"7\" failures=\"2\" errors=\"1\" "
        "skipped=\"1\" time=\"1.250\" timestamp=\"2026-01-31T12:00:00\">\n"
        "    <testcase classname=\"mail\" name=\"run\" time=\"1.250\"/>\n"
        "    <testcase classname=\"mail\" name=\"script\" time=\"0.000\">\n"
        "      <error message=\"mail.lua:3: no | stack traceback: | main\" type=\"script\">\n"
        "mail.lua:3: no\n  stack traceback:\n  main\n"
        "</error>\n"
        "    </testcase>\n"
        "    <testcase classname=\"mail\" name=\"conversation 1\" time=\"1.500\">\n"
        "      <failure message=\"mail.lua:12: expected &quot;^(HELO|EHLO) &quot;, heard "
        "&quot;QUIT\\x1b[2J&quot; (message 3-7)\" type=\"expect\">\n"
        "expected: ^(HELO|EHLO) \n"
        "heard:    QUIT\\x1b[2J\n"
        "message:  3-7\n"
        "peer:     127.0.0.1:40312\n"
        "listener: tcp:[::]:9999\n"
        "</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"mail\" name=\"conversation 2\" time=\"0.002\"/>\n"
        "    <testcase classname=\"mail\" name=\"unfinished conversations\" time=\"0.000\">\n"
        "      <skipped message=\"1 cut short by the end of the run\"/>\n"
        "    </testcase>\n"
        "    <testcase classname=\"mail\" name=\"rule 1: &lt;a&gt;\" time=\"0.000\"/>\n"
        "    <testcase classname=\"mail\" name=\"rule 2: b\" time=\"0.000\">\n"
        "      <failure message=\"rule 2, &quot;b&quot;: required 1 time, matched 0\" "
        "type=\"required\">rule 2, \"b\": required 1 time, matched 0</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n");
    bytes_free(&document);
}

static void a_run_that_failed_is_a_case_too(void **state)
{
    struct bytes document = {0};
    struct junit_run run = {.error = "no message within 5 s", .type = "timeout"};
    assert_int_equal(junit_append(&document, *state, &run), 0);
    assert_int_equal(bytes_append(&document, slice_of("", 1)), 0);
    assert_non_null(strstr((const char *)bytes_slice(&document).data,
                           "<error message=\"no message within 5 s\" type=\"timeout\">"));
    bytes_free(&document);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_expected_is_met),
        TEST(a_failed_expect_is_told_with_both_sides),
        TEST(what_came_instead_of_a_message_is_said),
        TEST(a_script_fails_with_its_traceback_on_one_line),
        TEST(a_message_without_a_rule_matters_to_the_strict),
        TEST(conversations_without_expectations_are_not_worth_a_line),
        TEST(conversations_that_are_cut_short_are_nobodys_fault),
        TEST(a_required_rule_matches_often_enough_or_is_missing),
        TEST(workers_share_a_rule),
        TEST(only_the_file_in_use_requires),
        TEST(a_rule_without_limits_costs_nothing),
        TEST(threads_share_times_exactly),
        TEST(only_so_many_failures_are_kept),
        TEST(messages_without_a_rule_leave_room_for_conversations),
        TEST(many_conversations_are_summed_up),
        TEST(long_texts_are_cut),
        TEST(the_report_has_a_case_for_everything),
        TEST(a_run_that_failed_is_a_case_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
