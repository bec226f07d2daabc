/* settings_seal.c: from a draft to the set that a listener and its connections keep.
 *
 * Strings are copied; the framing is made, then the reply and the greeting, which need it. The set
 * is counted, and freed when the last connection accepted with it has ended. Failing: settings that
 * do not fit together, a file that cannot be read, memory. Whatever was made by then is freed
 * again. */
#include "serve/settings.h"

#include "base/escape.h"
#include "base/units.h"

#include <assert.h>
#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

#define TEXT_COUNT 8

/* The strings that a set owns. */
static void list_texts(struct settings *settings, char **texts[TEXT_COUNT])
{
    texts[0] = &settings->reply;
    texts[1] = &settings->reply_file;
    texts[2] = &settings->greeting;
    texts[3] = &settings->greeting_file;
    texts[4] = &settings->frame;
    texts[5] = &settings->socket_owner;
    texts[6] = &settings->ready;
    texts[7] = &settings->engine;
}

static int no_memory(struct error *error)
{
    return error_set(error, GT_FAILED, "memory is out");
}

/* A copy of its own of every string; what cannot be copied is NULL afterwards. */
static int own_texts(struct settings *settings, struct error *error)
{
    int status = GT_DONE;
    char **texts[TEXT_COUNT];
    list_texts(settings, texts);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (!*texts[i])
            continue;
        *texts[i] = strdup(*texts[i]);
        if (!*texts[i])
            status = no_memory(error);
    }
    return status;
}

void settings_clear(struct settings *settings)
{
    char **texts[TEXT_COUNT];
    list_texts(settings, texts);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
    replier_destroy(&settings->replier);
    bytes_free(&settings->greeting_bytes);
}

/* ---- what is made of them ---- */

static int seal_limits(const struct settings *settings, struct error *error)
{
    char message[64], memory[64];
    if (settings->max_message <= settings->max_memory)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "--max-message %s: does not fit into --max-memory %s; raise the one or lower "
                     "the other",
                     units_size_words(message, sizeof(message), settings->max_message),
                     units_size_words(memory, sizeof(memory), settings->max_memory));
}

static int seal_framing(struct settings *settings, struct error *error)
{
    if (framing_parse(&settings->framing, settings->frame, (size_t)settings->max_message, error) ==
        GT_DONE)
        return GT_DONE;
    return error_prefix(error, "--frame");
}

/* The text as it is sent: its escapes read, ended as the framing ends the default reply. */
static int wrap_reply(const struct settings *settings, struct bytes *sent)
{
    struct bytes text = {0};
    struct frame_wrapping wrapping;
    size_t wrong;
    int result = unescape(&text, settings->reply, &wrong);
    if (result == 0) {
        frame_wrap(&settings->framing, bytes_slice(&text), FRAME_REPLY_DEFAULT, &wrapping);
        result = bytes_append(sent, slice_of(wrapping.head, wrapping.head_size));
    }
    if (result == 0)
        result = bytes_append(sent, bytes_slice(&text));
    if (result == 0)
        result = bytes_append(sent, wrapping.tail);
    bytes_free(&text);
    return result;
}

static int seal_text(struct settings *settings, struct error *error)
{
    struct bytes sent = {0};
    if (wrap_reply(settings, &sent) == 0)
        settings->replier = replier_text(&sent);
    bytes_free(&sent);
    return settings->replier ? GT_DONE : no_memory(error);
}

static int seal_file(struct settings *settings, struct error *error)
{
    struct bytes content = {0};
    if (reply_file_read(settings->reply_file, FILE_BYTES_MAX, &content, error) != GT_DONE)
        return error_prefix(error, "--reply-file");
    settings->replier = replier_exact(&content);
    bytes_free(&content);
    return settings->replier ? GT_DONE : no_memory(error);
}

static int seal_replier(struct settings *settings, struct error *error)
{
    switch ((enum reply_source)settings->reply_source) {
    case REPLY_FROM_TEXT:
        return seal_text(settings, error);
    case REPLY_FROM_FILE:
        return seal_file(settings, error);
    case REPLY_FROM_ECHO:
        settings->replier = replier_echo();
        break;
    case REPLY_FROM_NOTHING:
        settings->replier = replier_silent();
        break;
    }
    return settings->replier ? GT_DONE : no_memory(error);
}

static int seal_greeting(struct settings *settings, struct error *error)
{
    size_t wrong;
    struct bytes *greeting = &settings->greeting_bytes;
    if (settings->greeting_exact_file) {
        if (reply_file_read(settings->greeting_file, FILE_BYTES_MAX, greeting, error) == GT_DONE)
            return GT_DONE;
        return error_prefix(error, "--greeting-file");
    }
    if (settings->greeting && unescape(greeting, settings->greeting, &wrong) < 0)
        return no_memory(error);
    return GT_DONE;
}

struct settings *settings_seal(const struct settings *draft, struct error *error)
{
    struct settings *sealed = malloc(sizeof(*sealed));
    if (!sealed) {
        no_memory(error);
        return NULL;
    }
    *sealed = *draft;
    sealed->references = 1;
    sealed->replier = NULL;
    sealed->greeting_bytes = (struct bytes){0};
    if (own_texts(sealed, error) != GT_DONE || seal_limits(sealed, error) != GT_DONE ||
        seal_framing(sealed, error) != GT_DONE || seal_replier(sealed, error) != GT_DONE ||
        seal_greeting(sealed, error) != GT_DONE)
        settings_release(&sealed);
    return sealed;
}

struct settings *settings_keep(struct settings *sealed)
{
    assert(sealed->references > 0);
    sealed->references++;
    return sealed;
}

void settings_release(struct settings **sealed)
{
    struct settings *settings = *sealed;
    *sealed = NULL;
    if (!settings)
        return;
    assert(settings->references > 0);
    if (--settings->references > 0)
        return;
    settings_clear(settings);
    free(settings);
}
