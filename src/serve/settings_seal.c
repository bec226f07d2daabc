/* settings_seal.c: from a draft to the set that a listener and its connections keep.
 *
 * Strings are copied; the framing is made, then the reply and the greeting, which need it. The set
 * is counted, and freed when the last connection accepted with it has ended. Failing: settings that
 * do not fit together, a file that cannot be read, memory. Whatever was made by then is freed
 * again. */
#include "serve/settings.h"

#include "base/escape.h"
#include "base/units.h"
#include "reply/command.h"
#include "reply/talk.h"

#include <assert.h>
#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* --exec-timeout where it is not set: the table's. */
#define MESSAGE_TIMEOUT_NS INT64_C(30000000000)

#define TEXT_COUNT 14

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
    texts[8] = &settings->log;
    texts[9] = &settings->record;
    texts[10] = &settings->talk_file;
    texts[11] = &settings->report;
    texts[12] = &settings->exec;
    texts[13] = &settings->exec_connection;
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
    command_plan_release(&settings->connection_plan);
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

static int seal_framing(struct settings *settings, enum framing_kind kind, struct error *error)
{
    if (kind == FRAMING_PACKETS) {
        settings->framing =
            (struct framing){.codec = &codec_packet, .max_message = (size_t)settings->max_message};
        return GT_DONE;
    }
    if (framing_parse(&settings->framing, settings->frame, (size_t)settings->max_message, error) ==
        GT_DONE)
        return GT_DONE;
    return error_prefix(error, "--frame");
}

/* Put around bytes what the framing puts around such a reply: GT_DONE, or what is wrong. */
static int wrap(const struct settings *settings, const char *what, enum frame_reply kind,
                struct bytes *bytes, struct error *error)
{
    struct bytes sent = {0};
    struct frame_wrapping wrapping;
    if (!frame_wrap(&settings->framing, bytes_slice(bytes), kind, &wrapping))
        return error_set(error, GT_WRONG, "%s: --frame %s cannot say a reply of %zu bytes", what,
                         settings->frame, bytes->size);
    int result = bytes_append(&sent, slice_of(wrapping.head, wrapping.head_size));
    result |= bytes_append(&sent, bytes_slice(bytes));
    result |= bytes_append(&sent, wrapping.tail);
    bytes_free(result ? &sent : bytes);
    if (result)
        return no_memory(error);
    *bytes = sent;
    return GT_DONE;
}

static int seal_text(struct settings *settings, struct error *error)
{
    struct bytes text = {0};
    size_t wrong;
    int status = unescape(&text, settings->reply, &wrong) ? no_memory(error) : GT_DONE;
    if (status == GT_DONE)
        status = wrap(settings, "--reply", FRAME_REPLY_DEFAULT, &text, error);
    if (status == GT_DONE && !(settings->replier = replier_text(&text)))
        status = no_memory(error);
    bytes_free(&text);
    return status;
}

static int seal_file(struct settings *settings, struct error *error)
{
    struct bytes content = {0};
    if (reply_file_read(settings->reply_file, FILE_BYTES_MAX, &content, error) != GT_DONE)
        return error_prefix(error, "--reply-file");
    int status = wrap(settings, "--reply-file", FRAME_REPLY_EXACT, &content, error);
    if (status == GT_DONE && !(settings->replier = replier_text(&content)))
        status = no_memory(error);
    bytes_free(&content);
    return status;
}

/* What is run for each connection may take as long as it likes, unless something else is said. */
static int seal_connection(struct settings *settings, struct error *error)
{
    if (!settings->exec_connection)
        return GT_DONE;
    if (settings->talk)
        return error_set(error, GT_WRONG,
                         "--exec-connection: the command says everything; leave out --talk");
    if (settings->reply_given)
        return error_set(error, GT_WRONG,
                         "--exec-connection: the command says everything; leave out --%s",
                         settings->reply_given);
    int64_t timeout_ns = settings->exec_timeout_ns;
    settings->connection_plan = command_plan_create(
        settings->exec_connection, timeout_ns == DURATION_AUTO ? DURATION_NONE : timeout_ns, 0);
    return settings->connection_plan ? GT_DONE : no_memory(error);
}

static int seal_command(struct settings *settings, struct error *error)
{
    if (settings->exec_timeout_ns == DURATION_AUTO)
        settings->exec_timeout_ns = MESSAGE_TIMEOUT_NS;
    struct command_plan *plan =
        command_plan_create(settings->exec, settings->exec_timeout_ns, (size_t)settings->max_reply);
    if (plan)
        settings->replier = replier_exec(plan);
    if (settings->replier)
        return GT_DONE;
    command_plan_release(&plan);
    return no_memory(error);
}

static int seal_replier(struct settings *settings, struct error *error)
{
    switch ((enum reply_source)settings->reply_source) {
    case REPLY_FROM_TEXT:
        return seal_text(settings, error);
    case REPLY_FROM_FILE:
        return seal_file(settings, error);
    case REPLY_FROM_COMMAND:
        return seal_command(settings, error);
    case REPLY_FROM_ECHO:
        settings->replier = replier_echo();
        break;
    case REPLY_FROM_NOTHING:
        settings->replier = replier_silent();
        break;
    case REPLY_FROM_TALK:
        settings->replier = replier_talk(settings->talk);
        break;
    }
    return settings->replier ? GT_DONE : no_memory(error);
}

static int seal_greeting(struct settings *settings, struct error *error)
{
    size_t wrong;
    struct bytes *greeting = &settings->greeting_bytes;
    if (settings->greeting_exact_file) {
        if (reply_file_read(settings->greeting_file, FILE_BYTES_MAX, greeting, error) != GT_DONE)
            return error_prefix(error, "--greeting-file");
    } else if (!settings->greeting) {
        return GT_DONE;
    } else if (unescape(greeting, settings->greeting, &wrong) < 0) {
        return no_memory(error);
    }
    return wrap(settings, "--greeting", FRAME_REPLY_EXACT, greeting, error);
}

struct settings *settings_seal(const struct settings *draft, enum framing_kind kind,
                               struct error *error)
{
    struct settings *sealed = malloc(sizeof(*sealed));
    if (!sealed) {
        no_memory(error);
        return NULL;
    }
    *sealed = *draft;
    atomic_init(&sealed->references, 1);
    sealed->replier = NULL;
    sealed->connection_plan = NULL;
    sealed->greeting_bytes = (struct bytes){0};
    if (own_texts(sealed, error) != GT_DONE || seal_limits(sealed, error) != GT_DONE ||
        seal_framing(sealed, kind, error) != GT_DONE || seal_replier(sealed, error) != GT_DONE ||
        seal_greeting(sealed, error) != GT_DONE || seal_connection(sealed, error) != GT_DONE)
        settings_release(&sealed);
    return sealed;
}

struct settings *settings_keep(struct settings *sealed)
{
    unsigned before = atomic_fetch_add(&sealed->references, 1);
    assert(before > 0);
    (void)before;
    return sealed;
}

void settings_release(struct settings **sealed)
{
    struct settings *settings = *sealed;
    *sealed = NULL;
    if (!settings)
        return;
    unsigned before = atomic_fetch_sub(&settings->references, 1);
    assert(before > 0);
    if (before > 1)
        return;
    settings_clear(settings);
    free(settings);
}
