/* Addresses: each form, and for each slip what was meant. */
#include "base/address.h"

#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct address parse(const char *text, enum address_family family)
{
    struct address address;
    struct error error = {0};
    int status = address_parse(&address, text, family, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, GT_DONE);
    return address;
}

static void refuses(const char *text, enum address_family family, const char *sentence)
{
    struct address address;
    struct error error = {0};
    assert_int_equal(address_parse(&address, text, family, &error), GT_WRONG);
    if (strncmp(error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(error.text, sentence);
    assert_int_equal(address_parse(&address, text, family, NULL), GT_WRONG);
}

static void test_tcp(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
        enum address_family family;
    } right[] = {
        {"9999", "", 9999, FAMILY_ANY},
        {"0", "", 0, FAMILY_ANY},
        {"65535", "", 65535, FAMILY_ANY},
        {":9999", "", 9999, FAMILY_ANY},
        {"localhost:9999", "localhost", 9999, FAMILY_ANY},
        {"127.0.0.1:80", "127.0.0.1", 80, FAMILY_ANY},
        {"[::1]:9999", "::1", 9999, FAMILY_ANY},
        {"[::]:0", "::", 0, FAMILY_ANY},
        {"[fe80::1%eth0]:99", "fe80::1%eth0", 99, FAMILY_ANY},
        {"tcp:9999", "", 9999, FAMILY_ANY},
        {"tcp::9999", "", 9999, FAMILY_ANY},
        {"tcp:send:1", "send", 1, FAMILY_ANY},
        {"tcp4:127.0.0.1:0", "127.0.0.1", 0, FAMILY_IPV4},
        {"tcp6:[::]:80", "::", 80, FAMILY_IPV6},
        {"tcp6:80", "", 80, FAMILY_IPV6},
        {"send:9", "send", 9, FAMILY_ANY},
    };
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct address address = parse(right[i].text, FAMILY_ANY);
        assert_int_equal(address.kind, ADDRESS_TCP);
        assert_string_equal(address.host, right[i].host);
        assert_int_equal(address.port, right[i].port);
        assert_int_equal(address.family, right[i].family);
    }
}

static void test_families(void **state)
{
    (void)state;
    assert_int_equal(parse("9999", FAMILY_IPV4).family, FAMILY_IPV4);
    assert_int_equal(parse("localhost:9", FAMILY_IPV6).family, FAMILY_IPV6);
    assert_int_equal(parse("tcp4:9", FAMILY_IPV4).family, FAMILY_IPV4);
    assert_int_equal(parse("unix:/x", FAMILY_IPV6).kind, ADDRESS_UNIX);
    refuses("tcp4:9", FAMILY_IPV6, "tcp4:9: contradicts -6");
    refuses("tcp6:9", FAMILY_IPV4, "tcp6:9: contradicts -4");
    refuses("[::1]:9", FAMILY_IPV4, "[::1]:9: an IPv6 address, where IPv4 only is asked for");
    refuses("127.0.0.1:9", FAMILY_IPV6,
            "127.0.0.1:9: an IPv4 address, where IPv6 only is asked for");
    refuses("tcp6:127.0.0.1:9", FAMILY_ANY, "tcp6:127.0.0.1:9: an IPv4 address");
}

static void test_unix(void **state)
{
    (void)state;
    char path[200] = "unix:";
    memset(path + 5, 'x', 107);
    assert_string_equal(parse("unix:/run/x", FAMILY_ANY).path, "/run/x");
    assert_string_equal(parse("unix:@name", FAMILY_ANY).path, "@name");
    assert_string_equal(parse("unix:a:b", FAMILY_ANY).path, "a:b");
    assert_string_equal(parse(path, FAMILY_ANY).path, path + 5);
    path[5 + 107] = 'x';
    refuses(path, FAMILY_ANY, "unix:xxxx");
    refuses("unix:", FAMILY_ANY, "unix:: no path; unix:PATH or unix:@NAME");
    refuses("unix:@", FAMILY_ANY, "unix:@: no path; unix:PATH or unix:@NAME");
}

/* What stands behind the kind is read as for tcp: and unix:. */
static void test_datagrams_and_packets(void **state)
{
    (void)state;
    struct address address = parse("udp:9999", FAMILY_ANY);
    assert_int_equal(address.kind, ADDRESS_UDP);
    assert_string_equal(address.host, "");
    assert_int_equal(address.port, 9999);
    address = parse("udp4:localhost:53", FAMILY_ANY);
    assert_int_equal(address.kind, ADDRESS_UDP);
    assert_string_equal(address.host, "localhost");
    assert_int_equal(address.family, FAMILY_IPV4);
    address = parse("udp6:[::1]:0", FAMILY_IPV6);
    assert_int_equal(address.kind, ADDRESS_UDP);
    assert_string_equal(address.host, "::1");
    refuses("udp6:9", FAMILY_IPV4, "udp6:9: contradicts -4");
    refuses("udp:[::1]:9", FAMILY_IPV4, "udp:[::1]:9: an IPv6 address, where IPv4 only");
    address = parse("unixgram:/run/x", FAMILY_IPV4);
    assert_int_equal(address.kind, ADDRESS_UNIXGRAM);
    assert_string_equal(address.path, "/run/x");
    address = parse("unixpacket:@name", FAMILY_ANY);
    assert_int_equal(address.kind, ADDRESS_UNIXPACKET);
    assert_string_equal(address.path, "@name");
    refuses("unixgram:", FAMILY_ANY, "unixgram:: no path; unixgram:PATH or unixgram:@NAME");
    refuses("unixpacket:@", FAMILY_ANY, "unixpacket:@: no path; unixpacket:PATH or");
}

static void test_handed_in(void **state)
{
    (void)state;
    char text[300] = "systemd:";
    assert_int_equal(parse("systemd", FAMILY_ANY).kind, ADDRESS_SYSTEMD);
    assert_string_equal(parse("systemd", FAMILY_ANY).path, "");
    assert_int_equal(parse("systemd:web", FAMILY_IPV6).kind, ADDRESS_SYSTEMD);
    assert_string_equal(parse("systemd:web", FAMILY_ANY).path, "web");
    assert_string_equal(parse("systemd:a name/9~", FAMILY_ANY).path, "a name/9~");
    memset(text + 8, 'n', 255);
    assert_string_equal(parse(text, FAMILY_ANY).path, text + 8);
    text[8 + 255] = 'n';
    refuses(text, FAMILY_ANY, "systemd:nnnn");
    refuses("systemd:", FAMILY_ANY, "systemd:: no name; systemd or systemd:NAME");
    refuses("systemd:a:b", FAMILY_ANY, "systemd:a:b: not a name; FileDescriptorName= is ASCII");
    refuses("systemd:\x7f", FAMILY_ANY, "systemd:\\x7f: not a name");
    refuses("systemd:\xc3\xa4", FAMILY_ANY, "systemd:\xc3\xa4: not a name");
}

/* A kind by itself is told what is missing, not taken for a host. */
static void test_kinds_alone(void **state)
{
    (void)state;
    refuses("unix", FAMILY_ANY, "unix: no path; unix:PATH or unix:@NAME");
    refuses("unixgram", FAMILY_ANY, "unixgram: no path; unixgram:PATH");
    refuses("fd", FAMILY_ANY, "fd: not a descriptor; fd:N, for example fd:3");
    refuses("udp", FAMILY_ANY, "udp: not an address; PORT or HOST:PORT");
    refuses("tls", FAMILY_ANY, "tls: tls is not built yet");
}

static void test_descriptors(void **state)
{
    (void)state;
    struct address address = parse("fd:3", FAMILY_ANY);
    assert_int_equal(address.kind, ADDRESS_DESCRIPTOR);
    assert_int_equal(address.descriptor, 3);
    refuses("fd:", FAMILY_ANY, "fd:: not a descriptor; fd:N, for example fd:3");
    refuses("fd:x", FAMILY_ANY, "fd:x: not a descriptor; fd:N, for example fd:3");
    refuses("fd:-1", FAMILY_ANY, "fd:-1: not a descriptor");
    refuses("fd:99999999999", FAMILY_ANY, "fd:99999999999: not a descriptor");
}

static void test_what_was_meant(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"localhost", "localhost: not an address; HOST:PORT, for example localhost:9999"},
        {"127.0.0.1", "127.0.0.1: not an address; HOST:PORT, for example 127.0.0.1:9999"},
        {"localhost 8080", "localhost 8080: not an address; HOST:PORT, that is localhost:8080"},
        {"99999", "99999: not a port; PORT is a number from 0 to 65535"},
        {"localhost:99999", "localhost:99999: not a port; PORT is a number from 0 to 65535"},
        {"localhost:http", "localhost:http: not a port; PORT is a number from 0 to 65535"},
        {"localhost:+80", "localhost:+80: not a port"},
        {"localhost:", "localhost:: no port; HOST:PORT, for example localhost:9999"},
        {":", ":: no port; HOST:PORT"},
        {"", "'': not an address; PORT or HOST:PORT, for example localhost:9999"},
        {"tcp:", "tcp:: not an address; PORT or HOST:PORT, for example localhost:9999"},
        {"-1", "-1: not an address; PORT or HOST:PORT"},
        {"::1", "::1: IPv6 stands in brackets; [::1]:PORT"},
        {"fe80::1:80", "fe80::1:80: IPv6 stands in brackets; [fe80::1:80]:PORT or [fe80::1]:80"},
        {"1:2:3:4:5:6:7:8:80", "1:2:3:4:5:6:7:8:80: IPv6 stands in brackets; [1:2:3:4:5:6:7:8]:80"},
        {"[::1", "[::1: a ] is missing; [V6]:PORT, for example [::1]:9999"},
        {"[::1]", "[::1]: no port; [V6]:PORT, for example [::1]:9999"},
        {"[::1]80", "[::1]80: no port; [V6]:PORT"},
        {"[::1]:", "[::1]:: no port"},
        {"[::1%]:9", "[::1%]:9: no IPv6 address between the brackets"},
        {"[127.0.0.1]:9", "[127.0.0.1]:9: no IPv6 address between the brackets"},
        {"/run/x", "/run/x: not an address; a Unix socket is unix:PATH"},
        {"a b:80", "a b:80: not an address; HOST:PORT"},
        {"quic:localhost:9", "quic:localhost:9: quic is no kind of address; there are tcp, tcp4, "
                             "tcp6, udp, udp4, udp6, unix, unixgram, unixpacket, fd and systemd"},
        {"::x", "::x: this is no kind of address; there are tcp, "},
        {"upd:localhost:9", "upd:localhost:9: upd is no kind of address; the nearest is udp; "
                            "there are tcp, "},
        {"unxi:/run/x", "unxi:/run/x: unxi is no kind of address; the nearest is unix; there"},
        {"unix-gram:@x", "unix-gram:@x: unix-gram is no kind of address; the nearest is unixgram"},
        {"sytemd:web", "sytemd:web: sytemd is no kind of address; the nearest is systemd"},
        {"tlss:x", "tlss:x: not a port"}, /* what is not built is nobody's nearest */
        {"unxi:99999", "unxi:99999: not a port; PORT is a number from 0 to 65535"},
        {"udp:host:9:9", "udp:host:9:9: not an address; udp:HOST:PORT, for example "
                         "udp:localhost:9999"},
        {"\x1b[2J", "\\x1b[2J: not an address"},
        {"tls:9", "tls:9: tls is not built yet"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        refuses(wrong[i][0], FAMILY_ANY, wrong[i][1]);
}

static void test_long_hosts(void **state)
{
    (void)state;
    char text[300] = {0};
    memset(text, 'h', 255);
    memcpy(text + 255, ":1", 3);
    assert_int_equal(strlen(parse(text, FAMILY_ANY).host), 255);
    memset(text, 'h', 256);
    memcpy(text + 256, ":1", 3);
    refuses(text, FAMILY_ANY, "hhhh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),         cmocka_unit_test(test_families),
        cmocka_unit_test(test_unix),        cmocka_unit_test(test_datagrams_and_packets),
        cmocka_unit_test(test_handed_in),   cmocka_unit_test(test_kinds_alone),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_what_was_meant),
        cmocka_unit_test(test_long_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
