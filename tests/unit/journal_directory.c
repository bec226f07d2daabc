/* journal_directory.c: see journal_directory.h. */
#include "journal_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

char *journal_directory_make(char path[JOURNAL_DIRECTORY_SIZE])
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, JOURNAL_DIRECTORY_SIZE, "%s/goodtalk-journal-XXXXXX", base);
    assert_non_null(mkdtemp(path));
    return path;
}

void journal_directory_unlink(const char *path, const char *name)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(unlinkat(directory, name, 0), 0);
    close(directory);
}

void journal_directory_clear(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(directory), entry->d_name, 0), 0);
    closedir(directory);
}

void journal_directory_remove(const char *path)
{
    journal_directory_clear(path);
    assert_int_equal(rmdir(path), 0);
}

static int open_in(const char *path, const char *name, int flags)
{
    char whole[256];
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    return open(whole, flags, 0600);
}

void journal_directory_write(const char *path, const char *name, struct slice content)
{
    int file = open_in(path, name, O_CREAT | O_TRUNC | O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(write(file, content.data, content.size), content.size);
    close(file);
}

size_t journal_directory_read(const char *path, const char *name, uint8_t *bytes, size_t size)
{
    int file = open_in(path, name, O_RDONLY);
    assert_true(file >= 0);
    ssize_t count = read(file, bytes, size);
    assert_true(count >= 0);
    close(file);
    return (size_t)count;
}
