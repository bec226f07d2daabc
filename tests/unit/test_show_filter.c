/* Which messages are shown: by peer, listener, time, and what they say. */
#include "tool/show_filter.c"
#include "tool/show_match.c"
#include "tool/show_peer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- peers ---- */

static bool is_peer(const char *wanted, const char *name)
{
    struct show_peer parsed;
    struct peer peer;
    assert_true(show_peer_parse(&parsed, wanted));
    assert_true(peer_parse(&peer, name));
    return show_peer_matches(&parsed, &peer);
}

static void peers_by_address(void **state)
{
    (void)state;
    assert_true(is_peer("127.0.0.1", "127.0.0.1:40312"));
    assert_false(is_peer("127.0.0.2", "127.0.0.1:40312"));
    assert_true(is_peer("127.0.0.1:40312", "127.0.0.1:40312"));
    assert_false(is_peer("127.0.0.1:40313", "127.0.0.1:40312"));
    assert_true(is_peer("::1", "[::1]:5"));
    assert_true(is_peer("[::1]:5", "[::1]:5"));
    assert_false(is_peer("[::1]:6", "[::1]:5"));
    assert_false(is_peer("::1", "127.0.0.1:1"));
    assert_false(is_peer("127.0.0.1", "unix"));
}

static void peers_by_network(void **state)
{
    (void)state;
    assert_true(is_peer("10.0.0.0/8", "10.255.1.2:1"));
    assert_false(is_peer("10.0.0.0/8", "11.0.0.0:1"));
    assert_true(is_peer("10.1.2.128/25", "10.1.2.255:1"));
    assert_false(is_peer("10.1.2.128/25", "10.1.2.127:1"));
    assert_true(is_peer("0.0.0.0/0", "1.2.3.4:1"));
    assert_false(is_peer("0.0.0.0/0", "[::1]:1"));
    assert_true(is_peer("10.0.0.1/32", "10.0.0.1:1"));
    assert_true(is_peer("fd00::/8", "[fdff::1]:1"));
    assert_false(is_peer("fd00::/8", "[fe80::1]:1"));
}

static void unix_peers(void **state)
{
    (void)state;
    assert_true(is_peer("unix", "unix"));
    assert_true(is_peer("unix", "unix:pid=812,uid=33"));
    assert_false(is_peer("unix", "127.0.0.1:1"));
    assert_true(is_peer("uid:33", "unix:pid=812,uid=33"));
    assert_false(is_peer("uid:34", "unix:pid=812,uid=33"));
    assert_true(is_peer("pid:812", "unix:pid=812,uid=33"));
    assert_false(is_peer("pid:33", "unix:pid=812,uid=33"));
    assert_false(is_peer("uid:0", "unix"));
    assert_false(is_peer("uid:0", "unknown"));
}

static void what_is_no_peer(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "localhost",
                                         "10.0.0.0/33",
                                         "::1/129",
                                         "10.0.0/8",
                                         "10.0.0.0/",
                                         "uid:",
                                         "uid:-1",
                                         "unix:",
                                         "unknown",
                                         "127.0.0.1:",
                                         "127.0.0.1:65536",
                                         "1.2.3.4/8/8",
                                         "gid:0"};
    struct show_peer parsed;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(show_peer_parse(&parsed, others[i]));
}

/* ---- listeners ---- */

static void listeners_by_name(void **state)
{
    (void)state;
    assert_true(show_filter_listener("tcp:[::]:9999", "tcp:[::]:9999"));
    assert_true(show_filter_listener("9999", "tcp:[::]:9999"));
    assert_true(show_filter_listener("tcp", "tcp:[::]:9999"));
    assert_true(show_filter_listener("[::]:9999", "tcp:[::]:9999"));
    assert_false(show_filter_listener("99", "tcp:[::]:9999"));
    assert_false(show_filter_listener("tc", "tcp:[::]:9999"));
    assert_false(show_filter_listener("tcp:[::]:99990", "tcp:[::]:9999"));
    assert_true(show_filter_listener("/run/talk", "unix:/run/talk"));
}

/* ---- expressions ---- */

static enum show_matched find(const char *expression, struct slice text, struct slice *part)
{
    struct error error = {0};
    struct show_match *match = show_match_create(expression, &error);
    assert_non_null(match);
    enum show_matched result = show_match_find(match, text, part);
    show_match_free(&match);
    assert_null(match);
    return result;
}

static void what_matches(void **state)
{
    (void)state;
    struct slice part;
    struct slice text = slice_of_text("say gr\xc3\xbc\xc3\x9f dich");
    assert_int_equal(find("gr.. ", text, &part), SHOW_MATCHED);
    assert_ptr_equal(part.data, text.data + 4);
    assert_int_equal(part.size, 7);
    assert_int_equal(find("^dich", text, &part), SHOW_NOT_MATCHED);
    assert_int_equal(find("(?i)DICH$", text, &part), SHOW_MATCHED);
    assert_int_equal(find("^$", slice_of(NULL, 0), &part), SHOW_MATCHED);
    assert_int_equal(part.size, 0);
}

/* Whatever bytes there are, those that are text are found among them. */
static void bytes_that_are_no_text(void **state)
{
    (void)state;
    struct slice part;
    const struct slice text = slice_of("\xff\0\xe2\x80 needle \xc3", 13);
    assert_int_equal(find("needle", text, &part), SHOW_MATCHED);
    assert_int_equal(find("\\x{ff}", text, &part), SHOW_NOT_MATCHED);
    assert_int_equal(find("\\x00", text, &part), SHOW_MATCHED);
}

static void work_has_a_bound(void **state)
{
    (void)state;
    struct slice part;
    char text[4096];
    memset(text, 'a', sizeof text);
    assert_int_equal(find("^(a+)+$", slice_of_text("aaaa!"), &part), SHOW_NOT_MATCHED);
    text[sizeof text - 1] = '!';
    assert_int_equal(find("^(a+)+$", slice_of(text, sizeof text), &part), SHOW_UNDECIDED);
}

static void a_wrong_expression_is_told(void **state)
{
    (void)state;
    struct error error = {0};
    assert_null(show_match_create("a(b", &error));
    assert_int_equal(error.status, GT_WRONG);
    assert_string_equal(error.text,
                        "--match a(b: missing closing parenthesis (after 3 characters)");
    assert_null(show_match_create("\xff", &error));
    assert_non_null(strstr(error.text, "--match \\xff: "));
}

/* ---- all of it ---- */

static void a_message_passes_all_or_none(void **state)
{
    (void)state;
    struct error error = {0};
    struct peer peer;
    struct slice matched;
    assert_true(peer_parse(&peer, "127.0.0.1:1"));
    struct message message = {.body = slice_of_text("hello"),
                              .peer = &peer,
                              .listener = "udp:127.0.0.1:9",
                              .time_us = 100};
    struct show_filter filter = SHOW_FILTER_ALL;
    assert_true(show_filter_is_open(&filter));
    assert_true(show_filter_passes(&filter, &message, &matched));
    assert_int_equal(matched.size, 0);
    filter.since_us = 100;
    filter.until_us = 101;
    filter.listener = "udp";
    filter.by_peer = show_peer_parse(&filter.peer, "127.0.0.0/8");
    filter.match = show_match_create("l+", &error);
    assert_false(show_filter_is_open(&filter));
    assert_true(show_filter_passes(&filter, &message, &matched));
    assert_true(slice_equal(matched, slice_of_text("ll")));
    message.time_us = 101;
    assert_false(show_filter_passes(&filter, &message, &matched));
    message.time_us = 99;
    assert_false(show_filter_passes(&filter, &message, &matched));
    message.time_us = 100;
    message.listener = "tcp:127.0.0.1:9";
    assert_false(show_filter_passes(&filter, &message, &matched));
    show_match_free(&filter.match);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_by_address),
        cmocka_unit_test(peers_by_network),
        cmocka_unit_test(unix_peers),
        cmocka_unit_test(what_is_no_peer),
        cmocka_unit_test(listeners_by_name),
        cmocka_unit_test(what_matches),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(work_has_a_bound),
        cmocka_unit_test(a_wrong_expression_is_told),
        cmocka_unit_test(a_message_passes_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
