/* Sockets that were opened by somebody else: taken as they are, or refused with the reason. */
#include "socket_side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket of ours, bound to the loopback address and a port of its own. */
static int ip_socket(int type, int protocol)
{
    int fd = socket(AF_INET, type, protocol);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd >= 0)
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct opened take(int fd)
{
    char text[16];
    snprintf(text, sizeof(text), "fd:%d", fd);
    struct opened opened = opens(text, NULL);
    assert_int_equal(opened.count, 1);
    assert_int_equal(opened.list[0].fd, fd);
    assert_false(opened.list[0].chosen);
    assert_string_equal(opened.list[0].path, "");
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    return opened;
}

static void test_tcp(void **state)
{
    (void)state;
    int fd = ip_socket(SOCK_STREAM, 0);
    assert_int_equal(listen(fd, 1), 0);
    struct opened opened = take(fd);
    assert_memory_equal(opened.list[0].name, "tcp:127.0.0.1:", 14);
    assert_int_equal(opened.list[0].type, SOCK_STREAM);
    assert_int_equal(opened.list[0].family, AF_INET);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    close_opened(&opened);
}

static void test_udp(void **state)
{
    (void)state;
    struct opened opened = take(ip_socket(SOCK_DGRAM, 0));
    assert_memory_equal(opened.list[0].name, "udp:127.0.0.1:", 14);
    assert_int_equal(opened.list[0].type, SOCK_DGRAM);
    assert_int_equal(opened.list[0].family, AF_INET);
    assert_int_equal(option_of(opened.list[0].fd, IPPROTO_IP, IP_PKTINFO), 1);
    close_opened(&opened);
}

static void test_udp_of_both_families(void **state)
{
    (void)state;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    if (!has_ipv6())
        skip();
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    struct opened opened = take(fd);
    assert_memory_equal(opened.list[0].name, "udp:[::]:", 9);
    assert_int_equal(opened.list[0].family, AF_INET6);
    assert_int_equal(option_of(fd, IPPROTO_IP, IP_PKTINFO), 1);
    assert_int_equal(option_of(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
    close_opened(&opened);
}

static void test_unix(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int type;
    } kinds[] = {
        {"unix:gt", SOCK_STREAM}, {"unixgram:gt", SOCK_DGRAM}, {"unixpacket:gt", SOCK_SEQPACKET}};
    for (int i = 0; i < 3; i++) {
        int fd = unix_socket("gt", kinds[i].type);
        if (kinds[i].type != SOCK_DGRAM)
            assert_int_equal(listen(fd, 1), 0);
        struct opened opened = take(fd);
        assert_string_equal(opened.list[0].name, kinds[i].name);
        assert_int_equal(opened.list[0].type, kinds[i].type);
        assert_int_equal(opened.list[0].family, AF_UNIX);
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_PASSCRED), kinds[i].type == SOCK_DGRAM);
        close_opened(&opened);
        assert_int_equal(unlink("gt"), 0); /* not ours to remove */
    }
}

static void test_abstract(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@test_socket-%d", (int)getpid());
    struct opened opened = take(unix_socket(name, SOCK_DGRAM));
    assert_memory_equal(opened.list[0].name, "unixgram:", 9);
    assert_string_equal(opened.list[0].name + 9, name);
    close_opened(&opened);
}

static void refuses_descriptor(int fd, const char *why)
{
    char text[16], sentence[160];
    snprintf(text, sizeof(text), "fd:%d", fd);
    snprintf(sentence, sizeof(sentence), "cannot listen on fd:%d: %s", fd, why);
    fails(text, sentence);
    close(fd);
}

static void test_what_is_no_listener(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    refuses_descriptor(ends[0], "it is not a socket");
    refuses_descriptor(ends[1], "it is not a socket");
    refuses_descriptor(socket(AF_INET, SOCK_STREAM, 0), "it does not listen");
    refuses_descriptor(socket(AF_UNIX, SOCK_SEQPACKET, 0), "it does not listen");
    refuses_descriptor(socket(AF_INET, SOCK_DGRAM, 0), "it is not bound to an address");
    refuses_descriptor(socket(AF_INET6, SOCK_DGRAM, 0), "it is not bound to an address");
    refuses_descriptor(socket(AF_UNIX, SOCK_DGRAM, 0), "it is not bound to an address");
    refuses_descriptor(socket(AF_NETLINK, SOCK_RAW, 0),
                       "it is neither a TCP, nor a UDP, nor a Unix socket");
    int other = ip_socket(SOCK_DGRAM, IPPROTO_UDPLITE);
    if (other >= 0)
        refuses_descriptor(other, "it is neither a TCP, nor a UDP, nor a Unix socket");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    refuses_descriptor(ends[0], "it is a connection, not what connections are accepted from; a "
                                ".socket unit has Accept=no");
    close(ends[1]);
    refuses_descriptor(777, "Bad file descriptor (EBADF, errno 9)");
}

/* ---- by a service manager ---- */

#define FIRST 3

/* Move a descriptor to a number, as a service manager does, and say how many there are. */
static void hand_in(int fd, int number, const char *count, const char *names)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (fd != number) {
        assert_int_equal(dup2(fd, number), number);
        close(fd);
    }
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

static int end_of_service(void **state)
{
    (void)state;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

static void test_systemd(void **state)
{
    (void)state;
    char name[64];
    int stream = fcntl(ip_socket(SOCK_STREAM, 0), F_DUPFD, 20);
    int datagrams = fcntl(ip_socket(SOCK_DGRAM, 0), F_DUPFD, 20);
    snprintf(name, sizeof(name), "@test_socket-%d", (int)getpid());
    int packets = fcntl(unix_socket(name, SOCK_SEQPACKET), F_DUPFD, 20);
    assert_int_equal(listen(stream, 1) | listen(packets, 1), 0);
    for (int fd = FIRST; fd < 20; fd++)
        close(fd);
    hand_in(stream, FIRST, "3", "web:statsd:web");
    hand_in(datagrams, FIRST + 1, "3", "web:statsd:web");
    hand_in(packets, FIRST + 2, "3", "web:statsd:web");
    struct opened opened = opens("systemd:web", NULL);
    assert_int_equal(opened.count, 2);
    assert_int_equal(opened.list[0].fd, FIRST);
    assert_int_equal(opened.list[1].fd, FIRST + 2);
    assert_int_equal(opened.list[1].type, SOCK_SEQPACKET);
    opened = opens("systemd:statsd", NULL);
    assert_int_equal(opened.count, 1);
    assert_int_equal(opened.list[0].fd, FIRST + 1);
    assert_int_equal(opened.list[0].type, SOCK_DGRAM);
    fails("systemd:mail", "cannot listen on systemd:mail: no socket is called 'mail'");
    opened = opens("systemd", NULL);
    assert_int_equal(opened.count, 3);
    close_opened(&opened);
}

/* One that cannot be served: none is, and all stay open, for they are another's. */
static void test_systemd_all_or_none(void **state)
{
    (void)state;
    int stream = fcntl(ip_socket(SOCK_STREAM, 0), F_DUPFD, 20);
    int deaf = fcntl(ip_socket(SOCK_STREAM, 0), F_DUPFD, 20);
    assert_int_equal(listen(stream, 1), 0);
    for (int fd = FIRST; fd < 20; fd++)
        close(fd);
    hand_in(stream, FIRST, "2", "a:b");
    hand_in(deaf, FIRST + 1, "2", "a:b");
    fails("systemd", "cannot listen on fd:4: it does not listen; the one who hands it in calls "
                     "listen");
    assert_int_equal(close(FIRST) | close(FIRST + 1), 0);
}

static void test_no_service_manager(void **state)
{
    (void)state;
    fails("systemd", "cannot listen on systemd: LISTEN_PID is not set: no service manager");
    fails("systemd:web", "cannot listen on systemd:web: LISTEN_PID is not set: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_udp_of_both_families),
        IN_FOLDER(test_unix),
        cmocka_unit_test(test_abstract),
        cmocka_unit_test(test_what_is_no_listener),
        cmocka_unit_test_teardown(test_systemd, end_of_service),
        cmocka_unit_test_teardown(test_systemd_all_or_none, end_of_service),
        cmocka_unit_test(test_no_service_manager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
