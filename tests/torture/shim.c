/* shim.c: the calls themselves. Each is counted and perhaps refused; the next function by its name
 * does the work. Most are made by one macro; by hand those that transfer bytes, and may get a share
 * only, and those after which something is to be remembered. */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* A call that is counted as CALL, and otherwise left alone. */
#define PASSED_ON(type, name, call, parameters, arguments)                                         \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(name);                                                                                \
        return shim_refuses(CALL_##call) ? -1 : next arguments;                                    \
    }

PASSED_ON(int, bind, bind, (int fd, const struct sockaddr *address, socklen_t size),
          (fd, address, size))
PASSED_ON(int, chmod, chmod, (const char *path, mode_t mode), (path, mode))
PASSED_ON(int, connect, connect, (int fd, const struct sockaddr *address, socklen_t size),
          (fd, address, size))
PASSED_ON(int, epoll_create1, epoll_create1, (int flags), (flags))
PASSED_ON(int, epoll_wait, epoll_wait, (int fd, struct epoll_event *events, int most, int wait_ms),
          (fd, events, most, wait_ms))
PASSED_ON(int, epoll_pwait2, epoll_wait,
          (int fd, struct epoll_event *events, int most, const struct timespec *time,
           const sigset_t *mask),
          (fd, events, most, time, mask))
PASSED_ON(int, fchmod, fchmod, (int fd, mode_t mode), (fd, mode))
PASSED_ON(int, fchownat, fchownat, (int fd, const char *path, uid_t uid, gid_t gid, int flags),
          (fd, path, uid, gid, flags))
PASSED_ON(int, fdatasync, fdatasync, (int fd), (fd))
PASSED_ON(int, flock, flock, (int fd, int operation), (fd, operation))
PASSED_ON(int, fstat64, fstat, (int fd, struct stat64 *status), (fd, status))
PASSED_ON(ssize_t, getrandom, getrandom, (void *buffer, size_t size, unsigned flags),
          (buffer, size, flags))
PASSED_ON(int, getrlimit64, getrlimit, (__rlimit_resource_t which, struct rlimit64 *limit),
          (which, limit))
PASSED_ON(int, listen, listen, (int fd, int backlog), (fd, backlog))
PASSED_ON(int, lstat64, lstat, (const char *path, struct stat64 *status), (path, status))
PASSED_ON(int, mkostemp64, mkostemp, (char *path, int flags), (path, flags))
PASSED_ON(int, poll, poll, (struct pollfd * list, nfds_t count, int wait_ms),
          (list, count, wait_ms))
PASSED_ON(int, rename, rename, (const char *from, const char *to), (from, to))
PASSED_ON(int, setrlimit64, setrlimit, (__rlimit_resource_t which, const struct rlimit64 *limit),
          (which, limit))
PASSED_ON(int, setsockopt, setsockopt,
          (int fd, int level, int option, const void *value, socklen_t size),
          (fd, level, option, value, size))
PASSED_ON(int, getpeername, getpeername,
          (int fd, struct sockaddr *restrict address, socklen_t *restrict size),
          (fd, address, size))
PASSED_ON(int, getsockname, getsockname,
          (int fd, struct sockaddr *restrict address, socklen_t *restrict size),
          (fd, address, size))
PASSED_ON(int, getsockopt, getsockopt,
          (int fd, int level, int option, void *restrict value, socklen_t *restrict size),
          (fd, level, option, value, size))
PASSED_ON(ssize_t, sendto, sendto,
          (int fd, const void *bytes, size_t size, int flags, const struct sockaddr *address,
           socklen_t address_size),
          (fd, bytes, size, flags, address, address_size))
PASSED_ON(int, shutdown, shutdown, (int fd, int how), (fd, how))
PASSED_ON(int, socket, socket, (int family, int type, int protocol), (family, type, protocol))
PASSED_ON(int, unlink, unlink, (const char *path), (path))

/* ---- one argument more, perhaps ---- */

static int open_as(int (*next)(const char *, int, ...), const char *path, int flags, va_list more)
{
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    return shim_refuses(CALL_open) ? -1 : next(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    NEXT(open64);
    va_list more;
    va_start(more, flags);
    int fd = open_as(next, path, flags, more);
    va_end(more);
    return fd;
}

/* What open becomes when it has no mode and the compiler looks after it. */
int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    NEXT(__open64_2);
    return shim_refuses(CALL_open) ? -1 : next(path, flags);
}

/* Whatever the argument is, it is as wide as a pointer at most. */
int fcntl64(int fd, int command, ...)
{
    NEXT(fcntl64);
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    return shim_refuses(CALL_fcntl) ? -1 : next(fd, command, argument);
}

int ioctl(int fd, unsigned long request, ...)
{
    NEXT(ioctl);
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    return shim_refuses(CALL_ioctl) ? -1 : next(fd, request, argument);
}

/* ---- what is remembered, or fails in its own way ---- */

int close(int fd)
{
    NEXT(close);
    bool refused = shim_refuses(CALL_close);
    int number = errno;
    shim_note_closed(fd);
    int result = next(fd);
    if (!refused)
        return result;
    errno = number;
    return -1;
}

int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    NEXT(epoll_ctl);
    int result = shim_refuses(CALL_epoll_ctl) ? -1 : next(epoll_fd, operation, fd, event);
    if (result == 0)
        shim_note_watched(epoll_fd, operation, fd, event);
    return result;
}

int eventfd(unsigned count, int flags)
{
    NEXT(eventfd);
    int fd = shim_refuses(CALL_eventfd) ? -1 : next(count, flags);
    if (fd >= 0)
        shim_note_event(fd);
    return fd;
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*run)(void *), void *restrict argument)
{
    NEXT(pthread_create);
    return shim_refuses(CALL_pthread_create) ? errno : next(thread, attributes, run, argument);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    NEXT(clock_gettime);
    if (shim_refuses(CALL_clock_gettime))
        return -1;
    int result = next(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        time->tv_sec += shim_clock_seconds();
    return result;
}

/* ---- transfers ---- */

/* Refused: what could have been had is still there. */
static bool refuses_transfer(enum shim_call call, int fd)
{
    bool refused = shim_refuses(call);
    if (refused && errno == EAGAIN)
        shim_tell_again(fd);
    return refused;
}

static enum shim_call write_call(int fd)
{
    if (fd == STDERR_FILENO)
        return CALL_complain;
    return shim_is_event(fd) ? CALL_wake : CALL_write;
}

static size_t share_of(int fd, size_t size)
{
    size_t share = shim_share(size);
    return share < size && shim_may_cut(fd) ? share : size;
}

/* A read that got all of its share may have left some. */
static ssize_t received(int fd, ssize_t result, size_t share, size_t size)
{
    if (share < size && result == (ssize_t)share)
        shim_tell_again(fd);
    return result;
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    NEXT(accept4);
    return refuses_transfer(CALL_accept4, fd) ? -1 : next(fd, address, size, flags);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    NEXT(recv);
    if (refuses_transfer(CALL_recv, fd))
        return -1;
    size_t share = share_of(fd, size);
    return received(fd, next(fd, buffer, share, flags), share, size);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    NEXT(read);
    if (refuses_transfer(CALL_read, fd))
        return -1;
    size_t share = share_of(fd, size);
    return received(fd, next(fd, buffer, share), share, size);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *time)
{
    NEXT(recvmmsg);
    if (refuses_transfer(CALL_recvmmsg, fd))
        return -1;
    unsigned share = (unsigned)shim_share(count);
    return (int)received(fd, next(fd, messages, share, flags, time), share, count);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    NEXT(send);
    return refuses_transfer(CALL_send, fd) ? -1 : next(fd, bytes, share_of(fd, size), flags);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    NEXT(write);
    return refuses_transfer(write_call(fd), fd) ? -1 : next(fd, bytes, share_of(fd, size));
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    NEXT(sendmmsg);
    if (refuses_transfer(CALL_sendmmsg, fd))
        return -1;
    return next(fd, messages, (unsigned)shim_share(count), flags);
}

/* The first bytes of a vector, its last part shortened in a copy: how many parts that are. */
static int shorten(const struct iovec *parts, int count, size_t share, struct iovec *shortened)
{
    int used = 0;
    while (used < count && share > 0) {
        shortened[used] = parts[used];
        if (shortened[used].iov_len > share)
            shortened[used].iov_len = share;
        share -= shortened[used++].iov_len;
    }
    return used;
}

#define PARTS_MOST 64 /* longer vectors are not cut */

static size_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return size;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    struct iovec shortened[PARTS_MOST];
    NEXT(writev);
    if (refuses_transfer(write_call(fd), fd))
        return -1;
    size_t size = size_of(parts, count);
    size_t share = count > PARTS_MOST ? size : share_of(fd, size);
    if (share == size)
        return next(fd, parts, count);
    return next(fd, shortened, shorten(parts, count, share, shortened));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec shortened[PARTS_MOST];
    NEXT(sendmsg);
    if (refuses_transfer(CALL_send, fd))
        return -1;
    int count = (int)message->msg_iovlen;
    size_t size = size_of(message->msg_iov, count);
    size_t share = count > PARTS_MOST ? size : share_of(fd, size);
    if (share == size)
        return next(fd, message, flags);
    struct msghdr less = *message;
    less.msg_iov = shortened;
    less.msg_iovlen = (size_t)shorten(message->msg_iov, count, share, shortened);
    return next(fd, &less, flags);
}
