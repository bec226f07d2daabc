/* log_file.c: a log before it is appended to.
 *
 * A crash can have left half a line at its end (of the process: one never replied to; of the
 * machine, which a log does not promise to survive: perhaps one that was), and what is appended
 * behind it would not be a line of its own. It is cut off, if it looks like the beginning of a
 * record; a file that ends in something else is somebody else's, and is left alone. */
#include "record/log_file.h"

#include "base/slice.h"
#include "goodtalk.h"
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

int log_open(const char *path, struct error *error)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) {
        error_errno(error, errno, "cannot open the log %s", path);
        return -1;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    error_set(error, GT_FAILED,
              "--log %s: is no regular file; --show json writes the same to standard output", path);
    return -1;
}

/* Where the last line begins; size where it is whole. Negative: -errno. */
static off_t last_line(int fd, off_t size)
{
    uint8_t block[BLOCK_BYTES];
    off_t end = size;
    while (end > 0) {
        off_t start = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
        ssize_t got = pread(fd, block, (size_t)(end - start), start);
        if (got != end - start)
            return got < 0 ? -errno : -EIO;
        for (ssize_t i = got; i > 0; i--)
            if (block[i - 1] == '\n')
                return start + i;
        end = start;
    }
    return 0;
}

/* Whether what begins there can be the beginning of a record. */
static bool begins_as_record(int fd, off_t start)
{
    static const char head[] = "{\"id\":\"";
    char found[sizeof head - 1];
    ssize_t got = pread(fd, found, sizeof found, start);
    return got > 0 && memcmp(found, head, (size_t)got) == 0;
}

static int cut_torn(int fd, const char *path, size_t *cut, struct error *error)
{
    off_t size = lseek(fd, 0, SEEK_END);
    off_t whole = size < 0 ? -errno : last_line(fd, size);
    if (whole < 0)
        return error_errno(error, (int)-whole, "cannot read the end of the log %s", path);
    if (whole == size)
        return GT_DONE;
    if (!begins_as_record(fd, whole))
        return error_set(error, GT_FAILED,
                         "--log %s: does not end like a log, but within a line that is none of its "
                         "records; it is left as it is",
                         path);
    if (ftruncate(fd, whole) < 0)
        return error_errno(error, errno, "cannot cut the torn last line of the log %s", path);
    *cut = (size_t)(size - whole);
    return GT_DONE;
}

int log_prepare(const char *path, size_t *cut, struct error *error)
{
    *cut = 0;
    int fd = log_open(path, error);
    if (fd < 0)
        return GT_FAILED;
    int status = cut_torn(fd, path, cut, error);
    close(fd);
    return status;
}

int log_undo(int fd, size_t written)
{
    struct stat status;
    off_t end = lseek(fd, 0, SEEK_CUR);
    if (written == 0)
        return 0;
    if (end < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (status.st_size != end)
        return -EBUSY;
    return ftruncate(fd, end - (off_t)written) < 0 ? -errno : 0;
}
