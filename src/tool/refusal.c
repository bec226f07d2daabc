/* refusal.c: see refusal.h. An option is long or a letter; what is told of both is the long name.
 */
#include "tool/refusal.h"

#include "base/escape.h"
#include "base/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE 96

static bool is_ambiguous(const struct vocabulary *vocabulary, const char *word)
{
    const struct gt_setting *setting;
    unsigned matches = 0;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++)
        matches += strncmp(setting->name, word, strlen(word)) == 0;
    return matches > 1;
}

static void refuse_ambiguous(struct error *error, const struct vocabulary *vocabulary,
                             const char *word)
{
    const struct gt_setting *setting;
    const char *before = ": ";
    error_set(error, GT_WRONG, "--%s: could be several options", word);
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        if (strncmp(setting->name, word, strlen(word)) != 0)
            continue;
        error_append(error, "%s--%s", before, setting->name);
        before = ", ";
    }
}

/* The name that was probably meant, or NULL. */
static const char *nearest_name(const struct vocabulary *vocabulary, const char *word)
{
    const struct gt_setting *setting;
    const char *nearest = NULL;
    struct slice given = slice_of_text(word);
    unsigned best = nearest_slips_allowed(given.size) + 1;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        unsigned slips = nearest_slips(given, slice_of_text(setting->name));
        if (slips < best && setting->scope != GT_SCOPE_LATER) {
            best = slips;
            nearest = setting->name;
        }
    }
    return nearest;
}

static void refuse_unknown(struct error *error, const struct vocabulary *vocabulary,
                           const char *word)
{
    char shown[WORD_SIZE * 4];
    const char *nearest = nearest_name(vocabulary, word);
    error_set(error, GT_WRONG, "--%s: no such setting",
              escape_string(shown, sizeof shown, slice_of_text(word)));
    if (nearest)
        error_append(error, "; did you mean --%s?", nearest);
    error_append(error, " (%s lists the options)", vocabulary->help);
}

static void refuse_long(struct error *error, const struct vocabulary *vocabulary,
                        const char *written)
{
    char word[WORD_SIZE];
    written += strspn(written, "-");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(written, "="), written);
    if (is_ambiguous(vocabulary, word))
        refuse_ambiguous(error, vocabulary, word);
    else
        refuse_unknown(error, vocabulary, word);
}

static void refuse_letter(struct error *error, const struct vocabulary *vocabulary, int letter)
{
    char word[8];
    const char byte = (char)letter;
    error_set(error, GT_WRONG, "-%s: no such option; %s lists them",
              escape_string(word, sizeof word, slice_of(&byte, 1)), vocabulary->help);
}

void refuse_option(struct error *error, const struct vocabulary *vocabulary, int left,
                   const char *written)
{
    if (left >= GRAMMAR_LONG_BASE)
        error_set(error, GT_WRONG, "--%s: takes no value", grammar_setting(vocabulary, left)->name);
    else if (left)
        refuse_letter(error, vocabulary, left);
    else
        refuse_long(error, vocabulary, written);
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
