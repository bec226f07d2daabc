/* Whoever types nc's letters is told the command that does here what was meant. */
#include "base/error.h"
#include "tool/nc.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct gt_setting keep = {.name = "keep", .letter = 'k'};
static const struct gt_setting reply = {.name = "reply", .letter = 'r', .argument = "TEXT"};
static const struct gt_setting pause_setting = {.name = "pause", .argument = "DURATION"};

#define OPTIONS_MAX 4
static struct given_option options[OPTIONS_MAX];
static const char *addresses[4];

/* What was given besides nc's letters: the addresses, up to NULL. */
static struct given given_addresses(const char *first, const char *second, const char *third)
{
    size_t count = 0;
    const char *words[] = {first, second, third};
    while (count < 3 && words[count]) {
        addresses[count] = words[count];
        count++;
    }
    return (struct given){.options = options, .addresses = addresses, .address_count = count};
}

static void expect(const struct nc *nc, const struct given *given, const char *sentence)
{
    struct error error = {0};
    assert_int_equal(nc_refuse(nc, given, &error), GT_WRONG);
    assert_int_equal(error.status, GT_WRONG);
    assert_string_equal(error.text, sentence);
}

static void listening_is_what_it_does(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses("8080", NULL, NULL);
    nc_note(&nc, 'l', NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk 8080");
}

static void the_port_of_p_is_the_address(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses(NULL, NULL, NULL);
    nc_note(&nc, 'p', "8080");
    expect(&nc, &given, "-p: goodtalk listens by itself: goodtalk 8080");
}

static void the_first_letter_is_named(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses(NULL, NULL, NULL);
    nc_note(&nc, 'l', NULL);
    nc_note(&nc, 'p', "8080");
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk 8080");
}

static void nothing_given_is_the_default(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses(NULL, NULL, NULL);
    nc_note(&nc, 'l', NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk");
}

static void host_and_port_are_joined(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses("localhost", "8080", NULL);
    nc_note(&nc, 'l', NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk localhost:8080");
    given = given_addresses("::1", "8080", NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk [::1]:8080");
    nc_note(&nc, 'p', "99");
    given = given_addresses("127.0.0.1", NULL, NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk 127.0.0.1:99");
}

static void host_and_port_without_letters(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses("localhost", "8080", NULL);
    assert_true(nc_has_host_port(&given));
    expect(&nc, &given, "HOST and PORT are one word, HOST:PORT: goodtalk localhost:8080");
    given = given_addresses("9999", "localhost", "8080");
    assert_true(nc_has_host_port(&given));
    expect(&nc, &given, "HOST and PORT are one word, HOST:PORT: goodtalk 9999 localhost:8080");
}

static void addresses_are_not_hosts(void **state)
{
    (void)state;
    static const char *const words[] = {"8080", ":8080", "unix:/tmp/x", "tcp:0", "fd:3", "systemd"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct given given = given_addresses(words[i], "8080", NULL);
        assert_false(nc_has_host_port(&given));
    }
    struct given given = given_addresses("localhost", NULL, NULL);
    assert_false(nc_has_host_port(&given));
}

static void udp_and_unix_are_in_the_address(void **state)
{
    (void)state;
    struct nc udp = {0};
    struct given given = given_addresses("9999", NULL, NULL);
    nc_note(&udp, 'u', NULL);
    expect(&udp, &given, "-u: UDP is named by the address: goodtalk udp:9999");
    struct nc unix_socket = {0};
    given = given_addresses("/tmp/x", NULL, NULL);
    nc_note(&unix_socket, 'U', NULL);
    expect(&unix_socket, &given, "-U: a Unix socket is named by its address: goodtalk unix:/tmp/x");
}

static void a_command_is_quoted(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses("9999", NULL, NULL);
    nc_note(&nc, 'c', "tr 'a-z' A-Z");
    expect(&nc, &given,
           "-c: -e gives a command the connection, -x each message: "
           "goodtalk -e 'tr '\\''a-z'\\'' A-Z' 9999");
}

static void the_other_options_stay(void **state)
{
    (void)state;
    struct nc nc = {0};
    struct given given = given_addresses("9999", NULL, NULL);
    options[0] = (struct given_option){&keep, NULL};
    options[1] = (struct given_option){&reply, "so long\\n\x1b[2J"};
    options[2] = (struct given_option){&pause_setting, "1s"};
    given.option_count = 3;
    nc_note(&nc, 'l', NULL);
    expect(&nc, &given,
           "-l: goodtalk listens by itself: goodtalk -k -r 'so long\\n\\x1b[2J' --pause 1s 9999");
}

static void n_may_stand_among_letters(void **state)
{
    (void)state;
    struct nc nc = {0};
    assert_true(nc_note_cluster(&nc, "vlkp"));
    assert_int_equal(nc.letter, 'l');
    assert_true(nc.keep);
    assert_null(nc.port);
    struct given given = given_addresses("8080", NULL, NULL);
    expect(&nc, &given, "-l: goodtalk listens by itself: goodtalk -k 8080");
    struct nc with_port = {0};
    assert_true(nc_note_cluster(&with_port, "p8080"));
    assert_string_equal(with_port.port, "8080");
}

static void a_number_is_no_cluster(void **state)
{
    (void)state;
    static const char *const numbers[] = {"4", "46", "0",    "5",    "",
                                          "k", "vv", "five", "lamp", "lp8o"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct nc nc = {0};
        assert_false(nc_note_cluster(&nc, numbers[i]));
        assert_int_equal(nc.letter, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_is_what_it_does),
        cmocka_unit_test(the_port_of_p_is_the_address),
        cmocka_unit_test(the_first_letter_is_named),
        cmocka_unit_test(nothing_given_is_the_default),
        cmocka_unit_test(host_and_port_are_joined),
        cmocka_unit_test(host_and_port_without_letters),
        cmocka_unit_test(addresses_are_not_hosts),
        cmocka_unit_test(udp_and_unix_are_in_the_address),
        cmocka_unit_test(a_command_is_quoted),
        cmocka_unit_test(the_other_options_stay),
        cmocka_unit_test(n_may_stand_among_letters),
        cmocka_unit_test(a_number_is_no_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
