/* correspondent.c: what a client with datagrams does, and what it makes of what comes back.
 *
 * It sends one message after the other, each to one of our addresses, and reads as it is used to. A
 * reply is known by the name in it, or, where all replies are alike, is taken for that of any
 * message at that address which may still have one. */
#include "scenario.h"

#include <stdio.h>

/* Who is refused so often in a row sends no more: the socket is closed. */
#define REFUSED_MOST 100

static void move(void *context, uint64_t number);

static int64_t between(const struct scenario_client *client, int64_t low, int64_t high)
{
    return sim_random(client->scenario->engine, low, high);
}

static struct local_address local_of(unsigned number)
{
    struct local_address local = {.family = 0};
    if (number > 0)
        local = (struct local_address){
            .family = AF_INET, .interface = number, .address = {10, 0, 0, (uint8_t)number}};
    return local;
}

static unsigned number_of(struct local_address local)
{
    for (unsigned i = 0; i < LOCALS; i++) {
        struct local_address known = local_of(i);
        if (memcmp(&known, &local, sizeof local) == 0)
            return i;
    }
    return LOCALS;
}

unsigned scenario_copies(const struct scenario_client *client,
                         const struct scenario_message *message)
{
    const struct sim_faults *faults = sim_faults(client->scenario->engine);
    bool sent = message < client->messages + client->sent_count;
    bool doubled = client->listener->socket == SOCKET_UDP && faults->datagram_doubled > 0;
    return sent ? 1 + doubled : 0;
}

/* ---- sending ---- */

static void move_later(struct scenario_client *client)
{
    client->moving = true;
    sim_after(client->scenario->engine, between(client, 0, client->haste_ns), move, client, 0);
}

static void send_next(struct scenario_client *client)
{
    const struct scenario_message *message = &client->messages[client->sent_count];
    struct slice bytes =
        slice_of(bytes_slice(&client->stream).data + message->start, message->raw_size);
    if (!sim_correspondent_send(client->correspondent, bytes, local_of(message->local))) {
        client->refused_count++; /* once more, later */
        return;
    }
    client->refused_count = 0;
    client->sent_count++;
    client->sent += bytes.size;
    scenario_client_sends(client, "sends a datagram of", bytes.size);
}

static void move(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    client->moving = false;
    if (client->sent_count < client->message_count && client->refused_count < REFUSED_MOST) {
        send_next(client);
        move_later(client);
    } else if (client->ending == LEAVES_AT_ONCE) {
        sim_correspondent_leave(client->correspondent);
        client->left = true;
    }
}

/* ---- receiving ---- */

/* How often this message may have been replied to by now. */
static unsigned replies_most(const struct scenario_client *client,
                             const struct scenario_message *message)
{
    if (!message->owed)
        return 0;
    return client->scenario->plan.show == SHOWS_NONE ? scenario_copies(client, message)
                                                     : message->shown;
}

/* The message that this may be the reply to, of several the one least replied to; NULL: none. */
static struct scenario_message *replied_to(struct scenario_client *client, struct slice reply,
                                           unsigned local)
{
    struct slice expected = bytes_slice(&client->expected);
    struct scenario_message *best = NULL;
    size_t start = 0;
    for (unsigned i = 0; i < client->message_count; i++) {
        struct scenario_message *message = &client->messages[i];
        struct slice right = slice_of(expected.data + start, message->reply_end - start);
        start = message->reply_end;
        bool may = message->replied < replies_most(client, message) && message->local == local;
        if (may && slice_equal(reply, right) && (!best || message->replied < best->replied))
            best = message;
    }
    return best;
}

static void check_reply(struct scenario_client *client, const struct sim_letter *letter)
{
    struct scenario *scenario = client->scenario;
    unsigned local = number_of(letter->local);
    struct scenario_message *message = replied_to(client, letter->bytes, local);
    if (!message) {
        scenario_look(scenario);
        message = replied_to(client, letter->bytes, local);
    }
    if (message)
        message->replied++;
    else
        scenario_break(scenario,
                       "client %u was sent %zu bytes from address %u, which are no reply that may "
                       "come to it",
                       client->number, letter->bytes.size, local);
}

static void read_all(struct scenario_client *client)
{
    struct sim_letter letter;
    while (sim_correspondent_read(client->correspondent, &letter)) {
        scenario_client_say(client, "reads a datagram of", letter.bytes.size);
        check_reply(client, &letter);
    }
}

static void read_later(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    client->ticking = false;
    read_all(client);
}

static void look(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    (void)number;
    if (client->reading == READS_ALL)
        read_all(client);
    else if (client->reading == READS_SLOWLY && !client->ticking) {
        client->ticking = true;
        sim_after(client->scenario->engine, between(client, 0, 50000000), read_later, client, 0);
    }
}

void scenario_correspondent_begin(void *context, uint64_t number)
{
    struct scenario_client *client = context;
    struct engine *engine = client->scenario->engine;
    (void)number;
    source_choose(client);
    client->correspondent = sim_correspondent(engine, client->listener->fd, client->kind);
    if (client->reading == READS_NO_MORE)
        sim_correspondent_room(client->correspondent, client->read_most % 4);
    struct peer peer = sim_correspondent_peer(client->correspondent);
    scenario_client_say(client, "has a socket of its own, number",
                        peer.kind == PEER_UNIX ? (size_t)peer.credentials.pid : peer.port);
    sim_correspondent_watch(client->correspondent, look, client, 0);
    move_later(client);
}
