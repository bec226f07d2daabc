/* sim.c: the simulated engine: its clock, what is to happen, and the life of operations.
 *
 * A pass goes like a real one. Operations whose result is known are told. Then the clock moves on
 * to the next event or timer, if there is nothing to do now; what happens by then happens; the
 * operations it may concern are tried; then timers fire. Everything that could be in any order is
 * in one order: events have a number, and chance comes from the seed, so a run can be replayed.
 *
 * Ways to fail: none of its own. Memory running out and misuse end the program. */
#include "engine/sim_parts.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* 2026-01-01T00:00:00Z, and a monotonic clock that does not begin at 0, as in life. */
#define WALL_START_US  INT64_C(1767225600000000)
#define CLOCK_START_NS INT64_C(1000000000)

#define RECEIVE_SIZE ((size_t)64 * 1024)

/* A child is killed, and its operation is over when it has ended. */
static void sim_cancel(struct engine *engine, struct op *op)
{
    if (!op->active || op->phase != PHASE_WAITING)
        return;
    if (op->kind == OP_CHILD)
        sim_kill(engine, list_item(op, struct child_op, op), SIGKILL);
    else
        sim_give_up(sim_of(engine), op);
}

static int sim_shutdown(struct engine *engine, int fd)
{
    return sim_network_shutdown(sim_descriptor(sim_of(engine), fd));
}

static void sim_close(struct engine *engine, int fd, bool reset)
{
    struct sim *sim = sim_of(engine);
    struct descriptor *descriptor = sim_descriptor(sim, fd);
    assert(!descriptor->input && !descriptor->output && !descriptor->sync &&
           "closed with an operation active");
    sim_note(sim, reset ? 101 : 100, (uint64_t)fd);
    descriptor->open = false;
    sim->open_count--;
    descriptor->table->close(descriptor, reset);
}

static int64_t sim_unacknowledged(struct engine *engine, int fd)
{
    return sim_network_unacknowledged(sim_descriptor(sim_of(engine), fd));
}

static int64_t sim_unread(struct engine *engine, int fd)
{
    struct descriptor *descriptor = sim_descriptor(sim_of(engine), fd);
    bool own = descriptor->table->unread != NULL;
    return own ? descriptor->table->unread(descriptor) : sim_network_unread(descriptor);
}

/* ---- the pass ---- */

static int64_t next_moment(const struct sim *sim)
{
    int64_t timer_ns = timers_next(&sim->engine.timers);
    int64_t event_ns = sim->event_count > 0 ? sim->events[0].time_ns : INT64_MAX;
    return timer_ns < event_ns ? timer_ns : event_ns;
}

static bool something_due(const struct sim *sim)
{
    return !list_empty(&sim->due) || !list_empty(&sim->tries);
}

/* Move the clock to the next moment at which something happens, at most as far as allowed. */
static void wait(struct sim *sim, int64_t wait_ns)
{
    int64_t now_ns = sim->engine.now_ns;
    if (atomic_exchange(&sim->woken, false) || something_due(sim))
        return;
    int64_t until_ns = next_moment(sim);
    if (wait_ns >= 0 && until_ns - now_ns > wait_ns)
        until_ns = now_ns + wait_ns;
    if (until_ns > now_ns && until_ns != INT64_MAX)
        sim->engine.now_ns = until_ns;
}

static int sim_pass(struct engine *engine, int64_t wait_ns)
{
    struct sim *sim = sim_of(engine);
    assert(!sim->passing && "a pass within a pass");
    sim->passing = true;
    engine->now_ns += sim_within(sim, sim->faults.pass_ns);
    bool any = sim_run_due(sim);
    wait(sim, any ? 0 : wait_ns);
    sim_run_events(sim);
    sim_run_tries(sim);
    sim_run_due(sim);
    timers_run(&engine->timers, engine->now_ns);
    sim->passing = false;
    return 0;
}

/* What is on its way is not known of before it arrives. */
static int64_t sim_patience(struct engine *engine)
{
    struct sim *sim = sim_of(engine);
    int64_t timer_ns = timers_next(&engine->timers);
    if (atomic_load(&sim->woken) || something_due(sim) || next_moment(sim) <= engine->now_ns)
        return 0;
    return timer_ns == INT64_MAX ? -1 : timer_ns - engine->now_ns;
}

static int sim_no_descriptor(struct engine *engine)
{
    (void)engine;
    return -1;
}

static void sim_wake(struct engine *engine)
{
    atomic_store(&sim_of(engine)->woken, true);
}

static int64_t sim_wall_us(struct engine *engine)
{
    return WALL_START_US + engine->now_ns / 1000 + sim_of(engine)->wall_us;
}

static uint64_t sim_own_random(struct engine *engine)
{
    return sim_next_random(&sim_of(engine)->own);
}

/* ---- the engine ---- */

static void sim_destroy(struct engine *engine)
{
    struct sim *sim = sim_of(engine);
    assert(!sim->passing);
    for (size_t i = 0; i < sim->descriptor_count; i++) {
        struct descriptor *descriptor = sim->descriptors[i];
        assert(!descriptor->input && !descriptor->output && !descriptor->sync &&
               "the engine goes with an operation active");
        descriptor->table->free(descriptor);
    }
    sim_network_free(sim);
    free(sim->descriptors);
    free(sim->events);
    free(sim);
}

static const struct engine_table sim_table = {
    .name = "sim",
    .destroy = sim_destroy,
    .accept = sim_accept,
    .receive = sim_receive,
    .send = sim_send,
    .write = sim_write,
    .sync = sim_sync,
    .read = sim_read,
    .connect = sim_reach,
    .receive_datagrams = sim_receive_datagrams,
    .send_datagrams = sim_send_datagrams,
    .spawn = sim_spawn,
    .kill = sim_kill,
    .cancel = sim_cancel,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .unacknowledged = sim_unacknowledged,
    .unread = sim_unread,
    .pass = sim_pass,
    .patience = sim_patience,
    .descriptor = sim_no_descriptor,
    .wake = sim_wake,
    .wall_us = sim_wall_us,
    .random = sim_own_random,
};

struct sim_faults sim_faults_none(void)
{
    return (struct sim_faults){
        .latency_ns = {50000, 50000},
        .write_ns = {100000, 100000},
        .sync_ns = {200000, 200000},
        .child_ns = {100000, 100000},
        .packet_most = 64 * 1024,
        .window_to_server = 256 * 1024,
        .window_to_client = 256 * 1024,
        .send_buffer = 256 * 1024,
        .fail_write_with = EIO,
        .fail_sync_with = EIO,
    };
}

struct engine *engine_sim_create(uint64_t seed)
{
    struct sim *sim = sim_allocate(sizeof *sim);
    sim->engine.table = &sim_table;
    sim->engine.now_ns = CLOCK_START_NS;
    sim->engine.receive_size = RECEIVE_SIZE;
    sim->faults = sim_faults_none();
    sim->world = sim_mix(seed + 1);
    sim->own = sim_mix(~seed);
    sim->from = (struct peer){.kind = PEER_IPV4, .address = {127, 0, 0, 1}};
    sim->next_port = 40000;
    list_init(&sim->due);
    list_init(&sim->tries);
    list_init(&sim->clients);
    list_init(&sim->met);
    return &sim->engine;
}

struct sim_faults *sim_faults(struct engine *engine)
{
    return &sim_of(engine)->faults;
}

int64_t sim_now(const struct engine *engine)
{
    return engine->now_ns;
}

void sim_set_wall(struct engine *engine, int64_t by_us)
{
    sim_of(engine)->wall_us += by_us;
}

void sim_stall(struct engine *engine, int64_t for_ns)
{
    struct sim *sim = sim_of(engine);
    assert(sim->passing && for_ns >= 0);
    if (sim->stalled_until_ns == 0)
        sim->stalled_until_ns = engine->now_ns;
    sim->stalled_until_ns += for_ns;
    sim->lost_ns += for_ns;
    sim_note(sim, 8, (uint64_t)for_ns);
}

/* All that will happen does so that much later: their order stays. */
void sim_leap(struct engine *engine, int64_t by_ns)
{
    struct sim *sim = sim_of(engine);
    assert(sim->passing && by_ns >= 0);
    for (size_t i = 0; i < sim->event_count; i++)
        sim->events[i].time_ns += by_ns;
    if (sim->stalled_until_ns != 0)
        sim->stalled_until_ns += by_ns;
    engine->now_ns += by_ns;
    sim->lost_ns += by_ns;
    sim->leapt_ns += by_ns;
    sim_note(sim, 9, (uint64_t)by_ns);
}

int64_t sim_lost(const struct engine *engine)
{
    const struct sim *sim = sim_of_const(engine);
    bool stalled = sim->stalled_until_ns > engine->now_ns;
    return sim->lost_ns - (stalled ? sim->stalled_until_ns - engine->now_ns : 0);
}

bool sim_idle(const struct engine *engine)
{
    const struct sim *sim = sim_of_const(engine);
    return !something_due(sim) && !atomic_load(&sim->woken) && next_moment(sim) == INT64_MAX;
}

uint64_t sim_digest(const struct engine *engine)
{
    return sim_of_const(engine)->digest;
}

/* Whether an operation in a slot is as it must be. */
static bool slot_is_sound(const struct descriptor *descriptor, const struct op *op)
{
    return !op || (descriptor->open && op->active && op->fd == descriptor->fd &&
                   (op->phase == PHASE_WAITING || !list_empty(&op->link)));
}

/* Whether what could be received is going to be. */
static bool input_is_sound(struct descriptor *descriptor)
{
    const struct op *op = descriptor->input;
    return !op || !list_empty(&op->link) || !descriptor->table->has_input(descriptor);
}

static bool descriptor_is_sound(struct descriptor *descriptor)
{
    return slot_is_sound(descriptor, descriptor->input) && input_is_sound(descriptor) &&
           slot_is_sound(descriptor, descriptor->sync) &&
           slot_is_sound(descriptor, descriptor->output);
}

const char *sim_check(const struct engine *engine)
{
    const struct sim *sim = sim_of_const(engine);
    unsigned open = 0;
    for (size_t i = 0; i < sim->descriptor_count; i++) {
        open += sim->descriptors[i]->open;
        if (!descriptor_is_sound(sim->descriptors[i]))
            return "an operation is not where it belongs";
    }
    if (open != sim->open_count)
        return "open descriptors are miscounted";
    for (size_t i = 1; i < sim->event_count; i++)
        if (sim_event_before(&sim->events[i], &sim->events[(i - 1) / 2]))
            return "events are out of order";
    return sim_network_check(sim);
}
