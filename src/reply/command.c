/* command.c: the life of one command.
 *
 * The happy path: it begins, is fed its input, prints; it ends with status 0, its pipes are read
 * empty, and it is over. It is over only when the child has ended and nothing of it is left with
 * the engine.
 *
 * The end of the child decides: who has left its process group and still holds a pipe is not waited
 * for; what is in the pipe then is read, and no more.
 *
 * Ways to fail. It does not read its input, or not all of it (EPIPE): its own affair. It prints too
 * much, memory is out for what it prints, it takes too long, or nobody wants it any more: it is
 * told to end, and what it prints from then on is dropped; it is killed if it has not ended a
 * second later. */
#include "reply/command_parts.h"
#include "reply/environment.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define LAST_CALL_NS INT64_C(1000000000)

/* ---- what is run ---- */

struct command_plan *command_plan_create(const char *text, int64_t timeout_ns, size_t output_most)
{
    size_t size = strlen(text) + 1;
    struct command_plan *plan = malloc(sizeof *plan + size);
    if (!plan)
        return NULL;
    atomic_init(&plan->references, 1);
    plan->timeout_ns = timeout_ns;
    plan->output_most = output_most;
    memcpy(plan->text, text, size);
    return plan;
}

struct command_plan *command_plan_keep(struct command_plan *plan)
{
    atomic_fetch_add(&plan->references, 1);
    return plan;
}

void command_plan_release(struct command_plan **plan)
{
    if (*plan && atomic_fetch_sub(&(*plan)->references, 1) == 1)
        free(*plan);
    *plan = NULL;
}

/* ---- its end ---- */

size_t command_bytes(const struct command *command)
{
    return sizeof *command + command->input.capacity + command->environment.capacity +
           command->output.capacity;
}

static void tell_held(struct command *command)
{
    if (command->holds)
        command->holds(command);
}

static struct engine *engine_of(const struct command *command)
{
    return command->room->engine;
}

static void set_timer(struct command *command, int64_t in_ns)
{
    struct engine *engine = engine_of(command);
    engine_timer_set(engine, &command->timer, engine->now_ns + in_ns);
}

/* End it, for this reason; the first one stands. */
static void end_for(struct command *command, enum command_fate fate)
{
    if (command->fate == COMMAND_DONE)
        command->fate = (uint8_t)fate;
    if (command->last_call)
        return;
    command->last_call = true;
    engine_kill(engine_of(command), &command->child, SIGTERM);
    set_timer(command, LAST_CALL_NS);
}

void command_leave(struct command *command)
{
    if (command->begun) {
        end_for(command, COMMAND_UNWANTED);
        return;
    }
    command->fate = COMMAND_UNWANTED;
    list_remove(&command->link);
    list_prepend(&command->room->waiting, &command->link);
    command_room_wake(command->room);
}

void command_finish(struct command *command)
{
    struct command_room *room = command->room;
    assert(!command->child.op.active && command->feed_fd < 0);
    engine_timer_stop(room->engine, &command->timer);
    list_remove(&command->link);
    if (command->begun)
        room->running--;
    command_room_wake(room);
    command_complained(command);
    command_tell_fate(command);
    bytes_free(&command->input);
    bytes_free(&command->environment);
    command->over(command, command->fate);
}

static void stop_reading(const struct command *command, struct command_pipe *pipe, bool at_once)
{
    struct engine *engine = engine_of(command);
    bool open = pipe->fd >= 0;
    if (open && (at_once || engine_unread(engine, pipe->fd) <= 0))
        engine_cancel(engine, &pipe->read.op);
}

/* Once the child has ended: let go of what is left of it, and see whether it is over. */
static void let_go(struct command *command, bool at_once)
{
    if (!command->ended)
        return;
    stop_reading(command, &command->printed, at_once);
    stop_reading(command, &command->complained, at_once);
    engine_cancel(engine_of(command), &command->feed.send.op);
    if (command->printed.fd < 0 && command->complained.fd < 0 && command->feed_fd < 0)
        command_finish(command);
}

static void timer_fired(struct timer *timer, int64_t now_ns)
{
    struct command *command = list_item(timer, struct command, timer);
    (void)now_ns;
    if (command->ended)
        let_go(command, true);
    else if (command->last_call)
        engine_cancel(engine_of(command), &command->child.op);
    else
        end_for(command, COMMAND_TOO_SLOW);
}

static void child_done(struct op *op, int64_t result)
{
    struct command *command = list_item(op, struct command, child.op);
    command->ended = true;
    command->last_call = true;
    command->status = (int)result;
    if (result != 0 && command->fate == COMMAND_DONE)
        command->fate = COMMAND_FAILED;
    set_timer(command, LAST_CALL_NS);
    let_go(command, false);
}

/* ---- its pipes ---- */

static void close_fd(const struct command *command, int *fd)
{
    if (*fd >= 0)
        engine_close(engine_of(command), *fd, false);
    *fd = -1;
}

static void take_output(struct command *command, struct slice bytes)
{
    if (command->fate != COMMAND_DONE && command->fate != COMMAND_FAILED)
        return;
    if (command->output.size + bytes.size > command->plan->output_most)
        end_for(command, COMMAND_TOO_LONG);
    else if (bytes_append(&command->output, bytes) < 0)
        end_for(command, COMMAND_NO_MEMORY);
    tell_held(command);
}

static void printed(struct op *op, int64_t result)
{
    struct command *command = list_item(op, struct command, printed.read.op);
    if (result > 0)
        take_output(command, slice_of(command->printed.read.data, (size_t)result));
    else
        close_fd(command, &command->printed.fd);
    let_go(command, false);
}

static void complained(struct op *op, int64_t result)
{
    struct command *command = list_item(op, struct command, complained.read.op);
    if (result > 0)
        command_complains(command, slice_of(command->complained.read.data, (size_t)result));
    else
        close_fd(command, &command->complained.fd);
    let_go(command, false);
}

/* Its input is written, or is not wanted. */
static void fed(struct command *command, int64_t result)
{
    bool unheard = result < 0 && result != -EPIPE && !command->ended;
    close_fd(command, &command->feed_fd);
    bytes_free(&command->input);
    tell_held(command);
    if (unheard)
        end_for(command, COMMAND_UNHEARD);
}

static void feed_done(struct op *op, int64_t result)
{
    struct send_op *send = list_item(op, struct send_op, op);
    struct command *command = list_item(send, struct command, feed.send);
    fed(command, result);
    let_go(command, false);
}

static void feed(struct command *command)
{
    struct slice input = bytes_slice(&command->input);
    command->feeding = (struct iovec){(void *)(uintptr_t)input.data, input.size};
    command->feed = (struct write_op){
        .send = {.op.done = feed_done, .parts = &command->feeding, .part_count = 1},
        .mode = WRITE_STREAM};
    if (engine_write(engine_of(command), &command->feed, command->feed_fd))
        fed(command, command->feed.send.op.result);
}

static void read_pipe(const struct command *command, struct command_pipe *pipe, op_done *done)
{
    pipe->read.op.done = done;
    if (pipe->fd >= 0)
        engine_read(engine_of(command), &pipe->read, pipe->fd);
}

/* ---- its beginning ---- */

int command_begin(struct command *command)
{
    const char *const arguments[] = {"/bin/sh", "-c", command->plan->text, NULL};
    const char *environment[ENVIRONMENT_MOST];
    bool socket = command->socket >= 0;
    int given = socket ? command->socket : SPAWN_PIPE;
    struct spawn spawn = {arguments, environment, {given, given, SPAWN_PIPE}};
    environment_list(&command->environment, environment);
    command->child.op.done = child_done;
    int status = engine_spawn(engine_of(command), &command->child, &spawn);
    if (status)
        return status;
    command->begun = true;
    command->feed_fd = socket ? -1 : spawn.standard[0];
    command->printed.fd = socket ? -1 : spawn.standard[1];
    command->complained.fd = spawn.standard[2];
    command->timer.fire = timer_fired;
    if (command->plan->timeout_ns >= 0)
        set_timer(command, command->plan->timeout_ns);
    read_pipe(command, &command->printed, printed);
    read_pipe(command, &command->complained, complained);
    if (!socket)
        feed(command);
    return 0;
}
