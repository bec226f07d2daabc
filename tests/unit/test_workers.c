/* The library with several workers: which thread calls what, replies from everywhere, exact counts,
 * and what is refused. */
#include "serve/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENTS  24
#define MESSAGES 50

static uint16_t port;
static sem_t ready;        /* for each client: all workers listen */
static atomic_int telling; /* events being told at this moment */
static atomic_int overlaps;
static atomic_uint told_count;

static void told(const struct gt_event *event, void *context)
{
    (void)context;
    atomic_fetch_add(&overlaps, atomic_fetch_add(&telling, 1) != 0);
    if (event->kind == GT_EVENT_LISTENING)
        port = (uint16_t)atoi(strrchr(event->listener, ':') + 1);
    for (int i = 0; event->kind == GT_EVENT_READY && i < CLIENTS; i++)
        sem_post(&ready);
    atomic_fetch_add(&told_count, event->kind == GT_EVENT_CONNECTED);
    atomic_fetch_sub(&telling, 1);
}

static gt_server *create(const char *workers)
{
    gt_server *server = gt_create();
    gt_on_event(server, GT_DETAIL, told, NULL);
    assert_int_equal(gt_set(server, "workers", workers), GT_DONE);
    assert_int_equal(gt_set(server, "frame", "line"), GT_DONE);
    assert_int_equal(gt_listen(server, "tcp4:127.0.0.1:0"), GT_DONE);
    atomic_store(&told_count, 0);
    sem_init(&ready, 0, 0);
    return server;
}

/* Say MESSAGES lines, as far as they are heard; how many came back. */
static void *talk(void *context)
{
    intptr_t replies = 0;
    char bytes[4096];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)context;
    sem_wait(&ready);
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd); /* it has had enough */
        return NULL;
    }
    memset(bytes, 'x', 2 * MESSAGES);
    for (int i = 0; i < MESSAGES; i++)
        bytes[2 * i + 1] = '\n';
    send(fd, bytes, 2 * MESSAGES, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    for (ssize_t size; (size = read(fd, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < size; i++)
            replies += bytes[i] == '\n';
    close(fd);
    return (void *)replies;
}

/* Run the server with all clients: what they got together. */
static intptr_t run_with_clients(gt_server *server, int expected)
{
    pthread_t clients[CLIENTS];
    intptr_t sum = 0;
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, talk, NULL);
    assert_int_equal(gt_run(server), expected);
    for (int i = 0; i < CLIENTS; i++) {
        void *replies;
        pthread_join(clients[i], &replies);
        sum += (intptr_t)replies;
    }
    return sum;
}

/* ---- callbacks ---- */

/* Of a connection, in its data: on which thread everything about it is called. */
struct seen {
    pthread_t thread;
    unsigned messages;
};

static atomic_uint opened_count, ended_count, strays;
static pthread_t threads_seen[CLIENTS];

static void opened(gt_connection *connection, void *context)
{
    (void)context;
    struct seen *seen = calloc(1, sizeof *seen);
    seen->thread = pthread_self();
    threads_seen[atomic_fetch_add(&opened_count, 1)] = seen->thread;
    gt_connection_set_data(connection, seen);
}

static void ended(gt_connection *connection, void *context)
{
    (void)context;
    struct seen *seen = gt_connection_data(connection);
    atomic_fetch_add(&strays, !pthread_equal(seen->thread, pthread_self()));
    atomic_fetch_add(&strays, seen->messages != MESSAGES);
    atomic_fetch_add(&ended_count, 1);
    free(seen);
}

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    struct seen *seen = gt_connection_data(message->connection);
    atomic_fetch_add(&strays, !pthread_equal(seen->thread, pthread_self()));
    seen->messages++;
    gt_reply(turn, "here", 4);
}

static unsigned count_threads(void)
{
    unsigned different = 0;
    for (unsigned i = 0; i < atomic_load(&opened_count); i++) {
        unsigned before = 0;
        while (before < i && !pthread_equal(threads_seen[before], threads_seen[i]))
            before++;
        different += before == i;
    }
    return different;
}

static void each_connection_is_its_workers(void **state)
{
    (void)state;
    gt_server *server = create("3");
    gt_on_message(server, heard, NULL);
    gt_on_connection(server, opened, ended, NULL);
    gt_set(server, "connections", "24");
    assert_int_equal(run_with_clients(server, GT_DONE), CLIENTS * MESSAGES);
    assert_int_equal(atomic_load(&opened_count), CLIENTS);
    assert_int_equal(atomic_load(&ended_count), CLIENTS);
    assert_int_equal(atomic_load(&strays), 0);
    assert_in_range(count_threads(), 2, 3);
    assert_int_equal(gt_message_count(server), CLIENTS * MESSAGES);
    gt_free(&server);
}

static void events_come_one_at_a_time(void **state)
{
    (void)state;
    gt_server *server = create("4");
    gt_set(server, "connections", "24");
    run_with_clients(server, GT_DONE);
    assert_int_equal(atomic_load(&told_count), CLIENTS);
    assert_int_equal(atomic_load(&overlaps), 0);
    gt_free(&server);
}

/* ---- replies from other threads ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static gt_turn *waiting[CLIENTS * MESSAGES];
static unsigned waiting_count;

static void keep(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)message;
    (void)context;
    pthread_mutex_lock(&lock);
    waiting[waiting_count++] = turn;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void *reply_to_all(void *context)
{
    (void)context;
    for (unsigned i = 0; i < CLIENTS * MESSAGES; i++) {
        pthread_mutex_lock(&lock);
        while (waiting_count <= i)
            pthread_cond_wait(&changed, &lock);
        gt_turn *turn = waiting[i];
        pthread_mutex_unlock(&lock);
        assert_int_equal(gt_reply(turn, "later", 5), GT_DONE);
    }
    return NULL;
}

static void a_reply_finds_its_worker(void **state)
{
    (void)state;
    gt_server *server = create("3");
    pthread_t replier;
    gt_on_message(server, keep, NULL);
    gt_set(server, "count", "1200");
    pthread_create(&replier, NULL, reply_to_all, NULL);
    assert_int_equal(run_with_clients(server, GT_DONE), CLIENTS * MESSAGES);
    pthread_join(replier, NULL);
    gt_free(&server);
}

/* ---- counts ---- */

static void a_count_is_exact(void **state)
{
    (void)state;
    static const char *const counts[] = {"1", "49", "600"};
    for (unsigned i = 0; i < 3; i++) {
        gt_server *server = create("4");
        gt_set(server, "count", counts[i]);
        assert_int_equal(run_with_clients(server, GT_DONE), atoi(counts[i]));
        assert_int_equal(gt_message_count(server), atoi(counts[i]));
        gt_free(&server);
    }
}

static atomic_bool over;

static void *read_counters(void *context)
{
    uint64_t before = 0;
    gt_server *server = context;
    while (!atomic_load(&over)) {
        struct gt_counter counter;
        uint64_t now = gt_message_count(server);
        assert_true(now >= before);
        before = now;
        for (size_t i = 0; gt_counter_at(server, i, &counter); i++)
            assert_true(counter.value <= 1000000);
        gt_tell_counters(server);
    }
    return NULL;
}

static void counters_may_be_read_all_the_while(void **state)
{
    (void)state;
    gt_server *server = create("3");
    pthread_t reader;
    gt_set(server, "connections", "24");
    pthread_create(&reader, NULL, read_counters, server);
    run_with_clients(server, GT_DONE);
    atomic_store(&over, true);
    pthread_join(reader, NULL);
    assert_int_equal(gt_message_count(server), CLIENTS * MESSAGES);
    gt_free(&server);
}

static void *stop_twice(void *context)
{
    gt_stop(context);
    gt_stop(context);
    return NULL;
}

static void another_thread_stops_it(void **state)
{
    (void)state;
    gt_server *server = create("3");
    pthread_t stopper;
    pthread_create(&stopper, NULL, stop_twice, server);
    int status = gt_run(server);
    assert_true(status == GT_DONE || status == GT_STOPPED);
    pthread_join(stopper, NULL);
    gt_free(&server);
}

/* ---- what is refused ---- */

static void a_loop_of_ones_own_has_one_worker(void **state)
{
    (void)state;
    static const char *const several[] = {"2", "auto"};
    for (unsigned i = 0; i < 2; i++) {
        gt_server *server = create(several[i]);
        assert_int_equal(gt_step(server), GT_WRONG);
        assert_non_null(strstr(gt_error(server), "gt_step"));
        assert_int_equal(gt_fd(server), -1);
        assert_non_null(strstr(gt_error(server), "gt_fd"));
        assert_int_equal(gt_set(server, "workers", "1"), GT_DONE);
        assert_true(gt_fd(server) >= 0);
        assert_int_equal(gt_step(server), GT_RUNNING);
        gt_free(&server);
    }
}

static void a_server_that_never_ran_is_freed(void **state)
{
    (void)state;
    gt_server *server = create("4");
    gt_free(&server);
    assert_null(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_connection_is_its_workers),
        cmocka_unit_test(events_come_one_at_a_time),
        cmocka_unit_test(a_reply_finds_its_worker),
        cmocka_unit_test(a_count_is_exact),
        cmocka_unit_test(counters_may_be_read_all_the_while),
        cmocka_unit_test(another_thread_stops_it),
        cmocka_unit_test(a_loop_of_ones_own_has_one_worker),
        cmocka_unit_test(a_server_that_never_ran_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
