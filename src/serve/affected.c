/* affected.c: when the next of an affected reply may leave.
 *
 * The happy path of a drip: its turn comes, the schedule starts; the first step is due when its
 * last byte is. The owner asks, is refused, and is called when it is due; asks again, sends the
 * step, and the next one's moment is so much later on the schedule, whenever this one really left.
 * Moments are rounded up to whole milliseconds: what is due within one leaves together, and nobody
 * is woken more often, however small the pieces.
 *
 * Pieces without a drip leave one after another, but no more than a share of a pass. */
#include "serve/affected.h"

#include "serve/worker.h"

#define MS_NS     INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)

/* How many steps of a drip a second, where its bytes are enough. */
#define STEPS_A_SECOND 50

/* How far behind its schedule a drip may catch up. */
#define LAG_NS (SECOND_NS / 4)

/* Sends of one reply in a pass, at most. */
#define STEPS_MOST 64

static void fire(struct timer *timer, int64_t now_ns)
{
    struct affected *affected = list_item(timer, struct affected, timer);
    (void)now_ns;
    affected->steps = 0;
    affected->go_on(affected->owner);
}

struct affected *affected_create(struct worker *worker, const struct effects *effects,
                                 void (*go_on)(void *owner), void *owner)
{
    int64_t now_ns = worker->engine->now_ns;
    int64_t delay_ns = effects->delay_ns > 0 ? effects->delay_ns : 0;
    struct affected *affected = pool_take(&worker->affected);
    if (!affected)
        return NULL;
    *affected = (struct affected){
        .effects = *effects,
        .worker = worker,
        .go_on = go_on,
        .owner = owner,
        .timer.fire = fire,
        .taken_ns = now_ns,
        .next_ns = delay_ns < INT64_MAX - now_ns ? now_ns + delay_ns : INT64_MAX,
    };
    counters_add(worker->counters, COUNTER_REPLIES_AFFECTED, 1);
    return affected;
}

void affected_give(struct affected **affected)
{
    struct affected *gone = *affected;
    *affected = NULL;
    if (!gone)
        return;
    engine_timer_stop(gone->worker->engine, &gone->timer);
    pool_give(&gone->worker->affected, gone);
}

size_t affected_size(const struct effects *effects, size_t size)
{
    bool nothing = effects->truncate_size < 0 && (effects->reset || effects->hang);
    if (effects->truncate_size >= 0 && (uint64_t)effects->truncate_size < size)
        return (size_t)effects->truncate_size;
    return nothing ? 0 : size;
}

/* How long a drip takes for so many bytes. */
static int64_t drip_ns(const struct affected *affected, size_t size)
{
    if (affected->effects.drip <= 0)
        return 0;
    double wait_ns = (double)size * (double)SECOND_NS / (double)affected->effects.drip;
    return wait_ns < (double)(INT64_MAX / 4) ? (int64_t)wait_ns : INT64_MAX / 4;
}

static size_t next_step(const struct affected *affected, size_t left)
{
    const struct effects *effects = &affected->effects;
    uint64_t step = left;
    if (effects->pieces > 0)
        step = effects->pieces;
    else if (effects->drip > 0 && !affected->worker->hurried)
        step = (uint64_t)effects->drip / STEPS_A_SECOND + 1;
    return step < left ? (size_t)step : left;
}

/* Its turn has come, and its delay is over. */
static void start(struct affected *affected, size_t left, int64_t now_ns)
{
    affected->started = true;
    affected->next_ns = now_ns + drip_ns(affected, next_step(affected, left));
}

static int64_t whole_ms(int64_t time_ns)
{
    return time_ns < INT64_MAX - MS_NS ? (time_ns + MS_NS - 1) / MS_NS * MS_NS : INT64_MAX;
}

/* When it may go on. */
static int64_t due_ns(struct affected *affected, size_t left, int64_t now_ns)
{
    if (affected->worker->hurried)
        return now_ns;
    if (!affected->started && affected->next_ns <= now_ns)
        start(affected, left, now_ns);
    return affected->started && affected->effects.drip > 0 ? whole_ms(affected->next_ns)
                                                           : affected->next_ns;
}

bool affected_may_leave(struct affected *affected, size_t left)
{
    struct engine *engine = affected->worker->engine;
    if (affected_hangs(affected, left))
        return false;
    int64_t at_ns = due_ns(affected, left, engine->now_ns);
    if (at_ns <= engine->now_ns && affected->steps < STEPS_MOST)
        return true;
    engine_timer_set(engine, &affected->timer, at_ns);
    return false;
}

size_t affected_step(struct affected *affected, size_t left)
{
    int64_t behind_ns = affected->worker->engine->now_ns - LAG_NS;
    size_t size = next_step(affected, left);
    affected->steps++;
    affected->stepping = true;
    if (affected->worker->hurried)
        return size;
    if (affected->next_ns < behind_ns)
        affected->next_ns = behind_ns;
    affected->next_ns += drip_ns(affected, next_step(affected, left - size));
    return size;
}
