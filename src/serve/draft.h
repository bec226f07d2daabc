/* draft.h: what a server was given by name, and the drafts that are composed of it.
 *
 * Settings come from the library's defaults, from a talk file and from who calls gt_set. The last
 * one counts: a talk file's stand where "talk" was set. A draft is always composed anew, so that a
 * talk file that is loaded again leaves nothing of what it said before. */
#ifndef SERVE_DRAFT_H
#define SERVE_DRAFT_H

#include "base/error.h"
#include "base/list.h"
#include "serve/settings.h"

struct script_bounds;
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

/* Note those that a talk file has. */
int given_note_talk(struct given_settings *given, const struct talk_settings *settings,
                    struct error *error);

/* The one of this name, or NULL. */
const struct given_setting *given_find(const struct given_settings *given, const char *name);

/* The one at index, with the talk's settings in the place of "talk": false after the last. */
bool given_at(const struct given_settings *given, const struct talk *talk, size_t index,
              struct given_setting *at);

/* How a listener came to be: what it takes to compose its settings anew. */
struct origin {
    struct list link; /* in the server's list */
    struct given_settings given;
    char *address;
    bool listed;               /* in the talk file */
    struct given_settings own; /* there, as it was when it was last loaded */
};

/* Take it out of its list. */
void origin_free(struct origin *origin);

/* A draft of what was given; talk, which it may use as long as the draft is, or NULL. lasting: what
 * counts instead of talk's settings of server scope; NULL: they do. GT_DONE, or the reason, and
 * there is no draft. */
int draft_compose(struct settings *draft, const struct given_settings *given, struct talk *talk,
                  const struct given_settings *lasting, struct error *error);

/* Sealed, for a socket of this type (SOCK_STREAM and so on) and name; NULL with the reason. */
struct settings *draft_seal(const struct settings *draft, int type, const char *name,
                            struct error *error);

/* Read a talk file, within the bounds that the draft has for scripts: *talk gets a reference. */
int draft_read_talk(const struct settings *draft, const char *path, struct talk **talk,
                    struct error *error);

/* Add settings that a talk gives to a listener of its own: GT_DONE or the reason. */
int draft_add_own(struct settings *draft, const struct talk *talk, const struct talk_settings *own,
                  struct error *error);

/* Whether a talk's rules or conversation would be silenced by the draft: GT_WRONG, and by what. */
int draft_check_heard(const struct settings *draft, const struct talk *talk, const char *name,
                      struct error *error);

/* The bounds of scripts. */
void draft_bounds(const struct settings *draft, struct script_bounds *bounds);

#endif
