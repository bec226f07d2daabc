/* text.c: the same bytes in reply to every message: --reply's text, --reply-file's content.
 *
 * The bytes are made once and shared by every reply; nothing is copied per message. */
#include "reply/reply.h"

#include <stdlib.h>

struct text_replier {
    struct replier replier; /* first: the replier is what others see */
    struct bytes content;
};

static void text_destroy(struct replier *replier)
{
    struct text_replier *text = (struct text_replier *)(void *)replier;
    bytes_free(&text->content);
    free(text);
}

struct replier *replier_text(struct bytes *content)
{
    static const struct replier_table table = {.name = "text", .destroy = text_destroy};
    struct text_replier *text = calloc(1, sizeof *text);
    if (!text)
        return NULL; /* the content stays the caller's */
    text->replier.table = &table;
    text->content = *content;
    *content = (struct bytes){0};
    text->replier.constant = true;
    text->replier.bytes = bytes_slice(&text->content);
    return &text->replier;
}
