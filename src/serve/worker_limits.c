/* worker_limits.c: a worker and the limits that it shares with the others.
 *
 * Places. Who finds none free takes that of its own oldest connection without a message, which
 * ends. Where it has none it keeps the newcomer as a guest (listener.c) and wants a place: the
 * first of the others that has such a connection lets it go. A host is woken when a connection of
 * any worker ends; after it has been counted it looks once more: either it sees the place, or
 * whoever gave the place sees that there is a host. A worker that is alone needs no guests: it
 * knows when it is full, and newcomers stay in the kernel's queue.
 *
 * Memory. A worker whose need passes what it was granted asks for more. Where nothing is left, a
 * worker over its share (an even part of all) has to let a connection go, as one alone would; one
 * within its share wants memory: the others are woken and give back what they do not use, and when
 * that was not enough, whoever is over the share lets a connection go. The shares of all together
 * are no more than there is, so somebody gives. */
#include "serve/server.h"

#define CHUNK_MOST ((size_t)1 << 20)

void limits_open(struct limits *limits, unsigned workers, unsigned max_connections,
                 size_t max_memory)
{
    size_t chunk = max_memory / (16 * (size_t)workers);
    if (chunk > CHUNK_MOST)
        chunk = CHUNK_MOST;
    *limits = (struct limits){.workers = workers,
                              .max_connections = max_connections,
                              .max_memory = max_memory,
                              .chunk = workers == 1 ? max_memory : chunk};
    atomic_store(&limits->memory_left, max_memory);
}

/* ---- places ---- */

static bool all_taken(const struct worker *worker)
{
    return atomic_load(&worker->limits->connections) >= worker->limits->max_connections;
}

bool worker_take_place(struct worker *worker)
{
    struct limits *limits = worker->limits;
    unsigned taken = atomic_load(&limits->connections);
    while (taken < limits->max_connections)
        if (atomic_compare_exchange_weak(&limits->connections, &taken, taken + 1))
            return true;
    return false;
}

void worker_take_over_place(struct worker *worker)
{
    atomic_fetch_add(&worker->limits->connections, 1);
}

void worker_give_place(struct worker *worker)
{
    struct limits *limits = worker->limits;
    atomic_fetch_sub(&limits->connections, 1);
    if (atomic_load(&limits->hosts) > 0)
        worker_wake_others(worker);
}

static void want_place(struct worker *worker)
{
    if (!atomic_exchange(&worker->limits->place_wanted, true))
        worker_wake_others(worker);
}

/* The last host takes the wish with it; unless another has come in the meantime. */
static void stop_waiting(struct worker *worker)
{
    struct limits *limits = worker->limits;
    worker->waits_for_place = false;
    if (atomic_fetch_sub(&limits->hosts, 1) > 1)
        return;
    atomic_store(&limits->place_wanted, false);
    if (atomic_load(&limits->hosts) > 0)
        want_place(worker);
}

void worker_wait_for_place(struct worker *worker)
{
    bool waits = worker->guest_count > 0;
    if (!waits && worker->waits_for_place)
        stop_waiting(worker);
    if (!waits)
        return;
    if (!worker->waits_for_place)
        atomic_fetch_add(&worker->limits->hosts, 1);
    worker->waits_for_place = true;
    worker->more |= !all_taken(worker);
    want_place(worker);
}

bool worker_asked_for_place(const struct worker *worker)
{
    const struct limits *limits = worker->limits;
    bool others_wait = atomic_load(&limits->hosts) > (unsigned)worker->waits_for_place;
    return others_wait && !list_empty(&worker->fresh) && all_taken(worker) &&
           atomic_load(&limits->place_wanted);
}

bool worker_gives_way(struct worker *worker)
{
    return worker_asked_for_place(worker) && atomic_exchange(&worker->limits->place_wanted, false);
}

/* ---- memory ---- */

/* What is lacking, and a chunk if there is one. */
bool worker_ask_memory(struct worker *worker)
{
    struct limits *limits = worker->limits;
    size_t lacking = worker->memory_bytes - worker->memory_granted;
    size_t left = atomic_load(&limits->memory_left);
    while (left >= lacking) {
        size_t take = left - lacking > limits->chunk ? lacking + limits->chunk : left;
        if (atomic_compare_exchange_weak(&limits->memory_left, &left, left - take)) {
            worker->memory_granted += take;
            return true;
        }
    }
    return false;
}

static void want_memory(struct worker *worker, bool wants)
{
    if (worker->wants_memory == wants)
        return;
    worker->wants_memory = wants;
    if (wants)
        atomic_fetch_add(&worker->limits->memory_wanted, 1);
    else
        atomic_fetch_sub(&worker->limits->memory_wanted, 1);
}

/* Keep so much of what is not used. */
static bool give_memory_back(struct worker *worker, size_t keep)
{
    size_t wanted = worker->memory_bytes + keep;
    if (worker->memory_granted <= wanted)
        return false;
    atomic_fetch_add(&worker->limits->memory_left, worker->memory_granted - wanted);
    worker->memory_granted = wanted;
    if (atomic_load(&worker->limits->memory_wanted) > 0)
        worker_wake_others(worker);
    return true;
}

/* What is left is not enough. */
static size_t go_short(struct worker *worker)
{
    size_t share = worker->limits->max_memory / worker->limits->workers;
    if (worker->memory_bytes > share)
        return share > worker->memory_granted ? share : worker->memory_granted;
    want_memory(worker, true);
    if (worker_ask_memory(worker)) /* given back before it was known that somebody wants it */
        want_memory(worker, false);
    else
        worker_wake_others(worker);
    return SIZE_MAX;
}

/* Others go short: give what is not used, and the next time, where that was nothing, what is more
 * than the share, a connection at a time. */
static size_t help_others(struct worker *worker)
{
    size_t share = worker->limits->max_memory / worker->limits->workers;
    if (give_memory_back(worker, 0) || worker->memory_bytes <= share)
        return SIZE_MAX;
    return worker->memory_bytes - 1;
}

size_t worker_settle_memory(struct worker *worker)
{
    const struct limits *limits = worker->limits;
    if (worker->memory_bytes > worker->memory_granted && !worker_ask_memory(worker))
        return go_short(worker);
    want_memory(worker, false);
    if (atomic_load(&limits->memory_wanted) > 0)
        return help_others(worker);
    if (worker->memory_granted > worker->memory_bytes + 2 * limits->chunk)
        give_memory_back(worker, limits->chunk);
    return SIZE_MAX;
}

void worker_offer_memory(struct worker *worker)
{
    if (atomic_load(&worker->limits->memory_wanted) > 0)
        give_memory_back(worker, 0);
}

/* ---- the end ---- */

void worker_leave_limits(struct worker *worker)
{
    if (worker->waits_for_place)
        stop_waiting(worker);
    want_memory(worker, false);
    give_memory_back(worker, 0);
}
