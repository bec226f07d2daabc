/* shown.c: reading what the server shows.
 *
 * A message is known by its name, wherever in it the framing has it stand; a chunk by its letter.
 * So it is known which one message it can be, and how that must be shown. It must be the next one
 * of its connection, and sent; a datagram any that was sent and not shown too often. What is not
 * shown whole yet is looked at again when there is more. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define TALK_PREFIX "The message was: "
#define JSON_PREFIX "{\"id\":\"0-"
#define HEX_LINE    79 /* bytes of a full line of hex */
#define HEX_DIGITS  59 /* and until its last digit */

/* So many bytes at the start of what is shown have a name, if it is a message. */
#define TALK_WINDOW 160
#define JSON_WINDOW 400
#define HEX_WINDOW  ((size_t)HEX_LINE * 4)

struct seen {
    struct scenario_client *client;
    unsigned message;
    size_t chunk;  /* bytes of a chunk; 0: a message with a name */
    char time[32]; /* json */
};

/* ---- the formats ---- */

static struct slice at_most(struct slice text, size_t most)
{
    return slice_of(text.data, text.size < most ? text.size : most);
}

/* Whether what is shown goes on like this, as far as it goes. */
static bool begins_with(struct slice shown, const char *prefix)
{
    struct slice wanted = slice_of_text(prefix);
    size_t size = shown.size < wanted.size ? shown.size : wanted.size;
    return memcmp(shown.data, wanted.data, size) == 0;
}

/* Where the word ends within text; size when it is not there. */
static size_t behind(struct slice text, const char *word)
{
    const uint8_t *found = memmem(text.data, text.size, word, strlen(word));
    return found ? (size_t)(found - text.data) + strlen(word) : text.size;
}

/* The number that stands there, with what must follow it: false when it does not, or not yet. */
static bool number_at(struct slice text, int base, char after, size_t *number)
{
    char digits[24] = "", *end;
    memcpy(digits, text.data, text.size < sizeof digits - 1 ? text.size : sizeof digits - 1);
    *number = strtoul(digits, &end, base);
    return end > digits && *end == after;
}

/* The bytes of some lines of hex; none is cut but the last. */
static struct slice decode_hex(struct slice shown, uint8_t bytes[64])
{
    size_t count = 0;
    for (size_t line = 0; line * HEX_LINE + HEX_DIGITS <= shown.size && line < 4; line++) {
        const uint8_t *start = shown.data + line * HEX_LINE;
        for (size_t i = 0; i < 16; i++) {
            char digits[3] = {(char)start[10 + i * 3 + i / 8], (char)start[11 + i * 3 + i / 8]};
            if (digits[0] == ' ')
                return slice_of(bytes, count);
            bytes[count++] = (uint8_t)strtoul(digits, NULL, 16);
        }
    }
    return slice_of(bytes, count);
}

static uint8_t value_of(uint8_t letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = memchr(letters, letter, 64);
    return found ? (uint8_t)(found - letters) : 0;
}

static struct slice decode_base64(struct slice text, uint8_t bytes[64])
{
    size_t count = 0;
    for (size_t at = 0; at + 4 <= text.size && count + 3 <= 63; at += 4) {
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++)
            bits = bits << 6 | value_of(text.data[at + i]);
        bytes[count++] = (uint8_t)(bits >> 16);
        bytes[count++] = (uint8_t)(bits >> 8);
        bytes[count++] = (uint8_t)bits;
    }
    return slice_of(bytes, count);
}

/* The last line of a message in hex tells its size, nothing else. */
static size_t hex_size(struct slice shown)
{
    while (shown.size > 0) {
        size_t line = behind(shown, "\n");
        size_t size;
        if (line == 9 && number_at(shown, 16, '\n', &size))
            return size;
        shown = slice_after(shown, line);
    }
    return 0;
}

/* The text of what is shown next, or the beginning of it, where a name can be found. */
static struct slice text_of(const struct scenario *scenario, struct slice shown, uint8_t bytes[64])
{
    size_t text;
    switch (scenario->plan.show) {
    case SHOWS_TALK:
        return at_most(slice_after(shown, behind(at_most(shown, 40), TALK_PREFIX)), TALK_WINDOW);
    case SHOWS_HEX:
        return decode_hex(shown, bytes);
    case SHOWS_JSON:
        shown = at_most(shown, JSON_WINDOW);
        shown = slice_after(shown, behind(shown, ",\"size\":"));
        text = behind(at_most(shown, 30), ",\"text\":\"");
        if (text < shown.size && text < 30)
            return slice_after(shown, text);
        return decode_base64(slice_after(shown, behind(shown, ",\"base64\":\"")), bytes);
    default:
        return at_most(shown, TALK_WINDOW);
    }
}

/* ---- whose it is ---- */

static size_t run_of(struct slice text, uint8_t letter)
{
    size_t size = 0;
    while (size < text.size && text.data[size] == letter)
        size++;
    return size;
}

/* How long the chunk is that begins what is shown; 0: that cannot be told yet. */
static size_t chunk_size(const struct scenario *scenario, struct slice shown, struct slice text)
{
    size_t size = run_of(shown, text.data[0]);
    size_t at;
    switch (scenario->plan.show) {
    case SHOWS_TALK:
        at = behind(shown, TALK_PREFIX);
        size = run_of(slice_after(shown, at), text.data[0]);
        return at + size < shown.size ? size : 0;
    case SHOWS_JSON:
        at = behind(shown, ",\"size\":");
        return number_at(slice_after(shown, at), 10, ',', &size) ? size : 0;
    case SHOWS_HEX:
        return hex_size(shown);
    default:
        return size;
    }
}

static bool see_chunk(struct scenario *scenario, struct slice shown, struct slice text,
                      struct seen *seen)
{
    seen->chunk = chunk_size(scenario, shown, text);
    for (unsigned i = text.data[0] - 'A'; i < scenario->plan.clients; i += 26)
        if (scenario->clients[i].listener->speech.kind == SPEECH_CHUNK)
            seen->client = &scenario->clients[i];
    if (!seen->client)
        scenario_break(scenario, "a chunk that nobody said is shown, at byte %zu",
                       scenario->shown_at);
    else
        seen->message = seen->client->shown;
    return seen->client && seen->chunk > 0;
}

/* Where a line must have ended, or a name been found. */
static size_t window(const struct scenario *scenario)
{
    static const size_t windows[] = {TALK_WINDOW, TALK_WINDOW, JSON_WINDOW, HEX_WINDOW, 0};
    return windows[scenario->plan.show];
}

static bool is_letter(struct slice text)
{
    return text.size > 0 && text.data[0] >= 'A' && text.data[0] <= 'Z';
}

/* Whose message what is shown is: false when that cannot be told, yet or at all. */
static bool see(struct scenario *scenario, struct slice shown, struct seen *seen)
{
    static const char *const prefixes[] = {TALK_PREFIX, "", JSON_PREFIX, "00000000  ", ""};
    uint8_t bytes[64];
    unsigned client, message;
    if (!begins_with(shown, prefixes[scenario->plan.show]))
        scenario_break(scenario, "something else than a message is shown, at byte %zu",
                       scenario->shown_at);
    struct slice text = text_of(scenario, shown, bytes);
    if (scenario->plan.chunks && is_letter(text))
        return see_chunk(scenario, shown, text, seen);
    if (!name_find(text, &client, &message)) {
        if (shown.size >= window(scenario))
            scenario_break(scenario, "something that nobody said is shown, at byte %zu",
                           scenario->shown_at);
        return false;
    }
    if (client >= scenario->plan.clients || message >= scenario->clients[client].message_count) {
        scenario_break(scenario, "message %u of client %u is shown, which nobody said", message,
                       client);
        return false;
    }
    seen->client = &scenario->clients[client];
    seen->message = message;
    return true;
}

/* Whatever the time is, it must not go back, unless the clock was set. */
static bool see_time(struct scenario *scenario, struct slice shown, struct seen *seen)
{
    size_t at = behind(at_most(shown, 60), ",\"time\":\"");
    unsigned year, part, fraction;
    int length = 0;
    if (scenario->plan.show != SHOWS_JSON)
        return true;
    if (shown.size < at + 27)
        return false;
    memcpy(seen->time, shown.data + at, 27);
    if (sscanf(seen->time, "%4u-%2u-%2uT%2u:%2u:%2u.%6uZ%n", &year, &part, &part, &part, &part,
               &part, &fraction, &length) < 7 ||
        length != 27 || (!scenario->plan.jumps && strcmp(seen->time, scenario->shown_time) < 0))
        scenario_break(scenario, "a message is shown with the time %s after %s", seen->time,
                       scenario->shown_time);
    return true;
}

/* ---- whether it may be shown ---- */

static bool datagram_may_be_shown(struct scenario *scenario, const struct seen *seen)
{
    const struct scenario_client *client = seen->client;
    const struct scenario_message *message = &client->messages[seen->message];
    if (!message->valid)
        scenario_break(scenario, "datagram %u of client %u is shown and should not be",
                       seen->message, client->number);
    else if (seen->message >= client->sent_count)
        scenario_break(scenario, "datagram %u of client %u is shown before it was sent",
                       seen->message, client->number);
    else if (message->shown >= scenario_copies(client, message))
        scenario_break(scenario, "datagram %u of client %u is shown again", seen->message,
                       client->number);
    return !scenario->broken[0];
}

/* Whether this message of this client may be shown next. */
static bool may_be_shown(struct scenario *scenario, const struct seen *seen)
{
    const struct scenario_client *client = seen->client;
    unsigned message = seen->message;
    unsigned last = message + (seen->chunk > 0 ? (unsigned)seen->chunk - 1 : 0);
    size_t end = 0;
    if (last < client->valid_count)
        end = client->messages[last].start + client->messages[last].raw_size;
    if (message < client->shown)
        scenario_break(scenario, "message %u of client %u is shown twice", message, client->number);
    else if (last >= client->valid_count)
        scenario_break(scenario, "message %u of client %u is shown and should not be", last,
                       client->number);
    else if (message > client->shown)
        scenario_break(scenario, "message %u of client %u is shown, but not the one before it",
                       message, client->number);
    else if (end > client->sent)
        scenario_break(scenario, "message %u of client %u is shown before it was sent: %zu of %zu",
                       last, client->number, client->sent, end);
    return !scenario->broken[0];
}

/* ---- one after the other ---- */

static void count(struct scenario *scenario, const struct seen *seen, size_t size)
{
    struct scenario_client *client = seen->client;
    client->shown += seen->chunk > 0 ? (unsigned)seen->chunk : 1;
    if (is_correspondent(client))
        client->messages[seen->message].shown++;
    memcpy(scenario->shown_time, seen->time, sizeof seen->time);
    scenario->shown_at += size;
    scenario->shown_count++;
    source_takes(scenario, client);
}

/* Check the next message in what is shown: false when it is not whole yet, or wrong. */
static bool look_at_one(struct scenario *scenario, struct slice shown)
{
    struct seen seen = {.client = NULL};
    if (shown.size == 0 || !see(scenario, shown, &seen) || scenario->broken[0] ||
        !see_time(scenario, shown, &seen))
        return false;
    struct scenario_client *client = seen.client;
    bool may = is_correspondent(client) ? datagram_may_be_shown(scenario, &seen)
                                        : may_be_shown(scenario, &seen);
    if (!may)
        return false;
    const struct scenario_message *message = &client->messages[seen.message];
    struct slice rendering = render(scenario, client, message, seen.chunk, seen.time);
    size_t size = shown.size < rendering.size ? shown.size : rendering.size;
    if (memcmp(shown.data, rendering.data, size) != 0)
        scenario_break(scenario, "message %u of client %u is not shown as it was sent",
                       seen.message, client->number);
    if (scenario->broken[0] || size < rendering.size)
        return false;
    count(scenario, &seen, size);
    return true;
}

void scenario_look(struct scenario *scenario)
{
    struct slice content = sim_content(scenario->engine, scenario->shown_fd);
    while (look_at_one(scenario, slice_after(content, scenario->shown_at)))
        ;
}
