/* world_real_meeting.c: what the engine connects to and reads from, as the kernel makes it.
 *
 * Connections are taken by a second listener of ours; a third one has its queue filled, so that
 * nobody is answered there. */
#include "world_real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- connecting ---- */

static int bound(struct world *world)
{
    int fd = real_socket(world, SOCK_STREAM | SOCK_NONBLOCK);
    bind_anywhere(fd, real_of(world)->place.any.sa_family);
    return fd;
}

static int meeting_open(struct world *world, struct place *place)
{
    struct world_real *real = real_of(world);
    if (real->meeting < 0) {
        real->meeting = bound(world);
        must(listen(real->meeting, 100), "listen");
    }
    *place = place_of(real->meeting);
    return real_socket(world, SOCK_STREAM | SOCK_NONBLOCK);
}

/* Bound but not listening: and nobody else can be. */
static int meeting_refused(struct world *world, struct place *place)
{
    *place = place_of(add_other(world, bound(world)));
    return real_socket(world, SOCK_STREAM | SOCK_NONBLOCK);
}

static int meeting_unanswered(struct world *world, struct place *place)
{
    int fd = add_other(world, bound(world));
    must(listen(fd, 0), "listen");
    *place = place_of(fd);
    for (int i = 0; i < 2; i++)
        connect(add_other(world, real_socket(world, SOCK_STREAM | SOCK_NONBLOCK)), &place->any,
                place->size);
    return real_socket(world, SOCK_STREAM | SOCK_NONBLOCK);
}

static int meeting_met(struct world *world)
{
    struct world_real *real = real_of(world);
    int fd = real->meeting < 0 ? -1 : accept4(real->meeting, NULL, NULL, SOCK_CLOEXEC);
    return fd < 0 ? -1 : add_client(world, fd);
}

const struct world_meetings real_meetings = {
    .open = meeting_open,
    .refused = meeting_refused,
    .unanswered = meeting_unanswered,
    .met = meeting_met,
};

/* ---- packets ---- */

int real_packets(struct world *world, int *client)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), "socketpair");
    for (int i = 0; i < 2; i++)
        set_number(ends[i], SO_SNDBUF, 2 * (int)PACKET_MAX);
    *client = add_client(world, ends[1]);
    return ends[0];
}

/* ---- sources ---- */

static int source_pipe(struct world *world)
{
    int ends[2];
    must(pipe2(ends, O_NONBLOCK | O_CLOEXEC), "pipe2");
    add_stream(world, ends[0], ends[1]);
    return ends[0];
}

static size_t source_write(struct world *world, int fd, const void *bytes, size_t size)
{
    ssize_t written = write(stream_of(world, fd)->ours, bytes, size);
    return written > 0 ? (size_t)written : 0;
}

static void source_end(struct world *world, int fd)
{
    close_ours(&stream_of(world, fd)->ours);
}

static int source_file(struct world *world, const void *bytes, size_t size)
{
    (void)world;
    int fd = must(memfd_create("source", MFD_CLOEXEC), "memfd_create");
    if (pwrite(fd, bytes, size, 0) != (ssize_t)size)
        abort();
    return fd;
}

const struct world_sources real_sources = {
    .pipe = source_pipe,
    .write = source_write,
    .end = source_end,
    .file = source_file,
};
