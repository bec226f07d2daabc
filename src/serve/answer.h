/* answer.h: a message's reply, now or later, into its turn. */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "base/turn.h"

struct gt_server;
struct settings;
struct worker;

/* Ask the replier of these settings (or the application's callback) and fill the turn, or leave it
 * open when the reply comes later. */
void answer_message(const struct settings *settings, struct gt_turn *turn,
                    const struct message *message);

/* Apply the replies that other threads have left for this worker. */
void answer_collect(struct worker *worker);

/* Make the server's callback its replier. */
void answer_by_callback(struct gt_server *server);

#endif
