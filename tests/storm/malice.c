/* malice.c: clients that mean to hurt others: which, and how they go about it.
 *
 * Each is a plan like any other's, driven to an end: it says nothing, or a byte at a time, or all
 * of it at once; it never reads, or never comes to an end. What it says is right as far as it
 * goes, so that what becomes of it is checked as for everybody. */
#include "scenario.h"

/* Replies longer than this would make a flood cost more than it shows. */
#define FLOOD_REPLY_MOST 200

static int64_t between(const struct scenario_client *client, int64_t low, int64_t high)
{
    return sim_random(client->scenario->engine, low, high);
}

bool listener_can_refuse(const struct scenario_listener *listener)
{
    const struct speech *speech = &listener->speech;
    bool short_number = speech->kind == SPEECH_LENGTH && speech->number_size == 1;
    return listener->max_message < 20000 && speech->kind != SPEECH_FIXED && !short_number;
}

static bool can_flood(const struct scenario_listener *listener)
{
    return listener->speech.kind != SPEECH_EOF && listener->speech.kind != SPEECH_CHUNK &&
           listener->speech.kind != SPEECH_FIXED && listener->reply_text.size < FLOOD_REPLY_MOST;
}

/* Datagrams know no connection that could be abused; a chunk's client has its own ways. */
enum scenario_malice malice_choose(const struct scenario_client *client)
{
    const struct scenario_listener *listener = client->listener;
    bool hostile = sim_chance(client->scenario->engine, client->scenario->plan.crowd ? 0.85 : 0.15);
    if (!hostile || is_correspondent(client) || listener->speech.kind == SPEECH_CHUNK)
        return MEANS_NO_HARM;
    enum scenario_malice malice = (enum scenario_malice)between(client, 1, MALICES - 1);
    if ((malice == NEVER_ENDS && !listener_can_refuse(listener)) ||
        (malice == FLOODS && (!can_flood(listener) || between(client, 1, 4) > 1)) ||
        (malice == TRICKLES && listener->socket == SOCKET_PACKETS))
        return IS_SILENT;
    return malice;
}

static void say_nothing(struct scenario_client *client, enum scenario_ending ending)
{
    client->message_count = 0;
    client->ending = ending;
}

/* Where a pause ends messages it may not make one. */
static void trickle(struct scenario_client *client)
{
    bool pauses = client->listener->speech.kind == SPEECH_TALK;
    bool one = client->listener->speech.kind == SPEECH_EOF;
    client->message_count = (unsigned)between(client, 1, one ? 1 : 2);
    client->haste_ns = between(client, 1, pauses ? 20 : 400) * 1000000;
}

static void flood(struct scenario_client *client)
{
    client->message_count = (unsigned)between(client, 100, 1200);
    client->haste_ns = 0;
    client->polite = false;
}

void malice_plan(struct scenario_client *client)
{
    switch (client->malice) {
    case IS_SILENT:
        say_nothing(client, STAYS);
        break;
    case PROBES:
        say_nothing(client, LEAVES_AT_ONCE);
        break;
    case HALF_CLOSES:
        say_nothing(client, LEAVES_BY_SHUTDOWN);
        break;
    case TRICKLES:
        trickle(client);
        break;
    case NEVER_READS:
        client->reading = READS_NO_MORE;
        client->read_most = 0;
        client->polite = false;
        break;
    case NEVER_ENDS:
        client->message_count = 1;
        break;
    case FLOODS:
        flood(client);
        break;
    case RESETS:
        client->ending = LEAVES_BY_RESET;
        break;
    default:
        break;
    }
}
