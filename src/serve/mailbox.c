/* mailbox.c: see mailbox.h. A lock around a list: a reply from another thread costs a wake-up,
 * which is dearer than the lock. */
#include "serve/mailbox.h"

#include "engine/engine.h"

int mailbox_open(struct mailbox *mailbox, struct engine *engine)
{
    mailbox->thread = pthread_self();
    mailbox->engine = engine;
    mailbox->first = NULL;
    return pthread_mutex_init(&mailbox->lock, NULL);
}

void mailbox_close(struct mailbox *mailbox)
{
    pthread_mutex_destroy(&mailbox->lock);
}

void mailbox_leave(struct mailbox *mailbox, struct gt_turn *turn)
{
    pthread_mutex_lock(&mailbox->lock);
    bool wake = mailbox->first == NULL;
    turn->mail = mailbox->first;
    mailbox->first = turn;
    pthread_mutex_unlock(&mailbox->lock);
    if (wake)
        engine_wake(mailbox->engine);
}

struct gt_turn *mailbox_collect(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    struct gt_turn *turn = mailbox->first;
    mailbox->first = NULL;
    pthread_mutex_unlock(&mailbox->lock);
    struct gt_turn *in_order = NULL;
    while (turn) {
        struct gt_turn *next = turn->mail;
        turn->mail = in_order;
        in_order = turn;
        turn = next;
    }
    return in_order;
}
