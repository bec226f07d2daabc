/* world_real.c: the contract tests' world as the kernel makes it: loopback TCP, Unix sockets,
 * pipes.
 *
 * Clients are sockets of this process, used without blocking between the passes. They connect while
 * the listener's queue has room, which takes no accept. Buffers are kept small, so that a client
 * that does not read is noticed soon. Whatever the system refuses aborts: the test cannot go on. */
#include "engine_world.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX   1200
#define STREAMS_MAX   16
#define LISTEN_QUEUE  2000
#define SOCKET_BUFFER (32 * 1024) /* bytes */

struct client {
    int fd; /* -1: it has gone */
    bool deaf;
    enum client_end end;
};

struct stream {
    int write_fd; /* the engine's */
    int read_fd;  /* ours; -1: the reader has gone */
};

struct world_real {
    struct world world;
    struct sockaddr_storage address; /* of the listener */
    socklen_t address_size;
    struct client clients[CLIENTS_MAX];
    int client_count;
    struct stream streams[STREAMS_MAX];
    int stream_count;
};

static struct world_real *real_of(struct world *world)
{
    return list_item(world, struct world_real, world);
}

/* What the system said, which must not be an error. */
static int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        abort();
    }
    return result;
}

static void set_number(int fd, int name, int value)
{
    must(setsockopt(fd, SOL_SOCKET, name, &value, sizeof value), "setsockopt");
}

/* ---- making and freeing ---- */

/* Two thousand descriptors are needed for a thousand clients. */
static void raise_limit(void)
{
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

static void listen_on(struct world_real *real, const struct sockaddr *address, socklen_t size)
{
    int fd =
        must(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    set_number(fd, SO_SNDBUF, SOCKET_BUFFER);
    must(bind(fd, address, size), "bind");
    must(listen(fd, LISTEN_QUEUE), "listen");
    real->address_size = sizeof real->address;
    must(getsockname(fd, (struct sockaddr *)&real->address, &real->address_size), "getsockname");
    real->world.listener = fd;
}

static struct world_real *create(const struct world_table *table)
{
    raise_limit();
    signal(SIGPIPE, SIG_IGN);
    struct world_real *real = calloc(1, sizeof *real);
    struct error error = {0};
    if (real) {
        real->world.table = table;
        real->world.engine = engine_create("auto", &error);
    }
    if (!real || !real->world.engine) {
        fprintf(stderr, "no world: %s\n", error.text);
        abort();
    }
    return real;
}

static struct world *create_tcp(uint64_t seed)
{
    (void)seed;
    struct world_real *real = create(&world_tcp);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_on(real, (struct sockaddr *)&address, sizeof address);
    return &real->world;
}

/* An address of the family alone makes the system choose an abstract name. */
static struct world *create_unix(uint64_t seed)
{
    (void)seed;
    struct world_real *real = create(&world_unix);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    listen_on(real, (struct sockaddr *)&address, sizeof address.sun_family);
    return &real->world;
}

static void close_ours(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void destroy(struct world **world)
{
    struct world_real *real = real_of(*world);
    *world = NULL;
    for (int i = 0; i < real->client_count; i++)
        close_ours(&real->clients[i].fd);
    for (int i = 0; i < real->stream_count; i++)
        close_ours(&real->streams[i].read_fd);
    if (real->world.listener >= 0)
        engine_close(real->world.engine, real->world.listener, false);
    engine_destroy(&real->world.engine);
    free(real);
}

/* ---- clients ---- */

static struct client *client_of(struct world *world, int client)
{
    return &real_of(world)->clients[client];
}

static int client_connect(struct world *world)
{
    struct world_real *real = real_of(world);
    if (real->client_count == CLIENTS_MAX)
        abort();
    int family = real->address.ss_family;
    int fd = must(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    set_number(fd, SO_RCVBUF, SOCKET_BUFFER);
    must(connect(fd, (struct sockaddr *)&real->address, real->address_size), "connect");
    real->clients[real->client_count].fd = fd;
    return real->client_count++;
}

static size_t client_send(struct world *world, int client, const void *bytes, size_t size)
{
    ssize_t sent = send(client_of(world, client)->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

static size_t client_receive(struct world *world, int number, void *bytes, size_t size)
{
    struct client *client = client_of(world, number);
    if (client->deaf || client->end != CLIENT_OPEN)
        return 0;
    ssize_t got = recv(client->fd, bytes, size, MSG_DONTWAIT);
    if (got > 0)
        return (size_t)got;
    if (got == 0)
        client->end = CLIENT_ENDED;
    else if (errno != EAGAIN)
        client->end = CLIENT_RESET;
    return 0;
}

static enum client_end client_end_met(struct world *world, int client)
{
    return client_of(world, client)->end;
}

static void client_read(struct world *world, int client, bool on)
{
    client_of(world, client)->deaf = !on;
}

static void client_shutdown(struct world *world, int client)
{
    must(shutdown(client_of(world, client)->fd, SHUT_WR), "shutdown");
}

static void client_close(struct world *world, int client)
{
    close_ours(&client_of(world, client)->fd);
}

static void client_reset(struct world *world, int client)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = client_of(world, client)->fd;
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), "setsockopt");
    client_close(world, client);
}

/* ---- files and streams ---- */

static int file(struct world *world)
{
    (void)world;
    return must(memfd_create("contract", MFD_CLOEXEC), "memfd_create");
}

static size_t file_content(struct world *world, int fd, void *bytes, size_t size)
{
    (void)world;
    return (size_t)must((int)pread(fd, bytes, size, 0), "pread");
}

static int full(struct world *world)
{
    (void)world;
    return must(open("/dev/full", O_WRONLY | O_CLOEXEC), "/dev/full");
}

static int stream(struct world *world)
{
    struct world_real *real = real_of(world);
    int ends[2];
    if (real->stream_count == STREAMS_MAX)
        abort();
    must(pipe2(ends, O_NONBLOCK | O_CLOEXEC), "pipe2");
    real->streams[real->stream_count++] = (struct stream){.read_fd = ends[0], .write_fd = ends[1]};
    return ends[1];
}

/* The last stream of that number: an earlier one was closed, and its number used again. */
static struct stream *stream_of(struct world *world, int fd)
{
    struct world_real *real = real_of(world);
    for (int i = real->stream_count; i-- > 0;)
        if (real->streams[i].write_fd == fd)
            return &real->streams[i];
    abort();
}

static size_t stream_read(struct world *world, int fd, void *bytes, size_t size)
{
    ssize_t got = read(stream_of(world, fd)->read_fd, bytes, size);
    return got > 0 ? (size_t)got : 0;
}

static void stream_gone(struct world *world, int fd)
{
    close_ours(&stream_of(world, fd)->read_fd);
}

const struct world_table world_tcp = {
    .name = "tcp",
    .resets = true,
    .threads = true,
    .kernel = true,
    .seeds = 1,
    .create = create_tcp,
    .destroy = destroy,
    .connect = client_connect,
    .client_send = client_send,
    .client_receive = client_receive,
    .client_end = client_end_met,
    .client_read = client_read,
    .client_shutdown = client_shutdown,
    .client_reset = client_reset,
    .client_close = client_close,
    .file = file,
    .file_content = file_content,
    .full = full,
    .stream = stream,
    .stream_read = stream_read,
    .stream_gone = stream_gone,
};

/* Unix sockets have no reset to ask for. */
const struct world_table world_unix = {
    .name = "unix",
    .resets = false,
    .threads = true,
    .kernel = true,
    .seeds = 1,
    .create = create_unix,
    .destroy = destroy,
    .connect = client_connect,
    .client_send = client_send,
    .client_receive = client_receive,
    .client_end = client_end_met,
    .client_read = client_read,
    .client_shutdown = client_shutdown,
    .client_close = client_close,
    .file = file,
    .file_content = file_content,
    .full = full,
    .stream = stream,
    .stream_read = stream_read,
    .stream_gone = stream_gone,
};
