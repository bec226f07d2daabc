/* effects_side.h: a replier that does what its messages say, for tests of effects.
 *
 *     delay=MS drip=N pieces=N truncate=N close reset hang none:REPLY
 *
 * Any of the words before the colon; the reply is what stands behind it (the whole message,
 * where there is no colon), none when it says so. */
#ifndef EFFECTS_SIDE_H
#define EFFECTS_SIDE_H

#include <goodtalk.h>

/* Let it reply to the messages of a server that has not started. */
void effects_side_use(gt_server *server);

#endif
