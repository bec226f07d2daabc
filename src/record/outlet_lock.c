/* outlet_lock.c: see outlet_lock.h. A lock that is held while an engine waits for a slow reader
 * cannot be a mutex; the mutex only guards who holds it. */
#include "record/outlet_lock.h"

#include "engine/engine.h"

int outlet_lock_open(struct outlet_lock *lock)
{
    *lock = (struct outlet_lock){.holder = NULL};
    list_init(&lock->waiting);
    return pthread_mutex_init(&lock->mutex, NULL);
}

void outlet_lock_close(struct outlet_lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

/* The user has no business here any more; the lock is handed to whoever has waited longest. */
static void leave(struct outlet_lock *lock, struct outlet_user *user)
{
    list_remove(&user->link);
    if (lock->holder != user)
        return;
    struct list *next = list_take(&lock->waiting);
    lock->holder = next ? list_item(next, struct outlet_user, link) : NULL;
    if (lock->holder)
        engine_wake(lock->holder->engine);
}

/* Whether the user holds the lock by now; else it waits. */
static bool hold_or_wait(struct outlet_lock *lock, struct outlet_user *user)
{
    if (!lock->holder)
        lock->holder = user;
    if (lock->holder == user)
        return true;
    if (list_empty(&user->link))
        list_append(&lock->waiting, &user->link);
    return false;
}

int outlet_lock_take(struct outlet_lock *lock, struct outlet_user *user)
{
    pthread_mutex_lock(&lock->mutex);
    int result = lock->broken ? -lock->broken : hold_or_wait(lock, user);
    if (result < 0) /* the next in line is to know as well */
        leave(lock, user);
    pthread_mutex_unlock(&lock->mutex);
    return result;
}

void outlet_lock_leave(struct outlet_lock *lock, struct outlet_user *user)
{
    pthread_mutex_lock(&lock->mutex);
    leave(lock, user);
    pthread_mutex_unlock(&lock->mutex);
}

void outlet_lock_break(struct outlet_lock *lock, struct outlet_user *user, int number)
{
    pthread_mutex_lock(&lock->mutex);
    if (lock->broken == 0)
        lock->broken = number;
    leave(lock, user);
    pthread_mutex_unlock(&lock->mutex);
}
