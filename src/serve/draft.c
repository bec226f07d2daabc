/* draft.c: see draft.h.
 *
 * What is wrong in a talk file is told with its line, and with the name as it stands there:
 * "mail.lua:3: max_message 0: too small; at least 1 byte". */
#include "serve/draft.h"

#include "reply/talk.h"

#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- a talk file's ---- */

/* "--max-message 0: ..." becomes "mail.lua:3: max_message 0: ...". */
static int place_error(const struct talk *talk, const struct talk_setting *setting,
                       struct error *error)
{
    char *text = error->text;
    size_t length = strlen(setting->name);
    if (strncmp(text, "--", 2) == 0 && strncmp(text + 2, setting->name, length) == 0) {
        memmove(text, text + 2, strlen(text + 2) + 1);
        for (size_t i = 0; i < length; i++)
            if (text[i] == '-')
                text[i] = '_';
    }
    return error_prefix(error, "%s:%u", talk->name, setting->line);
}

static int set(struct settings *draft, const struct talk *talk, const struct talk_setting *setting,
               struct error *error)
{
    if (settings_set(draft, setting->name, setting->value, error) == GT_DONE)
        return GT_DONE;
    return place_error(talk, setting, error);
}

/* "rules" */
static const char *kind_word(const struct talk *talk)
{
    return talk->words.kind == TALK_OF_RULES ? "rules" : "conversation";
}

int draft_check_heard(const struct settings *draft, const struct talk *talk, int64_t before,
                      const char *name, struct error *error)
{
    bool replies = talk && talk->words.kind != TALK_OF_SETTINGS;
    if (!replies || draft->reply_source == before)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "--%s: would silence the %s of %s (line %u); give the one or the other", name,
                     kind_word(talk), talk->name, talk->words.kind_line);
}

/* Whether the setting has done its work: the descriptor of --ready fd:N is closed once it is told.
 */
static bool is_done(const struct draft_parts *parts, const char *name)
{
    return parts->running && strcmp(name, "ready") == 0;
}

/* A setting of the file that is the whole server's, or a listener's. */
static bool is_of(const struct talk_setting *setting, enum gt_scope scope)
{
    const struct gt_setting *row;
    for (size_t i = 0; (row = gt_setting_at(i)) != NULL; i++)
        if (strcmp(row->name, setting->name) == 0)
            return row->scope == scope;
    return false;
}

static int set_scope(struct settings *draft, const struct draft_parts *parts, enum gt_scope scope,
                     struct error *error)
{
    int status = GT_DONE;
    const struct talk *talk = parts->talk;
    const struct talk_settings *settings = &talk->words.settings;
    for (size_t i = 0; status == GT_DONE && i < settings->count; i++) {
        const struct talk_setting *setting = &settings->entries[i];
        int64_t before = draft->reply_source;
        if (!is_of(setting, scope) || is_done(parts, setting->name))
            continue;
        status = set(draft, talk, setting, error);
        if (status == GT_DONE && draft_check_heard(draft, talk, before, setting->name, error))
            status = place_error(talk, setting, error);
    }
    return status;
}

/* What is said of one address may have it reply by itself. */
static int set_own(struct settings *draft, const struct draft_parts *parts, struct error *error)
{
    int status = GT_DONE;
    const struct talk_settings *own = parts->own;
    for (size_t i = 0; own && status == GT_DONE && i < own->count; i++)
        status = set(draft, parts->talk, &own->entries[i], error);
    return status;
}

static int set_lasting(struct settings *draft, const struct draft_parts *parts, struct error *error)
{
    int status = GT_DONE;
    const struct given_settings *lasting = parts->lasting;
    if (!lasting)
        return set_scope(draft, parts, GT_SCOPE_SERVER, error);
    for (size_t i = 0; status == GT_DONE && i < lasting->count; i++)
        if (!is_done(parts, lasting->entries[i].name))
            status =
                settings_set(draft, lasting->entries[i].name, lasting->entries[i].value, error);
    return status;
}

static int add_talk(struct settings *draft, const struct draft_parts *parts, struct error *error)
{
    draft->talk = parts->talk;
    if (draft->talk->words.kind != TALK_OF_SETTINGS)
        draft->reply_source = REPLY_FROM_TALK;
    int status = set_scope(draft, parts, GT_SCOPE_LISTENER, error);
    if (status == GT_DONE)
        status = set_lasting(draft, parts, error);
    return status == GT_DONE ? set_own(draft, parts, error) : status;
}

/* ---- all of it ---- */

static int add_given(struct settings *draft, const struct draft_parts *parts,
                     const struct given_setting *entry, struct error *error)
{
    int64_t before = draft->reply_source;
    if (is_done(parts, entry->name))
        return GT_DONE;
    int status = settings_set(draft, entry->name, entry->value, error);
    if (status != GT_DONE)
        return status;
    if (parts->talk && strcmp(entry->name, "talk") == 0)
        return add_talk(draft, parts, error);
    return draft_check_heard(draft, draft->talk, before, entry->name, error);
}

int draft_compose(struct settings *draft, const struct draft_parts *parts, struct error *error)
{
    int status = settings_init(draft, error);
    const struct given_settings *given = parts->given;
    if (status != GT_DONE)
        return status;
    for (size_t i = 0; status == GT_DONE && i < given->count; i++)
        status = add_given(draft, parts, &given->entries[i], error);
    if (status != GT_DONE)
        settings_clear(draft);
    return status;
}

int draft_read_talk(const struct settings *draft, const char *path, struct talk **talk,
                    struct error *error)
{
    static const struct talk_vocabulary vocabulary = {gt_setting_at};
    struct script_bounds bounds;
    draft_bounds(draft, &bounds);
    return talk_read(path, &vocabulary, &bounds, talk, error);
}

void draft_bounds(const struct settings *draft, struct script_bounds *bounds)
{
    *bounds = (struct script_bounds){.steps = (uint64_t)draft->max_script_steps,
                                     .call_bytes = (size_t)draft->max_script_allocation,
                                     .state_bytes = (size_t)draft->max_script_memory,
                                     .trusted = draft->trust};
}

/* Datagrams hold no conversation. */
static int check_converses(const struct settings *draft, int type, const char *name,
                           struct error *error)
{
    bool converses =
        draft->reply_source == REPLY_FROM_TALK && draft->talk->words.kind == TALK_OF_CONVERSATION;
    if (!converses || type != SOCK_DGRAM)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "%s: %s has a conversation, which datagrams do not hold; beside it they need "
                     "a reply of their own: listen = { { \"%s\", echo = true } }",
                     name, draft->talk->name, name);
}

struct settings *draft_seal(const struct settings *draft, int type, const char *name,
                            struct error *error)
{
    if (check_converses(draft, type, name, error) != GT_DONE)
        return NULL;
    return settings_seal(draft, type == SOCK_STREAM ? FRAMING_STREAM : FRAMING_PACKETS, error);
}
