/* The limit of open files, and standard descriptors that were closed; each in a process of its own.
 */
#include "guard/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The status of a child that does this. */
static int in_child(int (*job)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(job());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int raise_from_ten(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    int64_t hard = (int64_t)limit.rlim_max;
    limit.rlim_cur = 10;
    setrlimit(RLIMIT_NOFILE, &limit);
    int64_t raised = descriptors_raise();
    getrlimit(RLIMIT_NOFILE, &limit);
    return raised == hard && (int64_t)limit.rlim_cur == hard ? 0 : 1;
}

static int raise_where_it_is(void)
{
    struct rlimit limit = {64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    return descriptors_raise() == 64 ? 0 : 1;
}

static void test_the_limit_is_raised(void **state)
{
    (void)state;
    assert_int_equal(in_child(raise_from_ten), 0);
    assert_int_equal(in_child(raise_where_it_is), 0);
}

static int fill_none(void)
{
    return (int)descriptors_fill_standard();
}

static int is_null_device(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
}

static int fill_all(void)
{
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    if (descriptors_fill_standard() != 7)
        return 1;
    for (int fd = 0; fd <= 2; fd++)
        if (!is_null_device(fd))
            return 2;
    /* What is meant for standard output is not swallowed; what is told, is. */
    if (write(1, "x", 1) != -1 || errno != EBADF)
        return 3;
    char byte;
    return read(0, &byte, 1) == 0 && write(2, "x", 1) == 1 ? 0 : 4;
}

static int fill_one(void)
{
    close(1);
    unsigned closed = descriptors_fill_standard();
    return closed == 2 && is_null_device(1) && descriptors_fill_standard() == 0 ? 0 : 1;
}

static void test_closed_ones_are_filled(void **state)
{
    (void)state;
    assert_int_equal(in_child(fill_none), 0);
    assert_int_equal(in_child(fill_one), 0);
    assert_int_equal(in_child(fill_all), 0);
}

int main(void)
{
    /* Whatever those who run this have closed. */
    descriptors_fill_standard();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_is_raised),
        cmocka_unit_test(test_closed_ones_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
