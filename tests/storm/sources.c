/* sources.c: whose addresses clients come from, and what the server allows each: so many
 * connections at once, so many messages a second.
 *
 * The rate is a bucket with a second's worth, said a second time: each message puts off when the
 * source would have used up what it may, by the time that one message may take. Messages are seen
 * as they are shown, at once; each of a source's connections may have paid for one long before it
 * could be taken, and what is left when the server drains is taken at once. */
#include "scenario.h"

#define SECOND INT64_C(1000000000)

/* Before and behind connections' own addresses: those of datagrams, near and far. */
#define DATAGRAM_SOURCES 2

static int64_t between(const struct scenario *scenario, int64_t low, int64_t high)
{
    return sim_random(scenario->engine, low, high);
}

static bool limits_sources(const struct scenario *scenario)
{
    const struct scenario_limits *limits = &scenario->plan.limits;
    return limits->per_source > 0 || limits->message_every_ns > 0;
}

/* The address of a source, or one of many: a /64 is one source. */
static struct peer address_of(const struct scenario *scenario, unsigned source)
{
    if (source % 2 == 0)
        return (struct peer){.kind = PEER_IPV4, .address = {10, 9, 0, (uint8_t)source}};
    struct peer peer = {.kind = PEER_IPV6,
                        .address = {0x20, 0x01, 0x0d, 0xb8, [7] = (uint8_t)source}};
    for (unsigned i = 8; i < 16; i++)
        peer.address[i] = (uint8_t)between(scenario, 0, 255);
    return peer;
}

void source_choose(struct scenario_client *client)
{
    struct scenario *scenario = client->scenario;
    if (!limits_sources(scenario))
        return;
    unsigned most = (unsigned)scenario->plan.limits.sources;
    client->source = DATAGRAM_SOURCES + (unsigned)between(scenario, 0, most - 1);
    if (is_correspondent(client))
        client->source = client->kind == SIM_FAR;
    else
        sim_come_from(scenario->engine, address_of(scenario, client->source));
    scenario->sources[client->source].clients++;
}

/* ---- connections ---- */

void source_opened(struct scenario *scenario, const struct scenario_client *client)
{
    unsigned most = scenario->plan.limits.per_source;
    unsigned open = ++scenario->sources[client->source].open;
    if (most > 0 && open > most)
        scenario_break(scenario, "client %u is one of %u connections of its source, of %u",
                       client->number, open, most);
}

void source_closed(struct scenario *scenario, const struct scenario_client *client)
{
    scenario->sources[client->source].open--;
}

/* Accepted, and not told of: it waits for a place. */
static bool is_guest(const struct scenario_client *client)
{
    return client->sim && client->connected_count == 0 && client->ended_count == 0 &&
           sim_client_state(client->sim).accepted;
}

bool source_is_full(const struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    unsigned open = scenario->sources[client->source].open;
    for (unsigned i = 0; i < scenario->plan.clients; i++)
        open += scenario->clients[i].source == client->source && is_guest(&scenario->clients[i]);
    return scenario->plan.limits.per_source > 0 && open >= scenario->plan.limits.per_source;
}

/* ---- messages ---- */

/* Of a second's worth the first is taken when the bucket is full. */
static int64_t ahead_most(int64_t every_ns)
{
    return every_ns >= SECOND ? 0 : (SECOND / every_ns - 1) * every_ns;
}

void source_takes(struct scenario *scenario, const struct scenario_client *client)
{
    struct scenario_source *source = &scenario->sources[client->source];
    int64_t every_ns = scenario->plan.limits.message_every_ns;
    int64_t now_ns = sim_now(scenario->engine);
    bool bounded = every_ns > 0 && scenario->plan.prompt && scenario->stopped_ns == 0 &&
                   client->listener->socket != SOCKET_UNIXGRAM;
    if (!bounded)
        return;
    int64_t ahead_ns = source->used_until_ns > now_ns ? source->used_until_ns - now_ns : 0;
    if (ahead_ns > ahead_most(every_ns) + every_ns * source->clients)
        scenario_break(scenario, "client %u: its source sent messages for %lld ms too many",
                       client->number, (long long)(ahead_ns - ahead_most(every_ns)) / 1000000);
    source->used_until_ns = now_ns + ahead_ns + every_ns;
}
