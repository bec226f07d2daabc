/* epoll_child.c: child processes: begun, signalled, reaped.
 *
 * The happy path: pipes are made, posix_spawn lends our memory to the child until the program has
 * taken its place, a process descriptor says when it has ended. Then, while the child is not reaped
 * and its number cannot be another's, what is left of its process group is killed; then it is
 * reaped, and its status told.
 *
 * The child has no descriptors but 0, 1 and 2: ours are close-on-exec, and those that others have
 * opened without a thought are closed by name (closefrom).
 *
 * Ways to fail. No descriptors, memory or processes: what was made is unmade, and there is no
 * child. No process descriptor (an old kernel, a sandbox): the child is killed at once, for nobody
 * would see its end. Somebody else has reaped it, or SIGCHLD is ignored: its status is not known,
 * and its group is left alone, since the number may be another's. */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's three descriptors, on its side and on ours; -1: none of its own. */
struct ends {
    int theirs[3];
    int ours[3];
};

/* ---- pipes ---- */

static void close_all(const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static void close_ends(const struct ends *ends)
{
    close_all(ends->theirs);
    close_all(ends->ours);
}

/* Where standard descriptors are closed a new one may take their place; then it is in the way of
 * the child's own. */
static int lift(int *fd)
{
    if (*fd > STDERR_FILENO)
        return 0;
    int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (lifted < 0)
        return -errno;
    close(*fd);
    *fd = lifted;
    return 0;
}

/* The pipe of standard descriptor i: ours is non-blocking, the child's is as programs expect it. */
static int open_pipe(struct ends *ends, int i)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC))
        return -errno;
    bool child_reads = i == STDIN_FILENO;
    ends->theirs[i] = pair[child_reads ? 0 : 1];
    ends->ours[i] = pair[child_reads ? 1 : 0];
    int status = lift(&ends->theirs[i]);
    if (status == 0)
        status = lift(&ends->ours[i]);
    if (status == 0 && fcntl(ends->ours[i], F_SETFL, O_NONBLOCK))
        status = -errno;
    return status;
}

static int open_ends(const struct spawn *spawn, struct ends *ends)
{
    *ends = (struct ends){{-1, -1, -1}, {-1, -1, -1}};
    int status = 0;
    for (int i = 0; i < 3 && status == 0; i++)
        if (spawn->standard[i] == SPAWN_PIPE)
            status = open_pipe(ends, i);
    if (status)
        close_ends(ends);
    return status;
}

/* ---- the child ---- */

/* Which descriptors it gets, and no others. */
static int list_actions(posix_spawn_file_actions_t *actions, const struct spawn *spawn,
                        const struct ends *ends)
{
    int number = 0;
    for (int i = 0; i < 3 && number == 0; i++) {
        int fd = ends->theirs[i] >= 0 ? ends->theirs[i] : spawn->standard[i];
        number = posix_spawn_file_actions_adddup2(actions, fd, i);
    }
    return number ? number : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}

static int list_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETPGROUP);
}

/* The calls for attributes only fill a struct, and cannot fail with these arguments. */
static int begin(struct child_op *op, const struct spawn *spawn, const struct ends *ends)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int number = posix_spawn_file_actions_init(&actions);
    if (number)
        return -number;
    posix_spawnattr_init(&attributes);
    list_attributes(&attributes);
    number = list_actions(&actions, spawn, ends);
    if (number == 0)
        number = posix_spawn(&op->pid, spawn->arguments[0], &actions, &attributes,
                             (char *const *)(uintptr_t)spawn->arguments,
                             (char *const *)(uintptr_t)spawn->environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -number;
}

/* Its status, or -errno; while it is not reaped its number, and its group's, are its own. */
static int64_t kill_and_reap(pid_t pid)
{
    int status;
    kill(-pid, SIGKILL);
    pid_t reaped = waitpid(pid, &status, 0);
    while (reaped < 0 && errno == EINTR)
        reaped = waitpid(pid, &status, 0);
    return reaped < 0 ? -errno : status;
}

/* ---- the engine's side ---- */

/* Programs expect what they read and write to wait. */
static void let_wait(const struct spawn *spawn)
{
    for (int i = 0; i < 3; i++) {
        int flags = spawn->standard[i] >= 0 ? fcntl(spawn->standard[i], F_GETFL) : 0;
        if (flags > 0 && flags & O_NONBLOCK)
            fcntl(spawn->standard[i], F_SETFL, flags & ~O_NONBLOCK);
    }
}

/* Wait for its end: 0 or -errno. The child's ends of the pipes are closed by now, so that there is
 * a descriptor to be had. */
static int await_end(struct epoll_engine *engine, struct child_op *op)
{
    int fd = (int)syscall(SYS_pidfd_open, op->pid, 0);
    if (fd < 0)
        return -errno;
    epoll_forget(engine, fd);
    op->op.phase = 0;
    struct descriptor *row = epoll_begin(engine, &op->op, OP_CHILD, fd);
    int status = row ? epoll_await(engine, &op->op, DESCRIPTOR_IN) : -ENOMEM;
    if (status == 0)
        return 0;
    epoll_end(engine, &op->op, status);
    epoll_forget(engine, fd);
    close(fd);
    return status;
}

int epoll_spawn(struct engine *base, struct child_op *op, struct spawn *spawn)
{
    struct epoll_engine *engine = epoll_of(base);
    struct ends ends;
    int status = open_ends(spawn, &ends);
    if (status)
        return status;
    let_wait(spawn);
    status = begin(op, spawn, &ends);
    close_all(ends.theirs);
    if (status == 0) {
        status = await_end(engine, op);
        if (status)
            kill_and_reap(op->pid);
    }
    if (status) {
        close_all(ends.ours);
        return status;
    }
    for (int i = 0; i < 3; i++) {
        if (ends.ours[i] < 0)
            continue;
        epoll_forget(engine, ends.ours[i]);
        spawn->standard[i] = ends.ours[i];
    }
    return 0;
}

void epoll_kill(struct engine *base, struct child_op *op, int signal)
{
    (void)base;
    kill(-op->pid, signal); /* it is not reaped: the number is its own */
}

/* The end of an operation that is told frees its descriptor before: its done may spawn. */
static void finish(struct epoll_engine *engine, struct child_op *op, int64_t result)
{
    int fd = op->op.fd;
    epoll_end(engine, &op->op, result);
    epoll_forget(engine, fd);
    close(fd);
    engine->happened = true;
    op->op.done(&op->op, result);
}

void epoll_try_child(struct epoll_engine *engine, struct child_op *op)
{
    siginfo_t end = {.si_pid = 0};
    if (waitid(P_PID, (id_t)op->pid, &end, WEXITED | WNOHANG | WNOWAIT))
        finish(engine, op, -errno);
    else if (end.si_pid == 0)
        epoll_await_or_fail(engine, &op->op, DESCRIPTOR_IN);
    else
        finish(engine, op, kill_and_reap(op->pid));
}
