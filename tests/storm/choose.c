/* choose.c: the dice of a run. Most runs are mild, each trouble comes in some of them, so that a
 * failure seldom has many causes at once. */
#include "choose.h"

#include <stdio.h>
#include <stdlib.h>

#define MS INT64_C(1000000)

struct dice {
    struct choice *choice;
    struct engine *engine;
    gt_server *server;
};

static int64_t between(const struct dice *dice, int64_t low, int64_t high)
{
    return sim_random(dice->engine, low, high);
}

static bool in_some(const struct dice *dice, int percent)
{
    return between(dice, 1, 100) <= percent;
}

/* A chance for a fault: in most runs none. */
static double odds(const struct dice *dice, double most)
{
    return in_some(dice, 60) ? 0 : most * (double)between(dice, 1, 1000) / 1000;
}

/* ---- settings ---- */

static void set(const struct dice *dice, const char *name, const char *value)
{
    if (gt_set(dice->server, name, value) != GT_DONE) {
        fprintf(stderr, "storm: --%s %s: %s\n", name, value, gt_error(dice->server));
        abort();
    }
    size_t length = strlen(value);
    if (bytes_format(&dice->choice->words, " --%s %.60s%s", name, value, length > 60 ? "..." : "") <
        0)
        abort();
}

static void set_number(const struct dice *dice, const char *name, int64_t number, const char *unit)
{
    char value[40];
    snprintf(value, sizeof value, "%lld%s", (long long)number, unit);
    set(dice, name, value);
}

static void choose_framing(const struct dice *dice)
{
    static const char *const names[] = {"talk", "line", "eof"};
    struct scenario_plan *plan = &dice->choice->plan;
    int64_t die = between(dice, 1, 100);
    plan->framing = die <= 45 ? SCENARIO_TALK : die <= 85 ? SCENARIO_LINE : SCENARIO_EOF;
    set(dice, "frame", names[plan->framing]);
    plan->pause_ns = 250 * MS;
    if (in_some(dice, 20))
        set_number(dice, "pause", between(dice, 100, 600), "ms");
    plan->max_message = 1 << 20;
    bool little_memory = in_some(dice, 10);
    if (little_memory || in_some(dice, 25)) {
        plan->max_message = (size_t)between(dice, 64, 3000);
        set_number(dice, "max-message", (int64_t)plan->max_message, "");
    }
    if (little_memory)
        set_number(dice, "max-memory", (int64_t)plan->max_message + between(dice, 0, 100000), "");
}

/* Letters, as they are set and as they are sent. */
static void choose_text(const struct dice *dice, const char *name, size_t size, bool line,
                        struct bytes *sent)
{
    if (bytes_reserve(sent, size + 1) < 0)
        abort();
    for (size_t i = 0; i < size; i++)
        bytes_append(sent, slice_of(&"abcdefghij"[between(dice, 0, 9)], 1));
    *bytes_end(sent) = 0;
    set(dice, name, (const char *)bytes_slice(sent).data);
    if (line)
        bytes_append(sent, slice_of("\n", 1));
}

static void choose_reply(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    int64_t die = between(dice, 1, 100);
    plan->reply = die <= 45 ? SCENARIO_TEXT : die <= 88 ? SCENARIO_ECHO : SCENARIO_SILENT;
    int64_t most = in_some(dice, 15) ? 30000 : 60;
    if (plan->reply == SCENARIO_TEXT)
        choose_text(dice, "reply", (size_t)between(dice, 1, most), true, &plan->reply_text);
    else
        set(dice, plan->reply == SCENARIO_ECHO ? "echo" : "silent", "on");
    if (in_some(dice, 20))
        choose_text(dice, "greeting", (size_t)between(dice, 1, most), false, &plan->greeting);
}

static void choose_goal(const struct dice *dice)
{
    struct choice *choice = dice->choice;
    int64_t die = between(dice, 1, 100);
    if (die > 95)
        choice->connections = between(dice, 1, 5);
    else if (die > 62)
        choice->count = die > 80 ? 1 : between(dice, 2, 12);
    set_number(dice, "count", choice->count, "");
    if (choice->connections > 0)
        set_number(dice, "connections", choice->connections, "");
    choice->plan.one_each = in_some(dice, 15);
    if (choice->plan.one_each)
        set(dice, "close", "on");
}

static void choose_limits(const struct dice *dice)
{
    struct choice *choice = dice->choice;
    choice->drain_timeout_ns = 30000 * MS;
    choice->limited = in_some(dice, 10);
    if (choice->limited)
        set_number(dice, "max-connections", between(dice, 1, 6), "");
    if (in_some(dice, 8))
        set_number(dice, "idle-timeout", between(dice, 50, 2000), "ms");
    if (in_some(dice, 8))
        set_number(dice, "message-timeout", between(dice, 50, 1000), "ms");
    if (in_some(dice, 10))
        set_number(dice, "write-timeout", between(dice, 300, 3000), "ms");
    if (in_some(dice, 10)) {
        choice->drain_timeout_ns = between(dice, 0, 2000) * MS;
        set_number(dice, "drain-timeout", choice->drain_timeout_ns / MS, "ms");
    }
}

/* ---- the world ---- */

static void choose_network(const struct dice *dice)
{
    static const int64_t scales[] = {10000, 1000000, 20 * MS};
    struct sim_faults *faults = sim_faults(dice->engine);
    int64_t scale = scales[between(dice, 0, 2)];
    faults->latency_ns = (struct sim_range){scale / 10, between(dice, scale / 10, scale)};
    faults->pass_ns = (struct sim_range){0, in_some(dice, 50) ? 20000 : 0};
    faults->short_receive = odds(dice, 0.9);
    faults->late_input = odds(dice, 1);
    faults->short_send = odds(dice, 0.5);
    faults->send_later = odds(dice, 1);
    faults->tiny_packet = odds(dice, 0.3);
    faults->shuffle = odds(dice, 0.5);
    faults->reset_destroys = odds(dice, 1);
    faults->accept_refused = odds(dice, 0.2);
    faults->accept_aborted = odds(dice, 0.1);
    faults->packet_most = (size_t)between(dice, 20, 20000);
    faults->window_to_server = (size_t)between(dice, 500, 100000);
    faults->window_to_client = (size_t)between(dice, 500, 100000);
    faults->send_buffer = (size_t)between(dice, 500, in_some(dice, 20) ? 1000000 : 100000);
    if (in_some(dice, 10))
        faults->descriptors_most = (unsigned)between(dice, 3, 10);
    if (in_some(dice, 30))
        dice->engine->receive_size = (size_t)between(dice, 1, 5000);
}

static void choose_disk(const struct dice *dice)
{
    struct sim_faults *faults = sim_faults(dice->engine);
    int64_t die = between(dice, 1, 100);
    enum show_kind show = die <= 45   ? SHOWN_AT_ONCE
                          : die <= 65 ? SHOWN_LATER
                          : die <= 80 ? SHOWN_SLOWLY
                          : die <= 85 ? SHOWN_WITH_A_GAP
                          : die <= 92 ? SHOWN_ON_FAILING
                                      : SHOWN_TO_LEAVING;
    dice->choice->show = show;
    dice->choice->capacity = (size_t)between(dice, 1, in_some(dice, 50) ? 65536 : 1000);
    if (show == SHOWN_LATER) {
        faults->write_later = (double)between(dice, 1, 100) / 100;
        faults->write_short = (double)between(dice, 1, 100) / 200;
        faults->write_ns = (struct sim_range){10000, between(dice, 10000, 20 * MS)};
    } else if (show == SHOWN_ON_FAILING) {
        faults->fail_write_at = (unsigned)between(dice, 1, 12);
        faults->fail_write_with = in_some(dice, 50) ? 28 : 5; /* ENOSPC, EIO */
    }
}

/* More than the server wants to hold while a slow reader looks at what is shown. */
static void choose_flood(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    plan->size_most = 60000;
    plan->messages_most = 12;
    plan->clients = 8;
    plan->begin_ns = 10 * MS;
    dice->choice->show = SHOWN_SLOWLY;
    dice->choice->capacity = 65536;
    dice->engine->receive_size = 65536;
    sim_faults(dice->engine)->tiny_packet = 0;
}

static void choose_clients(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    bool long_replies = plan->reply_text.size > 1000 || plan->greeting.size > 1000;
    plan->clients = (unsigned)between(dice, 1, in_some(dice, 10) && !long_replies ? 40 : 10);
    plan->messages_most = (unsigned)between(dice, 1, long_replies && in_some(dice, 80) ? 5 : 20);
    plan->size_most = (size_t)between(dice, 20, in_some(dice, 10) ? 5000 : 200);
    plan->begin_ns = between(dice, 1, 300) * MS;
    if (in_some(dice, 1) && !long_replies && plan->max_message > 20000)
        choose_flood(dice);
}

void choose(struct choice *choice, struct engine *engine, gt_server *server)
{
    struct dice dice = {choice, engine, server};
    *choice = (struct choice){.stop_ns = -1};
    choose_framing(&dice);
    choose_reply(&dice);
    choose_goal(&dice);
    choose_limits(&dice);
    choose_network(&dice);
    choose_disk(&dice);
    choose_clients(&dice);
    choice->plan.shows_raw = in_some(&dice, 40);
    set(&dice, "show", choice->plan.shows_raw ? "raw" : "talk");
    if (in_some(&dice, 25))
        choice->stop_ns = between(&dice, 0, choice->plan.begin_ns * 3 / 2);
}

/* ---- what messages are shown on ---- */

static bool shown_in_file(enum show_kind show)
{
    return show == SHOWN_AT_ONCE || show == SHOWN_LATER || show == SHOWN_ON_FAILING;
}

int choose_shown(const struct choice *choice, struct engine *engine)
{
    if (shown_in_file(choice->show))
        return sim_file(engine);
    return sim_stream(engine, choice->capacity);
}

static void reader_goes_on(void *context, uint64_t stream)
{
    sim_stream_pace(context, (int)stream, SIZE_MAX, 1000);
}

static void reader_leaves(void *context, uint64_t stream)
{
    sim_stream_leave(context, (int)stream);
}

/* The reader needs up to some seconds for everything. */
void choose_pace(const struct choice *choice, struct engine *engine, int shown_fd, size_t size)
{
    int64_t reads = sim_random(engine, 5, 200);
    size_t most = size * 3 / (size_t)reads + 1;
    if (most > choice->capacity)
        most = choice->capacity;
    int64_t longest_ns = 4000 * MS / ((int64_t)(size * 2 / most) + 1);
    int64_t interval_ns = sim_random(engine, 1, longest_ns < 10 * MS ? longest_ns : 10 * MS);
    int64_t moment_ns = sim_random(engine, 0, choice->plan.begin_ns * 2);
    if (choice->show == SHOWN_SLOWLY || choice->show == SHOWN_TO_LEAVING)
        sim_stream_pace(engine, shown_fd, most, interval_ns);
    if (choice->show == SHOWN_TO_LEAVING)
        sim_after(engine, moment_ns, reader_leaves, engine, (uint64_t)shown_fd);
    if (choice->show == SHOWN_WITH_A_GAP) {
        sim_stream_pace(engine, shown_fd, 0, 0);
        sim_after(engine, moment_ns, reader_goes_on, engine, (uint64_t)shown_fd);
    }
}
