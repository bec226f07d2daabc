/* draft.h: what a server was given by name, and the drafts that are composed of it.
 *
 * Settings come from the library's defaults, from a talk file and from who calls gt_set. The last
 * one counts: a talk file's stand where "talk" was set. A draft is always composed anew, so that a
 * talk file that is loaded again leaves nothing of what it said before. */
#ifndef SERVE_DRAFT_H
#define SERVE_DRAFT_H

#include "base/list.h"
#include "reply/talk_words.h"
#include "serve/given.h"
#include "serve/settings.h"

struct script_bounds;

/* How a listener came to be: what it takes to compose its settings anew. */
struct origin {
    struct list link; /* in the server's list */
    struct given_settings given;
    char *address;
    bool listed;              /* in the talk file */
    struct talk_settings own; /* there, as it was when it was last loaded */
};

/* Take it out of its list. */
void origin_free(struct origin *origin);

/* What a draft is composed of. */
struct draft_parts {
    const struct given_settings *given;
    struct talk *talk;                    /* or NULL; the draft may use it as long as it is */
    const struct talk_settings *own;      /* what it says of one of its addresses, or NULL */
    const struct given_settings *lasting; /* what counts instead of the talk's settings of server
                                             scope; NULL: they do */
    bool running; /* the server runs: what was for its start is not looked at again */
};

/* GT_DONE, or the reason, and there is no draft. */
int draft_compose(struct settings *draft, const struct draft_parts *parts, struct error *error);

/* Sealed, for a socket of this type (SOCK_STREAM and so on) and name; NULL with the reason. */
struct settings *draft_seal(const struct settings *draft, int type, const char *name,
                            struct error *error);

/* Read a talk file, within the bounds that the draft has for scripts: *talk gets a reference. */
int draft_read_talk(const struct settings *draft, const char *path, struct talk **talk,
                    struct error *error);

/* The setting of this name has been set; before: the draft's reply_source before that. GT_WRONG
 * where it would silence the rules or the conversation of the talk (or NULL). */
int draft_check_heard(const struct settings *draft, const struct talk *talk, int64_t before,
                      const char *name, struct error *error);

/* The bounds of scripts. */
void draft_bounds(const struct settings *draft, struct script_bounds *bounds);

#endif
