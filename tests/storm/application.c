/* application.c: the storm as an application: it is told of connections, hears messages and replies
 * to them, at once or later, and sees that what it is told is right.
 *
 * A reply that is to come later waits on the simulated clock; the turn is known to the library
 * until then, whatever becomes of its connection. */
#include "scenario.h"

#include "base/turn.h"

#include <stdio.h>
#include <stdlib.h>

struct later {
    struct list link; /* among its scenario's */
    struct scenario_client *client;
    const struct scenario_message *message;
    gt_turn *turn;
};

/* ---- replying ---- */

static void reply_now(struct scenario_client *client, const struct scenario_message *message,
                      gt_turn *turn)
{
    struct slice words = reply_words(client, message);
    if (message->answer == ANSWERS_NOTHING)
        gt_reply_none(turn);
    else if (gt_reply(turn, words.data, words.size) != GT_DONE &&
             !client->scenario->plan.limits.want)
        scenario_break(client->scenario, "a reply to client %u is refused", client->number);
}

static void reply_later(void *context, uint64_t number)
{
    struct later *later = context;
    (void)number;
    list_remove(&later->link);
    reply_now(later->client, later->message, later->turn);
    free(later);
}

static void reply(struct scenario_client *client, const struct scenario_message *message,
                  gt_turn *turn)
{
    struct scenario *scenario = client->scenario;
    if (scenario->plan.later_ns == 0 || sim_chance(scenario->engine, 0.5)) {
        reply_now(client, message, turn);
        return;
    }
    struct later *later = malloc(sizeof *later);
    if (!later)
        abort();
    *later = (struct later){.client = client, .message = message, .turn = turn};
    list_append(&scenario->laters, &later->link);
    sim_after(scenario->engine, sim_random(scenario->engine, 0, scenario->plan.later_ns),
              reply_later, later, 0);
}

/* A chunk is echoed: what it was is gone when it is replied to later, so that it is at once. */
static void reply_to_chunk(gt_turn *turn, const struct gt_message *message)
{
    gt_reply(turn, message->bytes, message->size);
}

/* ---- hearing ---- */

/* Whether what the application is told of a message's sender is right. */
static void check_sender(const struct scenario_client *client, const gt_turn *turn,
                         const struct gt_message *message)
{
    char name[PEER_NAME_SIZE];
    struct gt_peer told;
    bool datagram = is_correspondent(client);
    struct peer peer =
        datagram ? sim_correspondent_peer(client->correspondent) : sim_client_peer(client->sim);
    if (strcmp(message->peer, peer_name(&peer, name)) != 0 ||
        strcmp(message->listener, client->listener->name) != 0)
        scenario_break(client->scenario, "a message of client %u is said to be of %s, to %s",
                       client->number, message->peer, message->listener);
    gt_turn_peer(turn, &told);
    struct peer again = peer_of_sockaddr((const struct sockaddr *)&told.address, told.address_size);
    if (peer.kind == PEER_UNIX ? told.pid != peer.credentials.pid : again.port != peer.port)
        scenario_break(client->scenario, "the turn of client %u is said to be somebody's else",
                       client->number);
    if (datagram != !message->connection ||
        (!datagram && gt_connection_data(message->connection) != client->scenario))
        scenario_break(client->scenario, "a message of client %u is of a wrong connection",
                       client->number);
}

static void heard(gt_turn *turn, const struct gt_message *heard, void *context)
{
    struct scenario *scenario = context;
    struct slice bytes = slice_of(heard->bytes, heard->size);
    unsigned number, which;
    bool chunk =
        scenario->plan.chunks && bytes.size > 0 && bytes.data[0] >= 'A' && bytes.data[0] <= 'Z';
    if (chunk) {
        reply_to_chunk(turn, heard);
        return;
    }
    if (!name_find(bytes, &number, &which) || number >= scenario->plan.clients ||
        which >= scenario->clients[number].message_count) {
        scenario_break(scenario, "the application is told of a message that nobody said");
        gt_reply_none(turn);
        return;
    }
    struct scenario_client *client = &scenario->clients[number];
    check_sender(client, turn, heard);
    if (client->messages[which].closes && heard->connection)
        gt_connection_close(heard->connection);
    reply(client, &client->messages[which], turn);
}

/* ---- connections ---- */

static void opened(gt_connection *connection, void *context)
{
    struct scenario *scenario = context;
    scenario->opened_count++;
    if (gt_connection_data(connection))
        scenario_break(scenario, "a new connection has somebody's data");
    gt_connection_set_data(connection, scenario);
}

static void closed(gt_connection *connection, void *context)
{
    struct scenario *scenario = context;
    scenario->closed_count++;
    if (gt_connection_data(connection) != scenario)
        scenario_break(scenario, "a connection that ends has lost its data");
}

void application_awaits(const struct scenario *scenario, unsigned *awaited, unsigned *forsaken)
{
    *awaited = *forsaken = 0;
    for (struct list *at = scenario->laters.next; at != &scenario->laters; at = at->next) {
        ++*awaited;
        *forsaken += list_item(at, struct later, link)->turn->state == TURN_ORPHAN_OPEN;
    }
}

void application_install(struct scenario *scenario, gt_server *server)
{
    gt_on_connection(server, opened, closed, scenario);
    if (scenario->plan.application)
        gt_on_message(server, heard, scenario);
    if (scenario->plan.effects)
        effects_install(server);
}
