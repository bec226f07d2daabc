/* Who is at the other end, and its name. */
#include "base/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static void assert_name(struct peer peer, const char *expected)
{
    char name[PEER_NAME_SIZE];
    assert_ptr_equal(peer_name(&peer, name), name);
    assert_string_equal(name, expected);
}

static struct peer ipv6_peer(const char *address, uint16_t port, uint32_t scope)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    ipv6.sin6_port = htons(port);
    ipv6.sin6_scope_id = scope;
    assert_int_equal(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
    return peer_of_sockaddr((const struct sockaddr *)&ipv6, sizeof(ipv6));
}

static void ipv4_is_a_dotted_quad_and_a_port(void **state)
{
    (void)state;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    ipv4.sin_port = htons(40312);
    ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct peer peer = peer_of_sockaddr((const struct sockaddr *)&ipv4, sizeof(ipv4));
    assert_int_equal(peer.kind, PEER_IPV4);
    assert_int_equal(peer.port, 40312);
    assert_name(peer, "127.0.0.1:40312");
}

static void ipv6_stands_in_brackets(void **state)
{
    (void)state;
    assert_name(ipv6_peer("::1", 40312, 0), "[::1]:40312");
    assert_name(ipv6_peer("fe80::1", 99, 2), "[fe80::1%2]:99");
    assert_name(ipv6_peer("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, UINT32_MAX),
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void mapped_ipv4_is_ipv4(void **state)
{
    (void)state;
    struct peer peer = ipv6_peer("::ffff:192.0.2.7", 80, 0);
    assert_int_equal(peer.kind, PEER_IPV4);
    assert_name(peer, "192.0.2.7:80");
}

static void a_unix_peer_is_a_process(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct peer peer =
        peer_of_sockaddr((const struct sockaddr *)&address, sizeof(address.sun_family));
    assert_int_equal(peer.kind, PEER_UNIX);
    assert_name(peer, "unix");
    peer.credentials.pid = 812;
    peer.credentials.uid = 33;
    assert_name(peer, "unix:pid=812,uid=33");
}

static void what_cannot_be_read_is_unknown(void **state)
{
    (void)state;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    const struct sockaddr *any = (const struct sockaddr *)&address;
    assert_name(peer_of_sockaddr(NULL, 0), "unknown");
    assert_name(peer_of_sockaddr(any, 0), "unknown");
    assert_name(peer_of_sockaddr(any, 1), "unknown");
    assert_name(peer_of_sockaddr(any, sizeof(address) - 1), "unknown");
    address.sin6_family = AF_INET;
    assert_name(peer_of_sockaddr(any, 8), "unknown");
    address.sin6_family = AF_NETLINK;
    assert_name(peer_of_sockaddr(any, sizeof(address)), "unknown");
}

static void a_name_is_read_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "127.0.0.1:40312",
        "0.0.0.0:0",
        "[::1]:40312",
        "[fe80::1%2]:99",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
        "unix:pid=812,uid=33",
        "unix",
        "unknown"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct peer peer;
        assert_true(peer_parse(&peer, names[i]));
        assert_name(peer, names[i]);
    }
}

static void what_is_no_name_is_not_read(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "127.0.0.1",
                                         "127.0.0.1:",
                                         "127.0.0.1:65536",
                                         "127.0.0.01:1",
                                         "1.2.3:4",
                                         "[::1]",
                                         "[::1]:1 ",
                                         "::1:1",
                                         "[0:0:0:0:0:0:0:1]:1",
                                         "unix:",
                                         "unix:pid=1,",
                                         "unix:pid=0,uid=0",
                                         "unix:pid=1,uid=2x",
                                         "somebody"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct peer peer;
        assert_false(peer_parse(&peer, others[i]));
    }
}

static void a_peer_stays_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct peer) <= 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_a_dotted_quad_and_a_port),
        cmocka_unit_test(ipv6_stands_in_brackets),
        cmocka_unit_test(mapped_ipv4_is_ipv4),
        cmocka_unit_test(a_unix_peer_is_a_process),
        cmocka_unit_test(what_cannot_be_read_is_unknown),
        cmocka_unit_test(a_name_is_read_back),
        cmocka_unit_test(what_is_no_name_is_not_read),
        cmocka_unit_test(a_peer_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
