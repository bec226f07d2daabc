/* How much memory the process may have: the smallest limit, and whose it is. */
#include "guard/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GROUP "the control group's limit of memory"

/* Another /proc and /sys, in a folder of its own. */
static char root[] = "/tmp/test_memory.XXXXXX";

static void make(const char *path, const char *content)
{
    char full[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(root, "/tmp/test_memory.XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static void assert_limit(int64_t bytes, const char *what)
{
    struct memory_limit limit = memory_allowed(root);
    assert_string_equal(limit.what, what);
    assert_int_equal(limit.bytes, bytes);
}

static void the_machine_is_a_limit(void **state)
{
    (void)state;
    assert_limit((int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "physical memory");
}

static void a_group_limits_those_within(void **state)
{
    (void)state;
    make("/proc/self/cgroup", "0::/slice/service\n");
    make("/sys/fs/cgroup/slice/service/memory.max", "max\n");
    assert_string_equal(memory_allowed(root).what, "physical memory");
    make("/sys/fs/cgroup/slice/memory.max", "52428800\n");
    assert_limit(52428800, GROUP);
    make("/sys/fs/cgroup/slice/service/memory.max", "41943040\n");
    assert_limit(41943040, GROUP);
}

/* As a container sees it: the name is of another world. */
static void the_top_counts_where_the_name_is_not_found(void **state)
{
    (void)state;
    make("/proc/self/cgroup", "0::/../../elsewhere\n");
    make("/sys/fs/cgroup/memory.max", "52428800\n");
    assert_limit(52428800, GROUP);
}

static void groups_of_the_older_kind(void **state)
{
    (void)state;
    make("/proc/self/cgroup", "12:cpu,cpuacct:/cpu\n4:memory:/box\n1:name=systemd:/\n");
    make("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "31457280\n");
    make("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    make("/sys/fs/cgroup/cpu/memory.max", "1\n");
    assert_limit(31457280, GROUP);
}

static void what_is_no_number_limits_nothing(void **state)
{
    (void)state;
    make("/proc/self/cgroup", "nonsense\n0:\n0::\n0::/a\n");
    make("/sys/fs/cgroup/a/memory.max", "much\n");
    assert_string_equal(memory_allowed(root).what, "physical memory");
}

static void the_process_has_limits(void **state)
{
    (void)state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
    limit = before;
    limit.rlim_cur = 40 << 20;
    assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
    struct memory_limit found = memory_allowed(root);
    assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
    assert_int_equal(found.bytes, 40 << 20);
    assert_string_equal(found.what, "the limit of data, ulimit -d");
}

#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOT(the_machine_is_a_limit),
        IN_ROOT(a_group_limits_those_within),
        IN_ROOT(the_top_counts_where_the_name_is_not_found),
        IN_ROOT(groups_of_the_older_kind),
        IN_ROOT(what_is_no_number_limits_nothing),
        IN_ROOT(the_process_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
