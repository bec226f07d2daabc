/* Listening sockets: opened as their addresses say, refused with the reason, and nothing left
 * behind. */
#include "serve/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* What an address opened. */
struct opened {
    struct listening_socket list[SOCKETS_MAX];
    unsigned count;
    struct error error;
    int status;
};

/* Open an address with these settings (name, value, name, value, NULL). */
static struct opened open_with(const char *text, const char *const *pairs)
{
    struct opened opened = {.count = 77};
    struct settings settings;
    struct address address;
    assert_int_equal(settings_init(&settings, NULL), GT_DONE);
    for (; pairs && *pairs; pairs += 2)
        assert_int_equal(settings_set(&settings, pairs[0], pairs[1], NULL), GT_DONE);
    assert_int_equal(
        address_parse(&address, text, (enum address_family)settings.family, &opened.error), 0);
    opened.status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    settings_clear(&settings);
    if (opened.status != GT_DONE)
        assert_int_equal(opened.count, 0);
    return opened;
}

static struct opened opens(const char *text, const char *const *pairs)
{
    struct opened opened = open_with(text, pairs);
    assert_string_equal(opened.error.text, "");
    assert_int_equal(opened.status, GT_DONE);
    return opened;
}

static void close_opened(struct opened *opened)
{
    for (unsigned i = 0; i < opened->count; i++) {
        socket_remove_file(&opened->list[i]);
        assert_int_equal(close(opened->list[i].fd), 0);
    }
}

static void fails(const char *text, const char *sentence)
{
    struct opened opened = open_with(text, NULL);
    assert_int_equal(opened.status, GT_FAILED);
    if (strncmp(opened.error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(opened.error.text, sentence);
}

static uint16_t port_of(const struct listening_socket *socket)
{
    return (uint16_t)atoi(strrchr(socket->name, ':') + 1);
}

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

/* The status of a child that does this. */
static void assert_in_child(int (*job)(const void *), const void *argument)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(job(argument));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
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
        assert_string_equal(opened.list[0].path, "");
        uint16_t port = port_of(&opened.list[0]);
        assert_int_equal(can_connect("127.0.0.1", port), forms[i].ipv4);
        assert_int_equal(can_connect("::1", port), forms[i].ipv6);
        close_opened(&opened);
    }
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    getsockopt(fd, level, option, &value, &size);
    return value;
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

/* ---- descriptors handed in ---- */

static void test_descriptor(void **state)
{
    (void)state;
    char text[16];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    snprintf(text, sizeof(text), "fd:%d", fd);
    struct opened opened = opens(text, NULL);
    assert_int_equal(opened.count, 1);
    assert_int_equal(opened.list[0].fd, fd);
    assert_memory_equal(opened.list[0].name, "tcp:127.0.0.1:", 14);
    assert_false(opened.list[0].chosen);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    close_opened(&opened);
}

static void refuses_descriptor(int fd, const char *why)
{
    char text[16], sentence[100];
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
    refuses_descriptor(socket(AF_INET, SOCK_DGRAM, 0), "it is not a stream socket");
    refuses_descriptor(socket(AF_UNIX, SOCK_SEQPACKET, 0), "it is not a stream socket");
    refuses_descriptor(socket(AF_NETLINK, SOCK_RAW, 0), "it is neither a TCP nor a Unix socket");
    refuses_descriptor(777, "Bad file descriptor (EBADF, errno 9)");
}

/* ---- Unix sockets, in a directory of their own ---- */

static int set_up(void **state)
{
    static char before[4096];
    char folder[] = "/tmp/test_socket.XXXXXX";
    *state = before;
    return getcwd(before, sizeof(before)) && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char folder[4096];
    if (!getcwd(folder, sizeof(folder)) || chdir(*state) < 0)
        return -1;
    return rmdir(folder); /* fails where something was left behind */
}

static int unix_socket(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int unix_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return result;
}

static struct stat look(const char *path)
{
    struct stat found = {0};
    assert_int_equal(lstat(path, &found), 0);
    return found;
}

static void test_unix(void **state)
{
    (void)state;
    struct opened opened = opens("unix:gt", NULL);
    assert_int_equal(opened.count, 1);
    assert_string_equal(opened.list[0].name, "unix:gt");
    assert_string_equal(opened.list[0].path, "gt");
    assert_int_equal(opened.list[0].inode, look("gt").st_ino);
    assert_int_equal(unix_connect("gt"), 0);
    int fd = accept(opened.list[0].fd, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
    close_opened(&opened);
    assert_int_equal(access("gt", F_OK), -1);
}

static void test_a_name_is_escaped(void **state)
{
    (void)state;
    struct opened opened = opens("unix:a\x1b[2Jb", NULL);
    assert_string_equal(opened.list[0].name, "unix:a\\x1b[2Jb");
    close_opened(&opened);
}

static void test_longest_path(void **state)
{
    (void)state;
    char text[120] = "unix:";
    memset(text + 5, 'x', 107);
    struct opened opened = opens(text, NULL);
    assert_int_equal(unix_connect(text + 5), 0);
    close_opened(&opened);
}

static void test_a_stale_socket_is_replaced(void **state)
{
    (void)state;
    close(unix_socket("gt", SOCK_STREAM));
    struct opened opened = opens("unix:gt", NULL);
    assert_int_equal(unix_connect("gt"), 0);
    close_opened(&opened);
    close(unix_socket("gt", SOCK_DGRAM));
    opened = opens("unix:gt", NULL);
    close_opened(&opened);
}

static void test_a_live_socket_is_not(void **state)
{
    (void)state;
    const char *sentence = "cannot listen on unix:gt: Address already in use (EADDRINUSE, errno "
                           "98); it is held by this process";
    struct opened opened = opens("unix:gt", NULL);
    ino_t inode = look("gt").st_ino;
    fails("unix:gt", sentence);
    assert_int_equal(look("gt").st_ino, inode);
    close_opened(&opened);
    int fd = unix_socket("gt", SOCK_DGRAM);
    fails("unix:gt", sentence);
    close(fd);
    unlink("gt");
}

static void test_one_with_a_full_queue_is_alive(void **state)
{
    (void)state;
    int listener = unix_socket("gt", SOCK_STREAM);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(unix_connect("gt"), 0); /* fills it */
    fails("unix:gt", "cannot listen on unix:gt: Address already in use");
    close(listener);
    unlink("gt");
}

static void test_anything_else_is_left_alone(void **state)
{
    (void)state;
    close(open("other", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(symlink("other", "link"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    static const char *const cases[][2] = {
        {"other", "a regular file"}, {"link", "a symbolic link"}, {"dangling", "a symbolic link"},
        {"folder", "a directory"},   {"fifo", "a named pipe"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64], sentence[200];
        snprintf(text, sizeof(text), "unix:%s", cases[i][0]);
        snprintf(sentence, sizeof(sentence),
                 "cannot listen on %s: there is %s in its place; it is left alone", text,
                 cases[i][1]);
        fails(text, sentence);
        assert_int_equal(remove(cases[i][0]), 0); /* it was still there */
    }
    fails("unix:no/such/folder", "cannot listen on unix:no/such/folder: No such file or directory");
}

static void test_mode(void **state)
{
    (void)state;
    static const char *const modes[] = {"0600", "0666", "0", "777"};
    static const mode_t umasks[] = {0, 022, 0777};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            const char *pairs[] = {"socket-mode", modes[i], NULL};
            mode_t before = umask(umasks[j]);
            struct opened opened = opens("unix:gt", pairs);
            umask(before);
            assert_int_equal(look("gt").st_mode & 07777, strtol(modes[i], NULL, 8));
            close_opened(&opened);
        }
    }
}

static void test_owner(void **state)
{
    (void)state;
    const char *both[] = {"socket-owner", "1234:4321", "socket-mode", "0660", NULL};
    const char *user[] = {"socket-owner", "1234", NULL};
    if (geteuid() != 0)
        skip();
    struct opened opened = opens("unix:gt", both);
    struct stat found = look("gt");
    assert_int_equal(found.st_uid, 1234);
    assert_int_equal(found.st_gid, 4321);
    assert_int_equal(found.st_mode & 07777, 0660);
    close_opened(&opened);
    opened = opens("unix:gt", user);
    assert_int_equal(look("gt").st_uid, 1234);
    assert_int_equal(look("gt").st_gid, getegid());
    close_opened(&opened);
}

/* What cannot be made as it was asked for is not left there. */
static int give_away_as_nobody(const void *unused)
{
    (void)unused;
    struct settings settings;
    struct address address;
    struct opened opened = {0};
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 2;
    settings_init(&settings, NULL);
    settings_set(&settings, "socket-owner", "1234", NULL);
    address_parse(&address, "unix:gt", FAMILY_ANY, NULL);
    int status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    settings_clear(&settings);
    return status == GT_FAILED && opened.error.number == EPERM && access("gt", F_OK) < 0 ? 0 : 1;
}

static void test_an_owner_that_cannot_be(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(".", 0777), 0);
    assert_in_child(give_away_as_nobody, NULL);
}

static void test_only_our_own_file_is_removed(void **state)
{
    (void)state;
    struct opened opened = opens("unix:gt", NULL);
    unlink("gt");
    close(unix_socket("gt", SOCK_STREAM));
    close_opened(&opened);
    assert_int_equal(unlink("gt"), 0); /* still there */
    opened = opens("unix:gt", NULL);
    unlink("gt");
    close(open("gt", O_CREAT | O_WRONLY, 0600));
    close_opened(&opened);
    assert_int_equal(unlink("gt"), 0);
}

static void test_unix_handed_in(void **state)
{
    (void)state;
    char text[16];
    int fd = unix_socket("gt", SOCK_STREAM);
    assert_int_equal(listen(fd, 1), 0);
    snprintf(text, sizeof(text), "fd:%d", fd);
    struct opened opened = opens(text, NULL);
    assert_string_equal(opened.list[0].name, "unix:gt");
    close_opened(&opened);
    assert_int_equal(unlink("gt"), 0); /* not ours to remove */
}

static void test_abstract(void **state)
{
    (void)state;
    char text[64], sentence[200];
    snprintf(text, sizeof(text), "unix:@test_socket-%d", (int)getpid());
    struct opened opened = opens(text, NULL);
    assert_string_equal(opened.list[0].name, text);
    assert_string_equal(opened.list[0].path, "");
    snprintf(sentence, sizeof(sentence),
             "cannot listen on %s: Address already in use (EADDRINUSE, errno 98); it is held by "
             "this process",
             text);
    fails(text, sentence);
    char handed_in[16];
    snprintf(handed_in, sizeof(handed_in), "fd:%d", opened.list[0].fd);
    struct opened again = opens(handed_in, NULL);
    assert_string_equal(again.list[0].name, text);
    close_opened(&opened);
}

/* ---- starters racing for a stale socket ---- */

static bool watching;
static bool locked_before_listening;

/* The library's listen, in whose place this stands, and a look at the lock when it is called:
 * another starter must not find a socket that is bound and does not listen yet. */
int listen(int fd, int backlog)
{
    if (watching) {
        int folder = open(".", O_RDONLY | O_DIRECTORY);
        locked_before_listening = flock(folder, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        close(folder);
    }
    return (int)syscall(SYS_listen, fd, backlog);
}

static void test_the_directory_is_locked_meanwhile(void **state)
{
    (void)state;
    watching = true;
    struct opened opened = opens("unix:gt", NULL);
    watching = false;
    assert_true(locked_before_listening);
    int folder = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(folder, LOCK_EX | LOCK_NB), 0); /* and not for longer */
    close_opened(&opened);
    close(folder);
}

/* Whoever else locks the directory, for whatever reason, keeps nobody from starting. */
static void test_a_directory_locked_by_another(void **state)
{
    (void)state;
    int folder = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(folder, LOCK_EX), 0);
    struct opened opened = opens("unix:gt", NULL);
    close_opened(&opened);
    close(folder);
}

#define STARTERS 6
#define RACES    20

struct pipes {
    int start[2], tell[2], end[2]; /* start and end are over when they are closed */
};

/* Wait for the start, open, tell whether it worked, and stay until the end. */
static void race(struct pipes *pipes)
{
    char byte;
    struct opened opened = {0};
    struct address address;
    struct settings settings;
    close(pipes->start[1]);
    close(pipes->end[1]);
    watching = true; /* which takes a while between bind and listen */
    settings_init(&settings, NULL);
    address_parse(&address, "unix:gt", FAMILY_ANY, NULL);
    bool started = read(pipes->start[0], &byte, 1) == 0;
    int status = sockets_open(&address, &settings, opened.list, &opened.count, &opened.error);
    if (write(pipes->tell[1], started && status == GT_DONE ? "y" : "n", 1) != 1)
        _exit(1);
    _exit(read(pipes->end[0], &byte, 1) == 0 ? 0 : 1);
}

/* How many of the starters of one race won. */
static int run_race(struct pipes *pipes, pid_t *children)
{
    int won = 0;
    for (int i = 0; i < STARTERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            race(pipes);
    }
    close(pipes->start[1]);
    for (int i = 0; i < STARTERS; i++) {
        char answer;
        assert_int_equal(read(pipes->tell[0], &answer, 1), 1);
        won += answer == 'y';
    }
    return won;
}

static void test_one_starter_wins(void **state)
{
    (void)state;
    for (int i = 0; i < RACES; i++) {
        struct pipes pipes;
        pid_t children[STARTERS];
        close(unix_socket("gt", SOCK_STREAM));
        assert_int_equal(pipe(pipes.start) + pipe(pipes.tell) + pipe(pipes.end), 0);
        assert_int_equal(run_race(&pipes, children), 1);
        assert_int_equal(unix_connect("gt"), 0); /* and can be reached */
        close(pipes.end[1]);
        for (int j = 0; j < STARTERS; j++)
            assert_int_equal(waitpid(children[j], NULL, 0), children[j]);
        close(pipes.start[0]);
        close(pipes.tell[0]);
        close(pipes.tell[1]);
        close(pipes.end[0]);
        unlink("gt");
    }
}

#define ALONE(test)  cmocka_unit_test(test)
#define FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(test_tcp_forms),
        ALONE(test_what_connections_inherit),
        ALONE(test_a_host_is_all_its_addresses_on_one_port),
        ALONE(test_a_taken_port),
        ALONE(test_restart_after_a_connection),
        ALONE(test_what_cannot_be_opened),
        ALONE(test_without_ipv6),
        ALONE(test_low_ports_need_privileges),
        ALONE(test_descriptor),
        ALONE(test_what_is_no_listener),
        FOLDER(test_unix),
        FOLDER(test_a_name_is_escaped),
        FOLDER(test_longest_path),
        FOLDER(test_a_stale_socket_is_replaced),
        FOLDER(test_a_live_socket_is_not),
        FOLDER(test_one_with_a_full_queue_is_alive),
        FOLDER(test_anything_else_is_left_alone),
        FOLDER(test_mode),
        FOLDER(test_owner),
        FOLDER(test_an_owner_that_cannot_be),
        FOLDER(test_only_our_own_file_is_removed),
        FOLDER(test_unix_handed_in),
        ALONE(test_abstract),
        FOLDER(test_the_directory_is_locked_meanwhile),
        FOLDER(test_a_directory_locked_by_another),
        FOLDER(test_one_starter_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
