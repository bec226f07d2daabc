/* command_words.c: what is told of commands: their standard error, line by line, and how they
 * failed.
 *
 * A line is told when its end comes, cut where it is long; empty ones are not. Of more than so many
 * lines a second the rest is counted, and the count told with the next line, or at the end of the
 * command. */
#include "reply/command_parts.h"

#include "base/escape.h"
#include "base/units.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

#define SECOND_NS INT64_C(1000000000)

void command_tell(const struct command *command, enum gt_level level, const char *format, ...)
{
    const struct reply_host *host = command->room->host;
    char text[COMMAND_LINE_MOST * 4 + 200];
    int length =
        snprintf(text, sizeof text, "command%s%s: ", command->id[0] ? " " : "", command->id);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    host->tell(host->owner, level, &command->peer, command->listener, text);
}

/* ---- its fate ---- */

static void tell_status(const struct command *command)
{
    int status = command->status;
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;
    if (status < 0)
        command_tell(command, GT_WARNING, "its exit status is not known: somebody else has it");
    else if (WIFEXITED(status))
        command_tell(command, GT_WARNING, "exit status %d", WEXITSTATUS(status));
    else
        command_tell(command, GT_WARNING, "killed by signal %d%s%s", WTERMSIG(status),
                     name ? ", SIG" : "", name ? name : "");
}

void command_tell_fate(const struct command *command)
{
    char words[64];
    switch ((enum command_fate)command->fate) {
    case COMMAND_FAILED:
        return tell_status(command);
    case COMMAND_TOO_SLOW:
        return command_tell(command, GT_WARNING, "not done within exec-timeout %s: killed",
                            units_duration_words(words, sizeof words, command->plan->timeout_ns));
    case COMMAND_TOO_LONG:
        return command_tell(
            command, GT_WARNING, "printed more than max-reply %s: killed",
            units_size_words(words, sizeof words, (int64_t)command->plan->output_most));
    case COMMAND_NO_MEMORY:
        return command_tell(command, GT_WARNING, "memory is out for what it prints: killed");
    case COMMAND_UNHEARD:
        return command_tell(command, GT_WARNING, "its input cannot be written: killed");
    case COMMAND_DONE:
    case COMMAND_NOT_BEGUN:
    case COMMAND_UNWANTED:
        return;
    }
}

/* ---- its standard error ---- */

static void tell_dropped(const struct command *command)
{
    struct command_room *room = command->room;
    if (room->dropped > 0)
        command_tell(command, GT_WARNING, "%u more lines of standard error were dropped",
                     room->dropped);
    room->dropped = 0;
}

/* Whether one more line may be told in this second. */
static bool may_tell(const struct command *command)
{
    struct command_room *room = command->room;
    if (room->engine->now_ns - room->second_ns >= SECOND_NS) {
        tell_dropped(command);
        room->second_ns = room->engine->now_ns;
        room->lines = 0;
    }
    if (room->lines < COMMAND_LINES) {
        room->lines++;
        return true;
    }
    room->dropped++;
    return false;
}

static void end_line(struct command *command)
{
    char shown[COMMAND_LINE_MOST * 4 + 1];
    struct slice line = slice_of(command->line, command->line_size);
    if (line.size > 0 && may_tell(command))
        command_tell(command, GT_WARNING, "%s%s", escape_string(shown, sizeof shown, line),
                     command->line_cut ? "..." : "");
    command->line_size = 0;
    command->line_cut = false;
}

static void put(struct command *command, struct slice bytes)
{
    size_t room = COMMAND_LINE_MOST - command->line_size;
    size_t size = bytes.size < room ? bytes.size : room;
    command->line_cut |= size < bytes.size;
    if (size > 0)
        memcpy(command->line + command->line_size, bytes.data, size);
    command->line_size += size;
}

void command_complains(struct command *command, struct slice bytes)
{
    while (bytes.size > 0) {
        const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
        size_t size = end ? (size_t)(end - bytes.data) : bytes.size;
        put(command, slice_of(bytes.data, size));
        if (end)
            end_line(command);
        bytes = slice_after(bytes, end ? size + 1 : size);
    }
}

void command_complained(struct command *command)
{
    end_line(command);
    if (command->begun)
        tell_dropped(command);
}
