/* terms.c: see terms.h. */
#include "serve/terms.h"

#include "serve/settings.h"

#include <errno.h>
#include <stdlib.h>

void terms_free(struct terms *terms)
{
    settings_release(&terms->settings);
    free(terms);
}

void terms_drop(struct terms **handle)
{
    struct terms *terms = *handle;
    *handle = NULL;
    if (!terms)
        return;
    terms->former = true;
    if (terms->exchanges == 0)
        terms_free(terms);
}

int terms_renew(struct terms **terms, struct settings *settings)
{
    struct terms *renewed = calloc(1, sizeof *renewed);
    if (!renewed)
        return -ENOMEM;
    renewed->settings = settings_keep(settings);
    terms_drop(terms);
    *terms = renewed;
    return 0;
}
