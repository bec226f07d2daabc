/* scenario.c: all clients together, what is shown, and what must not be missing at the end.
 *
 * What is shown is read like this: a message begins with the numbers of its client and its own, so
 * the one message it can be is known, and so is how it must be shown, byte for byte. It must be the
 * next one of that client, and sent. */
#include "scenario.h"

#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TALK_PREFIX "The message was: "
#define QUIET_NS    INT64_C(10000000000)

/* Bytes of replies that may wait before a server takes no more messages, less a margin. */
#define REPLIES_ROOM ((size_t)90 * 1024)

void scenario_break(struct scenario *scenario, const char *format, ...)
{
    va_list arguments;
    if (scenario->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(scenario->broken, sizeof scenario->broken, format, arguments);
    va_end(arguments);
}

void scenario_begin(struct scenario *scenario, struct engine *engine, int listener, int shown_fd,
                    const struct scenario_plan *plan, bool verbose)
{
    *scenario = (struct scenario){.engine = engine,
                                  .listener = listener,
                                  .shown_fd = shown_fd,
                                  .plan = *plan,
                                  .verbose = verbose};
    scenario->clients = calloc(plan->clients, sizeof *scenario->clients);
    if (!scenario->clients)
        abort();
    for (unsigned i = 0; i < plan->clients; i++) {
        struct scenario_client *client = &scenario->clients[i];
        client->number = i;
        scenario_plan_client(scenario, client);
        client->moving = true; /* it will connect */
        sim_after(engine, sim_random(engine, 0, plan->begin_ns), scenario_client_connect, client,
                  0);
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
    bytes_free(&scenario->plan.reply_text);
    bytes_free(&scenario->plan.greeting);
    bytes_free(&scenario->rendering);
}

bool scenario_quiet(const struct scenario *scenario)
{
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        if (scenario->clients[i].moving || scenario->clients[i].ticking)
            return false;
    return sim_now(scenario->engine) - scenario->active_ns > QUIET_NS;
}

size_t scenario_size(const struct scenario *scenario)
{
    size_t size = 0;
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        size += scenario->clients[i].stream.size;
    return size;
}

/* Whose connection the server means. NULL, and broken, when nobody's. */
static struct scenario_client *client_of(struct scenario *scenario, const char *peer)
{
    const char *colon = strrchr(peer, ':');
    unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        struct scenario_client *client = &scenario->clients[i];
        if (client->sim && sim_client_peer(client->sim).port == port)
            return client;
    }
    scenario_break(scenario, "the server speaks of a connection that nobody made: %s", peer);
    return NULL;
}

void scenario_connected(struct scenario *scenario, const char *peer)
{
    struct scenario_client *client = client_of(scenario, peer);
    if (client)
        client->connected_count++;
}

void scenario_ended(struct scenario *scenario, const char *peer, const char *reason)
{
    struct scenario_client *client = client_of(scenario, peer);
    if (!client)
        return;
    client->ended_count++;
    snprintf(client->reason, sizeof client->reason, "%s", reason);
}

void scenario_stopping(struct scenario *scenario)
{
    for (unsigned i = 0; i < scenario->plan.clients; i++) {
        struct scenario_client *client = &scenario->clients[i];
        if (!client->sim)
            continue;
        size_t unacknowledged = sim_client_state(client->sim).unacknowledged;
        client->arrived_at_stop = client->sent > unacknowledged ? client->sent - unacknowledged : 0;
    }
}

/* ---- what is shown ---- */

/* The client and message whose numbers stand at the start of what is shown: false when there is not
 * enough of it yet. */
static bool shown_name(struct scenario *scenario, struct slice shown, unsigned *client,
                       unsigned *message)
{
    char text[80];
    size_t prefix = scenario->plan.shows_raw ? 0 : strlen(TALK_PREFIX);
    size_t size = shown.size < sizeof text - 1 ? shown.size : sizeof text - 1;
    memcpy(text, shown.data, size);
    text[size] = 0;
    if (memcmp(text, TALK_PREFIX, size < prefix ? size : prefix) != 0)
        scenario_break(scenario, "something else than a message is shown, at byte %zu",
                       scenario->shown_at);
    if (size <= prefix || !memchr(text + prefix, ' ', size - prefix))
        return false;
    if (sscanf(text + prefix, "c%u.m%u ", client, message) == 2 && *client < scenario->plan.clients)
        return true;
    scenario_break(scenario, "something that nobody said is shown, at byte %zu",
                   scenario->shown_at);
    return false;
}

/* How a message is shown. */
static struct slice render(struct scenario *scenario, const struct scenario_client *client,
                           const struct scenario_message *message)
{
    const uint8_t *start = bytes_slice(&client->stream).data + message->start;
    struct bytes *to = &scenario->rendering;
    if (scenario->plan.shows_raw)
        return slice_of(start, message->raw_size);
    bytes_clear(to);
    if (bytes_append(to, slice_of_text(TALK_PREFIX)) < 0 ||
        escape_text(to, slice_of(start, message->body_size)) < 0 ||
        bytes_append(to, slice_of("\n", 1)) < 0)
        abort();
    return bytes_slice(to);
}

/* Whether this message of this client may be shown next. */
static bool may_be_shown(struct scenario *scenario, const struct scenario_client *client,
                         unsigned message)
{
    size_t end = 0;
    if (message < client->valid_count)
        end = client->messages[message].start + client->messages[message].raw_size;
    if (message < client->shown)
        scenario_break(scenario, "message %u of client %u is shown twice", message, client->number);
    else if (message >= client->valid_count)
        scenario_break(scenario, "message %u of client %u is shown and should not be", message,
                       client->number);
    else if (message > client->shown)
        scenario_break(scenario, "message %u of client %u is shown, but not the one before it",
                       message, client->number);
    else if (end > client->sent)
        scenario_break(scenario, "message %u of client %u is shown before it was sent: %zu of %zu",
                       message, client->number, client->sent, end);
    return !scenario->broken[0];
}

/* Check the next message in what is shown: false when it is not whole yet, or wrong. */
static bool look_at_one(struct scenario *scenario, struct slice shown)
{
    unsigned number, message;
    if (shown.size == 0 || !shown_name(scenario, shown, &number, &message) || scenario->broken[0])
        return false;
    struct scenario_client *client = &scenario->clients[number];
    if (!may_be_shown(scenario, client, message))
        return false;
    struct slice rendering = render(scenario, client, &client->messages[message]);
    size_t size = shown.size < rendering.size ? shown.size : rendering.size;
    if (memcmp(shown.data, rendering.data, size) != 0)
        scenario_break(scenario, "message %u of client %u is not shown as it was sent", message,
                       number);
    if (scenario->broken[0] || size < rendering.size)
        return false;
    client->shown++;
    scenario->shown_at += size;
    scenario->shown_count++;
    return true;
}

void scenario_look(struct scenario *scenario)
{
    struct slice content = sim_content(scenario->engine, scenario->shown_fd);
    while (look_at_one(scenario, slice_after(content, scenario->shown_at)))
        ;
}

/* ---- the end ---- */

/* Whether the server had a good reason not to serve this client to its end. */
static bool excused(const struct scenario_client *client)
{
    static const char *const reasons[] = {"gave-way",        "memory",       "no-memory",
                                          "message-timeout", "unrecorded",   "abandoned",
                                          "idle-timeout",    "drain-timeout"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(client->reason, reasons[i]) == 0)
            return true;
    return false;
}

/* A connection is told of at most once, and then its end is told once. */
static void finish_ended(struct scenario *scenario, const struct scenario_client *client)
{
    if (client->connected_count > 1 || client->ended_count != client->connected_count)
        scenario_break(scenario, "the connection of client %u began %u times and ended %u times",
                       client->number, client->connected_count, client->ended_count);
}

/* What was shown was replied to, and the replies arrived. */
static void finish_replies(struct scenario *scenario, const struct scenario_client *client)
{
    size_t due = client->shown > 0 ? client->messages[client->shown - 1].reply_end : 0;
    if (client->verified < due)
        scenario_break(scenario,
                       "client %u received %zu of %zu bytes of replies due to it; its connection "
                       "ended: %s",
                       client->number, client->verified, due, client->reason);
    if (sim_client_state(client->sim).readable > 0)
        scenario_break(scenario, "client %u has not read everything", client->number);
}

/* How many messages must have been taken though the server was told to stop: those that had arrived
 * whole, their ends included, within what one receive brings. */
static unsigned arrived_count(const struct scenario *scenario, const struct scenario_client *client)
{
    unsigned count = 0;
    size_t arrived = client->arrived_at_stop;
    if (arrived > scenario->engine->receive_size)
        arrived = scenario->engine->receive_size;
    if (sim_faults(scenario->engine)->short_receive > 0)
        return 0;
    for (; count < client->valid_count; count++) {
        const struct scenario_message *message = &client->messages[count];
        bool ended = message->raw_size > message->body_size;
        if (message->reply_end > REPLIES_ROOM || !ended ||
            message->start + message->raw_size > arrived)
            break;
    }
    return count;
}

/* What was said was shown: all of it, or what had arrived at the stop. */
static void finish_messages(struct scenario *scenario, const struct scenario_client *client,
                            bool early)
{
    if (client->shown < (early ? arrived_count(scenario, client) : client->valid_count))
        scenario_break(
            scenario, "message %u of client %u was never shown; its connection ended: %s",
            client->shown, client->number, client->reason[0] ? client->reason : "(never accepted)");
}

static void finish_client(struct scenario *scenario, const struct scenario_client *client,
                          struct scenario_outcome outcome)
{
    finish_ended(scenario, client);
    bool honest = client->sim && scenario_client_honest(client) && !excused(client);
    if (!honest || outcome.cut_off || outcome.show_failed)
        return;
    struct sim_client_state state = sim_client_state(client->sim);
    bool late = outcome.early && !client->queued_at_stop; /* it may have come too late */
    if (!state.accepted && (state.aborted || outcome.crowded || outcome.counted || late))
        return;
    if (!state.accepted)
        scenario_break(scenario, "client %u was never accepted", client->number);
    finish_replies(scenario, client);
    if (!outcome.counted)
        finish_messages(scenario, client, outcome.early);
}

void scenario_finish(struct scenario *scenario, struct scenario_outcome outcome)
{
    scenario_look(scenario);
    size_t torn = sim_content(scenario->engine, scenario->shown_fd).size - scenario->shown_at;
    if (torn > 0 && !outcome.show_failed && !outcome.cut_off)
        scenario_break(scenario, "the last %zu bytes shown are not a whole message", torn);
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        finish_client(scenario, &scenario->clients[i], outcome);
}
