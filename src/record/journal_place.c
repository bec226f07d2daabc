/* journal_place.c: a directory, by a descriptor: what it is called later does not matter.
 *
 * Not opened: what is no regular file (EINVAL), so that nobody waits for a pipe; a symbolic link
 * (ELOOP). */
#include "record/journal_place.h"

#include "base/escape.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <sys/stat.h>
#include <unistd.h>

static int list(struct journal_place *place, journal_place_found *found, void *context)
{
    int result = 0;
    int fd = openat(place->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        result = -errno;
        if (fd >= 0)
            close(fd);
        return result;
    }
    const struct dirent *entry;
    while (result == 0 && (errno = 0, entry = readdir(directory)) != NULL)
        result = found(context, entry->d_name);
    if (result == 0)
        result = -errno;
    closedir(directory);
    return result;
}

static int open_file(struct journal_place *place, const char *name)
{
    struct stat status;
    int fd = openat(place->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return -EINVAL;
}

static int64_t size_of_file(struct journal_place *place, int file)
{
    (void)place;
    struct stat status;
    return fstat(file, &status) == 0 ? (int64_t)status.st_size : -errno;
}

static int64_t read_file(struct journal_place *place, int file, void *to, size_t size,
                         uint64_t offset)
{
    (void)place;
    ssize_t count;
    do {
        count = pread(file, to, size, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : (int64_t)count;
}

static void close_file(struct journal_place *place, int file)
{
    (void)place;
    close(file);
}

int journal_place_open(struct journal_place *place, const char *path, struct error *error)
{
    static const struct journal_place_table table = {
        .list = list,
        .open = open_file,
        .size = size_of_file,
        .read = read_file,
        .close = close_file,
    };
    char shown[256];
    place->table = &table;
    place->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->directory < 0)
        return error_errno(error, errno, "cannot open the directory %s",
                           escape_string(shown, sizeof shown, slice_of_text(path)));
    return GT_DONE;
}

void journal_place_close(struct journal_place *place)
{
    if (place->directory >= 0)
        close(place->directory);
    place->directory = -1;
}
