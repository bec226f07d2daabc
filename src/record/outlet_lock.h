/* outlet_lock.h: one outlet for several recorders, each on a thread of its own.
 *
 * Whoever holds the lock writes its batch, whole, however long that takes; the others go on with
 * other things, and are handed the lock in the order in which they asked for it: then their engine
 * is woken. So no record stands within another one, and nobody loud keeps the others from writing.
 *
 * When a batch was not written whole, nobody writes any more: what follows would not be a record.
 * The functions may be called from any thread; a user belongs to one. */
#ifndef RECORD_OUTLET_LOCK_H
#define RECORD_OUTLET_LOCK_H

#include "base/list.h"

#include <pthread.h>

struct engine;

struct outlet_user {
    struct list link;      /* among those who wait */
    struct engine *engine; /* woken when the lock is handed over */
};

struct outlet_lock {
    pthread_mutex_t mutex;
    struct outlet_user *holder; /* NULL: nobody */
    struct list waiting;        /* struct outlet_user */
    int broken;                 /* errno number of the write that was not whole; 0: none */
};

/* 0 or an errno number. */
int outlet_lock_open(struct outlet_lock *lock);
void outlet_lock_close(struct outlet_lock *lock);

/* 1: the user holds the lock; 0: it waits, and asks again when it has been woken; -errno: nobody
 * writes any more. */
int outlet_lock_take(struct outlet_lock *lock, struct outlet_user *user);

/* The batch is written whole; or, without having written, the user holds or waits no longer. */
void outlet_lock_leave(struct outlet_lock *lock, struct outlet_user *user);

/* The holder's batch was not written whole, for this reason (an errno number). */
void outlet_lock_break(struct outlet_lock *lock, struct outlet_user *user, int number);

#endif
