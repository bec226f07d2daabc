/* terms.h: the settings that datagrams were taken under, as long as one of them needs them.
 *
 * A connection keeps a set of settings for itself; of datagrams there are so many that each counts
 * in a number of their worker's alone, and the number holds the set. */
#ifndef SERVE_TERMS_H
#define SERVE_TERMS_H

#include "serve/post.h"

#include <stdbool.h>

struct settings;

struct terms {
    struct settings *settings; /* counted */
    unsigned exchanges;        /* taken under them, not yet ended */
    bool former;               /* nothing more is taken under them */
};

/* Put new terms in the place of what was there, which may be NULL: 0, or -ENOMEM and it stays. */
int terms_renew(struct terms **terms, struct settings *settings);

/* Nothing more is taken under them; *terms becomes NULL. */
void terms_drop(struct terms **terms);

/* For an exchange of this post; and when it has ended. */
static inline struct terms *terms_take(struct post *post)
{
    post->terms->exchanges++;
    return post->terms;
}

void terms_free(struct terms *terms);

static inline void terms_release(struct terms *terms)
{
    if (--terms->exchanges == 0 && terms->former)
        terms_free(terms);
}

#endif
