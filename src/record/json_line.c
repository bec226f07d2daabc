/* json_line.c: a message as a line of JSON.
 *
 * Most of a line is the same for message after message: when the pass was, who speaks, on which
 * listener. That is worked out when it changes and copied otherwise; and text that needs no escape
 * is copied too. So a line costs about what its bytes cost. */
#include "record/json_line.h"

#include "base/escape.h"

#include <errno.h>

#define NUMBER_SIZE 20 /* digits of the largest 64-bit number */

/* All of a line but its origin and its body, at most. */
#define FRAME_SIZE 160

static bool same_peer(const struct peer *a, const struct peer *b)
{
    return a->kind == b->kind && a->port == b->port && a->scope == b->scope &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static int learn_origin(struct envelope *envelope, const struct message *message)
{
    char peer[PEER_NAME_SIZE];
    struct bytes *origin = &envelope->origin;
    envelope->listener = NULL;
    bytes_clear(origin);
    if (bytes_append(origin, slice_of_text("\",\"listener\":")) < 0 ||
        escape_json(origin, slice_of_text(message->listener)) < 0 ||
        bytes_format(origin, ",\"peer\":\"%s\",\"size\":", peer_name(message->peer, peer)) < 0)
        return -ENOMEM;
    envelope->listener = message->listener;
    envelope->peer = *message->peer;
    return 0;
}

static int learn(struct envelope *envelope, const struct message *message)
{
    if (envelope->time_us != message->time_us || !envelope->time[0])
        message_time(message->time_us, envelope->time);
    envelope->time_us = message->time_us;
    if (envelope->listener == message->listener && same_peer(&envelope->peer, message->peer))
        return 0;
    return learn_origin(envelope, message);
}

static void put(struct bytes *to, struct slice slice)
{
    if (slice.size > 0)
        memcpy(bytes_end(to), slice.data, slice.size);
    to->size += slice.size;
}

static void put_number(struct bytes *to, uint64_t number)
{
    uint8_t digits[NUMBER_SIZE];
    size_t at = NUMBER_SIZE;
    do {
        digits[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(to, slice_of(digits + at, NUMBER_SIZE - at));
}

static int append_body(struct bytes *to, struct slice body)
{
    if (escape_json_plain(body)) {
        put(to, slice_of_text(",\"text\":\""));
        put(to, body);
        put(to, slice_of_text("\""));
        return 0;
    }
    if (utf8_valid(body))
        return bytes_append(to, slice_of_text(",\"text\":")) < 0 ? -ENOMEM : escape_json(to, body);
    if (bytes_append(to, slice_of_text(",\"base64\":\"")) < 0 || escape_base64(to, body) < 0)
        return -ENOMEM;
    return bytes_append(to, slice_of("\"", 1));
}

int json_line(struct bytes *to, struct envelope *envelope, const struct message *message)
{
    if (learn(envelope, message) < 0 ||
        bytes_reserve(to, FRAME_SIZE + envelope->origin.size + message->body.size) < 0)
        return -ENOMEM;
    size_t before = to->size;
    put(to, slice_of_text("{\"id\":\""));
    put_number(to, message->worker);
    put(to, slice_of_text("-"));
    put_number(to, message->sequence);
    put(to, slice_of_text("\",\"time\":\""));
    put(to, slice_of_text(envelope->time));
    put(to, bytes_slice(&envelope->origin));
    put_number(to, message->body.size);
    if (append_body(to, message->body) < 0 || bytes_append(to, slice_of_text("}\n")) < 0) {
        to->size = before;
        return -ENOMEM;
    }
    return 0;
}

void envelope_free(struct envelope *envelope)
{
    bytes_free(&envelope->origin);
    *envelope = (struct envelope){0};
}
