/* disk_shim.c: a disk that goes wrong, preloaded into the program.
 *
 * DISK_SHIM=CALL:N:WHAT: the N-th CALL (pwritev, pwrite, fdatasync, fsync, fallocate, ftruncate,
 * openat, unlinkat) does WHAT: fails with an errno (a number); "short": writes one byte less than
 * half of it; "kill": ends the process before it is made; "on": from the N-th on, with an errno as
 * a fourth field. DISK_SHIM=later: what pwritev is given is written 20 ms later, and success is
 * told at once.
 *
 * A sync that fails has lost what pwritev had written since the one before: zeros are there. A sync
 * of a file whose sync has failed before ends the program: nobody may do that. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (!next)                                                                                     \
    *(void **)&next = dlsym(RTLD_NEXT, #name)

#define MOST_FILES 1024

int fallocate64(int fd, int mode, off64_t offset, off64_t size);
int ftruncate64(int fd, off64_t size);
int openat64(int directory, const char *name, int flags, ...);
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset);
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset);

static atomic_int calls;
static atomic_bool sync_failed[MOST_FILES];

/* What pwritev has written to each file since its last sync. */
static struct range {
    pthread_mutex_t lock;
    off64_t from, to;
} unsynced[MOST_FILES];

enum act { ACT_PASS, ACT_FAIL, ACT_SHORT };

/* One field of the plan, or "". */
static const char *field(int number, char text[32])
{
    const char *plan = getenv("DISK_SHIM");
    for (; plan && number > 0; number--) {
        plan = strchr(plan, ':');
        plan = plan ? plan + 1 : NULL;
    }
    size_t size = plan ? strcspn(plan, ":") : 0;
    snprintf(text, 32, "%.*s", (int)size, plan ? plan : "");
    return text;
}

static enum act meet(const char *call)
{
    char text[32];
    if (strcmp(field(0, text), call) != 0)
        return ACT_PASS;
    int number = atomic_fetch_add(&calls, 1) + 1;
    int when = atoi(field(1, text));
    bool on = strcmp(field(2, text), "on") == 0;
    if (on ? number < when : number != when)
        return ACT_PASS;
    if (strcmp(text, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(text, "short") == 0)
        return ACT_SHORT;
    errno = atoi(field(on ? 3 : 2, text));
    return ACT_FAIL;
}

/* ---- what is written ---- */

static size_t half(size_t size)
{
    return size > 2 ? size / 2 - 1 : size;
}

static void *gather(const struct iovec *parts, int count, size_t *size)
{
    *size = 0;
    for (int i = 0; i < count; i++)
        *size += parts[i].iov_len;
    char *bytes = malloc(*size + 1), *place = bytes;
    for (int i = 0; bytes && i < count; place += parts[i++].iov_len)
        memcpy(place, parts[i].iov_base, parts[i].iov_len);
    return bytes;
}

struct letter {
    int fd;
    void *bytes;
    size_t size;
    off64_t offset;
};

static void *deliver(void *context)
{
    struct letter *letter = context;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    NEXT(pwrite64);
    if (next(letter->fd, letter->bytes, letter->size, letter->offset) < 0)
        perror("disk_shim");
    free(letter->bytes);
    free(letter);
    return NULL;
}

static void write_later(struct letter letter)
{
    pthread_t thread;
    struct letter *copy = malloc(sizeof *copy);
    *copy = letter;
    if (pthread_create(&thread, NULL, deliver, copy) == 0)
        pthread_detach(thread);
}

static void note_unsynced(int fd, off64_t offset, ssize_t written)
{
    if (fd < 0 || fd >= MOST_FILES || written <= 0)
        return;
    struct range *range = &unsynced[fd];
    pthread_mutex_lock(&range->lock);
    if (range->from == range->to || offset < range->from)
        range->from = offset;
    if (offset + written > range->to)
        range->to = offset + written;
    pthread_mutex_unlock(&range->lock);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off64_t offset)
{
    char text[32];
    struct letter letter = {.fd = fd, .offset = offset};
    enum act act = meet("pwritev");
    NEXT(pwritev64);
    bool later = strcmp(field(0, text), "later") == 0;
    if (act == ACT_FAIL)
        return -1;
    if (act == ACT_PASS && !later)
        return next(fd, parts, count, offset);
    letter.bytes = gather(parts, count, &letter.size);
    if (later) {
        write_later(letter);
        return (ssize_t)letter.size;
    }
    ssize_t written = pwrite64(fd, letter.bytes, half(letter.size), offset);
    free(letter.bytes);
    return written;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    ssize_t written = write_parts(fd, parts, count, offset);
    note_unsynced(fd, offset, written);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    enum act act = meet("pwrite");
    NEXT(pwrite64);
    if (act == ACT_FAIL)
        return -1;
    return next(fd, bytes, act == ACT_SHORT ? half(size) : size, offset);
}

/* ---- the rest ---- */

/* What was written since the last sync is synced; or lost. */
static void settle_unsynced(int fd, bool lost)
{
    static const char zeros[4096];
    struct range *range = &unsynced[fd];
    NEXT(pwrite64);
    pthread_mutex_lock(&range->lock);
    for (off64_t size; lost && range->from < range->to; range->from += size) {
        size = range->to - range->from;
        size = size < (off64_t)sizeof zeros ? size : (off64_t)sizeof zeros;
        if (next(fd, zeros, (size_t)size, range->from) != size)
            abort();
    }
    range->from = range->to = 0;
    pthread_mutex_unlock(&range->lock);
}

static bool sync_fails(const char *call, int fd)
{
    if (fd < 0 || fd >= MOST_FILES)
        return false;
    if (atomic_load(&sync_failed[fd])) {
        fprintf(stderr, "disk_shim: %s after a sync of the same file has failed\n", call);
        abort();
    }
    int number = errno;
    bool fails = meet(call) == ACT_FAIL;
    int failure = errno;
    settle_unsynced(fd, fails);
    if (fails)
        atomic_store(&sync_failed[fd], true);
    errno = fails ? failure : number;
    return fails;
}

int fdatasync(int fd)
{
    NEXT(fdatasync);
    return sync_fails("fdatasync", fd) ? -1 : next(fd);
}

int fsync(int fd)
{
    NEXT(fsync);
    return sync_fails("fsync", fd) ? -1 : next(fd);
}

int close(int fd)
{
    NEXT(close);
    if (fd >= 0 && fd < MOST_FILES) {
        atomic_store(&sync_failed[fd], false);
        unsynced[fd].from = unsynced[fd].to = 0;
    }
    return next(fd);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    NEXT(fallocate64);
    return meet("fallocate") == ACT_FAIL ? -1 : next(fd, mode, offset, size);
}

int ftruncate64(int fd, off64_t size)
{
    NEXT(ftruncate64);
    return meet("ftruncate") == ACT_FAIL ? -1 : next(fd, size);
}

int unlinkat(int directory, const char *name, int flags)
{
    NEXT(unlinkat);
    return meet("unlinkat") == ACT_FAIL ? -1 : next(directory, name, flags);
}

int openat64(int directory, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    NEXT(openat64);
    return meet("openat") == ACT_FAIL ? -1 : next(directory, name, flags, mode);
}
