/* exec.c: a command's output in reply.
 *
 * The happy path: the message is copied, its turn kept; once the message is recorded the command
 * waits for its turn in the worker's room, runs, and what it has printed is the reply. It is not
 * run before: whatever it does to the world is as good as a reply, and none leaves for a message
 * that may be lost.
 *
 * Ways to fail. It fails, is too slow, prints too much: there is no reply, and the connection
 * closes in its place. The peer goes: the command is ended. Memory is out for the copy: the
 * connection is lost, and no command is run. */
#include "base/message.h"
#include "reply/command.h"
#include "reply/environment.h"
#include "reply/reply.h"

#include <stdlib.h>

struct exec_replier {
    struct replier replier; /* first: the replier is what others see */
    const struct reply_host *host;
    struct command_plan *plan;
};

/* A message's. */
struct errand {
    struct command command;
    const struct reply_host *host;
    struct gt_turn *turn;
    struct command_room *room;
    bool submitted;
    char id[MESSAGE_ID_SIZE];
};

static struct errand *errand_of(struct command *command)
{
    return list_item(command, struct errand, command);
}

static void errand_free(struct errand *errand)
{
    command_plan_release(&errand->command.plan);
    bytes_free(&errand->command.input);
    bytes_free(&errand->command.environment);
    bytes_free(&errand->command.output);
    free(errand);
}

/* ---- what the command has to say ---- */

static void holds(struct command *command)
{
    struct errand *errand = errand_of(command);
    errand->host->hold(errand->host->owner, errand->turn, command_bytes(command));
}

static void over(struct command *command, enum command_fate fate)
{
    struct errand *errand = errand_of(command);
    const struct reply_host *host = errand->host;
    struct slice printed = bytes_slice(&command->output);
    errand->turn->keeper = NULL;
    host->hold(host->owner, errand->turn, 0);
    if (fate == COMMAND_DONE)
        host->reply(host->owner, errand->turn, &printed);
    else if (fate == COMMAND_UNWANTED)
        host->reply(host->owner, errand->turn, NULL);
    else
        host->fail(host->owner, errand->turn, REASON_COMMAND_FAILED);
    errand_free(errand);
}

/* ---- what becomes of the turn ---- */

static void submit(struct errand *errand)
{
    if (errand->submitted)
        return;
    errand->submitted = true;
    command_submit(errand->room, &errand->command);
}

static void recorded(struct gt_turn *turn)
{
    submit(turn->kept);
}

static void orphaned(struct gt_turn *turn)
{
    struct errand *errand = turn->kept;
    submit(errand);
    command_leave(&errand->command);
}

static const struct turn_keeper keeper = {.recorded = recorded, .orphaned = orphaned};

/* ---- a message ---- */

static int list_environment(struct errand *errand, const struct message *message)
{
    struct peer local;
    bool known = errand->host->local(errand->host->owner, errand->turn, &local);
    struct environment_facts facts = {.peer = message->peer,
                                      .local = known ? &local : NULL,
                                      .listener = message->listener,
                                      .id = errand->id};
    return environment_make(&errand->command.environment, &facts);
}

static struct errand *errand_create(const struct exec_replier *exec, const struct message *message,
                                    struct gt_turn *turn)
{
    struct errand *errand = calloc(1, sizeof *errand);
    if (!errand)
        return NULL;
    errand->host = exec->host;
    errand->turn = turn;
    errand->room = exec->host->commands(exec->host->owner, message->worker);
    message_id(message->worker, message->sequence, errand->id);
    errand->command = (struct command){.plan = command_plan_keep(exec->plan),
                                       .socket = -1,
                                       .peer = *message->peer,
                                       .listener = message->listener,
                                       .id = errand->id,
                                       .over = over,
                                       .holds = holds};
    list_init(&errand->command.link);
    if (bytes_append(&errand->command.input, message->body) == 0 &&
        list_environment(errand, message) == 0)
        return errand;
    errand_free(errand);
    return NULL;
}

static enum reply_when exec_answer(struct replier *replier, const struct message *message,
                                   struct gt_turn *turn, struct reply *reply)
{
    (void)reply;
    struct errand *errand = errand_create((struct exec_replier *)(void *)replier, message, turn);
    if (!errand)
        return REPLY_LOST;
    turn->keeper = &keeper;
    turn->kept = errand;
    holds(&errand->command);
    if (turn->state == TURN_OPEN)
        submit(errand);
    return REPLY_LATER;
}

static int exec_prepare(struct replier *replier, const struct reply_host *host, struct error *error)
{
    (void)error;
    ((struct exec_replier *)(void *)replier)->host = host;
    return GT_DONE;
}

static void exec_destroy(struct replier *replier)
{
    struct exec_replier *exec = (struct exec_replier *)(void *)replier;
    command_plan_release(&exec->plan);
    free(exec);
}

struct replier *replier_exec(struct command_plan *plan)
{
    static const struct replier_table table = {.name = "exec",
                                               .answer = exec_answer,
                                               .destroy = exec_destroy,
                                               .prepare = exec_prepare,
                                               .keeps = true};
    struct exec_replier *exec = calloc(1, sizeof *exec);
    if (!exec)
        return NULL;
    exec->replier.table = &table;
    exec->plan = plan;
    return &exec->replier;
}
