/* refusal.c: see refusal.h. An option is long or a letter; what is told of both is the long name.
 */
#include "tool/refusal.h"

#include "base/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE 96

static bool is_ambiguous(const char *word)
{
    const struct gt_setting *setting;
    unsigned matches = 0;
    for (size_t i = 0; (setting = gt_setting_at(i)) != NULL; i++)
        matches += strncmp(setting->name, word, strlen(word)) == 0;
    return matches > 1;
}

static void refuse_ambiguous(struct error *error, const char *word)
{
    const struct gt_setting *setting;
    const char *before = ": ";
    error_set(error, GT_WRONG, "--%s: could be several options", word);
    for (size_t i = 0; (setting = gt_setting_at(i)) != NULL; i++) {
        if (strncmp(setting->name, word, strlen(word)) != 0)
            continue;
        error_append(error, "%s--%s", before, setting->name);
        before = ", ";
    }
}

/* The library knows the nearest name. */
static void refuse_unknown(struct error *error, const char *name)
{
    gt_server *server = gt_create();
    if (!server) {
        error_set(error, GT_FAILED, "out of memory");
        return;
    }
    gt_set(server, name, NULL);
    error_set(error, GT_WRONG, "%s (goodtalk --help lists the options)", gt_error(server));
    gt_free(&server);
}

void refuse_long(struct error *error, const char *written)
{
    char word[WORD_SIZE];
    written += strspn(written, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(written, "="), written);
    if (is_ambiguous(word))
        refuse_ambiguous(error, word);
    else
        refuse_unknown(error, word);
}

void refuse_letter(struct error *error, int letter)
{
    char word[8];
    const char byte = (char)letter;
    error_set(error, GT_WRONG, "-%s: no such option; goodtalk --help lists them",
              escape_string(word, sizeof word, slice_of(&byte, 1)));
}

void refuse_value(struct error *error, const struct gt_setting *setting)
{
    error_set(error, GT_WRONG, "--%s: takes no value", setting->name);
}

void refuse_missing_value(struct error *error, const struct gt_setting *setting)
{
    error_set(error, GT_WRONG, "--%s: needs an argument: --%s %s", setting->name, setting->name,
              setting->argument);
}

void refuse_later(struct error *error, const struct gt_setting *setting)
{
    error_set(error, GT_WRONG, "--%s: not built yet in this version", setting->name);
}
