/* reply.c: what a message is replied, by the server or by its application. */
#include "scenario.h"

#include <stdio.h>

struct slice reply_words(const struct scenario_client *client,
                         const struct scenario_message *message)
{
    static char text[NAME_SIZE + 40];
    char name[NAME_SIZE];
    unsigned number = (unsigned)(message - client->messages);
    if (message->answer == ANSWERS_ECHO)
        return slice_of(bytes_slice(&client->stream).data + message->start + message->body_at,
                        message->body_size);
    name_write(name, client->number, number);
    snprintf(text, sizeof text, "%sis answered", name);
    return slice_of_text(message->answer == ANSWERS_TEXT ? text : "");
}

void reply_expect(const struct scenario_client *client, const struct scenario_message *message,
                  struct bytes *to)
{
    const struct scenario_listener *listener = client->listener;
    struct slice words = reply_words(client, message);
    size_t before = to->size;
    if (client->hangs)
        return;
    if (listener->reply == REPLIES_TEXT)
        speech_append(to, bytes_slice(&listener->reply_text));
    else if (listener->reply != REPLIES_SILENT && message->answer != ANSWERS_NOTHING)
        speech_reply(&listener->speech, SPEECH_PLAIN, words, to);
    effects_apply(client, message, to, before);
}
