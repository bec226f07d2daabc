/* ready.c: the addresses are written to a file as a whole (whole_file.c), or to a descriptor.
 *
 * Failing: no such descriptor, or the file cannot be written. */
#include "guard/ready.h"

#include "base/escape.h"
#include "base/units.h"
#include "guard/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int tell_descriptor(int fd, struct slice addresses, struct error *error)
{
    int result = whole_file_fill(fd, addresses);
    /* The end of the file is part of the message, on descriptors made for it. */
    if (fd > STDERR_FILENO && close(fd) < 0 && result == 0 && errno != EINTR)
        result = -errno;
    if (result < 0)
        return error_errno(error, -result, "cannot tell fd:%d that the server is ready", fd);
    return GT_DONE;
}

static int tell_file(const char *path, struct slice addresses, struct error *error)
{
    struct stat found;
    int status = whole_file_write(path, "the ready file", addresses, error);
    bool other = status != GT_DONE && lstat(path, &found) == 0 && !S_ISREG(found.st_mode);
    return other ? error_append(error, "; for an open descriptor there is fd:N") : status;
}

int ready_tell(const char *where, struct slice addresses, struct error *error)
{
    int fd;
    int status = read_where(where, &fd, error);
    if (status != GT_DONE)
        return status;
    return fd >= 0 ? tell_descriptor(fd, addresses, error) : tell_file(where, addresses, error);
}
