/* The epoll floor: the least server that does the job with epoll. What another server needs beyond
 * this is its own doing.
 *
 * A connection is accepted and read from at once, since the message is often there already; only
 * one that stays is watched. Each receive is one send. No connection has any state: lines are
 * counted by their ends. A reply that does not fit the socket's buffer ends the connection, which
 * no load here brings about. */
#include "talk.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512

static struct talk talk;
static int poller;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        talk_fail("epoll_ctl");
}

/* Receive and reply, once; whether the connection goes on. */
static bool converse(int fd)
{
    static char data[TALK_RECEIVE_SIZE];
    ssize_t got = recv(fd, data, sizeof data, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    size_t count = talk_messages(data, (size_t)got);
    if (count == 0)
        return true;
    size_t size = count * TALK_REPLY_SIZE;
    return send(fd, talk_replies(count), size, MSG_NOSIGNAL) == (ssize_t)size && !talk.close;
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
