/* talk_words.c: see talk_words.h. Everything is kept as text, in the order in which it was said. */
#include "reply/talk_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *copy_text(struct slice text)
{
    return strndup(text.size ? (const char *)text.data : "", text.size);
}

/* ---- settings ---- */

int talk_settings_add(struct talk_settings *settings, const char *name, struct slice value,
                      unsigned line)
{
    struct talk_setting *entries =
        reallocarray(settings->entries, settings->count + 1, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    settings->entries = entries;
    struct talk_setting added = {.name = strdup(name), .value = copy_text(value), .line = line};
    if (!added.name || !added.value) {
        free(added.name);
        free(added.value);
        return -ENOMEM;
    }
    entries[settings->count++] = added;
    return 0;
}

void talk_settings_free(struct talk_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->entries[i].name);
        free(settings->entries[i].value);
    }
    free(settings->entries);
    *settings = (struct talk_settings){0};
}

int talk_settings_copy(struct talk_settings *to, const struct talk_settings *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct talk_setting *entry = &from->entries[i];
        if (talk_settings_add(to, entry->name, slice_of_text(entry->value), entry->line) == 0)
            continue;
        talk_settings_free(to);
        return -ENOMEM;
    }
    return 0;
}

/* The name of the first that differs, or NULL. */
static const char *differing_setting(const struct talk_settings *one,
                                     const struct talk_settings *other)
{
    for (size_t i = 0; i < one->count && i < other->count; i++) {
        const struct talk_setting *a = &one->entries[i], *b = &other->entries[i];
        if (strcmp(a->name, b->name) != 0 || strcmp(a->value, b->value) != 0)
            return a->name;
    }
    if (one->count == other->count)
        return NULL;
    const struct talk_settings *longer = one->count > other->count ? one : other;
    return longer->entries[longer->count - 1].name;
}

/* ---- addresses ---- */

struct talk_address *talk_words_add_address(struct talk_words *words, struct slice address)
{
    struct talk_address *addresses =
        reallocarray(words->addresses, words->address_count + 1, sizeof *addresses);
    if (!addresses)
        return NULL;
    words->addresses = addresses;
    struct talk_address added = {.address = copy_text(address)};
    if (!added.address)
        return NULL;
    addresses[words->address_count] = added;
    return &addresses[words->address_count++];
}

void talk_words_forget_addresses(struct talk_words *words)
{
    for (size_t i = 0; i < words->address_count; i++) {
        free(words->addresses[i].address);
        talk_settings_free(&words->addresses[i].settings);
    }
    free(words->addresses);
    words->addresses = NULL;
    words->address_count = 0;
}

static bool addresses_equal(const struct talk_words *one, const struct talk_words *other)
{
    if (one->address_count != other->address_count)
        return false;
    for (size_t i = 0; i < one->address_count; i++) {
        const struct talk_address *a = &one->addresses[i], *b = &other->addresses[i];
        if (strcmp(a->address, b->address) != 0 || differing_setting(&a->settings, &b->settings))
            return false;
    }
    return true;
}

/* ---- all of it ---- */

bool talk_words_equal(const struct talk_words *one, const struct talk_words *other,
                      const char **what)
{
    *what = differing_setting(&one->settings, &other->settings);
    if (!*what && !addresses_equal(one, other))
        *what = "listen";
    if (!*what && (one->kind != other->kind || one->rule_count != other->rule_count))
        *what = one->kind == TALK_OF_CONVERSATION ? "talk" : "reply";
    return !*what;
}

void talk_words_free(struct talk_words *words)
{
    talk_settings_free(&words->settings);
    talk_words_forget_addresses(words);
}
