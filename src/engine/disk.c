/* disk.c: the system's disk.
 *
 * The lock is the kernel's (flock): it goes with the process, however that ends. The file holds the
 * number of the process that has it, for whoever finds it locked; without the lock it means
 * nothing. */
#include "engine/disk.h"

#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <goodtalk.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE 0700
#define FILE_MODE      0600

/* ---- files ---- */

static int open_file(struct disk *disk, const char *name, enum disk_how how)
{
    struct stat status;
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (how == DISK_CREATE ? O_CREAT | O_EXCL : 0);
    int fd = openat(disk->directory, name, flags | O_NONBLOCK, FILE_MODE);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    return -EINVAL;
}

static void close_file(struct disk *disk, int file)
{
    (void)disk;
    close(file);
}

static int truncate_file(struct disk *disk, int file, uint64_t size)
{
    (void)disk;
    return ftruncate(file, (off_t)size) ? -errno : 0;
}

/* What it could not get whole it gives back. */
static int allocate_file(struct disk *disk, int file, uint64_t size)
{
    struct stat before;
    int number;
    if (fstat(file, &before) != 0)
        return -errno;
    do {
        number = fallocate(file, 0, 0, (off_t)size) ? errno : 0;
    } while (number == EINTR);
    if (number != 0)
        truncate_file(disk, file, (uint64_t)before.st_size);
    return -number;
}

static int64_t read_file(struct disk *disk, int file, void *to, size_t size, uint64_t offset)
{
    size_t got = 0;
    (void)disk;
    while (got < size) {
        ssize_t count = pread(file, (uint8_t *)to + got, size - got, (off_t)(offset + got));
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            break;
        got += count > 0 ? (size_t)count : 0;
    }
    return (int64_t)got;
}

static int write_file(struct disk *disk, int file, struct slice bytes, uint64_t offset)
{
    (void)disk;
    while (bytes.size > 0) {
        ssize_t count = pwrite(file, bytes.data, bytes.size, (off_t)offset);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            return -EIO;
        size_t written = count > 0 ? (size_t)count : 0;
        bytes = slice_after(bytes, written);
        offset += written;
    }
    return 0;
}

/* Not tried again, whatever it says: the second would say that all is well. */
static int sync_file(struct disk *disk, int file)
{
    (void)disk;
    return fsync(file) ? -errno : 0;
}

static int unlink_file(struct disk *disk, const char *name)
{
    return unlinkat(disk->directory, name, 0) ? -errno : 0;
}

/* ---- the directory ---- */

/* Make the directory's own name durable. */
static int sync_own_name(int directory)
{
    int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = parent < 0 || fsync(parent) ? -errno : 0;
    if (parent >= 0)
        close(parent);
    return result;
}

/* Whoever made it may have been us, ended just before its name was synced: so that is done each
 * time. Where others made it, the place may be none of our business: not readable, not to be
 * synced. */
static int settle_own_name(int directory, bool made)
{
    int result = sync_own_name(directory);
    bool foreign = result == -EACCES || result == -EPERM || result == -EINVAL || result == -EROFS;
    return foreign && !made ? 0 : result;
}

/* A directory that is not there is made. */
static int make_directory(const char *path)
{
    bool made = mkdir(path, DIRECTORY_MODE) == 0;
    if (!made && errno != EEXIST)
        return -errno;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int result = settle_own_name(directory, made);
    close(directory);
    return result;
}

static int refuse_locked(const char *shown, int lock, struct error *error)
{
    char text[24] = "";
    ssize_t size = pread(lock, text, sizeof text - 1, 0);
    long pid = size > 0 ? strtol(text, NULL, 10) : 0;
    close(lock);
    error_set(error, GT_FAILED, "%s is being recorded to by another process", shown);
    if (pid > 0)
        error_append(error, " (pid %ld)", pid);
    return GT_FAILED;
}

/* Whose it is, for others to read: without it the lock holds all the same. */
static void sign(int lock)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    bool signed_ = ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)size, 0) == size;
    (void)signed_;
}

static int lock_directory(struct disk *disk, const char *shown, const char *name,
                          struct error *error)
{
    int lock = openat(disk->directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (lock < 0)
        return error_errno(error, errno, "cannot open %s/%s", shown, name);
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        sign(lock);
        disk->lock = lock;
        return GT_DONE;
    }
    if (errno == EWOULDBLOCK)
        return refuse_locked(shown, lock, error);
    int number = errno;
    close(lock);
    return error_errno(error, number, "cannot lock %s/%s", shown, name);
}

int disk_open(struct disk *disk, const char *path, const char *lock_name, struct error *error)
{
    static const struct disk_table table = {
        .open = open_file,
        .close = close_file,
        .allocate = allocate_file,
        .truncate = truncate_file,
        .read = read_file,
        .write = write_file,
        .sync = sync_file,
        .unlink = unlink_file,
    };
    char shown[256];
    *disk = (struct disk){.table = &table, .directory = -1, .lock = -1};
    escape_string(shown, sizeof shown, slice_of_text(path));
    int result = make_directory(path);
    if (result < 0)
        return error_errno(error, -result, "cannot make the directory %s", shown);
    disk->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk->directory < 0)
        return error_errno(error, errno, "cannot open the directory %s", shown);
    int status = lock_directory(disk, shown, lock_name, error);
    if (status != GT_DONE)
        disk_close(disk);
    return status;
}

void disk_close(struct disk *disk)
{
    if (disk->lock >= 0)
        close(disk->lock);
    if (disk->directory >= 0)
        close(disk->directory);
    disk->lock = disk->directory = -1;
}
