/* epoll_sync.c: what is written reaches the disk, which takes its time.
 *
 * Within the call; or on a thread, made at the first sync that is to be apart, which carries out
 * one after the other. One that is over wakes the engine, and is told in its next pass.
 *
 * Where no thread can be made the call waits. A sync that is cancelled before the thread has begun
 * with it ends with -ECANCELED; else its end is waited for, for nothing can hurry it. */
#include "engine/epoll.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct syncer {
    struct engine *engine;
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t asked; /* the thread has something to do */
    pthread_cond_t ended; /* a sync is over */
    struct list waiting;
    struct op *running;
    struct list over;
    bool leaving;
};

static int64_t clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int sync_now(struct sync_op *op)
{
    int64_t start_ns = clock_ns();
    int result = (op->whole ? fsync(op->op.fd) : fdatasync(op->op.fd)) ? -errno : 0;
    op->took_ns = clock_ns() - start_ns;
    return result;
}

/* ---- the thread ---- */

/* The next to be carried out; NULL when there will be none. */
static struct op *next_sync(struct syncer *syncer)
{
    while (list_empty(&syncer->waiting) && !syncer->leaving)
        pthread_cond_wait(&syncer->asked, &syncer->lock);
    struct list *link = list_take(&syncer->waiting);
    syncer->running = link ? list_item(link, struct op, link) : NULL;
    return syncer->running;
}

static void carry_out(struct syncer *syncer, struct op *op)
{
    pthread_mutex_unlock(&syncer->lock);
    int result = sync_now(list_item(op, struct sync_op, op));
    pthread_mutex_lock(&syncer->lock);
    op->result = result;
    syncer->running = NULL;
    list_append(&syncer->over, &op->link);
    pthread_cond_broadcast(&syncer->ended);
    syncer->engine->table->wake(syncer->engine);
}

static void *sync_apart(void *context)
{
    struct syncer *syncer = context;
    struct op *op;
    pthread_mutex_lock(&syncer->lock);
    while ((op = next_sync(syncer)))
        carry_out(syncer, op);
    pthread_mutex_unlock(&syncer->lock);
    return NULL;
}

static int start_thread(struct syncer *syncer)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&syncer->thread, NULL, sync_apart, syncer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

static struct syncer *syncer_create(struct engine *engine)
{
    struct syncer *syncer = calloc(1, sizeof *syncer);
    if (!syncer)
        return NULL;
    syncer->engine = engine;
    list_init(&syncer->waiting);
    list_init(&syncer->over);
    pthread_mutex_init(&syncer->lock, NULL); /* these three cannot fail on Linux */
    pthread_cond_init(&syncer->asked, NULL);
    pthread_cond_init(&syncer->ended, NULL);
    if (start_thread(syncer) == 0)
        return syncer;
    free(syncer);
    return NULL;
}

void epoll_free_syncer(struct epoll_engine *engine)
{
    struct syncer *syncer = engine->syncer;
    if (!syncer)
        return;
    pthread_mutex_lock(&syncer->lock);
    syncer->leaving = true;
    pthread_cond_signal(&syncer->asked);
    pthread_mutex_unlock(&syncer->lock);
    pthread_join(syncer->thread, NULL);
    pthread_cond_destroy(&syncer->ended);
    pthread_cond_destroy(&syncer->asked);
    pthread_mutex_destroy(&syncer->lock);
    free(syncer);
    engine->syncer = NULL;
}

/* ---- the engine's side ---- */

/* What is over becomes due. The lock is held. */
static void move_to_due(struct epoll_engine *engine)
{
    struct list *link;
    while ((link = list_take(&engine->syncer->over))) {
        list_item(link, struct op, link)->phase |= PHASE_DUE;
        list_append(&engine->due, link);
    }
}

void epoll_collect_syncs(struct epoll_engine *engine)
{
    pthread_mutex_lock(&engine->syncer->lock);
    move_to_due(engine);
    pthread_mutex_unlock(&engine->syncer->lock);
}

void epoll_cancel_sync(struct epoll_engine *engine, struct op *op)
{
    struct syncer *syncer = engine->syncer;
    pthread_mutex_lock(&syncer->lock);
    while (syncer->running == op)
        pthread_cond_wait(&syncer->ended, &syncer->lock);
    move_to_due(engine);
    if (!(op->phase & PHASE_DUE)) {
        list_remove(&op->link);
        epoll_finish_later(engine, op, -ECANCELED);
    }
    pthread_mutex_unlock(&syncer->lock);
}

static void submit_apart(struct epoll_engine *engine, struct op *op)
{
    op->active = true;
    op->phase = 0;
    engine->active++;
    list_init(&op->link);
    pthread_mutex_lock(&engine->syncer->lock);
    list_append(&engine->syncer->waiting, &op->link);
    pthread_cond_signal(&engine->syncer->asked);
    pthread_mutex_unlock(&engine->syncer->lock);
}

bool epoll_sync(struct engine *base, struct sync_op *op, int fd)
{
    struct epoll_engine *engine = epoll_of(base);
    op->op.fd = fd;
    op->op.kind = OP_SYNC;
    if (op->apart && !engine->syncer)
        engine->syncer = syncer_create(base);
    if (op->apart && engine->syncer) {
        submit_apart(engine, &op->op);
        return false;
    }
    op->op.result = sync_now(op);
    return true;
}
