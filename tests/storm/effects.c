/* effects.c: what happens to the application's replies on their way: chosen with the messages, said
 * to the server by a replier that stands before the application, and reckoned a second time for
 * what its clients must get.
 *
 * What waits does so for seconds at most, and a reply leaves in hundreds of steps at most, so that
 * a run comes to an end. What is taken behind a reply that hangs must fit among what may wait: then
 * it is known that it is taken, though nothing of it ever leaves. */
#include "scenario.h"

#include "serve/server.h"

#define MS INT64_C(1000000)

/* Bytes of messages behind one that hangs, at most. */
#define BEHIND_MOST ((size_t)60 * 1024)

static int64_t between(const struct scenario_client *client, int64_t low, int64_t high)
{
    return sim_random(client->scenario->engine, low, high);
}

static bool in_some(const struct scenario_client *client, double percent)
{
    return sim_chance(client->scenario->engine, percent / 100);
}

/* ---- choosing ---- */

/* How slowly, for a reply of about so many bytes. */
static void choose_steps(const struct scenario_client *client, int64_t size,
                         struct effects *effects)
{
    if (in_some(client, 15))
        effects->drip = size * 1000 / between(client, 1, 2000) + 1;
    if (in_some(client, 15))
        effects->pieces = (size_t)(size / 500 + between(client, 1, size < 50 ? size + 1 : 50));
}

static void choose_end(const struct scenario_client *client, struct effects *effects)
{
    int64_t die = between(client, 1, 100);
    bool few = client->message_count <= 20;
    effects->hang = die <= 4 && few;
    effects->close = die > 4 && die <= 8;
    effects->reset = die > 8 && die <= 12;
}

void effects_choose(const struct scenario_client *client, struct scenario_message *message)
{
    const struct scenario_plan *plan = &client->scenario->plan;
    struct effects *effects = &message->effects;
    *effects = EFFECTS_NONE;
    if (!plan->effects || client->listener->speech.kind == SPEECH_CHUNK || !in_some(client, 40))
        return;
    if (in_some(client, 40))
        effects->delay_ns = between(client, 1, in_some(client, 50) ? 20 : 2000) * MS;
    choose_steps(client, (int64_t)message->body_size + 60, effects);
    choose_end(client, effects);
    if (in_some(client, 20)) /* an empty datagram says nothing about what it is a reply to */
        effects->truncate_size = between(client, is_correspondent(client), 40);
}

bool effects_close(const struct scenario_message *message)
{
    return !message->effects.hang && (message->effects.close || message->effects.reset);
}

bool effects_have_room(const struct scenario_client *client)
{
    return !client->hangs || client->stream.size - client->hangs_at < BEHIND_MOST;
}

/* ---- what is left of a reply ---- */

/* Of a datagram only its length and its delay can be meddled with. */
static size_t size_left(const struct scenario_client *client, const struct effects *effects,
                        size_t size)
{
    bool datagram = is_correspondent(client);
    bool ends = effects->hang || (effects->reset && !datagram);
    if (datagram && effects->hang)
        return 0;
    if (effects->truncate_size < 0)
        return ends ? 0 : size;
    return (size_t)effects->truncate_size < size ? (size_t)effects->truncate_size : size;
}

void effects_apply(const struct scenario_client *client, const struct scenario_message *message,
                   struct bytes *expected, size_t before)
{
    expected->size = before + size_left(client, &message->effects, expected->size - before);
}

/* ---- replying ---- */

/* The message of which these are the bytes, with effects; NULL: it is for the application. */
static const struct scenario_message *affected(const struct scenario *scenario, struct slice bytes,
                                               const struct scenario_client **client)
{
    unsigned number, which;
    bool chunk =
        scenario->plan.chunks && bytes.size > 0 && bytes.data[0] >= 'A' && bytes.data[0] <= 'Z';
    if (chunk || !name_find(bytes, &number, &which) || number >= scenario->plan.clients ||
        which >= scenario->clients[number].message_count)
        return NULL;
    *client = &scenario->clients[number];
    const struct scenario_message *message = &(*client)->messages[which];
    return effects_any(&message->effects) ? message : NULL;
}

static const struct replier_table *application;

static enum reply_when answer(struct replier *replier, const struct message *heard,
                              struct gt_turn *turn, struct reply *reply)
{
    const struct callback_replier *callback = list_item(replier, struct callback_replier, replier);
    const struct scenario *scenario = callback->context;
    const struct scenario_client *client;
    const struct scenario_message *message = affected(scenario, heard->body, &client);
    if (!message)
        return application->answer(replier, heard, turn, reply);
    reply->effects = &message->effects;
    reply->bytes = reply_words(client, message);
    return message->answer == ANSWERS_NOTHING ? REPLY_NONE : REPLY_NOW;
}

void effects_install(gt_server *server)
{
    static const struct replier_table table = {.name = "storm", .answer = answer, .keeps = true};
    application = server->callback.replier.table;
    server->callback.replier.table = &table;
}
