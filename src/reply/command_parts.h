/* command_parts.h: what command.c, command_room.c and command_words.c share; nobody else includes
 * it. */
#ifndef REPLY_COMMAND_PARTS_H
#define REPLY_COMMAND_PARTS_H

#include "reply/command.h"
#include "reply/reply.h"

struct command_room {
    const struct reply_host *host;
    struct engine *engine;
    unsigned most; /* at once */
    unsigned running;
    struct list waiting; /* commands that have not begun, the first to come first */
    struct list active;
    struct timer next; /* somebody may begin, or is unwanted */
    bool wants;        /* the next cannot begin for want of something: told */
    int64_t second_ns; /* the second in which so many lines were told, */
    unsigned lines;
    unsigned dropped; /* and so many were not */
};

/* Somebody may begin: that is seen to in the next pass. */
static inline void command_room_wake(struct command_room *room)
{
    engine_timer_set(room->engine, &room->next, room->engine->now_ns);
}

/* ---- command_words.c ---- */

/* Tell something about a command: "command 0-5: ...". */
void command_tell(const struct command *command, enum gt_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tell what came of it, where that is worth a word. */
void command_tell_fate(const struct command *command);

/* It has written this to its standard error. */
void command_complains(struct command *command, struct slice bytes);
/* That is all. */
void command_complained(struct command *command);

/* ---- command.c ---- */

/* Begin: 0, or -errno and it has not. */
int command_begin(struct command *command);

/* It is over: out of the room, told, and its owner's. */
void command_finish(struct command *command);

#endif
