/* effects.h: what happens to a reply on its way out, beside being sent: the faults a client must
 * survive, and patience.
 *
 * The bytes are those that would be sent: what the framing puts around a reply is there before any
 * of this counts. Replies stay in the order of their messages whatever happens to one of them. */
#ifndef REPLY_EFFECTS_H
#define REPLY_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct effects {
    int64_t delay_ns;      /* from the message on; 0: none */
    int64_t drip;          /* bytes a second; 0: as fast as it goes */
    size_t pieces;         /* bytes in a segment of its own; 0: one send */
    int64_t truncate_size; /* bytes that are sent; -1: all. With reset: 0 where it is not given */
    bool close;            /* the connection closes, politely, after it */
    bool reset;            /* the connection is reset (RST) after it: nothing comes behind */
    bool hang;             /* nothing is sent, ever, and the connection stays open: what comes
                              behind waits for good */
};

#define EFFECTS_NONE ((struct effects){.truncate_size = -1})

/* Whether anything happens at all. */
static inline bool effects_any(const struct effects *effects)
{
    return effects->delay_ns > 0 || effects->drip > 0 || effects->pieces > 0 ||
           effects->truncate_size >= 0 || effects->close || effects->reset || effects->hang;
}

#endif
