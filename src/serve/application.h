/* application.h: what the application sees of connections and peers (goodtalk.h). */
#ifndef SERVE_APPLICATION_H
#define SERVE_APPLICATION_H

struct connection;

/* Tell the application that a connection is open, or has ended. */
void application_opened(struct connection *connection);
void application_ended(struct connection *connection);

#endif
