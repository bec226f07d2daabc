/* given.c: see given.h. */
#include "serve/given.h"

#include "reply/talk.h"

#include <goodtalk.h>
#include <stdlib.h>
#include <string.h>

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
