/* effects_side.c: see effects_side.h. */
#include "effects_side.h"

#include "reply/effects.h"
#include "serve/server.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 200

/* The number after "word=", or otherwise where the word is not there. */
static int64_t number_after(const char *words, const char *word, int64_t otherwise)
{
    const char *found = strstr(words, word);
    return found ? strtoll(found + strlen(word), NULL, 10) : otherwise;
}

static struct effects read_effects(const char *words)
{
    return (struct effects){.delay_ns = number_after(words, "delay=", 0) * 1000000,
                            .drip = number_after(words, "drip=", 0),
                            .pieces = (size_t)number_after(words, "pieces=", 0),
                            .truncate_size = number_after(words, "truncate=", -1),
                            .close = strstr(words, "close"),
                            .reset = strstr(words, "reset"),
                            .hang = strstr(words, "hang")};
}

static enum reply_when answer(struct replier *replier, const struct message *message,
                              struct gt_turn *turn, struct reply *reply)
{
    static _Thread_local struct effects effects;
    const uint8_t *colon = memchr(message->body.data, ':', message->body.size);
    char words[WORDS_MOST] = "";
    (void)replier;
    (void)turn;
    if (!colon) {
        reply->bytes = message->body;
        return REPLY_NOW;
    }
    size_t size = (size_t)(colon - message->body.data);
    memcpy(words, message->body.data, size < WORDS_MOST ? size : WORDS_MOST - 1);
    effects = read_effects(words);
    reply->effects = &effects;
    reply->bytes = slice_after(message->body, size + 1);
    return strstr(words, "none") ? REPLY_NONE : REPLY_NOW;
}

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)message;
    (void)context;
    gt_reply_none(turn);
}

void effects_side_use(gt_server *server)
{
    static const struct replier_table table = {.name = "effects", .answer = answer};
    gt_on_message(server, heard, NULL);
    server->callback.replier.table = &table;
}
