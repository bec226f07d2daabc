/* Messages as rows: escaped, cut, coloured; and the last of them, kept. */
#include "tool/show_last.c"
#include "tool/show_table.c"
#include "tool/show_time.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct peer peer = {.kind = PEER_IPV4, .port = 1, .address = {10, 0, 0, 1}};

static struct message message_of(struct slice body)
{
    return (struct message){
        .body = body, .raw = body, .peer = &peer, .listener = "udp", .time_us = 1500000};
}

#define BEFORE      57 /* columns before the text */
#define BEFORE_TEXT "1970-01-01 00:00:01.500  10.0.0.1:1             "

/* The text of a row in so many columns. */
static void assert_text(struct show_table table, struct slice body, struct slice matched,
                        const char *text)
{
    struct bytes row = {0};
    struct message message = message_of(body);
    assert_int_equal(show_table_row(&table, &row, &message, matched), 0);
    assert_int_equal(bytes_append(&row, slice_of("", 1)), 0);
    const char *shown = (const char *)bytes_slice(&row).data;
    const char *end = strrchr(shown, '\n');
    assert_true(end && end[1] == '\0');
    row.data[row.start + row.size - 2] = '\0';
    assert_true(strlen(shown) >= strlen(text));
    assert_string_equal(shown + strlen(shown) - strlen(text), text);
    bytes_free(&row);
}

static void assert_cut(unsigned columns, const char *body, const char *text)
{
    struct show_table table = {.columns = columns ? BEFORE + columns : 0};
    char row[256];
    snprintf(row, sizeof row, "%s%7zu  %s", BEFORE_TEXT, strlen(body), text);
    assert_text(table, slice_of_text(body), slice_of(NULL, 0), row);
}

static void a_row_is_whole(void **state)
{
    (void)state;
    assert_cut(0, "hello", "hello");
    assert_cut(0, "\x1b[2J\n\xe2\x80\xae", "\\x1b[2J\\n\\xe2\\x80\\xae");
    assert_cut(0, "", "");
}

static void a_row_is_cut_to_the_width(void **state)
{
    (void)state;
    assert_cut(20, "12345678901234567890", "12345678901234567890");
    assert_cut(20, "123456789012345678901", "12345678901234567...");
    assert_cut(20, "1234567890123456\x1b", "1234567890123456\\x1b");
    assert_cut(20, "12345678901234567\x1b", "12345678901234567...");
    assert_cut(20, "1234567890123456\x1bz", "1234567890123456..."); /* not within an escape */
    assert_cut(20, "\xe6\xbc\xa2\xe5\xad\x97 12345678901234567",    /* two columns each */
               "\xe6\xbc\xa2\xe5\xad\x97 123456789012...");
    assert_cut(20, "e\xcc\x81 12345678901234567890", "e\xcc\x81 123456789012345..."); /* none */
    assert_cut(3, "1234567890123456", "1234567890123456"); /* so much is always shown */
}

static void what_matched_is_coloured(void **state)
{
    (void)state;
    struct slice body = slice_of_text("say hello to me and to others");
    struct slice hello = slice_of(body.data + 4, 5);
    struct show_table table = {.colour = true};
    assert_text(table, body, hello, "  say \033[1;31mhello\033[0m to me and to others");
    table.columns = BEFORE + 24;
    assert_text(table, body, hello, "  say \033[1;31mhello\033[0m to me and t...");
    struct slice rest = slice_of(body.data + 13, body.size - 13);
    assert_text(table, body, rest, "  say hello to \033[1;31mme and t\033[0m...");
    table.colour = false;
    assert_text(table, body, rest, "  say hello to me and t...");
}

static void a_head_stands_over_the_rows(void **state)
{
    (void)state;
    struct bytes head = {0};
    struct show_table table = {0};
    assert_int_equal(show_table_head(&table, &head), 0);
    assert_true(slice_equal(bytes_slice(&head),
                            slice_of_text("TIME                     PEER                      SIZE"
                                          "  MESSAGE\n")));
    bytes_free(&head);
}

/* ---- the last ---- */

static void assert_kept(struct show_last *last, size_t i, const char *text)
{
    const struct show_kept *kept = show_last_at(last, i);
    assert_non_null(kept);
    assert_true(slice_equal(kept->message.body, slice_of_text(text)));
    assert_string_equal(kept->message.listener, "udp");
    assert_int_equal(kept->message.peer->port, 1);
    assert_true(slice_equal(kept->matched, slice_of(text, strlen(text) > 0)));
}

static void keep_all(struct show_last *last, unsigned count)
{
    char text[16];
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%u\n", i);
        struct message message = message_of(slice_of_text(text));
        message.body.size--;
        struct slice matched = slice_of(message.body.data, 1);
        assert_int_equal(show_last_keep(last, &message, matched), 0);
    }
}

static void the_last_are_kept(void **state)
{
    (void)state;
    struct show_last last = {.most = 40};
    keep_all(&last, 100);
    assert_kept(&last, 0, "60");
    assert_kept(&last, 39, "99");
    assert_null(show_last_at(&last, 40));
    show_last_free(&last);
}

static void fewer_are_all(void **state)
{
    (void)state;
    struct show_last last = {.most = 1000000000};
    keep_all(&last, 20);
    assert_kept(&last, 0, "0");
    assert_kept(&last, 19, "19");
    assert_null(show_last_at(&last, 20));
    show_last_free(&last);
}

static void none_is_none(void **state)
{
    (void)state;
    struct show_last last = {.most = 0};
    keep_all(&last, 3);
    assert_null(show_last_at(&last, 0));
    show_last_free(&last);
}

static int in_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_whole),
        cmocka_unit_test(a_row_is_cut_to_the_width),
        cmocka_unit_test(what_matched_is_coloured),
        cmocka_unit_test(a_head_stands_over_the_rows),
        cmocka_unit_test(the_last_are_kept),
        cmocka_unit_test(fewer_are_all),
        cmocka_unit_test(none_is_none),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
