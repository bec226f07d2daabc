/* client.c: what a client does, move by move, and what it makes of what it receives.
 *
 * A move sends the next cut of its stream, or, when all is sent, leaves in its way; the next move
 * is put on the clock. Whatever happens to its connection makes it look: it reads as it is used to,
 * compares, and goes on where it had waited for a reply. Packets are sent whole, and each that
 * comes is one reply. Nothing here fails: what is wrong is said to the scenario. */
#include "scenario.h"

#include <stdio.h>

static void client_move(void *context, uint64_t number);

static int64_t between(const struct scenario_client *client, int64_t low, int64_t high)
{
    return sim_random(client->scenario->engine, low, high);
}

void scenario_client_say(const struct scenario_client *client, const char *what, size_t detail)
{
    struct scenario *scenario = client->scenario;
    scenario->active_ns = sim_now(scenario->engine);
    if (scenario->verbose)
        printf("%9.3f ms  client %u %s %zu\n", (double)sim_now(scenario->engine) / 1e6 - 1000,
               client->number, what, detail);
}

void scenario_client_sends(const struct scenario_client *client, const char *what, size_t size)
{
    struct scenario *scenario = client->scenario;
    struct sim_range latency_ns = sim_faults(scenario->engine)->latency_ns;
    scenario_client_say(client, what, size);
    if (++scenario->sends == scenario->plan.stop_at)
        sim_after(scenario->engine, between(client, latency_ns.low, latency_ns.high),
                  scenario->stop, scenario->stop_context, 0);
}

bool scenario_client_honest(const struct scenario_client *client)
{
    return client->reading == READS_ALL && client->ending != LEAVES_AT_ONCE &&
           client->ending != LEAVES_BY_RESET;
}

static size_t end_of(const struct scenario_message *message)
{
    return message->start + message->raw_size;
}

/* Whether every reply to what was sent so far has come. */
static bool answered(const struct scenario_client *client)
{
    size_t due = client->listener->greeting.size;
    for (unsigned i = 0; i < client->valid_count; i++) {
        const struct scenario_message *message = &client->messages[i];
        if (end_of(message) <= client->sent)
            due = message->reply_end;
    }
    return client->verified >= due;
}

/* ---- moving ---- */

static void move_later(struct scenario_client *client, int64_t most_ns)
{
    if (client->moving || client->left)
        return;
    client->moving = true;
    sim_after(client->scenario->engine, between(client, 0, most_ns), client_move, client, 0);
}

static void leave(struct scenario_client *client, bool reset)
{
    scenario_client_say(client, reset ? "resets, having sent" : "closes, having sent",
                        client->sent);
    client->left = true;
    if (reset)
        sim_client_reset(client->sim);
    else
        sim_client_close(client->sim);
}

/* Everything is sent: leave, or wait for what the ending waits for. */
static void move_on(struct scenario_client *client)
{
    if (client->ending == LEAVES_BY_SHUTDOWN)
        sim_client_shutdown(client->sim);
    else if (client->ending == LEAVES_AT_ONCE ||
             (client->ending == LEAVES_ANSWERED && answered(client)))
        leave(client, false);
}

/* Where the message ends in which the next byte to send stands. */
static size_t message_end(const struct scenario_client *client)
{
    for (unsigned i = 0; i < client->message_count; i++) {
        if (end_of(&client->messages[i]) > client->sent)
            return end_of(&client->messages[i]);
    }
    return client->stream.size;
}

static size_t next_cut(struct scenario_client *client)
{
    if (client->listener->socket == SOCKET_PACKETS)
        return message_end(client) - client->sent;
    size_t end = client->polite ? message_end(client) : client->stream.size;
    size_t left = end - client->sent;
    if (client->malice == TRICKLES || client->malice == FLOODS)
        return client->malice == TRICKLES ? 1 : left;
    int64_t die = between(client, 1, 4);
    if (die == 1)
        return (size_t)between(client, 1, left < 5 ? (int64_t)left : 5);
    return die == 2 ? left : (size_t)between(client, 1, (int64_t)left);
}

static void note_sent(struct scenario_client *client)
{
    int64_t now_ns = sim_now(client->scenario->engine);
    int64_t silence_ns = now_ns - (client->sent_ns ? client->sent_ns : client->connected_ns);
    if (client->silence_ns < silence_ns)
        client->silence_ns = silence_ns;
    client->sent_ns = now_ns;
}

static void send_cut(struct scenario_client *client)
{
    size_t size = next_cut(client);
    if (size > client->reset_at - client->sent)
        size = client->reset_at - client->sent;
    struct slice stream = bytes_slice(&client->stream);
    scenario_client_sends(client, "sends", size);
    sim_client_send(client->sim, slice_of(stream.data + client->sent, size));
    client->sent += size;
    note_sent(client);
}

static void client_move(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    client->moving = false;
    if (client->left)
        return;
    if (client->sent == client->reset_at) {
        leave(client, true);
    } else if (client->sent == client->stream.size) {
        move_on(client);
    } else if (!client->polite || answered(client)) {
        send_cut(client);
        move_later(client, client->haste_ns);
    }
}

/* ---- receiving ---- */

/* Count the replies that have begun: their messages must have been shown. */
static void check_begun(struct scenario_client *client)
{
    size_t start = client->listener->greeting.size;
    if (client->begun > 0)
        start = client->messages[client->begun - 1].reply_end;
    while (client->begun < client->valid_count && client->verified > start) {
        start = client->messages[client->begun].reply_end;
        client->begun++;
    }
    if (client->begun > 0 && end_of(&client->messages[client->begun - 1]) > client->sent)
        scenario_break(client->scenario, "client %u has a reply to what it has not sent",
                       client->number);
    if (client->begun <= client->shown || client->scenario->plan.show == SHOWS_NONE)
        return;
    scenario_look(client->scenario);
    if (client->begun > client->shown)
        scenario_break(client->scenario,
                       "client %u has a reply to its message %u, which has not been shown",
                       client->number, client->begun - 1);
}

static void check_received(struct scenario_client *client)
{
    struct slice received = sim_client_received(client->sim);
    struct slice expected = bytes_slice(&client->expected);
    if (received.size > expected.size) {
        scenario_break(client->scenario, "client %u received %zu bytes more than it should",
                       client->number, received.size - expected.size);
        return;
    }
    while (client->verified < received.size &&
           received.data[client->verified] == expected.data[client->verified])
        client->verified++;
    if (client->verified < received.size)
        scenario_break(client->scenario, "client %u: byte %zu of what it received is wrong",
                       client->number, client->verified);
    check_begun(client);
}

/* Whether the reply leaves in packets of its own choice. */
static bool in_steps(const struct scenario_message *message)
{
    return message->effects.drip > 0 || message->effects.pieces > 0;
}

/* A packet must be one reply, or the greeting: it ends where one does, and none ends before. */
static void check_packet(struct scenario_client *client, size_t size)
{
    size_t end = sim_client_received(client->sim).size;
    bool whole = end == client->listener->greeting.size;
    bool more = end - size < client->listener->greeting.size && !whole;
    for (unsigned i = 0; i < client->valid_count; i++) {
        size_t border = client->messages[i].reply_end;
        whole |= border == end || (border > end && in_steps(&client->messages[i]));
        more |= border > end - size && border < end;
    }
    if (more || !whole)
        scenario_break(client->scenario, "client %u received a packet of %zu bytes, not one reply",
                       client->number, size);
}

static void read_some(struct scenario_client *client, size_t most)
{
    bool packets = client->listener->socket == SOCKET_PACKETS;
    size_t size;
    while (most > 0 && (size = sim_client_read(client->sim, packets ? SIZE_MAX : most)) > 0) {
        scenario_client_say(client, "reads", size);
        check_received(client);
        if (packets)
            check_packet(client, size);
        most -= size < most ? size : most;
    }
}

static void client_look(void *context, uint64_t number);

static void read_slowly(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    client->ticking = false;
    if (client->left)
        return;
    read_some(client, client->read_most);
    client_look(client, 0);
}

static void read_as_usual(struct scenario_client *client)
{
    size_t received = sim_client_received(client->sim).size;
    if (client->reading == READS_ALL) {
        read_some(client, SIZE_MAX);
    } else if (client->reading == READS_NO_MORE) {
        read_some(client, client->read_most > received ? client->read_most - received : 0);
    } else if (!client->ticking && sim_client_state(client->sim).readable > 0) {
        client->ticking = true;
        sim_after(client->scenario->engine, between(client, 0, 5000000), read_slowly, client, 0);
    }
}

static void client_look(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    if (client->left)
        return;
    read_as_usual(client);
    struct sim_client_state state = sim_client_state(client->sim);
    bool over = state.refused || (state.reset && state.readable == 0);
    if (over) {
        scenario_client_say(client, state.refused ? "is refused" : "is reset, having received",
                            client->verified);
        client->left = true;
    } else if (state.ended && (client->polite || client->sent == client->stream.size)) {
        leave(client, false);
    } else {
        move_later(client, client->haste_ns);
    }
}

void scenario_client_connect(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    const struct scenario *scenario = client->scenario;
    (void)number;
    client->moving = false;
    source_choose(client);
    client->sim = client->listener->socket == SOCKET_PACKETS
                      ? sim_connect_packets(scenario->engine, client->listener->fd)
                      : sim_connect(scenario->engine, client->listener->fd);
    scenario_client_say(client, "connects from port", sim_client_peer(client->sim).port);
    client->connected_ns = sim_now(scenario->engine);
    client->scenario->by_port[sim_client_peer(client->sim).port % CLIENTS_MOST] = client;
    sim_client_watch(client->sim, client_look, client, 0);
    move_later(client, client->haste_ns);
}
