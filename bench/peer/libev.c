/* A server on libev, as its manual shows: a watcher for the listener, one for each connection, and
 * plain receive and send where they fire. */
#include "talk.h"
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct talk talk;

static void finish(struct ev_loop *loop, ev_io *watcher)
{
    ev_io_stop(loop, watcher);
    close(watcher->fd);
    free(watcher);
}

static void readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    static char data[TALK_RECEIVE_SIZE];
    (void)events;
    ssize_t got = recv(watcher->fd, data, sizeof data, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        finish(loop, watcher);
        return;
    }
    size_t count = talk_messages(data, (size_t)got);
    ssize_t size = (ssize_t)(count * TALK_REPLY_SIZE);
    if (count &&
        (send(watcher->fd, talk_replies(count), (size_t)size, MSG_NOSIGNAL) != size || talk.close))
        finish(loop, watcher);
}

static void connected(struct ev_loop *loop, ev_io *listener, int events)
{
    int fd;
    (void)events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        ev_io *watcher = malloc(sizeof *watcher);
        if (!watcher)
            talk_fail("malloc");
        ev_io_init(watcher, readable, fd, EV_READ);
        ev_io_start(loop, watcher);
    }
}

int main(int argc, char **argv)
{
    ev_io listener;
    talk = talk_start(argc, argv);
    struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
    ev_io_init(&listener, connected, talk.listener, EV_READ);
    ev_io_start(loop, &listener);
    return ev_run(loop, 0);
}
