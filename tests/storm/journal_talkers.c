/* journal_talkers.c: clients who say what can be told from everything else, to a server that echoes
 * it. They send some messages at a time, read sooner or later, and some of them go before they have
 * read everything. */
#include "journal_parts.h"

#include <stdio.h>

#define MS INT64_C(1000000)

static bool happens(unsigned percent)
{
    return platter_random(100) < percent;
}

/* ---- texts ---- */

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 31)) * 0x9e3779b97f4a7c15u;
    return value ^ (value >> 29);
}

/* Most are short, some are as long as a segment. */
static size_t filler_size(uint64_t hash)
{
    unsigned kind = hash % 100;
    if (kind < 3)
        return hash / 100 % 70000;
    return hash / 100 % (kind < 8 ? 4000 : 150);
}

struct slice journal_text(struct journal_world *world, unsigned talker, unsigned number)
{
    struct bytes *text = &world->scratch;
    uint64_t hash = mix(mix(world->seed * 1000 + talker) * 1000 + number);
    size_t size = filler_size(hash);
    char name[40];
    snprintf(name, sizeof name, "%u.%u:", talker, number);
    bytes_clear(text);
    speech_append(text, slice_of_text(name));
    for (size_t i = 0; i < size; i += sizeof name) {
        hash = mix(hash + i);
        memset(name, 'a' + (int)(hash % 26), sizeof name);
        speech_append(text, slice_of(name, size - i < sizeof name ? size - i : sizeof name));
    }
    return bytes_slice(text);
}

/* ---- replies ---- */

/* What is there of the next reply: whether all of it is. */
static bool check_reply(struct journal_world *world, unsigned number, struct slice rest)
{
    struct talker *talker = &world->talkers[number];
    struct bytes reply = {0};
    if (talker->replied == talker->sent) {
        journal_break(world, "client %u has a reply to nothing", number);
        return false;
    }
    speech_reply(&world->speech, SPEECH_DEFAULT, journal_text(world, number, talker->replied),
                 &reply);
    struct slice wanted = bytes_slice(&reply);
    size_t size = wanted.size < rest.size ? wanted.size : rest.size;
    if (memcmp(wanted.data, rest.data, size) != 0)
        journal_break(world, "client %u has a wrong reply to message %u", number, talker->replied);
    bool whole = size == wanted.size;
    if (whole)
        talker->checked += size;
    bytes_free(&reply);
    return whole;
}

static void read_replies(struct journal_world *world, unsigned number)
{
    struct talker *talker = &world->talkers[number];
    while (sim_client_read(talker->client, SIZE_MAX) > 0)
        ;
    struct slice all = sim_client_received(talker->client);
    while (!world->broken[0] && talker->checked < all.size) {
        talker->replied_ns[talker->replied] = sim_now(world->engine);
        if (!check_reply(world, number, slice_after(all, talker->checked)))
            return;
        talker->replied++;
    }
}

/* ---- talking ---- */

static void say(struct journal_world *world, unsigned number)
{
    struct talker *talker = &world->talkers[number];
    struct bytes whole = {0};
    struct slice text = journal_text(world, number, talker->sent);
    speech_begin(&world->speech, text.size, &whole);
    speech_append(&whole, text);
    speech_end(&world->speech, &whole);
    struct slice all = bytes_slice(&whole);
    size_t cut = happens(30) ? (size_t)platter_random(all.size) : 0;
    if (cut == 0 || sim_client_send(talker->client, slice_of(all.data, cut)))
        talker->sent += sim_client_send(talker->client, slice_after(all, cut));
    bytes_free(&whole);
}

/* Now and then: read, say something, or go. */
static void talk(void *context, uint64_t number)
{
    struct journal_world *world = context;
    struct talker *talker = &world->talkers[number];
    struct sim_client_state state = sim_client_state(talker->client);
    if (happens(80))
        read_replies(world, (unsigned)number);
    for (uint64_t some = platter_random(5); some > 0 && talker->sent < talker->planned; some--)
        say(world, (unsigned)number);
    if (happens(1))
        sim_client_reset(talker->client);
    if (talker->sent == talker->planned && happens(5))
        sim_client_shutdown(talker->client);
    if (state.closed || state.reset || (state.ended && happens(50)))
        return;
    sim_after(world->engine, (int64_t)platter_random(30) * MS + (int64_t)platter_random(MS), talk,
              world, number);
}

static void arrive(void *context, uint64_t number)
{
    struct journal_world *world = context;
    struct talker *talker = &world->talkers[number];
    talker->client = sim_connect(world->engine, (int)talker->checked);
    talker->port = sim_client_peer(talker->client).port;
    talker->checked = 0;
    talk(world, number);
}

void journal_talkers_begin(struct journal_world *world, int listener)
{
    for (uint64_t some = 1 + platter_random(6); some > 0; some--) {
        if (world->talker_count == TALKERS_MOST)
            return;
        unsigned number = world->talker_count++;
        world->talkers[number] = (struct talker){.planned = (unsigned)platter_random(MESSAGES_MOST),
                                                 .checked = (size_t)listener};
        sim_after(world->engine, (int64_t)platter_random(60) * MS, arrive, world, number);
    }
}

/* How many messages had a reply, or the beginning of one, by then. */
static unsigned replied_by(const struct talker *talker, bool begun, int64_t until_ns)
{
    unsigned count = talker->replied + begun;
    while (count > 0 && talker->replied_ns[count - 1] > until_ns)
        count--;
    return count;
}

void journal_talkers_end(struct journal_world *world, int64_t durable_ns)
{
    for (unsigned i = 0; i < world->talker_count; i++) {
        struct talker *talker = &world->talkers[i];
        if (!talker->client)
            continue;
        read_replies(world, i);
        bool begun = talker->checked < sim_client_received(talker->client).size;
        talker->promised = replied_by(talker, begun, INT64_MAX);
        talker->durable = replied_by(talker, begun, durable_ns);
        talker->client = NULL;
    }
}

void journal_talkers_cut(struct journal_world *world)
{
    for (unsigned i = 0; i < world->talker_count; i++)
        world->talkers[i].promised = world->talkers[i].durable;
}
