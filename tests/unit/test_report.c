/* One line an event: as text, as JSON; and which events are said at all. */
#include "tool/report.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TIME_US INT64_C(1769860800000042) /* 2026-01-31T12:00:00.000042Z */

static const struct gt_event ended = {.kind = GT_EVENT_ENDED,
                                      .level = GT_WARNING,
                                      .name = "ended",
                                      .text = "127.0.0.1:7: a \"long\" one",
                                      .reason = "too-long",
                                      .peer = "127.0.0.1:7",
                                      .listener = "tcp:[::]:9999"};

static const struct gt_event listening = {.kind = GT_EVENT_LISTENING,
                                          .level = GT_NOTICE,
                                          .name = "listening",
                                          .text = "tcp:[::]:9999: listening",
                                          .listener = "tcp:[::]:9999"};

static void expect_line(const struct gt_event *event, bool json, const char *line)
{
    struct bytes to = {0};
    assert_int_equal(report_format(&to, json, event, TIME_US), 0);
    assert_int_equal(bytes_append(&to, slice_of("", 1)), 0);
    assert_string_equal((const char *)bytes_slice(&to).data, line);
    bytes_free(&to);
}

static void text_is_the_sentence(void **state)
{
    (void)state;
    expect_line(&ended, false, "goodtalk: 127.0.0.1:7: a \"long\" one\n");
    expect_line(&listening, false, "goodtalk: listening on tcp:[::]:9999\n");
}

static void json_has_all_that_is_known(void **state)
{
    (void)state;
    expect_line(
        &ended, true,
        "{\"time\":\"2026-01-31T12:00:00.000042Z\",\"level\":\"warning\",\"event\":\"ended\","
        "\"text\":\"127.0.0.1:7: a \\\"long\\\" one\",\"reason\":\"too-long\","
        "\"peer\":\"127.0.0.1:7\",\"listener\":\"tcp:[::]:9999\"}\n");
}

static void json_leaves_out_what_is_not(void **state)
{
    (void)state;
    const struct gt_event note = {
        .kind = GT_EVENT_NOTE, .level = GT_DETAIL, .name = "note", .text = "so"};
    expect_line(&note, true,
                "{\"time\":\"2026-01-31T12:00:00.000042Z\",\"level\":\"detail\",\"event\":\"note\","
                "\"text\":\"so\"}\n");
}

static void json_stays_valid_with_any_byte(void **state)
{
    (void)state;
    const struct gt_event note = {
        .kind = GT_EVENT_NOTE, .level = GT_ERROR, .name = "note", .text = "\xff\n"};
    expect_line(&note, true,
                "{\"time\":\"2026-01-31T12:00:00.000042Z\",\"level\":\"error\",\"event\":\"note\","
                "\"text\":\"\\\\xff\\\\n\"}\n");
}

static bool wanted(enum gt_level threshold, bool tells_address, enum gt_event_kind kind,
                   enum gt_level level)
{
    struct report report = {.threshold = threshold, .tells_address = tells_address};
    return report_wants(&report, &(struct gt_event){.kind = kind, .level = level});
}

static void the_threshold_decides(void **state)
{
    (void)state;
    assert_int_equal(REPORT_DEFAULT.threshold, GT_NOTICE);
    assert_true(wanted(GT_NOTICE, false, GT_EVENT_ENDED, GT_WARNING));
    assert_true(wanted(GT_NOTICE, false, GT_EVENT_RESUMED, GT_NOTICE));
    assert_false(wanted(GT_NOTICE, false, GT_EVENT_ENDED, GT_DETAIL));
    assert_true(wanted(GT_DETAIL, false, GT_EVENT_ENDED, GT_DETAIL));
    assert_false(wanted(GT_ERROR, false, GT_EVENT_ENDED, GT_WARNING));
    assert_true(wanted(GT_ERROR, false, GT_EVENT_NOTE, GT_ERROR));
}

static void listening_is_a_detail_unless_it_helps(void **state)
{
    (void)state;
    assert_false(wanted(GT_NOTICE, false, GT_EVENT_LISTENING, GT_NOTICE));
    assert_true(wanted(GT_NOTICE, true, GT_EVENT_LISTENING, GT_NOTICE));
    assert_true(wanted(GT_DETAIL, false, GT_EVENT_LISTENING, GT_NOTICE));
    assert_false(wanted(GT_ERROR, true, GT_EVENT_LISTENING, GT_NOTICE));
}

/* They are notices for the service manager's sake. */
static void ready_and_stopping_are_details(void **state)
{
    (void)state;
    assert_false(wanted(GT_NOTICE, true, GT_EVENT_READY, GT_NOTICE));
    assert_true(wanted(GT_DETAIL, false, GT_EVENT_READY, GT_NOTICE));
    assert_false(wanted(GT_NOTICE, true, GT_EVENT_STOPPING, GT_NOTICE));
    assert_true(wanted(GT_DETAIL, false, GT_EVENT_STOPPING, GT_NOTICE));
}

static void a_failed_run_is_said_by_its_caller(void **state)
{
    (void)state;
    assert_false(wanted(GT_DETAIL, false, GT_EVENT_FAILED, GT_ERROR));
}

/* What these two say goes to a pipe in place of standard error. */
static size_t said(const struct report *report, const char *error, char *text, size_t size)
{
    int ends[2];
    int standard = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    if (error) {
        report_error(report, error);
    } else {
        struct report copy = *report;
        report_event(&ended, &copy);
    }
    dup2(standard, STDERR_FILENO);
    close(standard);
    close(ends[1]);
    ssize_t length = read(ends[0], text, size - 1);
    close(ends[0]);
    assert_true(length >= 0);
    text[length] = '\0';
    return (size_t)length;
}

static void lines_go_to_standard_error(void **state)
{
    (void)state;
    char text[512];
    struct report report = REPORT_DEFAULT;
    said(&report, NULL, text, sizeof text);
    assert_string_equal(text, "goodtalk: 127.0.0.1:7: a \"long\" one\n");
    said(&report, "no", text, sizeof text);
    assert_string_equal(text, "goodtalk: no\n");
    report.threshold = GT_ERROR;
    assert_int_equal(said(&report, NULL, text, sizeof text), 0);
    report.json = true;
    said(&report, "no", text, sizeof text);
    assert_non_null(strstr(text, "\"level\":\"error\",\"event\":\"failed\",\"text\":\"no\"}\n"));
}

static void peers_cannot_flood_what_is_said(void **state)
{
    (void)state;
    struct report report = REPORT_DEFAULT;
    for (int i = 0; i < REPORT_PEER_LINES; i++)
        assert_true(report_has_room(&report, &ended, 5000000));
    assert_false(report_has_room(&report, &ended, 5999999));
    assert_int_equal(report.unsaid, 1);
    struct gt_event own = ended;
    own.peer = NULL;
    assert_true(report_has_room(&report, &own, 5999999));
    assert_true(report_has_room(&report, &ended, 6000000));
    report.threshold = GT_DETAIL;
    for (int i = 0; i < 10 * REPORT_PEER_LINES; i++)
        assert_true(report_has_room(&report, &ended, 7000000));
}

/* A pipe that is full and not read: nothing waits for it, and what was left out is said later. */
static void a_full_standard_error_stalls_nobody(void **state)
{
    (void)state;
    int ends[2];
    int standard = dup(STDERR_FILENO);
    char text[65536 + 200];
    struct report report = REPORT_DEFAULT;
    assert_int_equal(pipe(ends), 0);
    memset(text, 'x', sizeof text);
    assert_int_equal(write(ends[1], text, 65536), 65536);
    dup2(ends[1], STDERR_FILENO);
    report_event(&ended, &report);
    report_event(&ended, &report);
    assert_int_equal(report.unsaid, 2);
    assert_int_equal(read(ends[0], text, 65536), 65536);
    report_event(&ended, &report);
    dup2(standard, STDERR_FILENO);
    close(standard);
    close(ends[1]);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(length > 0);
    text[length] = '\0';
    assert_string_equal(text, "goodtalk: 2 lines were left out here\n"
                              "goodtalk: 127.0.0.1:7: a \"long\" one\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_sentence),
        cmocka_unit_test(json_has_all_that_is_known),
        cmocka_unit_test(json_leaves_out_what_is_not),
        cmocka_unit_test(json_stays_valid_with_any_byte),
        cmocka_unit_test(the_threshold_decides),
        cmocka_unit_test(listening_is_a_detail_unless_it_helps),
        cmocka_unit_test(ready_and_stopping_are_details),
        cmocka_unit_test(a_failed_run_is_said_by_its_caller),
        cmocka_unit_test(lines_go_to_standard_error),
        cmocka_unit_test(peers_cannot_flood_what_is_said),
        cmocka_unit_test(a_full_standard_error_stalls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
