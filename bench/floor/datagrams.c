/* The floor of datagrams: what waits is received with one call, and replied to with one. Every
 * datagram is a message; which reply is lost when the socket's buffer is full is the system's
 * affair, as it always is. */
#include "talk.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define BATCH 64

static struct mmsghdr messages[BATCH];
static struct sockaddr_in peers[BATCH];
static char data[BATCH][2048];

/* Both directions use the same headers: the peer stays, the bytes are another's. */
static void point(struct iovec *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                              .msg_namelen = sizeof peers[i],
                                              .msg_iov = &pieces[i],
                                              .msg_iovlen = 1};
    }
}

int main(int argc, char **argv)
{
    static struct iovec incoming[BATCH], outgoing[BATCH];
    struct talk talk = talk_start(argc, argv);
    fcntl(talk.listener, F_SETFL, 0);
    for (size_t i = 0; i < BATCH; i++) {
        incoming[i] = (struct iovec){data[i], sizeof data[i]};
        outgoing[i] = (struct iovec){(void *)(uintptr_t)talk_replies(1), TALK_REPLY_SIZE};
    }
    for (;;) {
        point(incoming, BATCH);
        int count = recvmmsg(talk.listener, messages, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0 && errno != EINTR)
            talk_fail("recvmmsg");
        if (count <= 0)
            continue;
        point(outgoing, (size_t)count);
        if (sendmmsg(talk.listener, messages, (unsigned)count, 0) < 0)
            talk_fail("sendmmsg");
    }
}
