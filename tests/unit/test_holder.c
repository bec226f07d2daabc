/* Who holds a port or a Unix socket: this process, a child with a name, several, nobody, and one
 * that cannot be looked into. */
#include "guard/holder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT 200

/* A socket that has a port of its own, and listens where it can. */
static int open_port(int family, int type, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {0};
    socklen_t size = family == AF_INET ? sizeof(address.ipv4) : sizeof(address.ipv6);
    int fd = socket(family, type, 0);
    if (family == AF_INET6)
        address.ipv6.sin6_addr = in6addr_loopback;
    address.any.sa_family = (sa_family_t)family;
    if (bind(fd, &address.any, size) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0) ||
        getsockname(fd, &address.any, &size) < 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET ? address.ipv4.sin_port : address.ipv6.sin6_port);
    return fd;
}

static int listen_on_port(int family, uint16_t *port)
{
    return open_port(family, SOCK_STREAM, port);
}

static int listen_on_name(const char *name, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* A child with this name, that has every descriptor of ours and stays until ended. */
static pid_t start_child(const char *name)
{
    int started[2];
    char byte;
    assert_int_equal(pipe(started), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        close(started[0]);
        close(started[1]);
        for (;;)
            pause();
    }
    close(started[1]);
    assert_int_equal(read(started[0], &byte, 1), 0);
    close(started[0]);
    return child;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void assert_port_held(uint16_t port, const char *expected)
{
    char text[TEXT];
    assert_true(holder_of_port(SOCK_STREAM, port, text, sizeof(text)));
    assert_string_equal(text, expected);
}

static void test_ourselves(void **state)
{
    (void)state;
    static const int families[] = {AF_INET, AF_INET6};
    for (int i = 0; i < 2; i++) {
        uint16_t port;
        int fd = listen_on_port(families[i], &port);
        if (fd < 0)
            continue; /* no IPv6 here */
        assert_port_held(port, "this process");
        close(fd);
    }
}

/* UDP does not listen: whoever has bound the port holds it, with a peer or without. */
static void test_udp(void **state)
{
    (void)state;
    static const int families[] = {AF_INET, AF_INET6};
    char text[TEXT];
    for (int i = 0; i < 2; i++) {
        uint16_t port;
        struct sockaddr_storage own;
        socklen_t size = sizeof(own);
        int fd = open_port(families[i], SOCK_DGRAM, &port);
        if (fd < 0)
            continue; /* no IPv6 here */
        assert_true(holder_of_port(SOCK_DGRAM, port, text, sizeof(text)));
        assert_string_equal(text, "this process");
        assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&own, size), 0);
        assert_true(holder_of_port(SOCK_DGRAM, port, text, sizeof(text)));
        close(fd);
        assert_false(holder_of_port(SOCK_DGRAM, port, text, sizeof(text)));
    }
}

/* A port of TCP is another than that of UDP. */
static void test_the_other_protocol(void **state)
{
    (void)state;
    uint16_t port;
    char text[TEXT];
    int fd = open_port(AF_INET, SOCK_DGRAM, &port);
    if (holder_of_port(SOCK_STREAM, port, text, sizeof(text)))
        assert_string_not_equal(text, "this process");
    close(fd);
    fd = open_port(AF_INET, SOCK_STREAM, &port);
    if (holder_of_port(SOCK_DGRAM, port, text, sizeof(text)))
        assert_string_not_equal(text, "this process");
    close(fd);
}

static void test_another_process(void **state)
{
    (void)state;
    uint16_t port;
    char expected[TEXT];
    int fd = listen_on_port(AF_INET, &port);
    pid_t child = start_child("a\x1b[2Jb");
    close(fd);
    snprintf(expected, sizeof(expected), "a\\x1b[2Jb (pid %d)", (int)child);
    assert_port_held(port, expected);
    end_child(child);
}

static void test_several_processes(void **state)
{
    (void)state;
    uint16_t port;
    char expected[TEXT];
    int fd = listen_on_port(AF_INET, &port);
    pid_t first = start_child("first"), second = start_child("second");
    close(fd);
    bool wrapped = second < first; /* process numbers start anew now and then */
    snprintf(expected, sizeof(expected), "several processes, among them %s (pid %d)",
             wrapped ? "second" : "first", (int)(wrapped ? second : first));
    assert_port_held(port, expected);
    end_child(first);
    end_child(second);
}

static void test_nobody(void **state)
{
    (void)state;
    uint16_t port;
    char text[TEXT] = "left over";
    int fd = listen_on_port(AF_INET, &port);
    close(fd);
    assert_false(holder_of_port(SOCK_STREAM, port, text, sizeof(text)));
    assert_string_equal(text, "");
    strcpy(text, "left over");
    assert_false(holder_of_unix("/no/such/socket", text, sizeof(text)));
    assert_string_equal(text, "");
    assert_false(holder_of_unix("@no such socket", text, sizeof(text)));
}

/* Not looked into by one who is no longer root. */
static void test_another_user(void **state)
{
    (void)state;
    uint16_t port;
    if (geteuid() != 0)
        skip();
    int fd = listen_on_port(AF_INET, &port);
    pid_t child = fork();
    if (child == 0) {
        char text[TEXT] = "";
        close(fd);
        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        bool known = holder_of_port(SOCK_STREAM, port, text, sizeof(text));
        _exit(known && strcmp(text, "a process of another user (uid 0)") == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(fd);
}

static void test_a_small_buffer(void **state)
{
    (void)state;
    uint16_t port;
    char text[5] = "....";
    int fd = listen_on_port(AF_INET, &port);
    assert_true(holder_of_port(SOCK_STREAM, port, text, sizeof(text)));
    assert_string_equal(text, "this");
    close(fd);
}

/* ---- Unix sockets, in a directory of their own ---- */

static int set_up(void **state)
{
    static char before[4096];
    char *folder = strdup("/tmp/test_holder.XXXXXX");
    *state = before;
    if (!folder || !getcwd(before, sizeof(before)) || !mkdtemp(folder) || chdir(folder) < 0)
        return -1;
    free(folder);
    return 0;
}

static int tear_down(void **state)
{
    char folder[4096];
    if (!getcwd(folder, sizeof(folder)) || chdir(*state) < 0)
        return -1;
    return rmdir(folder);
}

static void assert_unix_held(const char *name, const char *expected)
{
    char text[TEXT];
    assert_true(holder_of_unix(name, text, sizeof(text)));
    assert_string_equal(text, expected);
}

static void test_unix_path(void **state)
{
    (void)state;
    char path[4096 + 16], expected[TEXT];
    assert_non_null(getcwd(path, 4096));
    strcat(path, "/a socket");
    int fd = listen_on_name(path, SOCK_STREAM);
    assert_unix_held(path, "this process");
    assert_unix_held("a socket", "this process"); /* the same file by another name */
    pid_t child = start_child("holds");
    close(fd);
    snprintf(expected, sizeof(expected), "holds (pid %d)", (int)child);
    assert_unix_held(path, expected);
    end_child(child);
    unlink(path);
}

static void test_unix_relative_path(void **state)
{
    (void)state;
    char text[TEXT];
    int fd = listen_on_name("gt", SOCK_STREAM);
    assert_unix_held("gt", "this process");
    /* The same words in another directory are another socket. */
    assert_int_equal(mkdir("other", 0700), 0);
    assert_int_equal(chdir("other"), 0);
    pid_t child = start_child("elsewhere");
    assert_int_equal(chdir(".."), 0);
    assert_unix_held("gt", "this process");
    end_child(child);
    assert_int_equal(rmdir("other"), 0);
    close(fd);
    assert_false(holder_of_unix("gt", text, sizeof(text)));
    unlink("gt");
}

static void test_unix_datagram(void **state)
{
    (void)state;
    int fd = listen_on_name("datagrams", SOCK_DGRAM);
    assert_unix_held("datagrams", "this process");
    close(fd);
    unlink("datagrams");
}

static void test_abstract(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "@test_holder-%d", (int)getpid());
    int fd = listen_on_name(name, SOCK_STREAM);
    assert_unix_held(name, "this process");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ourselves),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_the_other_protocol),
        cmocka_unit_test(test_another_process),
        cmocka_unit_test(test_several_processes),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_another_user),
        cmocka_unit_test(test_a_small_buffer),
        cmocka_unit_test_setup_teardown(test_unix_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_relative_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_datagram, set_up, tear_down),
        cmocka_unit_test(test_abstract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
