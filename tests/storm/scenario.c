/* scenario.c: all clients together, and what must not be missing at the end. */
#include "scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET_NS INT64_C(10000000000)

/* Bytes of replies that may wait before a server takes no more messages, less a margin. */
#define REPLIES_ROOM ((size_t)90 * 1024)

/* And messages whose replies may. */
#define MESSAGES_ROOM 500

void scenario_break(struct scenario *scenario, const char *format, ...)
{
    va_list arguments;
    if (scenario->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(scenario->broken, sizeof scenario->broken, format, arguments);
    va_end(arguments);
}

static size_t longest_reply(const struct scenario_plan *plan)
{
    size_t longest = 0;
    for (unsigned i = 0; i < plan->listener_count; i++) {
        const struct scenario_listener *listener = &plan->listeners[i];
        size_t sizes[] = {listener->reply_text.size, listener->greeting.size,
                          listener->max_message + 64, 128};
        for (unsigned j = 0; j < sizeof sizes / sizeof *sizes; j++)
            longest = sizes[j] > longest ? sizes[j] : longest;
    }
    return longest;
}

void scenario_begin(struct scenario *scenario, struct engine *engine, int shown_fd,
                    const struct scenario_plan *plan, bool verbose)
{
    scenario->engine = engine;
    scenario->shown_fd = shown_fd;
    scenario->plan = *plan;
    scenario->verbose = verbose;
    scenario->reply_most = longest_reply(plan);
    list_init(&scenario->laters);
    scenario->clients = calloc(plan->clients, sizeof *scenario->clients);
    if (!scenario->clients)
        abort();
    for (unsigned i = 0; i < plan->clients; i++) {
        struct scenario_client *client = &scenario->clients[i];
        client->number = i;
        scenario_plan_client(scenario, client);
        client->moving = true; /* it will begin */
        sim_after(engine, sim_random(engine, 0, plan->begin_ns),
                  is_correspondent(client) ? scenario_correspondent_begin : scenario_client_connect,
                  client, 0);
    }
}

void scenario_free(struct scenario *scenario)
{
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        bytes_free(&scenario->clients[i].stream);
        bytes_free(&scenario->clients[i].expected);
        free(scenario->clients[i].messages);
    }
    free(scenario->clients);
    for (unsigned i = 0; i < scenario->plan.listener_count; i++) {
        bytes_free(&scenario->plan.listeners[i].reply_text);
        bytes_free(&scenario->plan.listeners[i].greeting);
    }
    bytes_free(&scenario->rendering);
}

bool scenario_quiet(const struct scenario *scenario)
{
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        if (scenario->clients[i].moving || scenario->clients[i].ticking)
            return false;
    int64_t still_ns = sim_now(scenario->engine) - scenario->active_ns;
    return still_ns - sim_lost(scenario->engine) > QUIET_NS;
}

size_t scenario_size(const struct scenario *scenario)
{
    static const size_t times[] = {1, 1, 2, 5, 1}, more[] = {0, 0, 200, 100, 0};
    enum scenario_show show = scenario->plan.show;
    size_t size = 0;
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        size += scenario->clients[i].stream.size * times[show] +
                scenario->clients[i].message_count * more[show];
    return size;
}

/* Whose connection the server means. NULL, and broken, when nobody's. */
static struct scenario_client *client_of(struct scenario *scenario, const char *peer)
{
    const char *colon = strrchr(peer, ':');
    unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    struct scenario_client *client = scenario->by_port[port % CLIENTS_MOST];
    if (client && sim_client_peer(client->sim).port == port)
        return client;
    scenario_break(scenario, "the server speaks of a connection that nobody made: %s", peer);
    return NULL;
}

void scenario_connected(struct scenario *scenario, const char *peer)
{
    struct scenario_client *client = client_of(scenario, peer);
    if (!client)
        return;
    client->connected_count++;
    source_opened(scenario, client);
}

/* A connection is told of at most once, and then its end is told once; that of one that was not
 * taken is told alone. */
static void check_ended(struct scenario *scenario, const struct scenario_client *client)
{
    unsigned begun = client->connected_count + client->not_taken;
    if (begun > 1 || client->ended_count != begun)
        scenario_break(scenario, "the connection of client %u began %u times and ended %u times",
                       client->number, client->connected_count, client->ended_count);
}

bool scenario_ended(struct scenario *scenario, const char *peer, const char *reason)
{
    struct scenario_client *client = client_of(scenario, peer);
    if (!client)
        return false;
    bool without_memory = client->connected_count == 0 && strcmp(reason, "no-memory") == 0;
    client->not_taken = without_memory || strcmp(reason, "per-source") == 0;
    snprintf(client->reason, sizeof client->reason, "%s", reason);
    client->ended_count++;
    check_ended(scenario, client);
    if (client->connected_count > 0)
        source_closed(scenario, client);
    scenario_see_reason(scenario, client);
    return client->not_taken;
}

void scenario_stopping(struct scenario *scenario)
{
    scenario->stopped_ns = sim_now(scenario->engine);
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        struct scenario_client *client = &scenario->clients[i];
        if (client->correspondent)
            client->arrived_at_stop = sim_correspondent_arrived(client->correspondent);
        if (!client->sim)
            continue;
        client->queued_at_stop = sim_client_state(client->sim).queued;
        size_t unacknowledged = sim_client_state(client->sim).unacknowledged;
        client->arrived_at_stop = client->sent > unacknowledged ? client->sent - unacknowledged : 0;
    }
}

/* ---- the end ---- */

/* How many messages must have been taken though the server was told to stop: those that had arrived
 * whole, their ends included, within what one receive brings. */
static unsigned arrived_count(const struct scenario *scenario, const struct scenario_client *client)
{
    unsigned count = 0;
    size_t arrived = client->arrived_at_stop;
    bool packets = client->listener->socket == SOCKET_PACKETS;
    bool alone = packets || speech_is_counted(&client->listener->speech);
    if (arrived > scenario->engine->receive_size)
        arrived = scenario->engine->receive_size;
    if (sim_faults(scenario->engine)->short_receive > 0)
        return 0;
    if (packets) /* one of them is received at a time, and those may come slowly */
        return 0;
    for (; count < client->valid_count; count++) {
        const struct scenario_message *message = &client->messages[count];
        bool ended = alone || message->raw_size > message->body_at + message->body_size;
        if (message->reply_end > REPLIES_ROOM || count >= MESSAGES_ROOM || !ended ||
            message->start + message->raw_size > arrived)
            break;
    }
    return count;
}

/* How many messages must have been taken. */
static unsigned due_count(const struct scenario *scenario, const struct scenario_client *client,
                          struct scenario_outcome outcome)
{
    if (outcome.counted)
        return 0;
    return outcome.early ? arrived_count(scenario, client) : client->valid_count;
}

/* What was shown was replied to, and the replies arrived. */
static void finish_replies(struct scenario *scenario, const struct scenario_client *client,
                           unsigned taken)
{
    size_t due = taken > 0 ? client->messages[taken - 1].reply_end : 0;
    if (client->verified < due)
        scenario_break(scenario,
                       "client %u received %zu of %zu bytes of replies due to it; its connection "
                       "ended: %s",
                       client->number, client->verified, due, client->reason);
    if (sim_client_state(client->sim).readable > 0)
        scenario_break(scenario, "client %u has not read everything", client->number);
}

/* ---- flaws ---- */

static const char *const flaw_words[] = {"none", "too-long", "malformed", "unfinished"};

/* The flaw that the server should meet. */
static enum scenario_flaw flaw_of(const struct scenario_client *client)
{
    unsigned next = client->valid_count;
    bool closed = next > 0 && (client->listener->one_each || client->messages[next - 1].closes);
    return closed || next == client->message_count ? FLAWLESS : client->messages[next].flaw;
}

/* No connection ends for a flaw but the one that is there, after all messages before it. */
static void finish_flaw(struct scenario *scenario, const struct scenario_client *client)
{
    bool taken = client->shown == client->valid_count || scenario->plan.show == SHOWS_NONE;
    for (unsigned i = TOO_LONG; i <= UNFINISHED; i++)
        if (strcmp(client->reason, flaw_words[i]) == 0 && (flaw_of(client) != i || !taken))
            scenario_break(scenario, "the connection of client %u ended: %s; what is there: %s",
                           client->number, client->reason, flaw_words[flaw_of(client)]);
}

/* A client that waited for its end was told why. */
static void finish_told(struct scenario *scenario, const struct scenario_client *client)
{
    bool waited = client->ending == LEAVES_BY_SHUTDOWN || client->ending == STAYS;
    const char *word = flaw_words[flaw_of(client)];
    if (waited && flaw_of(client) != FLAWLESS && strcmp(client->reason, word) != 0)
        scenario_break(scenario, "the connection of client %u ended: %s, not: %s", client->number,
                       client->reason, word);
}

/* ---- the end of connections ---- */

static void finish_client(struct scenario *scenario, const struct scenario_client *client,
                          struct scenario_outcome outcome)
{
    check_ended(scenario, client);
    if (!outcome.show_failed && !outcome.cut_off)
        finish_flaw(scenario, client);
    bool honest = client->sim && scenario_client_honest(client) && !scenario_excuses(client);
    if (!honest || outcome.cut_off || outcome.show_failed)
        return;
    struct sim_client_state state = sim_client_state(client->sim);
    bool late = outcome.early && !client->queued_at_stop; /* it may have come too late */
    bool known = client->ended_count > 0;                 /* and not only waits for a place */
    if (!known && (state.aborted || outcome.crowded || outcome.counted || late))
        return;
    if (!known)
        scenario_break(scenario, "client %u was never accepted", client->number);
    bool none = scenario->plan.show == SHOWS_NONE;
    unsigned due = due_count(scenario, client, outcome);
    finish_replies(scenario, client, none ? due : client->shown);
    if (!none && client->shown < due)
        scenario_break(
            scenario, "message %u of client %u was never shown; its connection ended: %s",
            client->shown, client->number, client->reason[0] ? client->reason : "(never accepted)");
    if (!outcome.counted && !outcome.early)
        finish_told(scenario, client);
}

/* ---- the end of datagrams ---- */

/* How many of those sent must have been taken, each of them. */
static unsigned due_datagrams(const struct scenario *scenario, const struct scenario_client *client,
                              struct scenario_outcome outcome)
{
    bool lossy = client->listener->socket == SOCKET_UDP &&
                 (sim_faults(scenario->engine)->datagram_lost > 0 ||
                  scenario->plan.limits.message_every_ns > 0);
    bool want = scenario->plan.limits.want;
    return outcome.counted || outcome.early || lossy || want ? 0 : client->sent_count;
}

/* What had arrived when the server was told to stop was taken: so many of them, whichever. */
static void finish_arrived(struct scenario *scenario, const struct scenario_client *client)
{
    size_t taken = client->shown;
    if (scenario->plan.limits.message_every_ns > 0 || scenario->plan.limits.want)
        return;
    if (scenario->plan.show == SHOWS_NONE || sim_faults(scenario->engine)->datagrams_refused > 0)
        return;
    for (unsigned i = 0; i < client->sent_count; i++)
        if (!client->messages[i].valid)
            taken += scenario_copies(client, &client->messages[i]);
    if (taken < client->arrived_at_stop)
        scenario_break(scenario, "%zu datagrams of client %u had arrived, %zu were taken",
                       client->arrived_at_stop, client->number, taken);
}

/* Whether every reply that left must have arrived. One that waits may be dropped for max-memory. */
static bool hears_all(const struct scenario *scenario, const struct scenario_client *client)
{
    bool may_wait = client->listener->reply == REPLIES_BY_APPLICATION;
    return scenario_client_honest(client) && !scenario->plan.limits.want &&
           !(scenario->plan.limits.memory && may_wait) &&
           sim_faults(scenario->engine)->datagram_fails <= 0;
}

static void finish_correspondent(struct scenario *scenario, const struct scenario_client *client,
                                 struct scenario_outcome outcome)
{
    unsigned due = due_datagrams(scenario, client, outcome);
    bool none = scenario->plan.show == SHOWS_NONE, hears = hears_all(scenario, client);
    if (!client->correspondent || (outcome.cut_off && !outcome.patient) || outcome.show_failed)
        return;
    if (outcome.early && !outcome.counted)
        finish_arrived(scenario, client);
    for (unsigned i = 0; i < client->sent_count; i++) {
        const struct scenario_message *message = &client->messages[i];
        if (!none && i < due && message->valid && message->shown == 0)
            scenario_break(scenario, "datagram %u of client %u was never shown", i, client->number);
        unsigned replies = none ? i < due : message->shown;
        if (hears && message->owed && message->replied < replies)
            scenario_break(scenario, "datagram %u of client %u was replied to %u times, not %u", i,
                           client->number, message->replied, replies);
    }
}

/* ---- the end of all ---- */

/* The server sent nothing to anybody whom nobody knows, or who has no name. */
static void finish_listener(struct scenario *scenario, const struct scenario_listener *listener)
{
    if (listener->socket < SOCKET_UDP)
        return;
    unsigned strays = sim_datagrams_stray(scenario->engine, listener->fd);
    if (strays > 0)
        scenario_break(scenario, "%u datagrams were sent to places of nobody", strays);
}

/* Whether there is a connection whose client may keep the server waiting. */
static bool somebody_dawdles(const struct scenario *scenario)
{
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        if (scenario->clients[i].sim && scenario->clients[i].reading != READS_ALL)
            return true;
    return false;
}

void scenario_finish(struct scenario *scenario, struct scenario_outcome outcome)
{
    scenario_look(scenario);
    if (outcome.cut_off && outcome.patient && !outcome.show_failed && !somebody_dawdles(scenario))
        scenario_break(scenario, "the server left with things in hand, and nobody dawdled");
    size_t torn = sim_content(scenario->engine, scenario->shown_fd).size - scenario->shown_at;
    if (torn > 0 && !outcome.show_failed && !outcome.cut_off)
        scenario_break(scenario, "the last %zu bytes shown are not a whole message", torn);
    if (scenario->opened_count != scenario->closed_count)
        scenario_break(scenario, "the application was told of %u connections and %u ends",
                       scenario->opened_count, scenario->closed_count);
    for (unsigned i = 0; i < scenario->plan.listener_count; i++)
        finish_listener(scenario, &scenario->plan.listeners[i]);
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        const struct scenario_client *client = &scenario->clients[i];
        if (is_correspondent(client))
            finish_correspondent(scenario, client, outcome);
        else
            finish_client(scenario, client, outcome);
    }
}
