/* The common part of the measured servers: talk_start reads the command line and opens the socket;
 * whatever fails there is told and ends the program. */
#include "talk.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

struct reply {
    char text[TALK_REPLY_SIZE]; /* no zero at the end */
};

static const struct reply reply = {"Good talking to you\n"};

_Noreturn void talk_fail(const char *what)
{
    perror(what);
    exit(1);
}

size_t talk_messages(const char *data, size_t size)
{
    size_t count = 0;
    const char *end = data + size;
    for (const char *at = data; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        count++;
    return count;
}

const char *talk_replies(size_t count)
{
    static struct reply replies[TALK_RECEIVE_SIZE];
    static size_t filled;
    for (; filled < count; filled++)
        replies[filled] = reply;
    return replies->text;
}

static int open_ip(const char *kind, int type, const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        talk_fail("socket");
    if (type == SOCK_STREAM && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
                                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0))
        talk_fail("setsockopt");
    if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
        (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        talk_fail("listening");
    fprintf(stderr, "%s:127.0.0.1:%u\n", kind, ntohs(address.sin_port));
    return fd;
}

static int open_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        talk_fail("socket");
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        talk_fail(path);
    fprintf(stderr, "unix:%s\n", path);
    return fd;
}

static void open_address(struct talk *talk, const char *address)
{
    if (strncmp(address, "tcp:", 4) == 0) {
        talk->kind = TALK_TCP;
        talk->listener = open_ip("tcp", SOCK_STREAM, address + 4);
    } else if (strncmp(address, "udp:", 4) == 0) {
        talk->kind = TALK_UDP;
        talk->listener = open_ip("udp", SOCK_DGRAM, address + 4);
    } else if (strncmp(address, "unix:", 5) == 0) {
        talk->kind = TALK_UNIX;
        talk->listener = open_unix(address + 5);
    } else if (strcmp(address, "-") == 0) {
        talk->kind = TALK_CONVERSATION;
    }
}

struct talk talk_start(int argc, char **argv)
{
    struct talk talk = {.listener = -1, .buffer_bytes = 2048};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--once") == 0)
            talk.once = true;
        else if (strcmp(argv[i], "--close") == 0)
            talk.close = true;
        else if (strcmp(argv[i], "--buffer") == 0 && i + 1 < argc)
            talk.buffer_bytes = (unsigned)strtoul(argv[++i], NULL, 10);
        else
            open_address(&talk, argv[i]);
    }
    if (talk.kind == TALK_NONE) {
        fprintf(stderr,
                "usage: %s [--once] [--close] [--buffer BYTES] tcp:PORT|udp:PORT|unix:PATH|-\n",
                argv[0]);
        exit(2);
    }
    return talk;
}
