/* talk.c: what is said, and what is to be replied: all of it follows from two numbers. */
#include "world.h"

#include <stdio.h>

#define TEXT_MOST  70000
#define LARGE_EACH 7

/* The first reply of seven, and every seventh message, is large. */
static size_t length_of(const struct scene *scene, unsigned talker, unsigned message)
{
    if (scene->large && message % LARGE_EACH == LARGE_EACH - 1)
        return scene->large;
    return (talker * 131 + message * 37) % (scene->size_most + 1);
}

static struct slice write_text(const char *word, size_t length, unsigned talker, unsigned message)
{
    static char text[TEXT_MOST];
    int used = snprintf(text, sizeof text, "<%u.%u>%s", talker, message, word);
    for (size_t i = 0; i < length; i++)
        text[used++] = (char)('a' + (i + message) % 26);
    return slice_of(text, (size_t)used);
}

struct slice message_text(const struct scene *scene, unsigned talker, unsigned message)
{
    return write_text("", length_of(scene, talker, message), talker, message);
}

static const char *setting(const struct scene *scene, const char *name)
{
    for (unsigned i = 0; scene->settings[i]; i += 2)
        if (strcmp(scene->settings[i], name) == 0)
            return scene->settings[i + 1];
    return "";
}

struct slice reply_text(const struct scene *scene, unsigned talker, unsigned message)
{
    switch (scene->replies) {
    case REPLIES_TEXT:
        return slice_of_text(setting(scene, "reply"));
    case REPLIES_ECHO:
        return message_text(scene, talker, message);
    case REPLIES_BY_APPLICATION:
        break;
    }
    return write_text("re ", length_of(scene, talker, message + 3), talker, message);
}

bool message_find(struct slice text, unsigned *talker, unsigned *message)
{
    char head[32] = "";
    const uint8_t *place = text.size ? memchr(text.data, '<', text.size) : NULL;
    if (!place)
        return false;
    size_t left = text.size - (size_t)(place - text.data);
    memcpy(head, place, left < sizeof head - 1 ? left : sizeof head - 1);
    return sscanf(head, "<%u.%u>", talker, message) == 2;
}
