/* answer.h: a message's reply, now or later, finds its way out. */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "base/turn.h"

struct connection;
struct exchange;
struct gt_server;
struct worker;

/* Ask the replier of the connection's settings, or the application's callback: the reply to this
 * message, the last one taken, joins the connection's output, or the turn of one that comes later
 * takes its place there. */
void answer_message(struct connection *connection, const struct message *message);

/* The same for a datagram: the reply goes to its exchange. */
void answer_datagram(struct exchange *exchange, const struct message *message);

/* Apply the replies that other threads have left for this worker. */
void answer_collect(struct worker *worker);

/* Make the server's callback its replier. */
void answer_by_callback(struct gt_server *server);

#endif
