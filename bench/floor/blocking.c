/* The blocking floor: accept, receive, reply, close, one connection at a time. For a connection per
 * message there is nothing cheaper, and with --once it is the least that a one-shot can be.
 *
 * With "-" it is the program that socat, ncat and tcpserver start for a connection: it converses on
 * standard input and output until the end. */
#include "talk.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Receive and reply, once; whether there may be more. */
static bool converse(int in, int out)
{
    static char data[TALK_RECEIVE_SIZE];
    ssize_t got = read(in, data, sizeof data);
    if (got <= 0)
        return false;
    size_t count = talk_messages(data, (size_t)got);
    size_t size = count * TALK_REPLY_SIZE;
    return count == 0 || write(out, talk_replies(count), size) == (ssize_t)size;
}

int main(int argc, char **argv)
{
    struct talk talk = talk_start(argc, argv);
    if (talk.kind == TALK_CONVERSATION) {
        while (converse(STDIN_FILENO, STDOUT_FILENO) && !talk.close)
            ;
        return 0;
    }
    fcntl(talk.listener, F_SETFL, 0);
    do {
        int fd = accept4(talk.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            talk_fail("accept");
        converse(fd, fd);
        close(fd);
    } while (!talk.once);
    return 0;
}
