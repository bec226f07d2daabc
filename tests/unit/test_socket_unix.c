/* Listening on Unix sockets: stale files are replaced, anything else is left alone. */
#include "socket_side.h"

#include <errno.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_unix),
        IN_FOLDER(test_a_name_is_escaped),
        IN_FOLDER(test_longest_path),
        IN_FOLDER(test_a_stale_socket_is_replaced),
        IN_FOLDER(test_a_live_socket_is_not),
        IN_FOLDER(test_one_with_a_full_queue_is_alive),
        IN_FOLDER(test_anything_else_is_left_alone),
        IN_FOLDER(test_mode),
        IN_FOLDER(test_owner),
        IN_FOLDER(test_an_owner_that_cannot_be),
        IN_FOLDER(test_only_our_own_file_is_removed),
        cmocka_unit_test(test_abstract),
        IN_FOLDER(test_the_directory_is_locked_meanwhile),
        IN_FOLDER(test_a_directory_locked_by_another),
        IN_FOLDER(test_one_starter_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
