/* client_wrapped.h: a message as it is sent to a target. */
#ifndef TOOL_CLIENT_WRAPPED_H
#define TOOL_CLIENT_WRAPPED_H

#include "tool/client_target.h"

/* Append a message as it goes over a stream, or as packet_keep puts packets and datagrams there.
 * framing: as target_read_framing gave it, but for the limit, which is on replies; frame: what was
 * written, for the sentence. *count grows by the messages that the server will find in it: "a\nb"
 * is two lines. GT_DONE; GT_WRONG: the framing, or the transport, cannot say it; GT_FAILED: memory
 * is out. to is unchanged where it failed. */
int wrapped_append(struct bytes *to, const struct target *target, const struct framing *framing,
                   const char *frame, struct slice message, uint64_t *count, struct error *error);

/* The same framing without a limit on the size of messages: for those that are sent. */
struct framing wrapped_framing(const struct framing *framing);

#endif
