/* choose.c: the dice of a run. Most runs are mild, each trouble comes in some of them, so that a
 * failure seldom has many causes at once. */
#include "dice.h"

/* Memory for one message of any listener, and something. */
static void choose_memory(const struct dice *dice)
{
    dice->choice->little_memory = dice_in_some(dice, 10);
    dice->choice->plan.limits.memory = dice->choice->little_memory;
    if (dice->choice->little_memory)
        dice_set_number(dice, "max-memory", 3000 + dice_between(dice, 0, 100000), "");
}

static bool has_connections(const struct scenario_plan *plan)
{
    for (unsigned i = 0; i < plan->listener_count; i++)
        if (plan->listeners[i].socket < SOCKET_UDP)
            return true;
    return false;
}

static void choose_goal(const struct dice *dice)
{
    struct choice *choice = dice->choice;
    int64_t die = dice_between(dice, 1, 100);
    if (choice->plan.talks) /* the count would be one of conversations */
        die = die > 80 ? 100 : 1;
    if (die > 95 && has_connections(&choice->plan))
        choice->connections = dice_between(dice, 1, 5);
    else if (die > 62)
        choice->count = die > 80 ? 1 : dice_between(dice, 2, 12);
    dice_set_number(dice, "count", choice->count, "");
    if (choice->connections > 0)
        dice_set_number(dice, "connections", choice->connections, "");
}

/* In some runs a timeout of so many milliseconds: in nanoseconds, or the default where it is not
 * set; in a one-shot there is none then. */
static int64_t choose_timeout(const struct dice *dice, const char *name, int64_t least_ms,
                              int64_t most_ms, int64_t otherwise_ms)
{
    if (!dice_in_some(dice, 15))
        return otherwise_ms * MS;
    int64_t timeout_ms = dice_between(dice, least_ms, most_ms);
    dice_set_number(dice, name, timeout_ms, "ms");
    return timeout_ms * MS;
}

static void choose_limits(const struct dice *dice)
{
    struct choice *choice = dice->choice;
    struct scenario_limits *limits = &choice->plan.limits;
    choice->plan.crowd = dice_in_some(dice, 1);
    limits->connections = dice_in_some(dice, choice->plan.crowd ? 50 : 10);
    if (limits->connections)
        dice_set_number(dice, "max-connections", dice_between(dice, 1, choice->plan.crowd ? 60 : 6),
                        "");
    limits->idle_ns = choose_timeout(dice, "idle-timeout", 50, 2000, 300000);
    limits->message_ns = choose_timeout(dice, "message-timeout", 50, 1000, 30000);
    limits->write_ns = choose_timeout(dice, "write-timeout", 300, 3000, 30000);
    choice->drain_timeout_ns = choose_timeout(dice, "drain-timeout", 0, 2000, 30000);
}

/* ---- the world ---- */

static void choose_network(const struct dice *dice)
{
    static const int64_t scales[] = {10000, 1000000, 20 * MS};
    struct sim_faults *faults = sim_faults(dice->engine);
    int64_t scale = scales[dice_between(dice, 0, 2)];
    faults->latency_ns = (struct sim_range){scale / 10, dice_between(dice, scale / 10, scale)};
    if (dice_in_some(dice, 20)) /* what is sent together arrives together */
        faults->latency_ns.high = faults->latency_ns.low;
    faults->pass_ns = (struct sim_range){0, dice_in_some(dice, 50) ? 20000 : 0};
    faults->short_receive = dice_odds(dice, 0.9);
    faults->late_input = dice_odds(dice, 1);
    faults->short_send = dice_odds(dice, 0.5);
    faults->send_later = dice_odds(dice, 1);
    faults->tiny_packet = dice_odds(dice, 0.3);
    faults->shuffle = dice_odds(dice, 0.5);
    faults->reset_destroys = dice_odds(dice, 1);
    faults->accept_refused = dice_odds(dice, 0.2);
    faults->accept_aborted = dice_odds(dice, 0.1);
    faults->breaks = dice_in_some(dice, 25) ? dice_odds(dice, 0.02) : 0;
    faults->packet_most = (size_t)dice_between(dice, 20, 20000);
    faults->window_to_server = (size_t)dice_between(dice, 500, 100000);
    faults->window_to_client = (size_t)dice_between(dice, 500, 100000);
    faults->send_buffer =
        (size_t)dice_between(dice, 500, dice_in_some(dice, 20) ? 1000000 : 100000);
    unsigned listeners = dice->choice->plan.listener_count;
    if (dice_in_some(dice, 10))
        faults->descriptors_most = listeners + (unsigned)dice_between(dice, 2, 9);
    if (dice_in_some(dice, 30))
        dice->engine->receive_size = (size_t)dice_between(dice, 1, 5000);
}

static void choose_datagrams(const struct dice *dice)
{
    struct sim_faults *faults = sim_faults(dice->engine);
    faults->datagram_lost = dice_odds(dice, 0.5);
    faults->datagram_doubled = dice_odds(dice, 0.5);
    faults->datagram_late = dice_odds(dice, 0.5);
    faults->datagram_fails = dice_odds(dice, 0.3);
    faults->datagrams_refused = dice_odds(dice, 0.3);
}

static void choose_disk(const struct dice *dice)
{
    struct sim_faults *faults = sim_faults(dice->engine);
    int64_t die = dice_between(dice, 1, 100);
    enum show_kind show = die <= 45   ? SHOWN_AT_ONCE
                          : die <= 65 ? SHOWN_LATER
                          : die <= 80 ? SHOWN_SLOWLY
                          : die <= 85 ? SHOWN_WITH_A_GAP
                          : die <= 92 ? SHOWN_ON_FAILING
                                      : SHOWN_TO_LEAVING;
    dice->choice->show = show;
    dice->choice->plan.limits.show = show == SHOWN_ON_FAILING || show == SHOWN_TO_LEAVING;
    dice->choice->capacity = (size_t)dice_between(dice, 1, dice_in_some(dice, 50) ? 65536 : 1000);
    if (show == SHOWN_LATER) {
        faults->write_later = (double)dice_between(dice, 1, 100) / 100;
        faults->write_short = (double)dice_between(dice, 1, 100) / 200;
        faults->write_ns = (struct sim_range){10000, dice_between(dice, 10000, 20 * MS)};
    } else if (show == SHOWN_ON_FAILING) {
        faults->fail_write_at = (unsigned)dice_between(dice, 1, 12);
        faults->fail_write_with = dice_in_some(dice, 50) ? 28 : 5; /* ENOSPC, EIO */
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
    plan->limits.show = sim_faults(dice->engine)->fail_write_at > 0;
    dice->choice->capacity = 65536;
    dice->engine->receive_size = 65536;
    sim_faults(dice->engine)->tiny_packet = 0;
}

/* Hundreds, and most of them mean no good. */
static void choose_crowd(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    plan->clients = (unsigned)dice_between(dice, 60, CLIENTS_MOST);
    plan->messages_most = (unsigned)dice_between(dice, 1, 4);
    plan->size_most = 60;
}

static void choose_clients(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    bool long_replies = false, roomy = !plan->chunks;
    for (unsigned i = 0; i < plan->listener_count; i++) {
        const struct scenario_listener *listener = &plan->listeners[i];
        long_replies |= listener->reply_text.size > 1000 || listener->greeting.size > 1000;
        roomy &= listener->text_most > 20000;
    }
    plan->clients =
        (unsigned)dice_between(dice, 1, dice_in_some(dice, 10) && !long_replies ? 40 : 10);
    plan->messages_most =
        (unsigned)dice_between(dice, 1, long_replies && dice_in_some(dice, 80) ? 5 : 20);
    plan->size_most = (size_t)dice_between(dice, 20, dice_in_some(dice, 10) ? 5000 : 200);
    plan->begin_ns = dice_between(dice, 1, 300) * MS;
    if (plan->crowd)
        choose_crowd(dice);
    if (plan->chunks && plan->clients > 26) /* each has a letter of its own */
        plan->clients = 26;
    if (dice_in_some(dice, 1) && !long_replies && roomy)
        choose_flood(dice);
}

static void choose_show(const struct dice *dice)
{
    static const char *const names[] = {"talk", "raw", "json", "hex", "none"};
    int64_t die = dice_between(dice, 1, 100);
    enum scenario_show show = die <= 35   ? SHOWS_TALK
                              : die <= 65 ? SHOWS_RAW
                              : die <= 80 ? SHOWS_JSON
                              : die <= 92 ? SHOWS_HEX
                                          : SHOWS_NONE;
    dice->choice->plan.show = show;
    dice_set(dice, "show", names[show]);
}

/* Where each message is seen as it is taken, or at least in time, a rate can be checked. */
static void choose_sources(const struct dice *dice)
{
    struct scenario_plan *plan = &dice->choice->plan;
    struct scenario_limits *limits = &plan->limits;
    plan->prompt = dice->choice->show == SHOWN_AT_ONCE;
    limits->sources = (unsigned)dice_between(dice, 1, 6);
    if (dice_in_some(dice, 8)) {
        limits->per_source = (unsigned)dice_between(dice, 1, plan->crowd ? 20 : 4);
        dice_set_number(dice, "max-per-source", limits->per_source, "");
    }
    if (dice_in_some(dice, 8) && plan->show != SHOWS_NONE) {
        int64_t rate = dice_between(dice, plan->crowd ? 50 : 10, 200);
        limits->message_every_ns = 1000 * MS / rate;
        dice_set_number(dice, "max-rate", rate, "/s");
    }
}

void choose(struct choice *choice, struct engine *engine, gt_server *server)
{
    struct dice dice = {choice, engine, server};
    *choice = (struct choice){.stop_ns = -1};
    choose_memory(&dice);
    choose_limits(&dice);
    choose_listeners(&dice);
    choose_goal(&dice);
    choose_network(&dice);
    choose_datagrams(&dice);
    choose_disk(&dice);
    choose_clients(&dice);
    choose_show(&dice);
    choose_sources(&dice);
    choose_clocks(&dice);
    choose_want(&dice);
    if (dice_in_some(&dice, 25))
        choice->stop_ns = dice_between(&dice, 0, choice->plan.begin_ns * 3 / 2);
    else if (dice_in_some(&dice, 15))
        choice->plan.stop_at = (unsigned)dice_between(&dice, 1, 60);
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
