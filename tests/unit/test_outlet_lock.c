/* One outlet for several recorders: whose turn it is; and threads that write to one pipe, with the
 * lock and, as a control, without. */
#include "engine/engine.h"
#include "goodtalk.h"
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* An engine that only counts how often it is woken. */
struct sleeper {
    struct engine engine;
    unsigned woken;
};

static void count_wake(struct engine *engine)
{
    ((struct sleeper *)(void *)engine)->woken++;
}

static const struct engine_table sleeper_table = {.name = "sleeper", .wake = count_wake};

#define USERS 3

struct queue {
    struct outlet_lock lock;
    struct sleeper sleepers[USERS];
    struct outlet_user users[USERS];
};

static void open_queue(struct queue *queue)
{
    *queue = (struct queue){.lock.broken = 0};
    assert_int_equal(outlet_lock_open(&queue->lock), 0);
    for (unsigned i = 0; i < USERS; i++) {
        queue->sleepers[i].engine.table = &sleeper_table;
        queue->users[i].engine = &queue->sleepers[i].engine;
        list_init(&queue->users[i].link);
    }
}

static int take(struct queue *queue, unsigned user)
{
    return outlet_lock_take(&queue->lock, &queue->users[user]);
}

static void leave(struct queue *queue, unsigned user)
{
    outlet_lock_leave(&queue->lock, &queue->users[user]);
}

static void each_has_it_in_turn(void **state)
{
    (void)state;
    struct queue queue;
    open_queue(&queue);
    assert_int_equal(take(&queue, 0), 1);
    assert_int_equal(take(&queue, 0), 1);
    assert_int_equal(take(&queue, 2), 0);
    assert_int_equal(take(&queue, 1), 0);
    assert_int_equal(take(&queue, 2), 0);
    leave(&queue, 0);
    assert_int_equal(queue.sleepers[2].woken, 1);
    assert_int_equal(queue.sleepers[1].woken, 0);
    assert_int_equal(take(&queue, 0), 0); /* though nobody has asked again yet */
    assert_int_equal(take(&queue, 2), 1);
    leave(&queue, 2);
    assert_int_equal(take(&queue, 1), 1);
    leave(&queue, 1);
    assert_int_equal(take(&queue, 0), 1);
    leave(&queue, 0);
    assert_int_equal(take(&queue, 2), 1);
    outlet_lock_close(&queue.lock);
}

static void who_waits_may_leave(void **state)
{
    (void)state;
    struct queue queue;
    open_queue(&queue);
    assert_int_equal(take(&queue, 0), 1);
    assert_int_equal(take(&queue, 1), 0);
    assert_int_equal(take(&queue, 2), 0);
    leave(&queue, 1);
    leave(&queue, 0);
    assert_int_equal(queue.sleepers[1].woken, 0);
    assert_int_equal(take(&queue, 1), 0);
    leave(&queue, 2); /* it was handed the lock and does not want it any more */
    assert_int_equal(take(&queue, 1), 1);
    outlet_lock_close(&queue.lock);
}

static void nobody_writes_after_half_a_record(void **state)
{
    (void)state;
    struct queue queue;
    open_queue(&queue);
    assert_int_equal(take(&queue, 0), 1);
    assert_int_equal(take(&queue, 1), 0);
    assert_int_equal(take(&queue, 2), 0);
    outlet_lock_break(&queue.lock, &queue.users[0], EPIPE);
    assert_int_equal(queue.sleepers[1].woken, 1);
    assert_int_equal(take(&queue, 1), -EPIPE);
    assert_int_equal(queue.sleepers[2].woken, 1); /* everybody is to know */
    assert_int_equal(take(&queue, 2), -EPIPE);
    assert_int_equal(take(&queue, 0), -EPIPE);
    outlet_lock_close(&queue.lock);
}

/* ---- threads ---- */

#define RECORDERS 4
#define MESSAGES  300
#define LONGEST   3000

struct author {
    int fd;
    unsigned number;
    struct outlet_lock *lock; /* NULL: without */
    unsigned unrecorded;
};

/* "2222...\n", of all lengths. */
static struct slice text_of(unsigned author, unsigned message, char text[LONGEST + 1])
{
    size_t size = (size_t)(author * 7919 + message * 104729) % LONGEST;
    memset(text, '0' + (int)author, size);
    text[size] = '\n';
    return slice_of(text, size + 1);
}

static void *write_all(void *context)
{
    struct author *author = context;
    char text[LONGEST + 1];
    static const struct peer nobody;
    struct engine *engine = engine_create("epoll", NULL);
    struct outlet outlet = {.fd = author->fd, .mode = WRITE_STREAM};
    struct recorder *recorder =
        show_recorder_create(engine, outlet, author->lock, SHOW_RAW, 1 << 20);
    for (unsigned i = 1; i <= MESSAGES; i++) {
        struct slice raw = text_of(author->number, i, text);
        struct message message = {
            .body = raw, .raw = raw, .peer = &nobody, .listener = "x", .sequence = i};
        recorder_take(recorder, &message);
        if (i % 3 == 0)
            recorder_commit(recorder);
        engine_pass(engine, 0);
    }
    recorder_commit(recorder);
    while (recorder->recorded < MESSAGES && !recorder->failure.status) {
        engine_pass(engine, -1);
        recorder_commit(recorder);
    }
    author->unrecorded = MESSAGES - (unsigned)recorder->recorded;
    recorder_destroy(&recorder);
    engine_destroy(&engine);
    return NULL;
}

/* How many lines are not one author's, read slowly from a pipe of a page. */
static unsigned torn_lines(bool locked)
{
    int ends[2];
    struct outlet_lock lock;
    struct author authors[RECORDERS];
    pthread_t threads[RECORDERS];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    assert_int_equal(outlet_lock_open(&lock), 0);
    for (unsigned i = 0; i < RECORDERS; i++) {
        authors[i] = (struct author){.fd = ends[1], .number = i, .lock = locked ? &lock : NULL};
        pthread_create(&threads[i], NULL, write_all, &authors[i]);
    }
    fcntl(ends[0], F_SETFL, 0);
    unsigned torn = 0, lines = 0;
    FILE *reader = fdopen(ends[0], "r");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t size; lines < RECORDERS * MESSAGES && (size = getline(&line, &room, reader)) > 0;
         lines++)
        torn += size > 1 && strspn(line, (char[]){line[0], '\0'}) != (size_t)size - 1;
    free(line);
    for (unsigned i = 0; i < RECORDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(authors[i].unrecorded, 0);
    }
    fclose(reader);
    close(ends[1]);
    outlet_lock_close(&lock);
    return torn;
}

static void records_of_several_threads_are_whole(void **state)
{
    (void)state;
    assert_int_equal(torn_lines(true), 0);
}

static void without_the_lock_they_are_torn(void **state)
{
    (void)state;
    unsigned torn = 0;
    for (int tries = 0; torn == 0 && tries < 20; tries++)
        torn = torn_lines(false);
    assert_true(torn > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_it_in_turn),
        cmocka_unit_test(who_waits_may_leave),
        cmocka_unit_test(nobody_writes_after_half_a_record),
        cmocka_unit_test(records_of_several_threads_are_whole),
        cmocka_unit_test(without_the_lock_they_are_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
