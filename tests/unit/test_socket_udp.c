/* UDP sockets: on every address or each one of a host, alone on their port, and each datagram tells
 * to which of our addresses it came. */
#include "socket_side.h"

#include "base/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* Send a byte to a port at a numeric host. */
static void send_to(const char *host, uint16_t port)
{
    struct place place = place_of_every(strchr(host, ':') ? AF_INET6 : AF_INET, port);
    void *address = place.any.sa_family == AF_INET6 ? (void *)&place.ipv6.sin6_addr
                                                    : (void *)&place.ipv4.sin_addr;
    assert_int_equal(inet_pton(place.any.sa_family, host, address), 1);
    int fd = socket(place.any.sa_family, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, "x", 1, 0, &place.any, place.size), 1);
    close(fd);
}

/* Receive a datagram: true when it comes, with what came along. On the loopback device it is there
 * when sendto returns. */
static bool receive(int fd, struct msghdr *header, char *control, size_t size)
{
    static char byte[8];
    static struct iovec part = {byte, sizeof(byte)};
    *header = (struct msghdr){
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = size};
    return recvmsg(fd, header, 0) == 1;
}

static const struct cmsghdr *find_control(struct msghdr *header, int level, int type)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    while (control && (control->cmsg_level != level || control->cmsg_type != type))
        control = CMSG_NXTHDR(header, control);
    return control;
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
        bool ipv4, ipv6;
    } forms[] = {
        {"udp:0", "udp:[::]:", true, true},
        {"udp4:0", "udp:0.0.0.0:", true, false},
        {"udp6:0", "udp:[::]:", false, true},
        {"udp:127.0.0.1:0", "udp:127.0.0.1:", true, false},
        {"udp:[::1]:0", "udp:[::1]:", false, true},
        {"udp4:localhost:0", "udp:127.0.0.1:", true, false},
    };
    if (!has_ipv6())
        skip();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct msghdr header;
        char control[256];
        struct opened opened = opens(forms[i].text, NULL);
        const struct listening_socket *socket = &opened.list[0];
        assert_int_equal(opened.count, 1);
        assert_memory_equal(socket->name, forms[i].name, strlen(forms[i].name));
        assert_int_equal(socket->type, SOCK_DGRAM);
        assert_int_equal(socket->family, strchr(forms[i].name, '[') ? AF_INET6 : AF_INET);
        assert_true(socket->chosen);
        assert_string_equal(socket->path, "");
        assert_true(fcntl(socket->fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fcntl(socket->fd, F_GETFD), FD_CLOEXEC);
        send_to("127.0.0.1", port_of(socket));
        assert_int_equal(receive(socket->fd, &header, control, sizeof(control)), forms[i].ipv4);
        send_to("::1", port_of(socket));
        assert_int_equal(receive(socket->fd, &header, control, sizeof(control)), forms[i].ipv6);
        close_opened(&opened);
    }
}

static void assert_came_to_ipv4(int fd, in_addr_t expected)
{
    struct msghdr header;
    struct in_pktinfo local;
    char control[256];
    assert_true(receive(fd, &header, control, sizeof(control)));
    const struct cmsghdr *found = find_control(&header, IPPROTO_IP, IP_PKTINFO);
    assert_non_null(found);
    memcpy(&local, CMSG_DATA(found), sizeof(local));
    assert_int_equal(ntohl(local.ipi_addr.s_addr), expected);
}

static void test_each_tells_where_it_came_to(void **state)
{
    (void)state;
    struct opened opened = opens("udp4:0", NULL);
    send_to("127.0.0.2", port_of(&opened.list[0]));
    assert_came_to_ipv4(opened.list[0].fd, INADDR_LOOPBACK + 1);
    close_opened(&opened);
}

/* IPv4 on an IPv6 socket tells it as well. */
static void test_of_both_families(void **state)
{
    (void)state;
    struct msghdr header;
    struct in6_pktinfo local;
    char control[256];
    if (!has_ipv6())
        skip();
    struct opened opened = opens("udp:0", NULL);
    int fd = opened.list[0].fd;
    send_to("127.0.0.2", port_of(&opened.list[0]));
    assert_came_to_ipv4(fd, INADDR_LOOPBACK + 1);
    send_to("::1", port_of(&opened.list[0]));
    assert_true(receive(fd, &header, control, sizeof(control)));
    const struct cmsghdr *found = find_control(&header, IPPROTO_IPV6, IPV6_PKTINFO);
    assert_non_null(found);
    memcpy(&local, CMSG_DATA(found), sizeof(local));
    assert_memory_equal(&local.ipi6_addr, &in6addr_loopback, sizeof(local.ipi6_addr));
    close_opened(&opened);
}

/* A port is one server's, which SO_REUSEADDR would let two have. */
static void test_a_taken_port(void **state)
{
    (void)state;
    char text[64], sentence[300];
    struct opened opened = opens("udp:127.0.0.1:0", NULL);
    unsigned port = port_of(&opened.list[0]);
    assert_int_equal(option_of(opened.list[0].fd, SOL_SOCKET, SO_REUSEADDR), 0);
    assert_int_equal(option_of(opened.list[0].fd, SOL_SOCKET, SO_REUSEPORT), 0);
    snprintf(text, sizeof(text), "udp:127.0.0.1:%u", port);
    snprintf(sentence, sizeof(sentence),
             "cannot listen on %s: Address already in use (EADDRINUSE, errno 98); UDP port %u is "
             "held by this process",
             text, port);
    fails(text, sentence);
    snprintf(text, sizeof(text), "udp:%u", port);
    snprintf(
        sentence, sizeof(sentence),
        "cannot listen on UDP port %u: Address already in use (EADDRINUSE, errno 98); UDP port "
        "%u is held by this process",
        port, port);
    fails(text, sentence);
    close_opened(&opened);
    opened = opens(text, NULL);
    close_opened(&opened);
}

/* The same number of TCP is another port. */
static void test_tcp_is_not_in_the_way(void **state)
{
    (void)state;
    char text[64];
    struct opened udp = opens("udp:127.0.0.1:0", NULL);
    snprintf(text, sizeof(text), "127.0.0.1:%u", port_of(&udp.list[0]));
    struct opened tcp = open_with(text, NULL);
    if (tcp.status != GT_DONE) /* taken by somebody else */
        assert_null(strstr(tcp.error.text, "this process"));
    close_opened(&tcp);
    close_opened(&udp);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    fails("udp:192.0.2.1:0", "cannot listen on udp:192.0.2.1:0: Cannot assign requested address "
                             "(EADDRNOTAVAIL, errno 99); no interface has this address");
    fails("udp:no-such-host.invalid:9", "cannot find the host no-such-host.invalid: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_each_tells_where_it_came_to),
        cmocka_unit_test(test_of_both_families),
        cmocka_unit_test(test_a_taken_port),
        cmocka_unit_test(test_tcp_is_not_in_the_way),
        cmocka_unit_test(test_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
