/* silent.c: no reply: the message is recorded, that is all. One replier serves all. */
#include "reply/reply.h"

static enum reply_when silent_answer(struct replier *replier, const struct message *message,
                                     struct gt_turn *turn, struct reply *reply)
{
    (void)replier;
    (void)message;
    (void)turn;
    *reply = (struct reply){0};
    return REPLY_NONE;
}

static void silent_destroy(struct replier *replier)
{
    (void)replier;
}

struct replier *replier_silent(void)
{
    static const struct replier_table table = {
        .name = "silent", .answer = silent_answer, .destroy = silent_destroy};
    static struct replier silent = {.table = &table};
    return &silent;
}
