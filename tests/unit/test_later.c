/* Replies from other threads: through the mailbox, and through a whole server on a real socket. */
#include "serve/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LETTERS 1000

struct leaver {
    struct mailbox *mailbox;
    struct gt_turn turns[LETTERS];
};

static void *leave_all(void *context)
{
    struct leaver *leaver = context;
    for (unsigned i = 0; i < LETTERS; i++)
        mailbox_leave(leaver->mailbox, &leaver->turns[i]);
    return NULL;
}

/* What each thread leaves comes once, in its order. */
static void every_letter_comes_once_and_in_order(void **state)
{
    (void)state;
    struct engine *engine = engine_create("epoll", NULL);
    struct mailbox mailbox;
    static struct leaver leavers[3];
    pthread_t threads[3];
    unsigned next[3] = {0};
    assert_int_equal(mailbox_open(&mailbox, engine), 0);
    for (unsigned i = 0; i < 3; i++) {
        leavers[i].mailbox = &mailbox;
        for (unsigned n = 0; n < LETTERS; n++)
            leavers[i].turns[n].sequence = (uint64_t)i << 32 | n;
        pthread_create(&threads[i], NULL, leave_all, &leavers[i]);
    }
    for (unsigned count = 0; count < 3 * LETTERS;) {
        engine_pass(engine, -1);
        for (struct gt_turn *turn = mailbox_collect(&mailbox); turn; turn = turn->mail, count++)
            assert_int_equal((uint32_t)turn->sequence, next[turn->sequence >> 32]++);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    mailbox_close(&mailbox);
    engine_destroy(&engine);
}

/* A pool of one: the turns to reply to, handed to a thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static gt_turn *waiting[LETTERS];
static unsigned heard_count;

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)message;
    (void)context;
    pthread_mutex_lock(&lock);
    waiting[heard_count++] = turn;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void *reply_to_all(void *context)
{
    (void)context;
    for (unsigned i = 0; i < LETTERS; i++) {
        pthread_mutex_lock(&lock);
        while (heard_count <= i)
            pthread_cond_wait(&changed, &lock);
        gt_turn *turn = waiting[i];
        pthread_mutex_unlock(&lock);
        if (i % 10 == 9)
            gt_reply_none(turn);
        else
            assert_int_equal(gt_reply(turn, "later", 5), GT_DONE);
    }
    return NULL;
}

static uint16_t port;

static void told(const struct gt_event *event, void *context)
{
    (void)context;
    if (event->kind == GT_EVENT_LISTENING)
        port = (uint16_t)atoi(strrchr(event->listener, ':') + 1);
}

static void *talk(void *context)
{
    size_t *received = context;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char bytes[4096];
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    memset(bytes, '\n', LETTERS);
    assert_int_equal(write(fd, bytes, LETTERS), LETTERS);
    ssize_t size;
    while ((size = read(fd, bytes, sizeof bytes)) > 0)
        *received += (size_t)size;
    close(fd);
    return NULL;
}

static void another_thread_replies_to_a_thousand(void **state)
{
    (void)state;
    gt_server *server = gt_create();
    pthread_t replier, client;
    size_t received = 0;
    gt_on_event(server, GT_NOTICE, told, NULL);
    gt_on_message(server, heard, NULL);
    assert_int_equal(gt_set(server, "count", "1000"), GT_DONE);
    assert_int_equal(gt_listen(server, "tcp4:127.0.0.1:0"), GT_DONE);
    pthread_create(&replier, NULL, reply_to_all, NULL);
    pthread_create(&client, NULL, talk, &received);
    assert_int_equal(gt_run(server), GT_DONE);
    pthread_join(replier, NULL);
    pthread_join(client, NULL);
    assert_int_equal(received, 900 * strlen("later\n"));
    assert_int_equal(gt_message_count(server), LETTERS);
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
    gt_server *server = gt_create();
    pthread_t stopper;
    assert_int_equal(gt_listen(server, "tcp4:127.0.0.1:0"), GT_DONE);
    pthread_create(&stopper, NULL, stop_twice, server);
    int status = gt_run(server);
    assert_true(status == GT_DONE || status == GT_STOPPED);
    pthread_join(stopper, NULL);
    gt_free(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_comes_once_and_in_order),
        cmocka_unit_test(another_thread_replies_to_a_thousand),
        cmocka_unit_test(another_thread_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
