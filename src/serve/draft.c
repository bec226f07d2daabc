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

/* ---- what was given ---- */

static void free_entry(struct given_setting *entry)
{
    free(entry->name);
    free(entry->value);
}

static void forget(struct given_settings *given, const char *name)
{
    for (size_t i = 0; i < given->count; i++) {
        if (strcmp(given->entries[i].name, name) != 0)
            continue;
        free_entry(&given->entries[i]);
        memmove(&given->entries[i], &given->entries[i + 1],
                (given->count - i - 1) * sizeof *given->entries);
        given->count--;
        return;
    }
}

int given_note(struct given_settings *given, const char *name, const char *value,
               struct error *error)
{
    struct given_setting *entries = reallocarray(given->entries, given->count + 1, sizeof *entries);
    if (entries)
        given->entries = entries;
    struct given_setting entry = {.name = strdup(name), .value = value ? strdup(value) : NULL};
    if (!entries || !entry.name || (value && !entry.value)) {
        free_entry(&entry);
        return error_set(error, GT_FAILED, "memory is out");
    }
    forget(given, name);
    given->entries[given->count++] = entry;
    return GT_DONE;
}

int given_copy(struct given_settings *to, const struct given_settings *from, struct error *error)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < from->count; i++)
        status = given_note(to, from->entries[i].name, from->entries[i].value, error);
    return status;
}

void given_free(struct given_settings *given)
{
    for (size_t i = 0; i < given->count; i++)
        free_entry(&given->entries[i]);
    free(given->entries);
    *given = (struct given_settings){0};
}

int given_note_talk(struct given_settings *given, const struct talk_settings *settings,
                    struct error *error)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < settings->count; i++)
        status = given_note(given, settings->entries[i].name, settings->entries[i].value, error);
    return status;
}

const struct given_setting *given_find(const struct given_settings *given, const char *name)
{
    for (size_t i = 0; i < given->count; i++)
        if (strcmp(given->entries[i].name, name) == 0)
            return &given->entries[i];
    return NULL;
}

bool given_at(const struct given_settings *given, const struct talk *talk, size_t index,
              struct given_setting *at)
{
    for (size_t i = 0; i < given->count; i++) {
        if (index-- == 0) {
            *at = given->entries[i];
            return true;
        }
        if (!talk || strcmp(given->entries[i].name, "talk") != 0)
            continue;
        const struct talk_settings *settings = &talk->words.settings;
        if (index < settings->count) {
            *at = (struct given_setting){settings->entries[index].name,
                                         settings->entries[index].value};
            return true;
        }
        index -= settings->count;
    }
    return false;
}

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

int draft_add_own(struct settings *draft, const struct talk *talk, const struct talk_settings *own,
                  struct error *error)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < own->count; i++)
        status = set(draft, talk, &own->entries[i], error);
    return status;
}

/* "rules" */
static const char *kind_word(const struct talk *talk)
{
    return talk->words.kind == TALK_OF_RULES ? "rules" : "conversation";
}

int draft_check_heard(const struct settings *draft, const struct talk *talk, const char *name,
                      struct error *error)
{
    bool replies = talk && talk->words.kind != TALK_OF_SETTINGS;
    if (!replies || draft->reply_source == REPLY_FROM_TALK)
        return GT_DONE;
    return error_set(error, GT_WRONG,
                     "--%s: would silence the %s of %s (line %u); give the one or the other", name,
                     kind_word(talk), talk->name, talk->words.kind_line);
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

static int set_scope(struct settings *draft, const struct talk *talk, enum gt_scope scope,
                     struct error *error)
{
    int status = GT_DONE;
    const struct talk_settings *settings = &talk->words.settings;
    for (size_t i = 0; status == GT_DONE && i < settings->count; i++) {
        if (!is_of(&settings->entries[i], scope))
            continue;
        status = set(draft, talk, &settings->entries[i], error);
        if (status == GT_DONE && draft_check_heard(draft, talk, settings->entries[i].name, error))
            status = place_error(talk, &settings->entries[i], error);
    }
    return status;
}

static int add_lasting(struct settings *draft, const struct given_settings *lasting,
                       struct error *error)
{
    int status = GT_DONE;
    for (size_t i = 0; status == GT_DONE && i < lasting->count; i++)
        status = settings_set(draft, lasting->entries[i].name, lasting->entries[i].value, error);
    return status;
}

static int add_talk(struct settings *draft, struct talk *talk, const struct given_settings *lasting,
                    struct error *error)
{
    draft->talk = talk;
    if (talk->words.kind != TALK_OF_SETTINGS)
        draft->reply_source = REPLY_FROM_TALK;
    int status = set_scope(draft, talk, GT_SCOPE_LISTENER, error);
    if (status == GT_DONE && !lasting)
        status = set_scope(draft, talk, GT_SCOPE_SERVER, error);
    return status == GT_DONE && lasting ? add_lasting(draft, lasting, error) : status;
}

/* ---- all of it ---- */

static int add_given(struct settings *draft, const struct given_setting *entry, struct talk *talk,
                     const struct given_settings *lasting, struct error *error)
{
    int status = settings_set(draft, entry->name, entry->value, error);
    if (status == GT_DONE && talk && strcmp(entry->name, "talk") == 0)
        return add_talk(draft, talk, lasting, error);
    return status == GT_DONE && draft->talk ? draft_check_heard(draft, talk, entry->name, error)
                                            : status;
}

int draft_compose(struct settings *draft, const struct given_settings *given, struct talk *talk,
                  const struct given_settings *lasting, struct error *error)
{
    int status = settings_init(draft, error);
    if (status != GT_DONE)
        return status;
    for (size_t i = 0; status == GT_DONE && i < given->count; i++)
        status = add_given(draft, &given->entries[i], talk, lasting, error);
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
