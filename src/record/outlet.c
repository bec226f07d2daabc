/* outlet.c: standard output made fit for an engine that must never block.
 *
 * A pipe or a terminal would block, and O_NONBLOCK belongs to the open file that is shared with
 * whoever else writes there (a shell, a sibling in a pipeline). So it is opened once more, through
 * /proc/self/fd, and only that one is non-blocking. Where this is denied (no /proc, another user's
 * pipe, a FIFO whose reader has gone) the descriptor itself is used and the engine polls before it
 * writes. Files are never reopened: the position, which "> file" in a script shares, would be lost.
 */
#include "record/record.h"

#include "engine/engine.h"
#include "goodtalk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The same pipe or terminal opened anew, or -1. */
static int outlet_reopen(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool outlet_is_stream(int fd, mode_t mode)
{
    return S_ISFIFO(mode) || (S_ISCHR(mode) && isatty(fd));
}

int outlet_open(struct outlet *outlet, int fd, struct error *error)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "cannot write to standard output");
    if ((flags & O_ACCMODE) == O_RDONLY)
        return error_set(error, GT_FAILED,
                         "cannot write to standard output: it is open for reading only");
    *outlet = (struct outlet){.fd = fd, .mode = WRITE_FILE};
    if (S_ISSOCK(status.st_mode))
        outlet->mode = WRITE_SOCKET;
    if (!outlet_is_stream(fd, status.st_mode))
        return GT_DONE;
    outlet->mode = WRITE_STREAM;
    int reopened = outlet_reopen(fd);
    if (reopened >= 0)
        *outlet = (struct outlet){.fd = reopened, .mode = WRITE_STREAM, .owned = true};
    return GT_DONE;
}

void outlet_close(struct outlet *outlet)
{
    if (outlet->owned)
        close(outlet->fd);
    *outlet = (struct outlet){.fd = -1};
}
