/* sim_child.c: simulated children, which do what a few commands of sh do.
 *
 * A child does one thing after the other, each some time later: it reads what its standard input
 * has, writes, and at the end of the input, or when it has nothing to read, it ends. Its pipes are
 * a stream and two sources; a child whose descriptors are given does nothing with them. The
 * descriptor that its end is told by is closed by the engine.
 *
 * Ways to fail: spawning, by chance. A signal ends a child that does not ignore it, a moment later.
 */
#include "engine/sim_parts.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#define PIPE_CAPACITY ((size_t)64 * 1024)
#define PIECE_MOST    ((size_t)4096)

struct behaviour {
    const char *command;
    bool reads;        /* its input, to its end */
    bool echoes;       /* what it reads */
    bool hangs;        /* until a signal ends it */
    bool floods;       /* likewise, and writes */
    bool says_nothing; /* its output ends at once */
    bool is_deaf;      /* to SIGTERM */
    const char *complains;
    int status; /* as waitpid has it */
};

static const struct behaviour behaviours[] = {
    {.command = "true"},
    {.command = "exit 3", .status = 3 << 8},
    {.command = "kill -9 $$", .status = SIGKILL},
    {.command = "echo wrong >&2", .complains = "wrong\n"},
    {.command = "cat", .reads = true, .echoes = true},
    {.command = "cat; exit 3", .reads = true, .echoes = true, .status = 3 << 8},
    {.command = "cat >/dev/null", .reads = true},
    {.command = "exec >&-; cat >/dev/null", .reads = true, .says_nothing = true},
    {.command = "sleep 1000", .hangs = true},
    {.command = "yes", .floods = true},
    {.command = "trap '' TERM; sleep 1000", .hangs = true, .is_deaf = true},
};

struct child {
    struct descriptor descriptor; /* what tells its end */
    const struct behaviour *does;
    int pipes[3];     /* our ends, or -1 */
    size_t heard;     /* bytes of its input */
    uint64_t moments; /* which event is its next */
    bool silent;      /* its output has ended */
    bool ended;
    int status;
};

static struct child *child_of(struct descriptor *descriptor)
{
    return list_item(descriptor, struct child, descriptor);
}

/* ---- what it does ---- */

static void next_moment(struct child *child, sim_act *act);

static void source_end(struct child *child, int i)
{
    if (child->pipes[i] >= 0)
        sim_source_end(&child->descriptor.sim->engine, child->pipes[i]);
}

static void source_write(struct child *child, int i, struct slice bytes)
{
    if (child->pipes[i] >= 0 && bytes.size > 0)
        sim_source_write(&child->descriptor.sim->engine, child->pipes[i], bytes);
}

static void child_end(struct child *child, int status)
{
    struct sim *sim = child->descriptor.sim;
    child->moments++;
    child->ended = true;
    child->status = status;
    sim->child_count--;
    if (child->pipes[0] >= 0)
        sim_stream_leave(&sim->engine, child->pipes[0]);
    if (!child->silent)
        source_end(child, 1);
    source_end(child, 2);
    sim_try(sim, child->descriptor.input);
}

/* Read a piece of its input: whether there may be more. */
static bool child_reads(struct child *child)
{
    struct sim *sim = child->descriptor.sim;
    int fd = child->pipes[0];
    if (fd < 0)
        return false;
    size_t size = sim_stream_read(&sim->engine, fd, (size_t)sim_between(sim, 1, PIECE_MOST));
    if (child->does->echoes)
        source_write(child, 1, slice_of(sim_content(&sim->engine, fd).data + child->heard, size));
    child->heard += size;
    return size > 0 || sim_descriptor_ever(sim, fd)->open;
}

static void child_acts(void *subject, uint64_t number)
{
    struct child *child = subject;
    if (child->moments != number || child->ended)
        return;
    if (child->does->floods)
        source_write(child, 1, slice_of_text("y\ny\ny\ny\ny\ny\ny\ny\n"));
    if (child->does->floods || (child->does->reads && child_reads(child)))
        next_moment(child, child_acts);
    else if (!child->does->hangs)
        child_end(child, child->does->status);
}

static void child_begins(void *subject, uint64_t number)
{
    struct child *child = subject;
    if (child->moments != number || child->ended)
        return;
    child->silent = child->does->says_nothing;
    if (child->silent)
        source_end(child, 1);
    if (child->does->complains)
        source_write(child, 2, slice_of_text(child->does->complains));
    next_moment(child, child_acts);
}

static void child_is_killed(void *subject, uint64_t number)
{
    struct child *child = subject;
    if (!child->ended)
        child_end(child, (int)number);
}

static void next_moment(struct child *child, sim_act *act)
{
    struct sim *sim = child->descriptor.sim;
    sim_at(sim, sim->engine.now_ns + sim_within(sim, sim->faults.child_ns), act, child,
           ++child->moments);
}

/* ---- its descriptor ---- */

static bool child_has_input(struct descriptor *descriptor)
{
    return child_of(descriptor)->ended;
}

static void child_input(struct descriptor *descriptor, bool cancelled)
{
    const struct child *child = child_of(descriptor);
    (void)cancelled;
    if (child->ended)
        sim_finish(descriptor, descriptor->input, child->status);
}

static void child_close(struct descriptor *descriptor, bool reset)
{
    assert(child_of(descriptor)->ended);
    (void)descriptor;
    (void)reset;
}

static void child_free(struct descriptor *descriptor)
{
    free(child_of(descriptor));
}

static const struct descriptor_table child_table = {
    .input = child_input, .has_input = child_has_input, .close = child_close, .free = child_free};

/* ---- the engine's calls ---- */

static const struct behaviour *behaviour_of(const char *const *arguments)
{
    const char *command = arguments[0];
    for (size_t i = 0; arguments[i]; i++)
        command = arguments[i];
    for (size_t i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
        if (strcmp(behaviours[i].command, command) == 0)
            return &behaviours[i];
    assert(!"a command that nobody simulates");
    return NULL;
}

/* Its reader, the child, reads when it likes. */
static int open_pipe(struct engine *engine, int i)
{
    if (i != 0)
        return sim_source(engine);
    int fd = sim_stream(engine, PIPE_CAPACITY);
    sim_stream_pace(engine, fd, 0, 0);
    return fd;
}

static void open_pipes(struct child *child, struct spawn *spawn)
{
    for (int i = 0; i < 3; i++) {
        child->pipes[i] = -1;
        if (spawn->standard[i] == SPAWN_PIPE)
            child->pipes[i] = spawn->standard[i] = open_pipe(&child->descriptor.sim->engine, i);
    }
}

static int failure(struct sim *sim)
{
    static const int numbers[] = {EAGAIN, ENOMEM, EMFILE};
    return numbers[sim_between(sim, 0, 2)];
}

int sim_spawn(struct engine *engine, struct child_op *op, struct spawn *spawn)
{
    struct sim *sim = sim_of(engine);
    if (sim_happens(sim, sim->faults.spawn_fails))
        return -failure(sim);
    struct child *child = sim_allocate(sizeof *child);
    child->does = behaviour_of(spawn->arguments);
    op->pid = sim_open(sim, &child->descriptor, &child_table);
    open_pipes(child, spawn);
    sim->child_count++;
    next_moment(child, child_begins);
    sim_await(sim, &op->op, op->pid, OP_CHILD);
    return 0;
}

void sim_kill(struct engine *engine, struct child_op *op, int signal)
{
    struct sim *sim = sim_of(engine);
    struct child *child = child_of(sim_descriptor(sim, op->op.fd));
    if (child->ended || (signal == SIGTERM && child->does->is_deaf))
        return;
    sim_at(sim, engine->now_ns + sim_within(sim, sim->faults.child_ns), child_is_killed, child,
           (uint64_t)signal);
}

unsigned sim_children(const struct engine *engine)
{
    return sim_of_const(engine)->child_count;
}
