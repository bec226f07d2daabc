/* echo.c: the message itself in reply. There is nothing to remember: one replier serves all. */
#include "reply/reply.h"

static enum reply_when echo_answer(struct replier *replier, const struct message *message,
                                   struct gt_turn *turn, struct reply *reply)
{
    (void)replier;
    (void)turn;
    *reply = (struct reply){.bytes = message->body};
    return REPLY_NOW;
}

static void echo_destroy(struct replier *replier)
{
    (void)replier;
}

struct replier *replier_echo(void)
{
    static const struct replier_table table = {
        .name = "echo", .answer = echo_answer, .destroy = echo_destroy};
    static struct replier echo = {.table = &table};
    return &echo;
}
