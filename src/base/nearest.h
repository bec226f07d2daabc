/* nearest.h: how near two names are, so that who mistypes one is told the other. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/slice.h"

/* Names longer than this are near to none. */
#define NEAREST_LENGTH_MAX 40

/* How many slips of the finger are between two names: letters changed, added, dropped, or swapped
 * with a neighbour. UINT_MAX where a name is too long. */
unsigned nearest_slips(struct slice a, struct slice b);

/* Slips that still make a name of this length a near one. */
static inline unsigned nearest_slips_allowed(size_t length)
{
    return (unsigned)(length + 2) / 3;
}

#endif
