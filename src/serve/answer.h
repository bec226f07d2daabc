/* answer.h: a message's reply, now or later, finds its way out. */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "reply/reply.h"
#include "serve/connection.h"
#include "serve/parcel.h"

struct exchange;
struct gt_server;
struct worker;

/* Who replies on this connection: its settings' replier, or the application's callback. */
struct replier *answer_replier(const struct connection *connection);

/* Ask one who is not constant. */
void answer_by_asking(struct connection *connection, struct replier *replier,
                      const struct message *message);

/* The constant reply had no room: the connection is lost. */
void answer_lost(struct connection *connection);

/* The reply to this message, the last one taken, joins the connection's output, or the turn of one
 * that comes later takes its place there. */
static inline void answer_message(struct connection *connection, struct replier *replier,
                                  const struct message *message)
{
    if (!replier->constant)
        answer_by_asking(connection, replier, message);
    else if (!parcel_join_shared(connection->output, message->sequence, replier->bytes))
        answer_lost(connection);
}

/* The same for a datagram: the reply goes to its exchange. */
void answer_datagram(struct exchange *exchange, const struct message *message);

/* What a replier that has kept a turn says later: what a command has printed; nothing; or nothing,
 * and the connection closes in its place, for this reason. On its worker's thread, within a pass.
 */
void answer_printed(struct gt_turn *turn, struct slice printed);
void answer_nothing(struct gt_turn *turn);
void answer_fail(struct gt_turn *turn, enum reason reason);

/* It holds so many bytes for the turn now. */
void answer_hold(struct gt_turn *turn, size_t bytes);

/* Apply the replies that other threads have left for this worker. */
void answer_collect(struct worker *worker);

/* Make the server's callback its replier. */
void answer_by_callback(struct gt_server *server);

#endif
