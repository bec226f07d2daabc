/* mailbox.h: replies that other threads leave for a worker. Leaving wakes the worker's engine. */
#ifndef SERVE_MAILBOX_H
#define SERVE_MAILBOX_H

#include "base/turn.h"

#include <pthread.h>

struct engine;

struct mailbox {
    pthread_mutex_t lock;
    pthread_t thread;      /* the worker's own: it replies without a letter */
    struct engine *engine; /* to wake */
    struct gt_turn *first; /* the latest first */
};

/* 0 or an errno number. */
int mailbox_open(struct mailbox *mailbox, struct engine *engine);
void mailbox_close(struct mailbox *mailbox);

/* From any thread: leave a turn, its letter filled. */
void mailbox_leave(struct mailbox *mailbox, struct gt_turn *turn);

/* From the worker: all turns that were left, in the order they were left, linked by their mail. */
struct gt_turn *mailbox_collect(struct mailbox *mailbox);

#endif
