/* render.c: how a message is shown, in each format, to be compared byte for byte. */
#include "scenario.h"

#include "base/escape.h"
#include "base/peer.h"

#include <stdio.h>
#include <stdlib.h>

static void must(int result)
{
    if (result < 0)
        abort();
}

static void render_talk(struct bytes *to, struct slice body)
{
    speech_append(to, slice_of_text("The message was: "));
    must(escape_text(to, body));
    speech_append(to, slice_of("\n", 1));
}

static struct peer peer_of(const struct scenario_client *client)
{
    return client->sim ? sim_client_peer(client->sim)
                       : sim_correspondent_peer(client->correspondent);
}

static void render_json(struct bytes *to, const struct scenario_client *client, struct slice body,
                        const char *time)
{
    char name[PEER_NAME_SIZE];
    struct peer peer = peer_of(client);
    must(bytes_format(to, "{\"id\":\"0-%llu\",\"time\":\"%s\",\"listener\":\"%s\",\"peer\":\"%s\"",
                      (unsigned long long)client->scenario->shown_count + 1, time,
                      client->listener->name, peer_name(&peer, name)));
    must(
        bytes_format(to, ",\"size\":%zu,\"%s\":", body.size, utf8_valid(body) ? "text" : "base64"));
    if (utf8_valid(body)) {
        must(escape_json(to, body));
    } else {
        speech_append(to, slice_of("\"", 1));
        must(escape_base64(to, body));
        speech_append(to, slice_of("\"", 1));
    }
    speech_append(to, slice_of("}\n", 2));
}

/* ---- hexdump -C ---- */

/* One line, by hand: this is most of what a run in hex costs. */
static void render_hex_line(struct bytes *to, size_t offset, struct slice line)
{
    static const char digits[] = "0123456789abcdef";
    char text[80];
    char *bytes = text + 10, *plain = text + 61;
    memset(text, ' ', sizeof text);
    for (unsigned i = 0; i < 8; i++)
        text[i] = digits[offset >> (28 - 4 * i) & 15];
    for (size_t i = 0; i < line.size; i++) {
        uint8_t byte = line.data[i];
        char *place = bytes + 3 * i + i / 8;
        place[0] = digits[byte >> 4];
        place[1] = digits[byte & 15];
        *plain++ = byte >= ' ' && byte <= '~' ? (char)byte : '.';
    }
    text[60] = *plain++ = '|';
    *plain++ = '\n';
    speech_append(to, slice_of(text, (size_t)(plain - text)));
}

static void render_hex(struct bytes *to, struct slice raw)
{
    bool starred = false;
    for (size_t at = 0; at < raw.size; at += 16) {
        size_t size = raw.size - at < 16 ? raw.size - at : 16;
        bool same = at > 0 && size == 16 && memcmp(raw.data + at, raw.data + at - 16, 16) == 0;
        if (!same)
            render_hex_line(to, at, slice_of(raw.data + at, size));
        else if (!starred)
            speech_append(to, slice_of("*\n", 2));
        starred = same;
    }
    must(bytes_format(to, "%08zx\n", raw.size));
}

struct slice render(struct scenario *scenario, const struct scenario_client *client,
                    const struct scenario_message *message, size_t chunk, const char *time)
{
    struct bytes *to = &scenario->rendering;
    const uint8_t *start = bytes_slice(&client->stream).data + message->start;
    struct slice raw = slice_of(start, chunk > 0 ? chunk : message->raw_size);
    struct slice body = slice_of(start + message->body_at, chunk > 0 ? chunk : message->body_size);
    bytes_clear(to);
    if (scenario->plan.show == SHOWS_RAW)
        return raw;
    if (scenario->plan.show == SHOWS_TALK)
        render_talk(to, body);
    else if (scenario->plan.show == SHOWS_JSON)
        render_json(to, client, body, time);
    else
        render_hex(to, raw);
    return bytes_slice(to);
}
