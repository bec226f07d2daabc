/* grammar.c: rows that are not built yet are in the arrays too, so that --log is refused and never
 * taken for a short --log-format. */
#include "tool/grammar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t setting_count(const struct vocabulary *vocabulary)
{
    size_t count = 0;
    while (vocabulary->at(count))
        count++;
    return count;
}

const struct gt_setting *grammar_setting_named(const struct vocabulary *vocabulary,
                                               const char *name)
{
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        if (strcmp(setting->name, name) == 0)
            return setting;
    }
    return NULL;
}

static const struct gt_setting *setting_lettered(const struct vocabulary *vocabulary, int letter)
{
    const struct gt_setting *setting;
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        if (setting->letter && setting->letter == letter)
            return setting;
    }
    return NULL;
}

const struct gt_setting *grammar_setting(const struct vocabulary *vocabulary, int code)
{
    return code >= GRAMMAR_LONG_BASE ? vocabulary->at((size_t)(code - GRAMMAR_LONG_BASE))
                                     : setting_lettered(vocabulary, code);
}

/* "-": words that are no options come in their place, as code 1; ":": a missing value is told
 * apart. */
static void grammar_fill(struct grammar *grammar, const struct vocabulary *vocabulary)
{
    const struct gt_setting *setting;
    char *letter = stpcpy(stpcpy(grammar->letters, "-:"), vocabulary->others);
    for (size_t i = 0; (setting = vocabulary->at(i)) != NULL; i++) {
        grammar->longs[i] = (struct option){
            .name = setting->name,
            .has_arg = setting->argument ? required_argument : no_argument,
            .val = GRAMMAR_LONG_BASE + (int)i,
        };
        if (setting->letter)
            *letter++ = setting->letter;
        if (setting->letter && setting->argument)
            *letter++ = ':';
    }
    *letter = '\0';
}

int grammar_make(struct grammar *grammar, const struct vocabulary *vocabulary)
{
    size_t count = setting_count(vocabulary);
    grammar->longs = calloc(count + 1, sizeof *grammar->longs);
    grammar->letters = malloc(sizeof "-:" + strlen(vocabulary->others) + 2 * count);
    if (!grammar->longs || !grammar->letters)
        return -ENOMEM;
    grammar_fill(grammar, vocabulary);
    return 0;
}

void grammar_free(struct grammar *grammar)
{
    free(grammar->longs);
    free(grammar->letters);
}
