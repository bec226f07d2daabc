/* world_real.c: the contract tests' world as the kernel makes it: loopback TCP, Unix sockets,
 * pipes.
 *
 * Clients are sockets of this process, used without blocking between the passes. They connect while
 * the listener's queue has room, which takes no accept. Buffers are kept small, so that a client
 * that does not read is noticed soon. Whatever the system refuses aborts: the test cannot go on. */
#include "world_real.h"

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

#define LISTEN_QUEUE 2000

struct world_real *real_of(struct world *world)
{
    return list_item(world, struct world_real, world);
}

int must(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        abort();
    }
    return result;
}

void set_number(int fd, int name, int value)
{
    must(setsockopt(fd, SOL_SOCKET, name, &value, sizeof value), "setsockopt");
}

int real_socket(struct world *world, int type)
{
    int family = real_of(world)->place.any.sa_family;
    return must(socket(family, type | SOCK_CLOEXEC, 0), "socket");
}

struct place place_of(int fd)
{
    struct place place = {.size = sizeof(struct sockaddr_un)};
    must(getsockname(fd, &place.any, &place.size), "getsockname");
    return place;
}

/* A Unix address of the family alone makes the system choose an abstract name. */
void bind_anywhere(int fd, int family)
{
    struct place place = {.size = sizeof place.ipv4, .ipv4.sin_family = AF_INET};
    place.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_UNIX)
        place = (struct place){.size = sizeof place.any.sa_family, .any.sa_family = AF_UNIX};
    must(bind(fd, &place.any, place.size), "bind");
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

static void listen_on(struct world_real *real, int family)
{
    real->place.any.sa_family = (sa_family_t)family;
    int fd = real_socket(&real->world, SOCK_STREAM | SOCK_NONBLOCK);
    set_number(fd, SO_SNDBUF, SOCKET_BUFFER);
    bind_anywhere(fd, family);
    must(listen(fd, LISTEN_QUEUE), "listen");
    real->place = place_of(fd);
    real->world.listener = fd;
}

static struct world *create(const struct world_table *table, int family)
{
    raise_limit();
    signal(SIGPIPE, SIG_IGN);
    struct world_real *real = calloc(1, sizeof *real);
    struct error error = {0};
    if (real) {
        real->world.table = table;
        real->world.engine = engine_create(table->engine, &error);
    }
    if (!real || !real->world.engine) {
        fprintf(stderr, "no world: %s\n", error.text);
        abort();
    }
    real->meeting = -1;
    listen_on(real, family);
    return &real->world;
}

static struct world *create_tcp(const struct world_table *table, uint64_t seed)
{
    (void)seed;
    return create(table, AF_INET);
}

static struct world *create_unix(const struct world_table *table, uint64_t seed)
{
    (void)seed;
    return create(table, AF_UNIX);
}

void close_ours(int *fd)
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
        close_ours(&real->streams[i].ours);
    for (int i = 0; i < real->correspondent_count; i++)
        close_ours(&real->correspondents[i].fd);
    for (int i = 0; i < real->other_count; i++)
        close_ours(&real->others[i]);
    close_ours(&real->meeting);
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

int add_client(struct world *world, int fd)
{
    struct world_real *real = real_of(world);
    if (real->client_count == CLIENTS_MAX)
        abort();
    real->clients[real->client_count].fd = fd;
    return real->client_count++;
}

static int client_connect(struct world *world)
{
    const struct place *place = &real_of(world)->place;
    int fd = real_socket(world, SOCK_STREAM);
    set_number(fd, SO_RCVBUF, SOCKET_BUFFER);
    must(connect(fd, &place->any, place->size), "connect");
    return add_client(world, fd);
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

void add_stream(struct world *world, int engines, int ours)
{
    struct world_real *real = real_of(world);
    if (real->stream_count == STREAMS_MAX)
        abort();
    real->streams[real->stream_count++] = (struct stream){.engines = engines, .ours = ours};
}

int add_other(struct world *world, int fd)
{
    struct world_real *real = real_of(world);
    if (real->other_count == OTHERS_MAX)
        abort();
    return real->others[real->other_count++] = fd;
}

static int stream(struct world *world)
{
    int ends[2];
    must(pipe2(ends, O_NONBLOCK | O_CLOEXEC), "pipe2");
    add_stream(world, ends[1], ends[0]);
    return ends[1];
}

/* The last stream of that number: an earlier one was closed, and its number used again. */
struct stream *stream_of(struct world *world, int fd)
{
    struct world_real *real = real_of(world);
    for (int i = real->stream_count; i-- > 0;)
        if (real->streams[i].engines == fd)
            return &real->streams[i];
    abort();
}

static size_t stream_read(struct world *world, int fd, void *bytes, size_t size)
{
    ssize_t got = read(stream_of(world, fd)->ours, bytes, size);
    return got > 0 ? (size_t)got : 0;
}

static void stream_gone(struct world *world, int fd)
{
    close_ours(&stream_of(world, fd)->ours);
}

const struct world_table world_tcp = {
    .name = "tcp",
    .engine = "epoll",
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
    .datagrams = &real_datagrams,
    .meetings = &real_meetings,
    .sources = &real_sources,
};

/* Unix sockets have no reset to ask for. */
const struct world_table world_unix = {
    .name = "unix",
    .engine = "epoll",
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
    .packets = real_packets,
    .datagrams = &real_unix_datagrams,
    .meetings = &real_meetings,
    .sources = &real_sources,
};
