/* Listening sockets: opened as their addresses say, refused with the reason, and nothing left
 * behind. */
#include "socket_side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <goodtalk.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Whether a client gets through to a port at a numeric host. */
static bool can_connect(const char *host, uint16_t port)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool colons = strchr(host, ':') != NULL;
    int fd = socket(colons ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET6, host, &ipv6.sin6_addr);
    inet_pton(AF_INET, host, &ipv4.sin_addr);
    int result = colons ? connect(fd, (struct sockaddr *)&ipv6, sizeof(ipv6))
                        : connect(fd, (struct sockaddr *)&ipv4, sizeof(ipv4));
    close(fd);
    return result == 0;
}

/* ---- TCP ---- */

static void test_tcp_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *option, *name;
        bool ipv4, ipv6;
    } forms[] = {
        {"0", NULL, "tcp:[::]:", true, true},
        {":0", NULL, "tcp:[::]:", true, true},
        {"tcp4:0", NULL, "tcp:0.0.0.0:", true, false},
        {"0", "ipv4", "tcp:0.0.0.0:", true, false},
        {"tcp6:0", NULL, "tcp:[::]:", false, true},
        {"0", "ipv6", "tcp:[::]:", false, true},
        {"127.0.0.1:0", NULL, "tcp:127.0.0.1:", true, false},
        {"[::1]:0", NULL, "tcp:[::1]:", false, true},
        {"[::]:0", NULL, "tcp:[::]:", false, true},
        {"localhost:0", "ipv4", "tcp:127.0.0.1:", true, false},
    };
    if (!has_ipv6())
        skip();
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *pairs[] = {forms[i].option, NULL, NULL};
        struct opened opened = opens(forms[i].text, pairs);
        assert_int_equal(opened.count, 1);
        assert_memory_equal(opened.list[0].name, forms[i].name, strlen(forms[i].name));
        assert_true(opened.list[0].chosen);
        assert_int_equal(opened.list[0].type, SOCK_STREAM);
        assert_int_equal(opened.list[0].family, strchr(forms[i].name, '[') ? AF_INET6 : AF_INET);
        assert_string_equal(opened.list[0].path, "");
        uint16_t port = port_of(&opened.list[0]);
        assert_int_equal(can_connect("127.0.0.1", port), forms[i].ipv4);
        assert_int_equal(can_connect("::1", port), forms[i].ipv6);
        close_opened(&opened);
    }
}

static void test_what_connections_inherit(void **state)
{
    (void)state;
    struct opened opened = opens("127.0.0.1:0", NULL);
    int listener = opened.list[0].fd;
    assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
    assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
    assert_int_equal(option_of(listener, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option_of(listener, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(accept(listener, NULL, NULL), -1);
    assert_true(can_connect("127.0.0.1", port_of(&opened.list[0])));
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
    close(fd);
    close_opened(&opened);
}

static void test_a_host_is_all_its_addresses_on_one_port(void **state)
{
    (void)state;
    struct opened opened = opens("localhost:0", NULL);
    assert_true(opened.count >= 1);
    for (unsigned i = 0; i < opened.count; i++) {
        assert_int_equal(port_of(&opened.list[i]), port_of(&opened.list[0]));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(opened.list[i].name, opened.list[j].name);
    }
    assert_true(can_connect("127.0.0.1", port_of(&opened.list[0])));
    close_opened(&opened);
}

static void test_a_taken_port(void **state)
{
    (void)state;
    char text[64], sentence[300];
    struct opened opened = opens("127.0.0.1:0", NULL);
    unsigned port = port_of(&opened.list[0]);
    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    snprintf(sentence, sizeof(sentence),
             "cannot listen on 127.0.0.1:%u: Address already in use (EADDRINUSE, errno 98); port "
             "%u is held by this process",
             port, port);
    fails(text, sentence);
    snprintf(text, sizeof(text), "%u", port);
    snprintf(sentence, sizeof(sentence), "cannot listen on port %u: Address already in use", port);
    fails(text, sentence);
    close_opened(&opened);
    opened = opens(text, NULL); /* a restart works at once */
    close_opened(&opened);
}

/* TIME_WAIT at our side does not block the port. */
static void test_restart_after_a_connection(void **state)
{
    (void)state;
    char text[64];
    struct opened opened = opens("127.0.0.1:0", NULL);
    snprintf(text, sizeof(text), "127.0.0.1:%u", port_of(&opened.list[0]));
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    getsockname(opened.list[0].fd, (struct sockaddr *)&address, &size);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, size), 0);
    int fd = accept(opened.list[0].fd, NULL, NULL);
    close(fd); /* first: the waiting is ours */
    close(client);
    close_opened(&opened);
    opened = opens(text, NULL);
    close_opened(&opened);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    fails("192.0.2.1:0", "cannot listen on 192.0.2.1:0: Cannot assign requested address "
                         "(EADDRNOTAVAIL, errno 99); no interface has this address");
    fails("no-such-host.invalid:9", "cannot find the host no-such-host.invalid: ");
    fails("\x1b[2J:9", "cannot find the host \\x1b[2J: ");
}

/* ---- without what this machine has ---- */

/* From here on sockets of a family are refused, as where the kernel has none. */
static bool forbid_family(int family)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)family, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

static int open_without_ipv6(const void *text)
{
    struct settings settings;
    struct address address;
    struct opened opened = {0};
    if (!forbid_family(AF_INET6))
        return 2;
    settings_init(&settings, NULL);
    address_parse(&address, text, FAMILY_ANY, NULL);
    int status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    settings_clear(&settings);
    if (strstr(text, "6") || strstr(text, "[")) /* asked for by name: an error */
        return status == GT_FAILED && strstr(opened.error.text, "EAFNOSUPPORT") ? 0 : 3;
    if (status != GT_DONE || opened.count != 1)
        return 4;
    return can_connect("127.0.0.1", port_of(&opened.list[0])) ? 0 : 5;
}

static void test_without_ipv6(void **state)
{
    (void)state;
    assert_in_child(open_without_ipv6, "0");
    assert_in_child(open_without_ipv6, "localhost:0");
    assert_in_child(open_without_ipv6, "tcp6:0");
    assert_in_child(open_without_ipv6, "[::1]:0");
}

static int open_as_nobody(const void *text)
{
    struct settings settings;
    struct address address;
    struct opened opened = {0};
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 2;
    settings_init(&settings, NULL);
    address_parse(&address, text, FAMILY_ANY, NULL);
    int status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    settings_clear(&settings);
    return status == GT_FAILED && strstr(opened.error.text, "EACCES") &&
                   strstr(opened.error.text, "need root or CAP_NET_BIND_SERVICE")
               ? 0
               : 1;
}

static void test_low_ports_need_privileges(void **state)
{
    (void)state;
    int start = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    if (file) {
        assert_int_equal(fscanf(file, "%d", &start), 1);
        fclose(file);
    }
    if (geteuid() != 0 || start < 3)
        skip();
    assert_in_child(open_as_nobody, "127.0.0.1:2");
}

/* ---- buffers ---- */

/* In the units that are asked for. */
static int buffer_of(int fd, int option)
{
    return option_of(fd, SOL_SOCKET, option) / 2;
}

static void test_buffers_are_as_asked_for(void **state)
{
    (void)state;
    const char *pairs[] = {"send-buffer", "20KiB", "receive-buffer", "30KiB", NULL};
    const char *const kinds[] = {"127.0.0.1:0", "udp:127.0.0.1:0"};
    for (int i = 0; i < 2; i++) {
        struct opened opened = opens(kinds[i], pairs);
        assert_int_equal(buffer_of(opened.list[0].fd, SO_SNDBUF), 20 * 1024);
        assert_int_equal(buffer_of(opened.list[0].fd, SO_RCVBUF), 30 * 1024);
        close_opened(&opened);
    }
}

/* A connection has its listener's. */
static void test_connections_inherit_their_buffers(void **state)
{
    (void)state;
    const char *pairs[] = {"send-buffer", "20KiB", "receive-buffer", "30KiB", NULL};
    struct opened opened = opens("127.0.0.1:0", pairs);
    assert_true(can_connect("127.0.0.1", port_of(&opened.list[0])));
    int fd = accept(opened.list[0].fd, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(buffer_of(fd, SO_SNDBUF), 20 * 1024);
    assert_int_equal(buffer_of(fd, SO_RCVBUF), 30 * 1024);
    close(fd);
    close_opened(&opened);
}

/* Who is there for whoever comes has a bound; who waits for one file leaves it to the system. */
static void test_only_a_kept_server_has_a_bound_by_itself(void **state)
{
    (void)state;
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    static const struct {
        const char *name, *value;
        bool bounded;
    } cases[] = {{"keep", "on", true}, {"count", "1", false}, {"connections", "1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *pairs[] = {cases[i].name, cases[i].value, NULL};
        struct opened opened = opens("127.0.0.1:0", pairs);
        int size = option_of(opened.list[0].fd, SOL_SOCKET, SO_SNDBUF);
        if (cases[i].bounded)
            assert_in_range(size, 2 * 64 * 1024, 2 * SOCKET_BUFFER_BYTES);
        else
            assert_int_equal(size, option_of(plain, SOL_SOCKET, SO_SNDBUF));
        close_opened(&opened);
    }
    close(plain);
}

static int ask_for_too_much(const void *argument)
{
    const char *pairs[] = {"receive-buffer", "1GiB", NULL};
    (void)argument;
    if (geteuid() == 0 && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
        return 1; /* root may go beyond the limit */
    struct opened opened = open_with("127.0.0.1:0", pairs);
    const char *begins = "--receive-buffer 1 GiB: the system allows ";
    bool refused = opened.status == GT_FAILED && opened.count == 0 &&
                   strncmp(opened.error.text, begins, strlen(begins)) == 0 &&
                   strstr(opened.error.text, "net.core.rmem_max");
    return refused ? 0 : 1;
}

static void test_more_than_the_system_allows_is_refused(void **state)
{
    (void)state;
    assert_in_child(ask_for_too_much, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffers_are_as_asked_for),
        cmocka_unit_test(test_connections_inherit_their_buffers),
        cmocka_unit_test(test_only_a_kept_server_has_a_bound_by_itself),
        cmocka_unit_test(test_more_than_the_system_allows_is_refused),
        cmocka_unit_test(test_tcp_forms),
        cmocka_unit_test(test_what_connections_inherit),
        cmocka_unit_test(test_a_host_is_all_its_addresses_on_one_port),
        cmocka_unit_test(test_a_taken_port),
        cmocka_unit_test(test_restart_after_a_connection),
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_without_ipv6),
        cmocka_unit_test(test_low_ports_need_privileges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
