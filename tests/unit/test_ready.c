/* Telling that the server listens: files, descriptors, and what must not be overwritten. */
#include "guard/ready.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char addresses[] = "tcp:[::]:9999\nunix:/run/gt\n";

/* A directory of its own for each test. */
static int set_up(void **state)
{
    char *folder = strdup("/tmp/test_ready.XXXXXX");
    *state = folder;
    return folder && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    free(*state);
    return system(command);
}

static unsigned count_files(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static void tells(const char *where)
{
    struct error error = {0};
    int status = ready_tell(where, slice_of_text(addresses), &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, GT_DONE);
}

static void fails(const char *where, int status, const char *part)
{
    struct error error = {0};
    assert_int_equal(ready_tell(where, slice_of_text(addresses), &error), status);
    assert_int_equal(error.status, status);
    if (!strstr(error.text, part))
        assert_string_equal(error.text, part);
}

static void assert_content(const char *path)
{
    char content[100] = {0};
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, content, sizeof(content) - 1), strlen(addresses));
    assert_string_equal(content, addresses);
    close(fd);
}

static void test_file(void **state)
{
    char path[64];
    struct stat made;
    snprintf(path, sizeof(path), "%s/ready", (char *)*state);
    for (int i = 0; i < 2; i++) { /* anew, and over the old one */
        mode_t before = umask(077);
        tells(path);
        umask(before);
        assert_content(path);
        assert_int_equal(stat(path, &made), 0);
        assert_int_equal(made.st_mode & 07777, 0644);
        assert_int_equal(count_files(*state), 1);
    }
}

static void test_file_in_the_working_directory(void **state)
{
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(*state), 0);
    tells("ready");
    assert_content("ready");
    assert_int_equal(chdir(before), 0);
}

static void test_longest_name(void **state)
{
    char path[400];
    int length = snprintf(path, sizeof(path), "%s/", (char *)*state);
    memset(path + length, 'n', 255);
    path[length + 255] = '\0';
    tells(path);
    assert_content(path);
}

static void test_no_such_directory(void **state)
{
    (void)state;
    fails("/no/such/folder/ready", GT_FAILED,
          "cannot write the ready file /no/such/folder/ready: No such file or directory (ENOENT");
}

static void test_what_is_no_file_is_left_alone(void **state)
{
    char path[64], other[64], place[16];
    struct stat found;
    snprintf(path, sizeof(path), "%s/ready", (char *)*state);
    snprintf(other, sizeof(other), "%s/other", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    fails(path, GT_FAILED, "there is a directory in its place");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    fails(path, GT_FAILED, "there is a pipe or a device in its place; for an open descriptor");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    fails(path, GT_FAILED, "there is a symbolic link in its place");
    assert_int_equal(readlink(path, place, sizeof(place)), sizeof(place));
    assert_int_equal(lstat(other, &found), -1);
    assert_int_equal(count_files(*state), 1);
}

/* Where the file cannot be written whole, nothing is left behind. */
static void test_full(void **state)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/ready", (char *)*state);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &none);
        struct error error = {0};
        int status = ready_tell(path, slice_of_text(addresses), &error);
        _exit(status == GT_FAILED && error.number == EFBIG ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_files(*state), 0);
}

static void test_descriptor_is_written_and_closed(void **state)
{
    (void)state;
    int ends[2];
    char where[16], content[100] = {0};
    assert_int_equal(pipe(ends), 0);
    snprintf(where, sizeof(where), "fd:%d", ends[1]);
    assert_int_equal(ready_check(where, NULL), GT_DONE);
    tells(where);
    assert_int_equal(fcntl(ends[1], F_GETFD), -1);
    assert_int_equal(read(ends[0], content, sizeof(content) - 1), strlen(addresses));
    assert_string_equal(content, addresses);
    assert_int_equal(read(ends[0], content, 1), 0); /* the end */
    close(ends[0]);
    fails(where, GT_FAILED, "Bad file descriptor (EBADF, errno 9)");
}

static void test_standard_error_stays_open(void **state)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/stderr", (char *)*state);
    static const char *const names[] = {"-", "fd:2"};
    for (int i = 0; i < 2; i++) {
        int kept = dup(2);
        int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(dup2(file, 2), 2);
        close(file);
        int status = ready_tell(names[i], slice_of_text(addresses), NULL);
        int open_still = fcntl(2, F_GETFD);
        dup2(kept, 2);
        close(kept);
        assert_int_equal(status, GT_DONE);
        assert_int_equal(open_still, 0);
        assert_content(path);
    }
}

static void test_check(void **state)
{
    (void)state;
    struct error error = {0};
    assert_int_equal(ready_check("-", NULL), GT_DONE);
    assert_int_equal(ready_check("fd:1", NULL), GT_DONE);
    assert_int_equal(ready_check("/no/such/folder/ready", NULL), GT_DONE);
    assert_int_equal(ready_check("", &error), GT_WRONG);
    assert_string_equal(error.text, "'' is not a file name; FILE, - or fd:N");
    assert_int_equal(ready_check("fd:", &error), GT_WRONG);
    assert_string_equal(error.text, "fd: is not a descriptor; fd:N, for example fd:3");
    assert_int_equal(ready_check("fd:1\x1b", &error), GT_WRONG);
    assert_string_equal(error.text, "fd:1\\x1b is not a descriptor; fd:N, for example fd:3");
    assert_int_equal(ready_check("fd:777", &error), GT_WRONG);
    assert_string_equal(error.text, "fd:777 is not open");
    fails("fd:-3", GT_WRONG, "fd:-3 is not a descriptor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file_in_the_working_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_name, set_up, tear_down),
        cmocka_unit_test(test_no_such_directory),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test(test_descriptor_is_written_and_closed),
        cmocka_unit_test_setup_teardown(test_standard_error_stays_open, set_up, tear_down),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
