/* threads.c: a server on real sockets, run by a thread; another one replies; this one plays the
 * clients.
 *
 * Which allocation is the n-th depends on how the threads happen to go: what must hold does not.
 * Three clients say their messages at once; each gets all its replies, in order, or loses its
 * connection, and only as many do as allocations failed. Then memory is back, and a fourth gets all
 * of them. Nothing here allocates but the library. */
#include "threads.h"

#include "allocations.h"

#include <arpa/inet.h>
#include <goodtalk.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS     3
#define MESSAGES    6
#define LARGE_BYTES 4500
#define NTHS_MOST   400

static struct {
    gt_server *server;
    bool steps; /* in a loop of its own */
    int status;
    uint16_t port;
    /* turns to be replied to */
    pthread_mutex_t lock;
    pthread_cond_t more;
    gt_turn *turns[(CLIENTS + 2) * MESSAGES];
    char numbers[(CLIENTS + 2) * MESSAGES];
    unsigned count;
    bool over;
} run = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

/* ---- the server's side ---- */

/* The number, and every second time much more. */
static void reply(gt_turn *turn, char number)
{
    char text[LARGE_BYTES];
    memset(text, number, sizeof text);
    gt_reply(turn, text, number % 2 ? sizeof text : 1);
}

/* Every third reply is given at once. */
static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    char number = *(const char *)message->bytes;
    if (number % 3 == 0) {
        reply(turn, number);
        return;
    }
    pthread_mutex_lock(&run.lock);
    run.turns[run.count] = turn;
    run.numbers[run.count++] = number;
    pthread_cond_signal(&run.more);
    pthread_mutex_unlock(&run.lock);
}

static void *reply_all(void *unused)
{
    pthread_mutex_lock(&run.lock);
    for (unsigned next = 0; !run.over || next < run.count;) {
        while (next == run.count && !run.over)
            pthread_cond_wait(&run.more, &run.lock);
        if (next == run.count)
            break;
        gt_turn *turn = run.turns[next];
        char number = run.numbers[next++];
        pthread_mutex_unlock(&run.lock);
        reply(turn, number);
        pthread_mutex_lock(&run.lock);
    }
    pthread_mutex_unlock(&run.lock);
    return unused;
}

static void *serve(void *unused)
{
    run.status = run.steps ? gt_step(run.server) : gt_run(run.server);
    while (run.status == GT_RUNNING) {
        struct pollfd mine = {.fd = gt_fd(run.server), .events = POLLIN};
        poll(&mine, 1, gt_timeout_ms(run.server));
        run.status = gt_step(run.server);
    }
    return unused;
}

/* "tcp:127.0.0.1:43121" */
static void told(const struct gt_event *event, void *context)
{
    (void)context;
    if (event->kind == GT_EVENT_LISTENING)
        run.port = (uint16_t)atoi(strrchr(event->listener, ':') + 1);
}

/* ---- the clients' side ---- */

static int say_all(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(run.port)};
    struct timeval patience = {.tv_sec = 20};
    char text[2 * MESSAGES];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (unsigned i = 0; i < MESSAGES; i++) {
        text[2 * i] = (char)('a' + i);
        text[2 * i + 1] = '\n';
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        send(fd, text, sizeof text, MSG_NOSIGNAL);
    return fd;
}

/* How many replies came, whole; -1: something else came. */
static int hear_all(int fd)
{
    char byte;
    int whole = 0;
    size_t size = 0;
    while (whole < MESSAGES && recv(fd, &byte, 1, 0) == 1) {
        size_t right = ('a' + whole) % 2 ? LARGE_BYTES : 1;
        if (size < right ? byte != 'a' + whole : byte != '\n')
            return -1;
        whole += size == right;
        size = size == right ? 0 : size + 1;
    }
    close(fd);
    return whole;
}

/* Whether all clients were served as they should have been. */
static bool talk(void)
{
    int fds[CLIENTS];
    unsigned lost = 0;
    bool wrong = false;
    for (unsigned i = 0; i < CLIENTS; i++)
        fds[i] = say_all();
    for (unsigned i = 0; i < CLIENTS; i++) {
        int whole = hear_all(fds[i]);
        wrong |= whole < 0;
        lost += whole < MESSAGES;
    }
    uint64_t failed = allocations_failed();
    allocations_succeed();
    int after = hear_all(say_all());
    if (wrong || lost > failed || after != MESSAGES)
        printf("threads: %u clients are lost%s, the one afterwards gets %d replies\n", lost,
               wrong ? ", one gets what it should not" : "", after);
    return !wrong && lost <= failed && after == MESSAGES;
}

/* ---- a run ---- */

static bool begin(bool steps, const char *workers)
{
    run.steps = steps;
    run.count = 0;
    run.over = false;
    run.server = gt_create();
    gt_on_message(run.server, heard, NULL);
    gt_on_event(run.server, GT_NOTICE, told, NULL);
    return gt_set(run.server, "frame", "line") == GT_DONE &&
           gt_set(run.server, "workers", workers) == GT_DONE &&
           gt_listen(run.server, "tcp:127.0.0.1:0") == GT_DONE;
}

/* The nth allocation once it has begun to serve fails. */
static bool run_once(bool steps, const char *workers, uint64_t nth)
{
    pthread_t server, replier;
    int64_t held_before = allocations_held();
    allocations_begin();
    if (!begin(steps, workers))
        return false;
    pthread_create(&server, NULL, serve, NULL);
    pthread_create(&replier, NULL, reply_all, NULL);
    hear_all(say_all()); /* it serves */
    allocations_begin();
    allocations_fail(nth, 1);
    bool well = talk();
    gt_stop(run.server);
    pthread_join(server, NULL);
    pthread_mutex_lock(&run.lock);
    run.over = true;
    pthread_cond_signal(&run.more);
    pthread_mutex_unlock(&run.lock);
    pthread_join(replier, NULL);
    gt_free(&run.server);
    if (run.status != GT_DONE || allocations_held() != held_before)
        printf("threads: status %d, %lld blocks left\n", run.status,
               (long long)(allocations_held() - held_before));
    return well && run.status == GT_DONE && allocations_held() == held_before;
}

static bool run_in_turn(bool steps, const char *workers)
{
    uint64_t nth = 0;
    do {
        if (!run_once(steps, workers, ++nth)) {
            printf("threads: %s workers, allocation %llu\n", workers, (unsigned long long)nth);
            return false;
        }
    } while (allocations_failed() > 0 && nth < NTHS_MOST);
    printf("threads  %llu allocations with %s workers%s\n", (unsigned long long)nth - 1, workers,
           steps ? ", in a loop of its own" : "");
    return true;
}

bool threads_all(void)
{
    return run_in_turn(false, "1") && run_in_turn(true, "1") && run_in_turn(false, "2");
}
