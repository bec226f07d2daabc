/* bench_pace.c: a timer for the next message that is due. Whatever has become due meanwhile is
 * handed out first, then each connection that got something sends all of it. */
#include "tool/bench_pace.h"

#include "tool/bench_connection.h"

static struct bench_connection *connection_of(struct bench_load *load, uint64_t message)
{
    return &load->connections[message % load->connection_count];
}

static void hand_out(struct bench_pace *pace, int64_t now_ns)
{
    struct bench_load *load = pace->load;
    while (pace->next < pace->limit && bench_schedule_due(&load->schedule, pace->next) <= now_ns) {
        connection_of(load, pace->next++)->due++;
        load->owed++;
    }
}

static void push(struct bench_pace *pace, uint64_t first)
{
    struct bench_load *load = pace->load;
    uint64_t count = pace->next - first;
    if (count > load->connection_count)
        count = load->connection_count;
    for (uint64_t i = 0; i < count; i++)
        bench_connection_push(connection_of(load, first + i));
}

static void go_on(struct bench_pace *pace, int64_t now_ns)
{
    struct bench_load *load = pace->load;
    uint64_t first = pace->next;
    hand_out(pace, now_ns);
    push(pace, first);
    if (pace->next < pace->limit)
        engine_timer_set(load->engine, &pace->timer,
                         bench_schedule_due(&load->schedule, pace->next));
}

static void on_due(struct timer *timer, int64_t now_ns)
{
    go_on(list_item(timer, struct bench_pace, timer), now_ns);
}

void bench_pace_begin(struct bench_pace *pace, struct bench_load *load, uint64_t limit)
{
    *pace = (struct bench_pace){.load = load, .limit = limit, .timer.fire = on_due};
    go_on(pace, load->engine->now_ns);
}

void bench_pace_stop(struct bench_pace *pace)
{
    pace->limit = pace->next;
    if (pace->load)
        engine_timer_stop(pace->load->engine, &pace->timer);
}
