/* shim_edges.c: an edge-triggered program that was told "no more" waits for an edge, and there is
 * none where the bytes were there all the time. What a short read means is that the rest comes
 * later: so epoll is told once more what it is to watch, which makes it look, and tell what it
 * finds as if it had just come.
 *
 * A descriptor is one thread's at a time, as in the program; so is its row here. One that nobody
 * has told epoll about needs nothing: telling it makes it look. */
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ROWS 65536

static struct row {
    bool watched;
    bool event_descriptor;
    int epoll_fd;
    struct epoll_event event;
} rows[ROWS];

static struct row *row_of(int fd)
{
    return fd >= 0 && fd < ROWS ? &rows[fd] : NULL;
}

void shim_note_watched(int epoll_fd, int operation, int fd, const struct epoll_event *event)
{
    struct row *row = row_of(fd);
    if (!row)
        return;
    row->watched = operation != EPOLL_CTL_DEL;
    row->epoll_fd = epoll_fd;
    if (row->watched)
        row->event = *event;
}

void shim_note_closed(int fd)
{
    struct row *row = row_of(fd);
    if (row)
        row->watched = row->event_descriptor = false;
}

void shim_note_event(int fd)
{
    struct row *row = row_of(fd);
    if (row)
        row->event_descriptor = true;
}

bool shim_is_event(int fd)
{
    const struct row *row = row_of(fd);
    return row && row->event_descriptor;
}

void *shim_next(const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    void *next = dlsym(RTLD_NEXT, name);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!next)
        abort();
    return next;
}

void shim_tell_again(int fd)
{
    struct row *row = row_of(fd);
    int number = errno;
    NEXT(epoll_ctl);
    if (row && row->watched)
        next(row->epoll_fd, EPOLL_CTL_MOD, fd, &row->event);
    errno = number;
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    NEXT(getsockopt);
    return next(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

bool shim_may_cut(int fd)
{
    struct stat64 status;
    int number = errno;
    NEXT(fstat64);
    bool known = next(fd, &status) == 0;
    bool may = known && (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode) ||
                         (S_ISSOCK(status.st_mode) && is_stream(fd)));
    errno = number;
    return may;
}
