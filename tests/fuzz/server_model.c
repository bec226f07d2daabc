/* server_model.c: what a client must have been told, from what it said.
 *
 * Its whole stream is scanned in one piece and every message replied to as the settings say. What
 * it was told must be the beginning of that; all of it where its connection ended by its own end of
 * the stream and nobody was rude. Where messages depend on when bytes came (a pause, a chunk) only
 * an echo of chunks is known. */
#include "server_world.h"

#include <stdio.h>

static bool is_chunks(const struct world *world, const struct client *client)
{
    return !client->packets && strcmp(world->frame, "chunk") == 0;
}

static bool is_known(const struct world *world, const struct client *client)
{
    bool pauses = !client->packets && world->pauses && strcmp(world->frame, "talk") == 0;
    if (is_chunks(world, client))
        return world->replies == REPLIES_NOTHING || world->replies == REPLIES_ECHO;
    return !pauses || world->replies == REPLIES_NOTHING;
}

static struct framing framing_of(const struct world *world, const struct client *client)
{
    struct framing framing = {.codec = &codec_packet, .max_message = world->max_message};
    if (!client->packets)
        require(framing_parse(&framing, world->frame, world->max_message, NULL) == GT_DONE);
    return framing;
}

/* ---- what is expected ---- */

/* False where the framing cannot say it: then nothing follows. */
static bool append(struct bytes *to, const struct framing *framing, struct slice reply,
                   enum frame_reply kind)
{
    struct frame_wrapping wrapping;
    if (!frame_wrap(framing, reply, kind, &wrapping))
        return false;
    require(bytes_append(to, slice_of(wrapping.head, wrapping.head_size)) == 0 &&
            bytes_append(to, reply) == 0 && bytes_append(to, wrapping.tail) == 0);
    return true;
}

/* What the application says: see world_heard. */
static bool expect_ours(struct bytes *to, const struct framing *framing, struct slice body)
{
    uint8_t first = body.size > 0 ? body.data[0] : 0;
    bool said = first == 'n' || append(to, framing, body, FRAME_REPLY_PLAIN);
    return said && first != 'c';
}

/* Append what is replied to a message: whether another message is taken. */
static bool expect_reply(const struct world *world, struct bytes *to, const struct framing *framing,
                         struct slice body)
{
    static const struct slice text = {(const uint8_t *)"Good talking to you", 19};
    bool said = true;
    if (world->replies == REPLIES_TEXT)
        said = append(to, framing, text, FRAME_REPLY_DEFAULT);
    else if (world->replies == REPLIES_ECHO)
        said = append(to, framing, body, FRAME_REPLY_PLAIN);
    else if (world->replies == REPLIES_BY_US)
        said = expect_ours(to, framing, body);
    return said && !world->close;
}

/* What is in the stream, and then what its end makes of the rest. */
static void expect_replies(const struct world *world, const struct client *client,
                           struct bytes *expected)
{
    struct framing framing = framing_of(world, client);
    struct frame frame = {0};
    struct slice rest = bytes_slice(&client->said);
    for (int event = FRAME_BYTES; event <= FRAME_END; event += FRAME_END - FRAME_BYTES) {
        struct frame_mark mark;
        enum frame_result result;
        while ((result = frame_scan(&framing, &frame, rest, (enum frame_event)event, &mark)) ==
               FRAME_MESSAGE) {
            if (!expect_reply(world, expected, &framing, mark.body))
                return;
            rest = slice_after(rest, mark.consumed);
        }
        if (result != FRAME_MORE)
            return;
        rest = slice_after(rest, mark.consumed);
    }
}

static void expect(const struct world *world, const struct client *client, struct bytes *expected)
{
    struct framing framing = framing_of(world, client);
    if (world->greeting)
        append(expected, &framing, slice_of_text(world->greeting), FRAME_REPLY_EXACT);
    if (is_chunks(world, client) && world->replies == REPLIES_ECHO)
        require(bytes_append(expected, bytes_slice(&client->said)) == 0);
    else if (world->replies != REPLIES_NOTHING)
        expect_replies(world, client, expected);
}

void model_check(const struct world *world, struct client *client)
{
    struct bytes expected = {0};
    struct slice told = sim_client_received(client->sim);
    bool whole = strcmp(client->reason, "peer-closed") == 0 && !client->rude && !world->has_goal;
    if (is_known(world, client)) {
        expect(world, client, &expected);
        require(told.size <= expected.size);
        require(slice_equal(told, slice_of(bytes_slice(&expected).data, told.size)));
        require(!whole || (world->close && !world->greeting) || told.size == expected.size);
    }
    bytes_free(&expected);
}

/* ---- what was shown ---- */

void model_check_shown(const struct world *world)
{
    struct slice shown = sim_content(world->engine, world->shown_fd);
    bool lines = strcmp(world->show, "talk") == 0 || strcmp(world->show, "json") == 0;
    size_t count = 0;
    if (strcmp(world->show, "none") == 0)
        require(shown.size == 0);
    while (lines && shown.size > 0) {
        const uint8_t *end = memchr(shown.data, '\n', shown.size);
        require(end != NULL); /* the last one is whole */
        require(fit_for_terminal(slice_of(shown.data, (size_t)(end - shown.data))));
        shown = slice_after(shown, (size_t)(end - shown.data) + 1);
        count++;
    }
    require(!lines || count == gt_message_count(world->server));
}
