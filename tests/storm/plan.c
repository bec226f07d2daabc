/* plan.c: what a client will say and how it will behave, all chosen before it connects.
 *
 * A message is "c7.m3 " and then any bytes but a line feed; the ones that the server must refuse
 * are planned too, and then nothing after them counts. In talk framing the pause must not cut a
 * message by accident: clients there send a message without long pauses until their first line end.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t between(const struct scenario *scenario, int64_t low, int64_t high)
{
    return sim_random(scenario->engine, low, high);
}

static bool chance(const struct scenario *scenario, double odds)
{
    return sim_chance(scenario->engine, odds);
}

static void append(struct bytes *bytes, struct slice slice)
{
    if (bytes_append(bytes, slice) < 0)
        abort();
}

static void append_byte(struct bytes *bytes, uint8_t byte)
{
    append(bytes, slice_of(&byte, 1));
}

/* ---- one message ---- */

/* Any byte that neither ends a message nor could be taken for part of its end. */
static uint8_t body_byte(uint8_t byte)
{
    if (byte % 4 != 0)
        return (uint8_t)('a' + byte % 26);
    return byte == '\n' || byte == '\r' ? '.' : byte;
}

static size_t body_size(const struct scenario *scenario, bool *too_long)
{
    const struct scenario_plan *plan = &scenario->plan;
    *too_long = plan->max_message < 20000 && chance(scenario, 0.03);
    if (*too_long)
        return plan->max_message + (size_t)between(scenario, 2, 300);
    size_t most = plan->size_most;
    if (chance(scenario, 0.05))
        most *= 20;
    if (most > plan->max_message)
        most = plan->max_message;
    return (size_t)between(scenario, most < 20 ? (int64_t)most : 20, (int64_t)most);
}

static void append_body(struct scenario_client *client, unsigned number, size_t size)
{
    char name[40];
    int length = snprintf(name, sizeof name, "c%u.m%u ", client->number, number);
    append(&client->stream, slice_of(name, (size_t)length));
    if (bytes_reserve(&client->stream, size) < 0)
        abort();
    uint8_t *end = bytes_end(&client->stream);
    int64_t dice = 0;
    for (size_t i = (size_t)length; i < size; i++, dice >>= 8) {
        if (dice == 0)
            dice = between(client->scenario, 0, INT64_MAX - 1);
        *end++ = body_byte((uint8_t)dice);
    }
    client->stream.size += size - (size_t)length;
}

/* How a message is ended in the stream: how many bytes. */
static size_t append_end(struct scenario_client *client, bool last)
{
    const struct scenario *scenario = client->scenario;
    bool by_leaving = client->ending == LEAVES_BY_SHUTDOWN || client->ending == LEAVES_AT_ONCE;
    if (scenario->plan.framing == SCENARIO_EOF || client->pauses)
        return 0;
    if (last && by_leaving && chance(scenario, 0.4))
        return 0;
    if (chance(scenario, 0.2)) {
        append(&client->stream, slice_of("\r\n", 2));
        return 2;
    }
    append_byte(&client->stream, '\n');
    return 1;
}

static void expect_reply(struct scenario_client *client, const struct scenario_message *message)
{
    const struct scenario_plan *plan = &client->scenario->plan;
    struct slice stream = bytes_slice(&client->stream);
    if (plan->reply == SCENARIO_TEXT)
        append(&client->expected, bytes_slice(&plan->reply_text));
    if (plan->reply != SCENARIO_ECHO)
        return;
    append(&client->expected, slice_of(stream.data + message->start, message->body_size));
    if (plan->framing != SCENARIO_EOF)
        append_byte(&client->expected, '\n');
}

static void plan_message(struct scenario_client *client, unsigned number)
{
    struct scenario *scenario = client->scenario;
    struct scenario_message *message = &client->messages[number];
    bool too_long;
    message->start = client->stream.size;
    message->body_size = body_size(scenario, &too_long);
    append_body(client, number, message->body_size);
    message->raw_size =
        message->body_size + append_end(client, number + 1 == client->message_count);
    bool counts = client->valid_count == number && !too_long;
    if (counts && !(scenario->plan.one_each && number > 0)) {
        client->valid_count++;
        expect_reply(client, message);
    }
    message->reply_end = client->expected.size;
}

/* ---- one client ---- */

static enum scenario_ending some_ending(const struct scenario *scenario)
{
    int64_t die = between(scenario, 1, 100);
    if (scenario->plan.framing == SCENARIO_EOF)
        return die < 75 ? LEAVES_BY_SHUTDOWN : die < 88 ? LEAVES_AT_ONCE : LEAVES_BY_RESET;
    if (die < 35)
        return LEAVES_BY_SHUTDOWN;
    if (die < 65)
        return LEAVES_ANSWERED;
    if (die < 75)
        return LEAVES_AT_ONCE;
    return die < 87 ? LEAVES_BY_RESET : STAYS;
}

static unsigned some_message_count(const struct scenario *scenario)
{
    if (scenario->plan.framing == SCENARIO_EOF)
        return 1;
    if (chance(scenario, 0.05))
        return 0; /* a port probe */
    return (unsigned)between(scenario, 1, scenario->plan.messages_most);
}

static void plan_reading(struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    int64_t die = between(scenario, 1, 100);
    client->reading = die <= 75 ? READS_ALL : die <= 92 ? READS_SLOWLY : READS_NO_MORE;
    client->read_most = (size_t)between(scenario, client->reading == READS_SLOWLY, 3000);
}

static void plan_behaviour(struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    const struct scenario_plan *plan = &scenario->plan;
    client->ending = some_ending(scenario);
    client->message_count = some_message_count(scenario);
    plan_reading(client);
    bool replies = plan->reply != SCENARIO_SILENT && client->reading != READS_NO_MORE;
    client->polite = replies && chance(scenario, 0.3);
    /* A pause ends each message: only where nobody can be too early with the next. */
    client->pauses = plan->framing == SCENARIO_TALK && client->ending != LEAVES_BY_RESET &&
                     (client->polite || client->message_count == 1) && chance(scenario, 0.4);
    client->haste_ns = between(scenario, 0, 20000000);
}

void scenario_plan_client(struct scenario *scenario, struct scenario_client *client)
{
    client->scenario = scenario;
    plan_behaviour(client);
    client->messages = calloc(client->message_count + 1, sizeof *client->messages);
    if (!client->messages)
        abort();
    append(&client->expected, bytes_slice(&scenario->plan.greeting));
    for (unsigned i = 0; i < client->message_count; i++)
        plan_message(client, i);
    client->reset_at = client->ending == LEAVES_BY_RESET
                           ? (size_t)between(scenario, 0, (int64_t)client->stream.size)
                           : SIZE_MAX;
}
