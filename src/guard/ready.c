/* ready.c: the addresses are written to a file beside the one that is meant, which then takes its
 * name: who waits for the file never reads half of it. A descriptor is written to directly.
 *
 * Failing: no such descriptor, a directory that cannot be written to, a full disk (the file beside
 * is removed again), or something in the file's place that is no regular file: replacing a device,
 * a pipe or a link by a file is never what was meant. */
#include "guard/ready.h"

#include "base/escape.h"
#include "base/units.h"

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

/* What where means: *fd is a descriptor, or -1 for a file. */
static int read_where(const char *where, int *fd, struct error *error)
{
    char shown[128];
    int64_t number;
    *fd = strcmp(where, "-") == 0 ? STDERR_FILENO : -1;
    if (!*where)
        return error_set(error, GT_WRONG, "'' is not a file name; FILE, - or fd:N");
    if (strncmp(where, "fd:", 3) != 0)
        return GT_DONE;
    if (!units_count(where + 3, INT32_MAX, &number)) {
        escape_string(shown, sizeof(shown), slice_of_text(where));
        return error_set(error, GT_WRONG, "%s is not a descriptor; fd:N, for example fd:3", shown);
    }
    *fd = (int)number;
    return GT_DONE;
}

int ready_check(const char *where, struct error *error)
{
    int fd;
    int status = read_where(where, &fd, error);
    if (status == GT_DONE && fd > STDERR_FILENO && fcntl(fd, F_GETFD) < 0)
        return error_set(error, GT_WRONG, "fd:%d is not open", fd);
    return status;
}

/* All of it; a full pipe is waited for, but not for ever. 0 or -errno. */
static int write_all(int fd, struct slice rest)
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

static int tell_descriptor(int fd, struct slice addresses, struct error *error)
{
    int result = write_all(fd, addresses);
    /* The end of the file is part of the message, on descriptors made for it. */
    if (fd > STDERR_FILENO && close(fd) < 0 && result == 0 && errno != EINTR)
        result = -errno;
    if (result < 0)
        return error_errno(error, -result, "cannot tell fd:%d that the server is ready", fd);
    return GT_DONE;
}

/* ---- a file ---- */

static int fail_file(const char *path, int number, struct error *error)
{
    char shown[256];
    escape_string(shown, sizeof(shown), slice_of_text(path));
    return error_errno(error, number, "cannot write the ready file %s", shown);
}

/* Whether a file may take this name: GT_DONE or the reason. */
static int check_place(const char *path, struct error *error)
{
    char shown[256];
    struct stat found;
    if (lstat(path, &found) < 0 || S_ISREG(found.st_mode))
        return GT_DONE;
    escape_string(shown, sizeof(shown), slice_of_text(path));
    return error_set(error, GT_FAILED,
                     "cannot write the ready file %s: there is %s in its place; for an open "
                     "descriptor there is fd:N",
                     shown,
                     S_ISDIR(found.st_mode)   ? "a directory"
                     : S_ISLNK(found.st_mode) ? "a symbolic link"
                                              : "a pipe or a device");
}

/* The name of a file beside path, for mkostemp; NULL when memory is out. */
static char *name_beside(const char *path)
{
    static const char name[] = ".goodtalk-ready-XXXXXX";
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
static int write_beside(char *beside, const char *path, struct slice addresses)
{
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, addresses);
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

static int tell_file(const char *path, struct slice addresses, struct error *error)
{
    int status = check_place(path, error);
    if (status != GT_DONE)
        return status;
    char *beside = name_beside(path);
    if (!beside)
        return error_set(error, GT_FAILED, "memory is out");
    int result = write_beside(beside, path, addresses);
    free(beside);
    return result < 0 ? fail_file(path, -result, error) : GT_DONE;
}

int ready_tell(const char *where, struct slice addresses, struct error *error)
{
    int fd;
    int status = read_where(where, &fd, error);
    if (status != GT_DONE)
        return status;
    return fd >= 0 ? tell_descriptor(fd, addresses, error) : tell_file(where, addresses, error);
}
