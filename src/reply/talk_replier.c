/* talk_replier.c: a talk file replies, by its rules, or converses. */
#include "reply/conversation.h"
#include "reply/rules.h"
#include "reply/talk.h"

#include <stdlib.h>

struct talk_replier {
    struct replier replier; /* first: the replier is what others see */
    struct talk *talk;
};

static struct talk *talk_of(struct replier *replier)
{
    return ((struct talk_replier *)(void *)replier)->talk;
}

static enum reply_when talk_answer(struct replier *replier, const struct message *message,
                                   struct gt_turn *turn, struct reply *reply)
{
    (void)turn;
    struct talk_instance *instance = talk_instance_at(talk_of(replier), message->worker);
    return instance->rules ? rules_answer(instance->rules, message, reply) : REPLY_NONE;
}

static int talk_converse(struct replier *replier, unsigned worker,
                         struct conversation *conversation)
{
    const struct talk_instance *instance = talk_instance_at(talk_of(replier), worker);
    struct conversation_terms terms = {.script = instance->script,
                                       .function = instance->conversation,
                                       .outcome = instance->outcome,
                                       .match_bytes = instance->host->match_bytes};
    return conversation_begin(conversation, &terms);
}

static int talk_replier_prepare(struct replier *replier, const struct reply_host *host,
                                struct error *error)
{
    return talk_prepare(talk_of(replier), host, error);
}

static void talk_replier_destroy(struct replier *replier)
{
    struct talk_replier *mine = (struct talk_replier *)(void *)replier;
    talk_release(&mine->talk);
    free(mine);
}

struct replier *replier_talk(struct talk *talk)
{
    static const struct replier_table table = {.name = "talk",
                                               .answer = talk_answer,
                                               .destroy = talk_replier_destroy,
                                               .prepare = talk_replier_prepare,
                                               .converse = talk_converse};
    struct talk_replier *replier = calloc(1, sizeof *replier);
    if (!replier)
        return NULL;
    replier->replier.table = &table;
    replier->replier.converses = talk->words.kind == TALK_OF_CONVERSATION;
    replier->talk = talk_keep(talk);
    return &replier->replier;
}
