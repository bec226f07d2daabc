/* The descriptors a service manager hands in: found by their names; what the environment says
 * wrongly is refused. */
#include "guard/handed.h"

#include <fcntl.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST 3
#define ROOM  8

static const char *own_pid(void)
{
    static char text[16];
    snprintf(text, sizeof(text), "%d", (int)getpid());
    return text;
}

/* Set or, for NULL, unset. */
static void set_variable(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void set_environment(const char *pid, const char *count, const char *names)
{
    set_variable("LISTEN_PID", pid);
    set_variable("LISTEN_FDS", count);
    set_variable("LISTEN_FDNAMES", names);
}

/* Have this many descriptors open from the first one on, and not one more. */
static void hand_in(int count)
{
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(dup2(fd, 100), 100);
    close(fd);
    for (fd = FIRST; fd < FIRST + ROOM; fd++) {
        close(fd);
        if (fd < FIRST + count)
            assert_int_equal(dup2(100, fd), fd);
    }
    close(100);
}

static int tear_down(void **state)
{
    (void)state;
    for (int fd = FIRST; fd < FIRST + ROOM; fd++)
        close(fd);
    set_environment(NULL, NULL, NULL);
    return 0;
}

/* Look for a name: the descriptors that must be found, as "345". */
static void finds(const char *name, const char *expected)
{
    int found[ROOM];
    unsigned count = 77;
    char digits[ROOM + 1] = "";
    struct error error = {0};
    assert_int_equal(handed_find(name, found, ROOM, &count, &error), GT_DONE);
    assert_string_equal(error.text, "");
    for (unsigned i = 0; i < count; i++)
        digits[i] = (char)('0' + found[i]);
    assert_string_equal(digits, expected);
}

static void fails(const char *name, const char *sentence)
{
    int found[ROOM];
    unsigned count = 77;
    struct error error = {0};
    assert_int_equal(handed_find(name, found, ROOM, &count, &error), GT_FAILED);
    assert_int_equal(count, 0);
    if (strncmp(error.text, sentence, strlen(sentence)) != 0)
        assert_string_equal(error.text, sentence);
    assert_int_equal(handed_find(name, found, ROOM, &count, NULL), GT_FAILED);
}

static void test_all(void **state)
{
    (void)state;
    hand_in(3);
    set_environment(own_pid(), "3", NULL);
    finds("", "345");
    finds("unknown", "345"); /* how sd_listen_fds_with_names(3) calls those without a name */
    finds("", "345");        /* may be asked again */
    for (int fd = FIRST; fd < FIRST + 3; fd++)
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void test_names(void **state)
{
    (void)state;
    hand_in(5);
    set_environment(own_pid(), "5", "web:mail:web::a b");
    finds("", "34567");
    finds("web", "35");
    finds("mail", "4");
    finds("a b", "7");
    fails("we", "no socket is called 'we'; handed in: 'web', 'mail', 'web', '', 'a b'");
    fails("webb", "no socket is called 'webb'; ");
    fails("unknown", "no socket is called 'unknown'; ");
}

static void test_no_such_name(void **state)
{
    (void)state;
    hand_in(3);
    set_environment(own_pid(), "3", NULL);
    fails("web", "no socket is called 'web'; handed in: 'unknown'");
    set_environment(own_pid(), "3", "a\x1b[2J:b:b");
    fails("\x1b", "no socket is called '\\x1b'; handed in: 'a\\x1b[2J', 'b'");
}

static void test_nobody_hands_in(void **state)
{
    (void)state;
    set_environment(NULL, NULL, NULL);
    fails("",
          "LISTEN_PID is not set: no service manager has handed in sockets; a .socket unit does, "
          "and systemd-socket-activate to try it");
    set_environment(NULL, "1", NULL);
    fails("", "LISTEN_PID is not set: ");
    set_environment(own_pid(), NULL, NULL);
    fails("", "LISTEN_FDS is not set: ");
    set_environment(own_pid(), "0", NULL);
    fails("", "LISTEN_FDS is '0': no socket was handed in");
    set_environment(own_pid(), "0", "");
    fails("web", "LISTEN_FDS is '0': no socket was handed in");
}

static void test_anothers(void **state)
{
    (void)state;
    char sentence[200];
    hand_in(1);
    set_environment("1", "1", NULL);
    snprintf(sentence, sizeof(sentence),
             "LISTEN_PID is 1, and this is process %s: the sockets are another's; start goodtalk "
             "itself, or with exec from a shell",
             own_pid());
    fails("", sentence);
    assert_int_equal(fcntl(FIRST, F_GETFD), 0); /* not touched */
}

static void test_what_is_malformed(void **state)
{
    (void)state;
    static const char *const numbers[] = {"",     "x",  "1x",          " 1",  "1 ",      "+1",
                                          "-1",   "1:", "99999999999", "0x1", "1048577", "1.0",
                                          "\x1b", "१"};
    hand_in(1);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        set_environment(own_pid(), numbers[i], NULL);
        fails("", "LISTEN_FDS is '");
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(numbers[i], "1048577") == 0)
            continue; /* may be a process */
        set_environment(numbers[i], "1", NULL);
        fails("", "LISTEN_PID is '");
    }
    set_environment(own_pid(), "\x1b", NULL);
    fails("", "LISTEN_FDS is '\\x1b': not a number as sd_listen_fds(3) has it");
}

static void test_names_that_do_not_fit(void **state)
{
    (void)state;
    hand_in(2);
    set_environment(own_pid(), "2", "web");
    fails("web", "LISTEN_FDNAMES has 1 name for 2 sockets");
    set_environment(own_pid(), "2", "web:a:b");
    fails("", "LISTEN_FDNAMES has 3 names for 2 sockets");
    set_environment(own_pid(), "2", "");
    fails("", "LISTEN_FDNAMES has 1 name for 2 sockets");
    set_environment(own_pid(), "2", ":");
    finds("", "34");
    set_environment(own_pid(), "1", "");
    finds("", "3");
}

static void test_what_is_not_open(void **state)
{
    (void)state;
    hand_in(2);
    set_environment(own_pid(), "3", NULL);
    fails("", "LISTEN_FDS is 3, but descriptor 5 is not usable: Bad file descriptor (EBADF, errno "
              "9)");
}

static void test_more_than_there_is_room_for(void **state)
{
    (void)state;
    int found[2];
    unsigned count;
    struct error error = {0};
    hand_in(3);
    set_environment(own_pid(), "3", "a:b:a");
    assert_int_equal(handed_find("", found, 2, &count, &error), GT_FAILED);
    assert_string_equal(error.text, "more than 2 sockets were handed in");
    assert_int_equal(handed_find("a", found, 2, &count, &error), GT_DONE);
    assert_int_equal(count, 2);
    assert_int_equal(found[1], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_all, tear_down),
        cmocka_unit_test_teardown(test_names, tear_down),
        cmocka_unit_test_teardown(test_no_such_name, tear_down),
        cmocka_unit_test_teardown(test_nobody_hands_in, tear_down),
        cmocka_unit_test_teardown(test_anothers, tear_down),
        cmocka_unit_test_teardown(test_what_is_malformed, tear_down),
        cmocka_unit_test_teardown(test_names_that_do_not_fit, tear_down),
        cmocka_unit_test_teardown(test_what_is_not_open, tear_down),
        cmocka_unit_test_teardown(test_more_than_there_is_room_for, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
