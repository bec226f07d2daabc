/* plan.c: what a client will say and how it will behave, all chosen before it connects.
 *
 * A message's text is its name, "c7.m3 ", and then any bytes but its framing's delimiter; the ones
 * that the server must refuse (too long, malformed, unfinished) are planned too, and on a
 * connection nothing after them counts. In talk framing the pause must not cut a message by
 * accident: clients there send a message without long pauses until their first line end. Chunks
 * hold no names: who speaks in them says one letter all the time, and each byte of it counts as a
 * message. */
#include "scenario.h"

#include <stdlib.h>

static int64_t between(const struct scenario *scenario, int64_t low, int64_t high)
{
    return sim_random(scenario->engine, low, high);
}

static bool chance(const struct scenario *scenario, double odds)
{
    return sim_chance(scenario->engine, odds);
}

/* ---- the text of a message ---- */

/* Any byte that neither ends a message nor could be taken for part of its end. */
static uint8_t text_byte(uint8_t byte)
{
    if (byte % 4 != 0)
        return (uint8_t)('a' + byte % 26);
    return byte == '\n' || byte == '\r' || byte == 0 ? '.' : byte;
}

/* How much too long a message may be. */
static int64_t too_long_by(const struct scenario_client *client, int64_t surely)
{
    if (client->malice == NEVER_ENDS)
        return 30000;
    return chance(client->scenario, 0.3) ? surely : 300;
}

static size_t text_size(const struct scenario_client *client, bool too_long)
{
    const struct scenario *scenario = client->scenario;
    const struct scenario_listener *listener = client->listener;
    int64_t surely = listener->speech.kind <= SPEECH_LINE ? 2 : 1; /* a CR may end a line */
    if (too_long)
        return listener->text_most + (size_t)between(scenario, surely, too_long_by(client, surely));
    if (listener->speech.kind == SPEECH_FIXED)
        return listener->speech.fixed;
    if (listener->max_message < 20000 && chance(scenario, 0.03))
        return listener->text_most;
    size_t most = scenario->plan.size_most;
    if (chance(scenario, 0.05))
        most *= 20;
    if (most > listener->text_most)
        most = listener->text_most;
    return (size_t)between(scenario, most < 20 ? (int64_t)most : 20, (int64_t)most);
}

/* What could begin the delimiter, and does not: never twice in a row, never at the end. */
static void sprinkle(struct scenario_client *client, uint8_t *text, size_t size)
{
    const struct scenario *scenario = client->scenario;
    const struct speech *speech = &client->listener->speech;
    uint8_t first = speech->kind == SPEECH_CRLF ? '\r' : 0;
    if (speech->kind == SPEECH_DELIM && strlen(speech->delimiter) > 1)
        first = (uint8_t)speech->delimiter[0];
    for (size_t i = 0; first && i + 2 < size; i += (size_t)between(scenario, 2, 60))
        if (i > 0)
            text[i] = first;
}

static void append_text(struct scenario_client *client, unsigned number, size_t size)
{
    char written[NAME_SIZE];
    struct slice name = name_write(written, client->number, number);
    speech_append(&client->stream, name);
    if (size <= name.size)
        return;
    size -= name.size;
    if (bytes_reserve(&client->stream, size) < 0)
        abort();
    uint8_t *text = bytes_end(&client->stream);
    int64_t dice = 0;
    for (size_t i = 0; i < size; i++, dice >>= 8) {
        if (dice == 0)
            dice = between(client->scenario, 0, INT64_MAX - 1);
        text[i] = text_byte((uint8_t)dice);
    }
    sprinkle(client, text, size);
    client->stream.size += size;
}

/* ---- one message ---- */

static bool leaves_unasked(const struct scenario_client *client)
{
    return client->ending == LEAVES_BY_SHUTDOWN || client->ending == LEAVES_AT_ONCE;
}

static enum scenario_flaw some_flaw(const struct scenario_client *client, bool last)
{
    const struct scenario *scenario = client->scenario;
    const struct speech *speech = &client->listener->speech;
    double too_long = client->malice == NEVER_ENDS ? 1 : 0.03;
    if (listener_can_refuse(client->listener) && chance(scenario, too_long))
        return TOO_LONG;
    if (!speech_is_counted(speech) && !speech_is_strict(speech))
        return FLAWLESS;
    if (speech_is_counted(speech) && chance(scenario, 0.02))
        return MALFORMED;
    return last && leaves_unasked(client) && chance(scenario, 0.2) ? UNFINISHED : FLAWLESS;
}

/* How a message is ended in the stream: lines in one of two ways, the last one perhaps by the end
 * of the stream. */
static void append_end(struct scenario_client *client, bool last)
{
    const struct scenario *scenario = client->scenario;
    const struct speech *speech = &client->listener->speech;
    bool lines = speech->kind == SPEECH_TALK || speech->kind == SPEECH_LINE;
    if (client->pauses || (lines && last && leaves_unasked(client) && chance(scenario, 0.4)))
        return;
    if (lines && chance(scenario, 0.2))
        speech_append(&client->stream, slice_of("\r", 1));
    speech_end(speech, &client->stream);
}

/* Without what would make a message whole. */
static void cut(struct scenario_client *client, const struct scenario_message *message)
{
    struct bytes *stream = &client->stream;
    size_t size = stream->size - message->start;
    if (speech_is_counted(&client->listener->speech))
        stream->size -= (size_t)between(client->scenario, 1, (int64_t)size - 1);
    else
        stream->size = message->start + message->body_at + message->body_size;
}

/* The message and what is around it. */
static void append_message(struct scenario_client *client, unsigned number, enum scenario_flaw flaw)
{
    const struct scenario *scenario = client->scenario;
    const struct speech *speech = &client->listener->speech;
    struct scenario_message *message = &client->messages[number];
    struct bytes *stream = &client->stream;
    bool last = number + 1 == client->message_count;
    message->start = stream->size;
    message->flaw = (uint8_t)flaw;
    if (flaw == MALFORMED && speech_nonsense(speech, (unsigned)between(scenario, 0, 999), stream))
        return;
    if (flaw == MALFORMED) /* there is nothing malformed to say */
        message->flaw = FLAWLESS;
    size_t size = text_size(client, flaw == TOO_LONG);
    speech_begin(speech, size, stream);
    size_t before = stream->size - message->start;
    append_text(client, number, size);
    message->body_at = before - speech_header_size(speech);
    message->body_size = stream->size - message->start - message->body_at;
    append_end(client, last);
    if (flaw == UNFINISHED)
        cut(client, message);
}

static enum scenario_answer some_answer(const struct scenario_client *client)
{
    int64_t die = between(client->scenario, 1, 100);
    if (client->listener->reply != REPLIES_BY_APPLICATION ||
        client->listener->speech.kind == SPEECH_CHUNK)
        return ANSWERS_ECHO;
    return die <= 45 ? ANSWERS_ECHO : die <= 90 ? ANSWERS_TEXT : ANSWERS_NOTHING;
}

/* Whether the server takes no more of this client's messages before this one. */
static bool is_closed_before(const struct scenario_client *client, unsigned number)
{
    return number > 0 && (client->listener->one_each || client->messages[number - 1].closes);
}

/* A reply over UDP may be no longer than its request allows; who has no name gets none. */
static bool is_owed(const struct scenario_client *client, const struct scenario_message *message)
{
    const size_t headers = 28; /* of IPv4 and UDP */
    const struct scenario_listener *listener = client->listener;
    unsigned number = (unsigned)(message - client->messages);
    size_t size = message->reply_end - (number > 0 ? client->messages[number - 1].reply_end : 0);
    if (size == 0 || client->kind == SIM_NAMELESS)
        return false;
    if (listener->socket == SOCKET_UNIXGRAM)
        return size <= PACKET_MAX;
    bool bounded = client->kind == SIM_FAR && listener->amplification > 0;
    return size <= 65507 &&
           (!bounded || size + headers <= (message->body_size + headers) * listener->amplification);
}

static void plan_datagram(struct scenario_client *client, struct scenario_message *message,
                          bool flawless)
{
    message->valid = flawless;
    message->local = (uint8_t)between(client->scenario, 0, LOCALS - 1);
    reply_expect(client, message, &client->expected);
    message->reply_end = client->expected.size;
    message->owed = flawless && is_owed(client, message);
}

/* What is behind a reply that hangs never comes. */
static void note_hanging(struct scenario_client *client, const struct scenario_message *message)
{
    if (!message->effects.hang || client->hangs)
        return;
    client->hangs = true;
    client->hangs_at = client->stream.size;
}

static void plan_message(struct scenario_client *client, unsigned number)
{
    struct scenario_message *message = &client->messages[number];
    enum scenario_flaw flaw = some_flaw(client, number + 1 == client->message_count);
    append_message(client, number, flaw);
    bool flawless = message->flaw == FLAWLESS;
    message->raw_size = client->stream.size - message->start;
    message->answer = (uint8_t)some_answer(client);
    effects_choose(client, message);
    if (is_correspondent(client)) {
        plan_datagram(client, message, flawless);
        return;
    }
    bool affected = effects_any(&message->effects);
    message->closes =
        effects_close(message) || (client->listener->reply == REPLIES_BY_APPLICATION && !affected &&
                                   chance(client->scenario, 0.03));
    bool counts = client->valid_count == number && flawless && !is_closed_before(client, number);
    if (counts) {
        client->valid_count++;
        reply_expect(client, message, &client->expected);
        note_hanging(client, message);
    }
    message->reply_end = client->expected.size;
}

/* Each byte of a chunk, which is one letter, its client's. */
static void plan_byte(struct scenario_client *client, unsigned number)
{
    char letter = (char)('A' + client->number % 26);
    struct scenario_message *message = &client->messages[number];
    *message = (struct scenario_message){
        .start = number, .body_size = 1, .raw_size = 1, .effects = EFFECTS_NONE};
    speech_append(&client->stream, slice_of(&letter, 1));
    client->valid_count++;
    reply_expect(client, message, &client->expected);
    message->reply_end = client->expected.size;
}

/* ---- one client ---- */

static enum scenario_ending some_ending(const struct scenario_client *client)
{
    int64_t die = between(client->scenario, 1, 100);
    if (client->listener->speech.kind == SPEECH_EOF)
        return die < 75 ? LEAVES_BY_SHUTDOWN : die < 88 ? LEAVES_AT_ONCE : LEAVES_BY_RESET;
    if (die < 35)
        return LEAVES_BY_SHUTDOWN;
    if (die < 65)
        return LEAVES_ANSWERED;
    if (die < 75)
        return LEAVES_AT_ONCE;
    return die < 87 ? LEAVES_BY_RESET : STAYS;
}

static unsigned some_message_count(const struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    if (client->listener->speech.kind == SPEECH_EOF)
        return 1;
    if (chance(scenario, 0.05))
        return 0; /* a port probe */
    if (client->listener->speech.kind == SPEECH_CHUNK)
        return (unsigned)between(scenario, 1, 400);
    return (unsigned)between(scenario, 1, scenario->plan.messages_most);
}

static void plan_reading(struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    int64_t die = between(scenario, 1, 100);
    client->reading = die <= 75 ? READS_ALL : die <= 92 ? READS_SLOWLY : READS_NO_MORE;
    client->read_most = (size_t)between(scenario, client->reading == READS_SLOWLY, 3000);
}

static enum sim_correspondent_kind some_kind(const struct scenario_client *client)
{
    bool other = chance(client->scenario, 0.5);
    if (client->listener->socket == SOCKET_UDP)
        return other ? SIM_FAR : SIM_NEAR;
    return other ? SIM_NAMELESS : SIM_NEAR;
}

/* A pause ends each message: only where nobody can be too early with the next. */
static bool may_pause(const struct scenario_client *client)
{
    bool each = client->listener->reply != REPLIES_BY_APPLICATION;
    return client->listener->speech.kind == SPEECH_TALK && client->ending != LEAVES_BY_RESET &&
           ((client->polite && each) || client->message_count == 1);
}

static void plan_behaviour(struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    client->ending = some_ending(client);
    client->message_count = some_message_count(client);
    client->kind = some_kind(client);
    plan_reading(client);
    bool replies = client->listener->reply != REPLIES_SILENT && client->reading != READS_NO_MORE;
    client->polite = replies && chance(scenario, 0.3);
    client->haste_ns = between(scenario, 0, chance(scenario, 0.2) ? 0 : 20000000);
    client->malice = malice_choose(client);
    malice_plan(client);
    client->pauses = may_pause(client) && chance(scenario, 0.4);
}

/* Where in its stream it resets the connection: packets are not cut. */
static size_t some_reset(const struct scenario_client *client)
{
    const struct scenario *scenario = client->scenario;
    if (client->ending != LEAVES_BY_RESET || is_correspondent(client))
        return SIZE_MAX;
    if (client->listener->socket == SOCKET_STREAM)
        return (size_t)between(scenario, 0, (int64_t)client->stream.size);
    unsigned number = (unsigned)between(scenario, 0, client->message_count);
    return number < client->message_count ? client->messages[number].start : client->stream.size;
}

void scenario_plan_client(struct scenario *scenario, struct scenario_client *client)
{
    const struct scenario_plan *plan = &scenario->plan;
    client->scenario = scenario;
    client->listener = &plan->listeners[between(scenario, 0, plan->listener_count - 1)];
    plan_behaviour(client);
    client->messages = calloc(client->message_count + 1, sizeof *client->messages);
    if (!client->messages)
        abort();
    bool chunks = client->listener->speech.kind == SPEECH_CHUNK;
    if (!is_correspondent(client))
        speech_append(&client->expected, bytes_slice(&client->listener->greeting));
    for (unsigned i = 0; i < client->message_count; i++) {
        if (chunks)
            plan_byte(client, i);
        else
            plan_message(client, i);
        if (!effects_have_room(client))
            client->message_count = i + 1;
    }
    client->reset_at = some_reset(client);
}
