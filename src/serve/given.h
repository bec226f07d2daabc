/* given.h: settings as they were given by name: a list, of each name the last one. */
#ifndef SERVE_GIVEN_H
#define SERVE_GIVEN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct talk;
struct talk_settings;

/* As gt_set was called. */
struct given_setting {
    char *name;
    char *value; /* or NULL: a flag that stands alone */
};

struct given_settings {
    struct given_setting *entries; /* owned */
    size_t count;
};

/* Note one, as the last; it replaces an earlier one of that name: GT_DONE or GT_FAILED. */
int given_note(struct given_settings *given, const char *name, const char *value,
               struct error *error);
/* The same with those of another list. */
int given_copy(struct given_settings *to, const struct given_settings *from, struct error *error);
void given_free(struct given_settings *given);

/* The one of this name, or NULL. */
const struct given_setting *given_find(const struct given_settings *given, const char *name);

/* The one at index, with the talk's settings in the place of "talk": false after the last. */
bool given_at(const struct given_settings *given, const struct talk *talk, size_t index,
              struct given_setting *at);

#endif
