/* Unix sockets of datagrams and of packets: opened, dressed and replaced as those of streams are.
 */
#include "socket_side.h"

#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket connected to a path: its descriptor. */
static int reach(const char *path, int type)
{
    struct place place = place_of_unix(path);
    int fd = socket(AF_UNIX, type, 0);
    assert_int_equal(connect(fd, &place.any, place.size), 0);
    return fd;
}

static struct stat look(const char *path)
{
    struct stat found = {0};
    assert_int_equal(lstat(path, &found), 0);
    return found;
}

static void assert_opened(const struct opened *opened, int type, const char *name)
{
    assert_int_equal(opened->count, 1);
    assert_int_equal(opened->list[0].type, type);
    assert_int_equal(opened->list[0].family, AF_UNIX);
    assert_string_equal(opened->list[0].name, name);
    assert_int_equal(option_of(opened->list[0].fd, SOL_SOCKET, SO_TYPE), type);
    assert_true(fcntl(opened->list[0].fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(fcntl(opened->list[0].fd, F_GETFD), FD_CLOEXEC);
}

/* Receive a datagram with who sent it. */
static struct ucred receive_credentials(int fd)
{
    char bytes[8];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {bytes, sizeof(bytes)};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    struct ucred sender;
    assert_int_equal(recvmsg(fd, &header, 0), 5);
    const struct cmsghdr *found = CMSG_FIRSTHDR(&header);
    assert_non_null(found);
    assert_int_equal(found->cmsg_type, SCM_CREDENTIALS);
    memcpy(&sender, CMSG_DATA(found), sizeof(sender));
    return sender;
}

static void test_datagrams(void **state)
{
    (void)state;
    struct opened opened = opens("unixgram:gt", NULL);
    assert_opened(&opened, SOCK_DGRAM, "unixgram:gt");
    assert_string_equal(opened.list[0].path, "gt");
    assert_int_equal(opened.list[0].inode, look("gt").st_ino);
    int fd = reach("gt", SOCK_DGRAM);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    struct ucred sender = receive_credentials(opened.list[0].fd);
    assert_int_equal(sender.pid, getpid());
    assert_int_equal(sender.uid, getuid());
    close(fd);
    close_opened(&opened);
    assert_int_equal(access("gt", F_OK), -1);
}

static void test_packets(void **state)
{
    (void)state;
    struct opened opened = opens("unixpacket:gt", NULL);
    assert_opened(&opened, SOCK_SEQPACKET, "unixpacket:gt");
    int client = reach("gt", SOCK_SEQPACKET);
    int fd = accept(opened.list[0].fd, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
    close(client);
    close_opened(&opened);
    assert_int_equal(access("gt", F_OK), -1);
}

static void test_abstract(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int type;
    } kinds[] = {{"unixgram", SOCK_DGRAM}, {"unixpacket", SOCK_SEQPACKET}};
    for (int i = 0; i < 2; i++) {
        char text[80], sentence[200];
        snprintf(text, sizeof(text), "%s:@test_socket-%d", kinds[i].kind, (int)getpid());
        struct opened opened = opens(text, NULL);
        assert_opened(&opened, kinds[i].type, text);
        assert_string_equal(opened.list[0].path, "");
        close(reach(strchr(text, '@'), kinds[i].type));
        snprintf(sentence, sizeof(sentence),
                 "cannot listen on %s: Address already in use (EADDRINUSE, errno 98); it is held "
                 "by this process",
                 text);
        fails(text, sentence);
        close_opened(&opened);
    }
}

static const char *const kinds[] = {"unix", "unixgram", "unixpacket"};
static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

/* Each kind replaces what any kind has left behind. */
static void test_a_stale_socket_is_replaced(void **state)
{
    (void)state;
    for (int old = 0; old < 3; old++) {
        for (int new = 0; new < 3; new ++) {
            char text[32];
            close(unix_socket("gt", types[old]));
            snprintf(text, sizeof(text), "%s:gt", kinds[new]);
            struct opened opened = opens(text, NULL);
            close(reach("gt", types[new]));
            close_opened(&opened);
        }
    }
}

/* And none takes the place of one that is alive. */
static void test_a_live_socket_is_not(void **state)
{
    (void)state;
    for (int old = 0; old < 3; old++) {
        int fd = unix_socket("gt", types[old]);
        if (types[old] != SOCK_DGRAM)
            assert_int_equal(listen(fd, 16), 0); /* nobody accepts who knocks */
        for (int new = 0; new < 3; new ++) {
            char text[32], sentence[200];
            snprintf(text, sizeof(text), "%s:gt", kinds[new]);
            snprintf(sentence, sizeof(sentence),
                     "cannot listen on %s: Address already in use (EADDRINUSE, errno 98); it is "
                     "held by this process",
                     text);
            fails(text, sentence);
            close(reach("gt", types[old]));
        }
        close(fd);
        unlink("gt");
    }
}

/* A datagram socket that talks to one peer only refuses others: alive all the same. */
static void test_a_datagram_socket_with_a_peer_is_alive(void **state)
{
    (void)state;
    int peer = unix_socket("peer", SOCK_DGRAM);
    int fd = unix_socket("gt", SOCK_DGRAM);
    struct place place = place_of_unix("peer");
    assert_int_equal(connect(fd, &place.any, place.size), 0);
    fails("unixgram:gt", "cannot listen on unixgram:gt: Address already in use");
    close(fd);
    close(peer);
    unlink("gt");
    unlink("peer");
}

static void test_anything_else_is_left_alone(void **state)
{
    (void)state;
    close(open("other", O_CREAT | O_WRONLY, 0600));
    fails("unixgram:other", "cannot listen on unixgram:other: there is a regular file in its "
                            "place; it is left alone");
    fails("unixpacket:other", "cannot listen on unixpacket:other: there is a regular file");
    assert_int_equal(unlink("other"), 0);
}

/* ---- mode and owner ---- */

static mode_t mode_when_bound;

/* The library's bind, in whose place this stands, and a look at the file as it was made: from then
 * on it can be sent to. */
int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    struct stat made;
    int result = (int)syscall(SYS_bind, fd, address, size);
    if (result == 0 && lstat("gt", &made) == 0)
        mode_when_bound = made.st_mode & 07777;
    return result;
}

static void test_mode(void **state)
{
    (void)state;
    static const char *const modes[] = {"0600", "0666", "0", "777"};
    static const mode_t umasks[] = {0, 022, 0777};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            const char *pairs[] = {"socket-mode", modes[i], NULL};
            mode_t wanted = (mode_t)strtol(modes[i], NULL, 8);
            mode_t before = umask(umasks[j]);
            struct opened opened = opens("unixgram:gt", pairs);
            umask(before);
            assert_int_equal(look("gt").st_mode & 07777, wanted);
            assert_int_equal(mode_when_bound & ~wanted, 0);
            close_opened(&opened);
        }
    }
}

/* Before it is given away nobody may send to it: our group is not the one that was meant. */
static void test_owner(void **state)
{
    (void)state;
    const char *pairs[] = {"socket-owner", "1234:4321", "socket-mode", "0660", NULL};
    if (geteuid() != 0)
        skip();
    for (int i = 1; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%s:gt", kinds[i]);
        struct opened opened = opens(text, pairs);
        struct stat found = look("gt");
        assert_int_equal(found.st_uid, 1234);
        assert_int_equal(found.st_gid, 4321);
        assert_int_equal(found.st_mode & 07777, 0660);
        if (types[i] == SOCK_DGRAM)
            assert_int_equal(mode_when_bound, 0);
        close_opened(&opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_datagrams),
        IN_FOLDER(test_packets),
        cmocka_unit_test(test_abstract),
        IN_FOLDER(test_a_stale_socket_is_replaced),
        IN_FOLDER(test_a_live_socket_is_not),
        IN_FOLDER(test_a_datagram_socket_with_a_peer_is_alive),
        IN_FOLDER(test_anything_else_is_left_alone),
        IN_FOLDER(test_mode),
        IN_FOLDER(test_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
