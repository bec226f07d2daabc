/* effects.h: what happens to a reply on its way out, beside being sent: the faults a client must
 * survive, and patience.
 *
 * The bytes are those that would be sent: what the framing puts around a reply is there before any
 * of this counts. Replies stay in the order of their messages whatever happens to one of them, and
 * none leaves before its message is recorded.
 *
 * A datagram's reply knows delay, truncate and hang; the others mean nothing there, which is told
 * once for each socket. A reply that comes later (REPLY_LATER) has no effects.
 *
 * A server that is told to stop does not wait: what is delayed or drips leaves at once, what hangs
 * is closed. Reaching a count hurries nothing: the run ends when everything has taken its time.
 *
 * What was asked for is no failure of a one-shot: a reset, also one whose peer went before it; a
 * reply that hangs, whoever ends that. A reply that was only late, slow or cut is missed, like any
 * other, by a peer that did not wait for it: what was to be sent could not be delivered. */
#ifndef REPLY_EFFECTS_H
#define REPLY_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct effects {
    int64_t delay_ns;      /* from the message on; 0: none */
    int64_t drip;          /* bytes a second, from its turn on; 0: as fast as it goes */
    size_t pieces;         /* bytes in a segment (a packet) of its own; 0: one send */
    int64_t truncate_size; /* bytes that are sent; -1: all; with reset or hang: none */
    bool close; /* the connection closes, politely, after it: no message is taken any more */
    bool reset; /* the same, but in the end it is reset (an RST; on a Unix socket, closed),
                   once all that was sent is acknowledged or write-timeout has passed */
    bool hang;  /* nothing is sent, ever, and the connection stays open, whatever else is
                   asked for: what comes behind waits for good. It ends when the peer
                   resets it, or ends its stream a second or more after its message;
                   who does so earlier (printf | nc -N) may still wait, for idle-timeout.
                   With truncate so many bytes go first */
};

#define EFFECTS_NONE ((struct effects){.truncate_size = -1})

/* Whether anything happens at all. */
static inline bool effects_any(const struct effects *effects)
{
    return effects->delay_ns > 0 || effects->drip > 0 || effects->pieces > 0 ||
           effects->truncate_size >= 0 || effects->close || effects->reset || effects->hang;
}

#endif
