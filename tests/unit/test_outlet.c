/* Standard output in all its kinds, made fit for an engine. */
#include "engine/engine.h"
#include "goodtalk.h"
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct outlet open_outlet(int fd)
{
    struct outlet outlet = {.fd = -1};
    struct error error = {0};
    assert_int_equal(outlet_open(&outlet, fd, &error), GT_DONE);
    return outlet;
}

static bool non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    assert_true(flags >= 0);
    return flags & O_NONBLOCK;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* That fd became a non-blocking stream of its own, and that others who share fd see no change. */
static void assert_reopened(int fd)
{
    struct outlet outlet = open_outlet(fd);
    struct stat before, after;
    assert_int_equal(outlet.mode, WRITE_STREAM);
    assert_true(outlet.owned);
    assert_int_not_equal(outlet.fd, fd);
    assert_true(non_blocking(outlet.fd));
    assert_true(fcntl(outlet.fd, F_GETFD) & FD_CLOEXEC);
    assert_false(non_blocking(fd));
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(fstat(outlet.fd, &after), 0);
    assert_true(before.st_dev == after.st_dev && before.st_ino == after.st_ino);
    int reopened = outlet.fd;
    outlet_close(&outlet);
    assert_false(is_open(reopened));
    assert_true(is_open(fd));
}

static void assert_used_as_it_is(int fd, enum write_mode mode)
{
    bool blocked = !non_blocking(fd);
    struct outlet outlet = open_outlet(fd);
    assert_int_equal(outlet.fd, fd);
    assert_int_equal(outlet.mode, mode);
    assert_false(outlet.owned);
    assert_true(non_blocking(fd) == !blocked);
    outlet_close(&outlet);
    assert_true(is_open(fd));
}

static void test_pipe_is_reopened(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_reopened(ends[1]);
    close(ends[0]);
    close(ends[1]);
}

static void test_reopened_pipe_reaches_its_reader(void **state)
{
    (void)state;
    int ends[2];
    char heard[8] = "";
    assert_int_equal(pipe(ends), 0);
    struct outlet outlet = open_outlet(ends[1]);
    assert_int_equal(write(outlet.fd, "hello", 5), 5);
    assert_int_equal(read(ends[0], heard, sizeof heard), 5);
    assert_string_equal(heard, "hello");
    outlet_close(&outlet);
    close(ends[0]);
    close(ends[1]);
}

static void test_terminal_is_reopened(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0)
        skip();
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_reopened(terminal);
    close(terminal);
    close(master);
}

/* A FIFO whose reader has gone cannot be reopened (ENXIO): its first write will say so. */
static void test_fifo_without_reader_is_used_as_it_is(void **state)
{
    (void)state;
    char directory[] = "/tmp/goodtalk-outlet-XXXXXX", path[sizeof directory + 5];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    int fd = open(path, O_WRONLY);
    assert_true(reader >= 0 && fd >= 0);
    assert_reopened(fd);
    close(reader);
    assert_used_as_it_is(fd, WRITE_STREAM);
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(directory), 0);
}

static void test_pipe_without_reader_says_so_when_written(void **state)
{
    (void)state;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    struct outlet outlet = open_outlet(ends[1]);
    assert_int_equal(outlet.mode, WRITE_STREAM);
    assert_int_equal(write(outlet.fd, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    outlet_close(&outlet);
    close(ends[1]);
}

static void test_socket_is_sent_to(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_used_as_it_is(ends[0], WRITE_SOCKET);
    close(ends[0]);
    close(ends[1]);
}

static void test_file_keeps_its_position(void **state)
{
    (void)state;
    char path[] = "/tmp/goodtalk-outlet-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "before", 6), 6);
    assert_used_as_it_is(fd, WRITE_FILE);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);
    close(fd);
}

static void test_devices_are_written_as_files(void **state)
{
    (void)state;
    static const char *const paths[] = {"/dev/null", "/dev/full"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        int fd = open(paths[i], O_WRONLY);
        assert_true(fd >= 0);
        assert_used_as_it_is(fd, WRITE_FILE);
        close(fd);
    }
}

static void assert_refused(int fd, int number, const char *sentence)
{
    struct outlet outlet = {.fd = -1};
    struct error error = {0};
    assert_int_equal(outlet_open(&outlet, fd, &error), GT_FAILED);
    assert_int_equal(error.status, GT_FAILED);
    assert_int_equal(error.number, number);
    assert_string_equal(error.text, sentence);
}

static void test_read_only_is_refused(void **state)
{
    (void)state;
    int ends[2];
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(pipe(ends), 0);
    const char *sentence = "cannot write to standard output: it is open for reading only";
    assert_refused(fd, 0, sentence);
    assert_refused(ends[0], 0, sentence);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static void test_closed_is_refused(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY);
    close(fd);
    assert_refused(fd, EBADF,
                   "cannot write to standard output: Bad file descriptor (EBADF, errno 9)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe_is_reopened),
        cmocka_unit_test(test_reopened_pipe_reaches_its_reader),
        cmocka_unit_test(test_terminal_is_reopened),
        cmocka_unit_test(test_fifo_without_reader_is_used_as_it_is),
        cmocka_unit_test(test_pipe_without_reader_says_so_when_written),
        cmocka_unit_test(test_socket_is_sent_to),
        cmocka_unit_test(test_file_keeps_its_position),
        cmocka_unit_test(test_devices_are_written_as_files),
        cmocka_unit_test(test_read_only_is_refused),
        cmocka_unit_test(test_closed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
