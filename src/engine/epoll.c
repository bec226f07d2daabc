/* epoll.c: the engine over epoll: who waits, for what, and in which order it is told.
 *
 * The happy path of a pass: operations that are over are told; operations to be tried are tried; if
 * none of that had anything to say, epoll_wait sleeps until an edge, the next timer or a wake;
 * edges lead through the table of descriptors to the operations that wait for them; connections
 * accepted a moment ago are tried in the same pass; timers fire last.
 *
 * With spin_ns it does not sleep at once but asks epoll_wait again and again: a CPU that is awake
 * answers a lone peer in a third of the time (23 us instead of 67 or more).
 *
 * A done may close any idle descriptor, cancel any operation, submit any other. So nothing is
 * remembered across a done: rows are looked up again, lists are emptied from the front, and an
 * event carries its descriptor's generation, which closing changes.
 *
 * Ways to fail. No memory for a row: the operation ends with -ENOMEM. epoll refuses the descriptor
 * (EPERM, a regular file): it is tried again in every pass. epoll has no room: the operation ends
 * with that error. A signal: the pass ends early. epoll_pwait2 missing or forbidden: milliseconds
 * then, rounded up. epoll itself failing is what engine_pass returns. */
#include "engine/epoll.h"

#include <assert.h>
#include <errno.h>
#include <goodtalk.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS      1000000000
#define MILLISECOND_NS 1000000

#define WAKE_DATA UINT64_MAX /* the event data of wake_fd: no descriptor is numbered like that */
/* ThreadSanitizer holds a signal back until a call it knows, and it does not know epoll_pwait2: the
 * handler that would end the wait would not run. */
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define EPOLL_COARSE true
#endif
#endif
#ifndef EPOLL_COARSE
#define EPOLL_COARSE false
#endif

#define BATCHES_MAX 64 /* full batches of events fetched before timers fire all the same */

/* ---- a pass ---- */

static void try_operation(struct epoll_engine *engine, struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_RECEIVE:
        return epoll_try_receive(engine, list_item(op, struct receive_op, op));
    case OP_ACCEPT:
        return epoll_try_accept(engine, list_item(op, struct accept_op, op));
    case OP_READ:
        return epoll_try_read(engine, list_item(op, struct receive_op, op));
    case OP_RECEIVE_DATAGRAMS:
        return epoll_try_receive_datagrams(engine, list_item(op, struct receive_datagrams_op, op));
    case OP_CHILD:
        return epoll_try_child(engine, list_item(op, struct child_op, op));
    case OP_CONNECT:
        return epoll_try_connect(engine, list_item(op, struct connect_op, op));
    case OP_SEND:
    case OP_WRITE:
        return epoll_try_transfer(engine, list_item(op, struct send_op, op));
    case OP_SEND_DATAGRAMS:
        return epoll_try_send_datagrams(engine, list_item(op, struct send_datagrams_op, op));
    case OP_NONE:
    case OP_SYNC:
        break;
    }
    abort();
}

void epoll_cancel(struct engine *base, struct op *op)
{
    if (op->phase & PHASE_DUE)
        return;
    if (op->kind == OP_SYNC)
        epoll_cancel_sync(epoll_of(base), op);
    else if (op->kind == OP_CHILD)
        epoll_kill(base, list_item(op, struct child_op, op), SIGKILL);
    else
        epoll_finish_later(epoll_of(base), op, -ECANCELED);
}

static void run_due(struct epoll_engine *engine)
{
    struct list due, *link;
    list_init(&due);
    list_splice(&due, &engine->due);
    while ((link = list_take(&due))) {
        struct op *op = list_item(link, struct op, link);
        epoll_finish(engine, op, op->result);
    }
}

/* A receive has at most one result per pass and an accept a few, so that nobody loud starves the
 * others: whoever had its share waits for the next pass. */
static void try_once(struct epoll_engine *engine, struct op *op)
{
    const struct descriptor *row = epoll_row(engine, op->fd);
    if (row->reader == op && row->pass == engine->pass)
        list_append(&engine->ready, &op->link);
    else
        try_operation(engine, op);
}

/* What is submitted meanwhile waits for the next call. */
static void try_ready(struct epoll_engine *engine)
{
    struct list ready, *link;
    list_init(&ready);
    list_splice(&ready, &engine->ready);
    while ((link = list_take(&ready)))
        try_once(engine, list_item(link, struct op, link));
}

/* The row an event is about, or NULL when its descriptor was closed since. */
static struct descriptor *event_row(struct epoll_engine *engine, const struct epoll_event *event)
{
    struct descriptor *row = epoll_row(engine, (int)(uint32_t)event->data.u64);
    return row && row->generation == (uint32_t)(event->data.u64 >> 32) ? row : NULL;
}

static void try_now(struct epoll_engine *engine, struct op *op)
{
    if (!op || (op->phase & (PHASE_DUE | PHASE_RING)))
        return;
    list_remove(&op->link);
    try_once(engine, op);
}

static void on_event(struct epoll_engine *engine, const struct epoll_event *event)
{
    const uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    struct descriptor *row = event_row(engine, event);
    if (!row)
        return;
    if (event->events & ended)
        row->flags |= DESCRIPTOR_ENDED;
    if (event->events & (EPOLLIN | ended))
        try_now(engine, row->reader);
    row = event_row(engine, event); /* the reader's done may have closed it or moved the table */
    if (row && event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        try_now(engine, row->writer);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * SECOND_NS + time.tv_nsec;
}

static int milliseconds(int64_t wait_ns)
{
    int64_t rounded_up = (wait_ns + MILLISECOND_NS - 1) / MILLISECOND_NS;
    return rounded_up < 3600 * 1000 ? (int)rounded_up : 3600 * 1000;
}

static int wait_finely(struct epoll_engine *engine, int64_t wait_ns)
{
    struct timespec time = {wait_ns / SECOND_NS, wait_ns % SECOND_NS};
    return epoll_pwait2(engine->epoll_fd, engine->events, EPOLL_EVENTS_MAX, &time, NULL);
}

/* epoll_wait where it will do: it is a little quicker, and every kernel and sandbox has it. */
static int wait_for_events(struct epoll_engine *engine, int64_t wait_ns)
{
    if (wait_ns > 0 && !engine->coarse) {
        int count = wait_finely(engine, wait_ns);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM))
            return count;
        engine->coarse = true;
    }
    int wait_ms = wait_ns < 0 ? -1 : milliseconds(wait_ns);
    return epoll_wait(engine->epoll_fd, engine->events, EPOLL_EVENTS_MAX, wait_ms);
}

int epoll_gather(struct epoll_engine *engine, int64_t wait_ns)
{
    int count = wait_for_events(engine, wait_ns);
    if (count < 0)
        count = errno == EINTR ? 0 : -errno;
    engine->engine.now_ns = clock_ns(CLOCK_MONOTONIC);
    if (count > 0)
        engine->happened_ns = engine->engine.now_ns;
    for (int i = 0; i < count; i++) {
        if (engine->events[i].data.u64 == WAKE_DATA)
            atomic_exchange(&engine->woken, false);
        else
            on_event(engine, &engine->events[i]);
    }
    return count;
}

/* When something is to be done though nothing happens, or INT64_MAX. */
static int64_t next_time(const struct epoll_engine *engine)
{
    int64_t next_ns = timers_next(&engine->engine.timers);
    return list_empty(&engine->later) || next_ns < engine->later_ns ? next_ns : engine->later_ns;
}

/* How long this pass may sleep: not at all when anything was told, for its owner may want to act on
 * it; only then can anything be due already. */
static int64_t wait_allowed(struct epoll_engine *engine, int64_t wait_ns)
{
    if (engine->happened || !list_empty(&engine->ready))
        return 0;
    int64_t next_ns = next_time(engine);
    if (next_ns == INT64_MAX)
        return wait_ns;
    int64_t left_ns = next_ns - engine->engine.now_ns;
    if (left_ns < 0)
        left_ns = 0;
    return wait_ns < 0 || left_ns < wait_ns ? left_ns : wait_ns;
}

/* Ask without sleeping until something happens, or spin_ns is spent, or it is end_ns: the number of
 * events, or -errno. */
static int spin(struct epoll_engine *engine, int64_t end_ns)
{
    int64_t until_ns = engine->happened_ns + engine->engine.spin_ns;
    if (until_ns > end_ns)
        until_ns = end_ns;
    int count = 0;
    while (count == 0 && engine->engine.now_ns < until_ns)
        count = engine->gather(engine, 0);
    return count;
}

/* The pass's wait: spin if it was asked for and there would be a sleep, then sleep. */
static int await_events(struct epoll_engine *engine, int64_t wait_ns)
{
    wait_ns = wait_allowed(engine, wait_ns);
    if (engine->engine.spin_ns <= 0 || wait_ns == 0)
        return engine->gather(engine, wait_ns);
    int64_t end_ns = wait_ns < 0 ? INT64_MAX : engine->engine.now_ns + wait_ns;
    int count = spin(engine, end_ns);
    if (count != 0)
        return count;
    int64_t left_ns = end_ns - engine->engine.now_ns;
    if (wait_ns > 0)
        wait_ns = left_ns > 0 ? left_ns : 0;
    return engine->gather(engine, wait_ns);
}

/* Fire what is due by the clock as it was read; whatever arrived before that is fetched first. */
static int run_timers(struct epoll_engine *engine)
{
    int64_t now_ns = engine->engine.now_ns;
    if (timers_next(&engine->engine.timers) > now_ns)
        return 0;
    int count = EPOLL_EVENTS_MAX;
    for (int batch = 0; batch < BATCHES_MAX && count == EPOLL_EVENTS_MAX; batch++)
        count = engine->gather(engine, 0);
    timers_run(&engine->engine.timers, now_ns);
    return count < 0 ? count : 0;
}

int epoll_pass(struct engine *base, int64_t wait_ns)
{
    struct epoll_engine *engine = epoll_of(base);
    assert(!engine->passing);
    engine->passing = true;
    engine->happened = false;
    engine->pass++;
    base->now_ns = clock_ns(CLOCK_MONOTONIC);
    if (engine->later_ns <= base->now_ns)
        list_splice(&engine->ready, &engine->later);
    if (engine->syncer)
        epoll_collect_syncs(engine);
    run_due(engine);
    try_ready(engine);
    int status = await_events(engine, wait_ns);
    base->crowded = status == EPOLL_EVENTS_MAX;
    try_ready(engine);
    if (status >= 0)
        status = run_timers(engine);
    if (engine->happened)
        engine->happened_ns = base->now_ns;
    engine->passing = false;
    return status < 0 ? status : 0;
}

/* ---- for those who wait elsewhere ---- */

/* What epoll has yet to tell, wakes too, makes its descriptor readable. All else that is to be done
 * is in these lists or has its time. */
int64_t epoll_patience(struct engine *base)
{
    struct epoll_engine *engine = epoll_of(base);
    if (engine->syncer)
        epoll_collect_syncs(engine);
    if (!list_empty(&engine->due) || !list_empty(&engine->ready))
        return 0;
    int64_t next_ns = next_time(engine);
    if (next_ns == INT64_MAX)
        return -1;
    int64_t left_ns = next_ns - clock_ns(CLOCK_MONOTONIC);
    return left_ns > 0 ? left_ns : 0;
}

static int epoll_descriptor(struct engine *base)
{
    return epoll_of(base)->epoll_fd;
}

/* ---- wake, clock, chance ---- */

/* Only atomics and write: safe in a signal handler, whose errno is kept. */
void epoll_wake(struct engine *base)
{
    struct epoll_engine *engine = epoll_of(base);
    if (atomic_exchange(&engine->woken, true))
        return;
    int number = errno;
    uint64_t one = 1;
    ssize_t written;
    do
        written = write(engine->wake_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    if (written < 0) /* edges need no reading: only 2^64 wakes, or a sandbox, bring that about */
        atomic_store(&engine->woken, false);
    errno = number;
}

int64_t epoll_clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t epoll_wall_us(struct engine *base)
{
    (void)base;
    return clock_ns(CLOCK_REALTIME) / 1000;
}

/* splitmix64 (Steele, Lea, Flood 2014): small, quick, and good enough for jitter and chance. */
uint64_t epoll_random(struct engine *base)
{
    uint64_t mixed = epoll_of(base)->random_state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* ---- making and freeing ---- */

static int open_descriptors(struct epoll_engine *engine, struct error *error)
{
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0)
        return error_errno(error, errno, "cannot wait for events");
    engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->wake_fd < 0)
        return error_errno(error, errno, "cannot make an event descriptor");
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = WAKE_DATA};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->wake_fd, &event))
        return error_errno(error, errno, "cannot wait for wake-ups");
    return GT_DONE;
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)clock_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 40;
    return seed;
}

int epoll_open(struct epoll_engine *engine, const struct engine_table *table, struct error *error)
{
    *engine = (struct epoll_engine){.engine.table = table, .epoll_fd = -1, .wake_fd = -1};
    engine->engine.receive_size = EPOLL_RECEIVE_SIZE;
    engine->engine.slot_bytes = sizeof(struct descriptor);
    engine->engine.own_bytes = sizeof *engine + EPOLL_RECEIVE_SIZE + EPOLL_ROOM_SIZE;
    engine->engine.now_ns = engine->happened_ns = clock_ns(CLOCK_MONOTONIC);
    engine->gather = epoll_gather;
    engine->coarse = EPOLL_COARSE;
    engine->random_state = random_seed();
    list_init(&engine->due);
    list_init(&engine->ready);
    list_init(&engine->later);
    engine->buffer = malloc(EPOLL_RECEIVE_SIZE);
    int status = engine->buffer ? open_descriptors(engine, error)
                                : error_errno(error, ENOMEM, "cannot make an engine");
    if (status != GT_DONE)
        epoll_release(engine);
    return status;
}

void epoll_release(struct epoll_engine *engine)
{
    assert(engine->active == 0 && !engine->passing);
    epoll_free_syncer(engine);
    if (engine->wake_fd >= 0)
        close(engine->wake_fd);
    if (engine->epoll_fd >= 0)
        close(engine->epoll_fd);
    free(engine->descriptors);
    free(engine->buffer);
    free(engine->batch);
}

static void epoll_destroy(struct engine *base)
{
    struct epoll_engine *engine = epoll_of(base);
    epoll_release(engine);
    free(engine);
}

static const struct engine_table epoll_table = {
    .name = "epoll",
    .destroy = epoll_destroy,
    .accept = epoll_accept,
    .receive = epoll_receive,
    .send = epoll_send,
    .write = epoll_write,
    .sync = epoll_sync,
    .read = epoll_read,
    .connect = epoll_connect,
    .receive_datagrams = epoll_receive_datagrams,
    .send_datagrams = epoll_send_datagrams,
    .spawn = epoll_spawn,
    .kill = epoll_kill,
    .cancel = epoll_cancel,
    .shutdown = epoll_shutdown,
    .close = epoll_close,
    .unacknowledged = epoll_unacknowledged,
    .unread = epoll_unread,
    .pass = epoll_pass,
    .patience = epoll_patience,
    .descriptor = epoll_descriptor,
    .wake = epoll_wake,
    .wall_us = epoll_wall_us,
    .random = epoll_random,
};

struct engine *engine_epoll_create(struct error *error)
{
    struct epoll_engine *engine = malloc(sizeof *engine);
    if (!engine) {
        error_errno(error, ENOMEM, "cannot make an engine");
        return NULL;
    }
    if (epoll_open(engine, &epoll_table, error) == GT_DONE)
        return &engine->engine;
    free(engine);
    return NULL;
}
