/* pattern_filter.h: a subject as many patterns in turn are tried on it, and what it must have for a
 * pattern to match at all. Most rules are passed over by that, for a few instructions each. */
#ifndef REPLY_PATTERN_FILTER_H
#define REPLY_PATTERN_FILTER_H

#include "base/slice.h"

#define FILTER_ANYTHING 256 /* the place in has that is always set */

struct subject {
    struct slice bytes;               /* what patterns see */
    uint64_t head;                    /* the first eight, zeros where there are fewer */
    bool cut;                         /* there was more */
    bool counted;                     /* has is filled */
    uint8_t has[FILTER_ANYTHING + 1]; /* which bytes there are */
};

/* All zeros but for need: nothing is asked. */
struct filter {
    uint64_t head_mask; /* bits of the first eight bytes, and what they must be */
    uint64_t head_value;
    uint32_t shortest; /* there must be as many bytes */
    bool needs;        /* need is more than FILTER_ANYTHING */
    uint16_t need[4];  /* one of the first two bytes, and one of the others, somewhere */
};

#define FILTER_NOTHING_ASKED                                                                       \
    ((struct filter){.need = {FILTER_ANYTHING, FILTER_ANYTHING, FILTER_ANYTHING, FILTER_ANYTHING}})

/* Fill has. */
void subject_count(struct subject *subject);

/* Whether what the filter belongs to may match in the subject. */
static inline bool filter_passes(const struct filter *filter, struct subject *subject)
{
    if ((subject->head & filter->head_mask) != filter->head_value ||
        subject->bytes.size < filter->shortest)
        return false;
    if (!filter->needs)
        return true;
    if (!subject->counted)
        subject_count(subject);
    const uint8_t *has = subject->has;
    return (has[filter->need[0]] | has[filter->need[1]]) &
           (has[filter->need[2]] | has[filter->need[3]]);
}

#endif
