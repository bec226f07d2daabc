/* whole_file.c: the content is written to a file beside the one that is meant, which then takes its
 * name: who waits for the file never reads half of it.
 *
 * Failing: a directory that cannot be written to, a full disk (the file beside is removed again),
 * or something in the file's place that is no regular file: replacing a device, a pipe or a link by
 * a file is never what was meant. */
#include "guard/whole_file.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 1000

/* The file is for others to read. */
#define FILE_MODE 0644

int whole_file_fill(int fd, struct slice rest)
{
    while (rest.size > 0) {
        ssize_t count = write(fd, rest.data, rest.size);
        if (count >= 0) {
            rest = slice_after(rest, (size_t)count);
            continue;
        }
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        int number = errno;
        if (number == EAGAIN && poll(&writable, 1, PATIENCE_MS) > 0)
            continue;
        if (number != EINTR)
            return -number;
    }
    return 0;
}

static int fail(const char *path, const char *what, int number, struct error *error)
{
    char shown[256];
    escape_string(shown, sizeof(shown), slice_of_text(path));
    return error_errno(error, number, "cannot write %s %s", what, shown);
}

/* Whether a file may take this name: GT_DONE or the reason. */
static int check_place(const char *path, const char *what, struct error *error)
{
    char shown[256];
    struct stat found;
    if (lstat(path, &found) < 0 || S_ISREG(found.st_mode))
        return GT_DONE;
    escape_string(shown, sizeof(shown), slice_of_text(path));
    return error_set(error, GT_FAILED, "cannot write %s %s: there is %s in its place", what, shown,
                     S_ISDIR(found.st_mode)   ? "a directory"
                     : S_ISLNK(found.st_mode) ? "a symbolic link"
                                              : "a pipe or a device");
}

/* The name of a file beside path, for mkostemp; NULL when memory is out. */
static char *name_beside(const char *path)
{
    static const char name[] = ".goodtalk-XXXXXX";
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    char *beside = malloc(length + sizeof(name));
    if (!beside)
        return NULL;
    memcpy(beside, path, length);
    memcpy(beside + length, name, sizeof(name));
    return beside;
}

/* Write the file beside and give it the name: 0 or -errno, and then it is gone. */
static int write_beside(char *beside, const char *path, struct slice content)
{
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = whole_file_fill(fd, content);
    if (result == 0 && fchmod(fd, FILE_MODE) < 0)
        result = -errno;
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(beside, path) < 0)
        result = -errno;
    if (result < 0)
        unlink(beside);
    return result;
}

int whole_file_write(const char *path, const char *what, struct slice content, struct error *error)
{
    int status = check_place(path, what, error);
    if (status != GT_DONE)
        return status;
    char *beside = name_beside(path);
    if (!beside)
        return error_set(error, GT_FAILED, "memory is out");
    int result = write_beside(beside, path, content);
    free(beside);
    return result < 0 ? fail(path, what, -result, error) : GT_DONE;
}

int whole_file_check(const char *path, const char *what, struct error *error)
{
    int status = check_place(path, what, error);
    if (status != GT_DONE)
        return status;
    char *beside = name_beside(path);
    if (!beside)
        return error_set(error, GT_FAILED, "memory is out");
    int fd = mkostemp(beside, O_CLOEXEC);
    int number = errno;
    if (fd >= 0) {
        close(fd);
        unlink(beside);
    }
    free(beside);
    return fd < 0 ? fail(path, what, number, error) : GT_DONE;
}
