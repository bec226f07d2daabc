/* signals.c: the handler notes the signal and calls whoever stops (gt_stop; a command that is a
 * client has its own); all else is decided when that has taken effect.
 *
 * Calls are not restarted after a signal: one that waits (for a name to resolve, for a FIFO to
 * open) comes back where it can. From the second signal on the default action is restored, so that
 * a process stuck in such a call can be ended by hand. */
#include "tool/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
#define STOPPING_COUNT (sizeof stopping / sizeof *stopping)

static void (*volatile stop_call)(void *context);
static void *volatile stop_context;
static gt_server *volatile signalled_server;
static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t seen;

static void stop(int number);
static void hang_up(int number);

/* What was ignored at the start stays ignored. */
static void restore_defaults(void)
{
    for (size_t i = 0; i < STOPPING_COUNT; i++) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(stopping[i], NULL, &action);
        if (action.sa_handler == stop || action.sa_handler == hang_up)
            signal(stopping[i], SIG_DFL);
    }
}

static void stop(int number)
{
    int error = errno;
    last_signal = number;
    seen = seen + 1;
    if (stop_call)
        stop_call(stop_context);
    if (seen > 1)
        restore_defaults();
    errno = error;
}

static void count(int number)
{
    int error = errno;
    (void)number;
    if (signalled_server)
        gt_tell_counters(signalled_server);
    errno = error;
}

/* A server that has something to reload does so; all others stop. */
static void hang_up(int number)
{
    int error = errno;
    bool reloads = signalled_server && seen == 0 && gt_reload(signalled_server);
    if (!reloads)
        stop(number);
    errno = error;
}

static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(number, NULL, &action);
    if (action.sa_handler == SIG_IGN)
        return;
    action.sa_handler = handler;
    action.sa_flags = 0;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < STOPPING_COUNT; i++)
        sigaddset(&action.sa_mask, stopping[i]);
    sigaction(number, &action, NULL);
}

void signals_catch_stops(void (*call)(void *context), void *context)
{
    stop_context = context;
    stop_call = call;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* who ignores it has no children to ask for their status */
    for (size_t i = 0; i < STOPPING_COUNT; i++)
        catch_signal(stopping[i], stop);
}

static void stop_server(void *server)
{
    gt_stop(server);
}

void signals_catch(gt_server *server)
{
    signalled_server = server;
    signals_catch_stops(stop_server, server);
    catch_signal(SIGHUP, hang_up);
    catch_signal(SIGUSR1, count);
}

void signals_release(void)
{
    stop_call = NULL;
    signalled_server = NULL;
}

int signals_seen(void)
{
    return seen;
}

int signals_end(void)
{
    restore_defaults();
    raise(last_signal);
    return 128 + last_signal;
}
