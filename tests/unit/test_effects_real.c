/* Replies that something happens to, over real sockets and each engine that there is: what a peer
 * sees of a reset, of truncated bytes, of pieces. */
#include "effects_side.h"
#include "socket_side.h"

#include "engine/engine.h"
#include "serve/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECE  100
#define PIECES 40

struct place_to_talk {
    gt_server *server;
    pthread_t thread;
    uint16_t port;
    int status;
};

static const char *const engines[] = {"epoll", "uring"};

static bool has_engine(const char *name)
{
    struct error error;
    struct engine *engine = engine_create(name, &error);
    if (!engine)
        print_message("without %s: %s\n", name, error.text);
    bool has = engine;
    engine_destroy(&engine);
    return has;
}

static void told(const struct gt_event *event, void *context)
{
    struct place_to_talk *place = context;
    const char *colon = event->listener ? strrchr(event->listener, ':') : NULL;
    if (event->kind == GT_EVENT_LISTENING && colon)
        place->port = (uint16_t)atoi(colon + 1);
}

static void *run(void *context)
{
    struct place_to_talk *place = context;
    place->status = gt_run(place->server);
    return NULL;
}

static void start(struct place_to_talk *place, const char *engine, const char *address)
{
    *place = (struct place_to_talk){.server = gt_create()};
    gt_on_event(place->server, GT_NOTICE, told, place);
    effects_side_use(place->server);
    assert_int_equal(gt_set(place->server, "engine", engine), GT_DONE);
    assert_int_equal(gt_set(place->server, "keep", "on"), GT_DONE);
    assert_int_equal(gt_set(place->server, "frame", "line"), GT_DONE);
    assert_int_equal(gt_set(place->server, "show", "none"), GT_DONE);
    assert_int_equal(gt_listen(place->server, address), GT_DONE);
    assert_int_equal(pthread_create(&place->thread, NULL, run, place), 0);
}

static void stop(struct place_to_talk *place)
{
    gt_stop(place->server);
    pthread_join(place->thread, NULL);
    assert_int_equal(place->status, GT_DONE);
    gt_free(&place->server);
}

static int connect_tcp(const struct place_to_talk *place)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(place->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read to the end; the errno of the end, or 0: an end of the stream. */
static int read_all(int fd, char *bytes, size_t most, size_t *size)
{
    ssize_t count;
    *size = 0;
    while ((count = recv(fd, bytes + *size, most - *size, 0)) > 0)
        *size += (size_t)count;
    return count < 0 ? errno : 0;
}

/* What comes of a message, and how it ends. */
static void assert_talk(int fd, const char *message, const char *reply, int ending)
{
    char bytes[4096];
    size_t size;
    say(fd, message);
    assert_int_equal(read_all(fd, bytes, sizeof bytes, &size), ending);
    assert_true(slice_equal(slice_of(bytes, size), slice_of_text(reply)));
    close(fd);
}

static void ends_are_what_they_are_said_to_be(const char *engine)
{
    struct place_to_talk place;
    start(&place, engine, "tcp4:127.0.0.1:0");
    assert_talk(connect_tcp(&place), "close:hello\n", "hello\n", 0);
    assert_talk(connect_tcp(&place), "truncate=3 close:hello\n", "hel", 0);
    assert_talk(connect_tcp(&place), "reset:hello\n", "", ECONNRESET);
    assert_talk(connect_tcp(&place), "none reset:\n", "", ECONNRESET);
    assert_talk(connect_tcp(&place), "a\ntruncate=3 reset:hello\nb\n", "a\nhel", ECONNRESET);
    assert_talk(connect_tcp(&place), "pieces=1 reset truncate=5:hello\n", "hello", ECONNRESET);
    assert_talk(connect_tcp(&place), "drip=1000 close:hello\n", "hello\n", 0);
    stop(&place);
}

/* A closed Unix socket whose input was read is an end of the stream. */
static void a_reset_on_a_unix_socket_is_a_close(const char *engine)
{
    struct place_to_talk place;
    start(&place, engine, "unix:talk");
    assert_talk(connect_unix("talk"), "a\ntruncate=3 reset:hello\n", "a\nhel", 0);
    assert_talk(connect_unix("talk"), "reset:hello\n", "", 0);
    stop(&place);
}

/* How many segments with bytes in them have come. */
static unsigned segments_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    assert_true(size > offsetof(struct tcp_info, tcpi_data_segs_in));
    return info.tcpi_data_segs_in;
}

/* The segments of a reply with these effects, of PIECE * PIECES bytes. */
static unsigned count_segments(const struct place_to_talk *place, const char *effects)
{
    static char message[PIECE * PIECES + 100], reply[PIECE * PIECES + 100];
    int length = snprintf(message, sizeof message, "%s:", effects);
    size_t size;
    memset(message + length, 'x', PIECE * PIECES - 1);
    message[length + PIECE * PIECES - 1] = '\n';
    message[length + PIECE * PIECES] = '\0';
    int fd = connect_tcp(place);
    say(fd, message);
    for (size = 0; size < PIECE * PIECES;) {
        ssize_t count = recv(fd, reply + size, sizeof reply - size, 0);
        assert_true(count > 0);
        size += (size_t)count;
    }
    unsigned segments = segments_of(fd);
    assert_int_equal(size, PIECE * PIECES);
    close(fd);
    return segments;
}

static void a_piece_is_a_segment(const char *engine)
{
    struct place_to_talk place;
    char effects[40];
    start(&place, engine, "tcp4:127.0.0.1:0");
    assert_int_equal(count_segments(&place, "delay=0"), 1); /* the control */
    snprintf(effects, sizeof effects, "pieces=%d", PIECE);
    assert_int_equal(count_segments(&place, effects), PIECES);
    snprintf(effects, sizeof effects, "pieces=%d drip=400000", PIECE);
    assert_int_equal(count_segments(&place, effects), PIECES);
    stop(&place);
}

static void on_each(void (*test)(const char *engine))
{
    for (unsigned i = 0; i < 2; i++)
        if (has_engine(engines[i]))
            test(engines[i]);
}

static void test_ends(void **state)
{
    (void)state;
    on_each(ends_are_what_they_are_said_to_be);
}

static void test_unix(void **state)
{
    (void)state;
    on_each(a_reset_on_a_unix_socket_is_a_close);
}

static void test_pieces(void **state)
{
    (void)state;
    on_each(a_piece_is_a_segment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),
        IN_FOLDER(test_unix),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
