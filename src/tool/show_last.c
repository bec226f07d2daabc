/* show_last.c: a ring that grows until it is as long as it may be; from then on the memory of the
 * oldest is that of the newest. */
#include "tool/show_last.h"

#include <errno.h>
#include <stdlib.h>

static int grow(struct show_last *last)
{
    size_t capacity = last->capacity ? last->capacity * 2 : 16;
    if (capacity > last->most)
        capacity = last->most;
    struct show_kept *kept = realloc(last->kept, capacity * sizeof *kept);
    if (!kept)
        return -ENOMEM;
    for (size_t i = last->capacity; i < capacity; i++)
        kept[i] = (struct show_kept){0};
    last->kept = kept;
    last->capacity = capacity;
    return 0;
}

/* A part of old bytes, where these bytes are now. */
static struct slice moved(struct slice part, struct slice from, const uint8_t *to)
{
    size_t before = part.size > 0 ? (size_t)(part.data - from.data) : 0;
    return slice_of(to + before, part.size);
}

static int copy(struct show_kept *kept, const struct message *message, struct slice matched)
{
    struct slice name = slice_of(message->listener, strlen(message->listener) + 1);
    bytes_clear(&kept->content);
    if (bytes_append(&kept->content, message->raw) < 0 || bytes_append(&kept->content, name) < 0)
        return -ENOMEM;
    const uint8_t *content = bytes_slice(&kept->content).data;
    kept->message = *message;
    kept->message.raw = slice_of(content, message->raw.size);
    kept->message.body = moved(message->body, message->raw, content);
    kept->message.listener = (const char *)content + message->raw.size;
    kept->matched = moved(matched, message->raw, content);
    kept->peer = *message->peer;
    return 0;
}

int show_last_keep(struct show_last *last, const struct message *message, struct slice matched)
{
    if (last->most == 0)
        return 0;
    if (last->count == last->capacity && last->count < last->most && grow(last) < 0)
        return -ENOMEM;
    bool full = last->count == last->most;
    struct show_kept *kept = &last->kept[full ? last->oldest : last->count];
    if (copy(kept, message, matched) < 0)
        return -ENOMEM;
    if (full)
        last->oldest = (last->oldest + 1) % last->most;
    else
        last->count++;
    return 0;
}

const struct show_kept *show_last_at(const struct show_last *last, size_t i)
{
    if (i >= last->count)
        return NULL;
    struct show_kept *kept = &last->kept[(last->oldest + i) % last->count];
    kept->message.peer = &kept->peer; /* the ring may have moved */
    return kept;
}

void show_last_free(struct show_last *last)
{
    for (size_t i = 0; i < last->capacity; i++)
        bytes_free(&last->kept[i].content);
    free(last->kept);
    *last = (struct show_last){0};
}
