/* The epoll floor: the least server that does the job with epoll. What another server needs beyond
 * this is its own doing.
 *
 * A connection is accepted and read from at once, since the message is often there already; only
 * one that stays is watched. Each receive is one send. A receive that fills the buffer is followed
 * by another at once, which doubles the rate of large messages in a pipeline: what is in the caches
 * is worked on there. No connection has any state: lines are counted by their ends. A reply that
 * does not fit the socket's buffer ends the connection, which no load here brings about. */
#include "talk.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS   512
#define RECEIVES 32 /* from one connection, before others have their turn */

static struct talk talk;
static int poller;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        talk_fail("epoll_ctl");
}

/* Reply to what one receive brought; whether the connection goes on. */
static bool reply(int fd, const char *data, size_t got)
{
    size_t count = talk_messages(data, got);
    size_t size = count * TALK_REPLY_SIZE;
    if (count == 0)
        return true;
    return send(fd, talk_replies(count), size, MSG_NOSIGNAL) == (ssize_t)size && !talk.close;
}

/* Receive and reply, while receives are full; whether the connection goes on. */
static bool converse(int fd)
{
    static char data[TALK_RECEIVE_SIZE];
    ssize_t got = sizeof data;
    for (int i = 0; i < RECEIVES && got == (ssize_t)sizeof data; i++) {
        got = recv(fd, data, sizeof data, 0);
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        if (!reply(fd, data, (size_t)got))
            return false;
    }
    return true;
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(talk.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (converse(fd))
            watch(fd);
        else
            close(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    talk = talk_start(argc, argv);
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(talk.listener);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == talk.listener)
                accept_all();
            else if (!converse(events[i].data.fd))
                close(events[i].data.fd);
        }
    }
}
