/* sim_chance.c: what the simulation does next: chance, and the queue of events.
 *
 * Both come from the seed alone: random numbers are a sequence (splitmix64), and events that are
 * due at the same time happen in the order they were made. Of both a digest is kept, by which two
 * runs can be compared. Ways to fail: memory, and then the simulation is over. */
#include "engine/sim_parts.h"

#include <assert.h>
#include <stdlib.h>

/* ---- chance ---- */

uint64_t sim_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint64_t sim_next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return sim_mix(*state);
}

bool sim_happens(struct sim *sim, double chance)
{
    if (chance <= 0)
        return false;
    return (double)(sim_next_random(&sim->world) >> 11) < chance * (double)(UINT64_C(1) << 53);
}

int64_t sim_between(struct sim *sim, int64_t low, int64_t high)
{
    assert(low <= high);
    uint64_t count = (uint64_t)(high - low) + 1;
    return low + (int64_t)(sim_next_random(&sim->world) % count);
}

int64_t sim_within(struct sim *sim, struct sim_range range)
{
    return range.high <= range.low ? range.low : sim_between(sim, range.low, range.high);
}

bool sim_chance(struct engine *engine, double chance)
{
    return sim_happens(sim_of(engine), chance);
}

int64_t sim_random(struct engine *engine, int64_t low, int64_t high)
{
    return sim_between(sim_of(engine), low, high);
}

/* ---- memory ---- */

void *sim_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

void sim_append(struct bytes *bytes, struct slice slice)
{
    if (bytes_append(bytes, slice) < 0)
        abort();
}

void *sim_grown(void *array, size_t count, size_t *room, size_t item_size)
{
    if (count < *room)
        return array;
    *room = *room ? *room * 2 : 16;
    array = realloc(array, *room * item_size);
    if (!array)
        abort();
    return array;
}

/* ---- events ---- */

bool sim_event_before(const struct event *a, const struct event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order;
}

void sim_at(struct sim *sim, int64_t time_ns, sim_act *act, void *subject, uint64_t number)
{
    struct event event = {time_ns, sim->event_order++, act, subject, number};
    if (time_ns < sim->engine.now_ns)
        event.time_ns = sim->engine.now_ns;
    sim->events = sim_grown(sim->events, sim->event_count, &sim->event_room, sizeof event);
    size_t at = sim->event_count++;
    while (at > 0 && sim_event_before(&event, &sim->events[(at - 1) / 2])) {
        sim->events[at] = sim->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->events[at] = event;
}

static struct event event_take(struct sim *sim)
{
    struct event *heap = sim->events;
    struct event first = heap[0], last = heap[--sim->event_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < sim->event_count) {
        if (child + 1 < sim->event_count && sim_event_before(&heap[child + 1], &heap[child]))
            child++;
        if (!sim_event_before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

int64_t sim_in_order(const struct sim *sim, int64_t *latest_ns, int64_t arrival_ns)
{
    if (arrival_ns < *latest_ns + sim->leapt_ns)
        arrival_ns = *latest_ns + sim->leapt_ns;
    *latest_ns = arrival_ns - sim->leapt_ns;
    return arrival_ns;
}

static void run_event(struct sim *sim)
{
    struct event event = event_take(sim);
    if (event.time_ns > sim->engine.now_ns)
        sim->engine.now_ns = event.time_ns;
    event.act(event.subject, event.number);
}

/* The server does nothing: what happens meanwhile happens each at its time. */
static void run_stall(struct sim *sim)
{
    while (sim->event_count > 0 && sim->events[0].time_ns <= sim->stalled_until_ns)
        run_event(sim);
    sim->engine.now_ns = sim->stalled_until_ns;
    sim->stalled_until_ns = 0;
}

void sim_run_events(struct sim *sim)
{
    while (sim->event_count > 0 && sim->events[0].time_ns <= sim->engine.now_ns) {
        run_event(sim);
        if (sim->stalled_until_ns != 0)
            run_stall(sim);
    }
}

void sim_after(struct engine *engine, int64_t delay_ns, sim_act *act, void *context,
               uint64_t number)
{
    sim_at(sim_of(engine), engine->now_ns + delay_ns, act, context, number);
}

void sim_note(struct sim *sim, uint64_t what, uint64_t detail)
{
    sim->digest = sim_mix(sim->digest + what * 0x100000001b3u) ^ sim_mix(detail);
    sim->digest = sim_mix(sim->digest + (uint64_t)sim->engine.now_ns);
}
