/* The durable floor: the epoll floor that appends what it hears to a file, here called journal, and
 * syncs that before it replies: all that one wait brought is one write and one fdatasync. What
 * another server needs beyond this is its own doing.
 *
 * Messages are kept as they came, without any record of who said them, and no file is ever begun
 * anew. */
#include "talk.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512

static struct talk talk;
static int poller;
static int journal;

/* What a wait has brought, and who is to be replied to. */
static char heard[EVENTS * TALK_RECEIVE_SIZE];
static size_t heard_size;
static struct {
    int fd;
    size_t count;
} due[EVENTS];
static size_t due_count;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        talk_fail("epoll_ctl");
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(talk.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        watch(fd);
}

/* Gather what one receive brings. */
static void hear(int fd)
{
    ssize_t got = recv(fd, heard + heard_size, TALK_RECEIVE_SIZE, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        close(fd);
        return;
    }
    due[due_count].fd = fd;
    due[due_count++].count = talk_messages(heard + heard_size, (size_t)got);
    heard_size += (size_t)got;
}

static void keep(void)
{
    if (heard_size == 0)
        return;
    if (write(journal, heard, heard_size) != (ssize_t)heard_size)
        talk_fail("write");
    if (fdatasync(journal) < 0)
        talk_fail("fdatasync");
    heard_size = 0;
}

static void reply(void)
{
    for (size_t i = 0; i < due_count; i++) {
        size_t size = due[i].count * TALK_REPLY_SIZE;
        if (size > 0 &&
            send(due[i].fd, talk_replies(due[i].count), size, MSG_NOSIGNAL) != (ssize_t)size)
            close(due[i].fd);
    }
    due_count = 0;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    talk = talk_start(argc, argv);
    poller = epoll_create1(EPOLL_CLOEXEC);
    journal = open("journal", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0)
        talk_fail("journal");
    watch(talk.listener);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == talk.listener)
                accept_all();
            else
                hear(events[i].data.fd);
        }
        keep();
        reply();
    }
}
