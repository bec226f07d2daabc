/* command_room.c: where the commands of a worker wait for their turn, and run.
 *
 * The happy path: one is submitted, there is a place, and in the next pass it begins. Nobody begins
 * within the call of somebody else: a timer that is due at once does it.
 *
 * Ways to fail. The system is out of processes, memory or descriptors: told once, and tried again
 * when a command ends, or after a moment; the first in the queue gives up when that has lasted as
 * long as it might have run. Anything else (no /bin/sh, arguments too long) is that command's
 * failure. Unwanted ones leave from the front of the queue. */
#include "reply/command_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define RETRY_NS INT64_C(100000000)

static void begin_some(struct timer *timer, int64_t now_ns);

struct command_room *command_room_create(const struct reply_host *host, unsigned worker,
                                         unsigned most)
{
    struct command_room *room = calloc(1, sizeof *room);
    if (!room)
        return NULL;
    room->host = host;
    room->engine = host->engine(host->owner, worker);
    room->most = most;
    room->next.fire = begin_some;
    list_init(&room->waiting);
    list_init(&room->active);
    return room;
}

void command_room_destroy(struct command_room **room)
{
    struct command_room *gone = *room;
    *room = NULL;
    assert(command_room_empty(gone));
    if (gone)
        engine_timer_stop(gone->engine, &gone->next);
    free(gone);
}

bool command_room_empty(const struct command_room *room)
{
    return !room || (list_empty(&room->waiting) && list_empty(&room->active));
}

void command_room_kill(struct command_room *room)
{
    if (!room)
        return;
    for (struct list *link = room->active.next; link != &room->active; link = link->next)
        engine_cancel(room->engine, &list_item(link, struct command, link)->child.op);
}

void command_submit(struct command_room *room, struct command *command)
{
    command->room = room;
    command->feed_fd = command->printed.fd = command->complained.fd = -1;
    list_append(&room->waiting, &command->link);
    if (!timer_is_set(&room->next))
        command_room_wake(room);
}

/* ---- beginning ---- */

/* What may be there again in a moment. */
static bool passes_by(int number)
{
    return number == EAGAIN || number == ENOMEM || number == EMFILE || number == ENFILE;
}

static void not_begun(struct command *command, int number)
{
    char words[128];
    command->fate = COMMAND_NOT_BEGUN;
    command_tell(command, GT_WARNING, "cannot be run: %s",
                 error_words(number, words, sizeof words));
    command_finish(command);
}

/* The first one cannot begin now: whether the next may be tried. */
static bool put_off(struct command_room *room, struct command *command, int number)
{
    int64_t now_ns = room->engine->now_ns;
    int64_t patience_ns = command->plan->timeout_ns;
    char words[128];
    if (command->wanting_ns == 0)
        command->wanting_ns = now_ns;
    if (!room->wants) {
        room->wants = true;
        command_tell(command, GT_WARNING, "cannot be run for now: %s; trying again",
                     error_words(number, words, sizeof words));
    }
    if (patience_ns >= 0 && now_ns - command->wanting_ns >= patience_ns) {
        not_begun(command, number);
        return true;
    }
    engine_timer_set(room->engine, &room->next, now_ns + RETRY_NS);
    return false;
}

static void begun(struct command_room *room, struct command *command)
{
    list_remove(&command->link);
    list_append(&room->active, &command->link);
    room->running++;
    if (room->wants)
        command_tell(command, GT_NOTICE, "commands are run again");
    room->wants = false;
}

/* Let the first one begin, or leave: false where it must wait. */
static bool see_to_first(struct command_room *room)
{
    struct command *command = list_item(room->waiting.next, struct command, link);
    if (command->fate == COMMAND_UNWANTED) {
        command_finish(command);
        return true;
    }
    if (room->running >= room->most)
        return false;
    int status = command_begin(command);
    if (status == 0)
        begun(room, command);
    else if (passes_by(-status))
        return put_off(room, command, -status);
    else
        not_begun(command, -status);
    return true;
}

static void begin_some(struct timer *timer, int64_t now_ns)
{
    struct command_room *room = list_item(timer, struct command_room, next);
    (void)now_ns;
    while (!list_empty(&room->waiting) && see_to_first(room))
        ;
}
