/* bench_connection.h: one connection of a load: it connects, says as much as it may, hears the
 * replies; after a failure it is made anew. */
#ifndef TOOL_BENCH_CONNECTION_H
#define TOOL_BENCH_CONNECTION_H

#include "tool/bench_load.h"

void bench_connection_begin(struct bench_connection *connection, struct bench_load *load,
                            struct bench_batch *batches);

/* Connect, if it is idle, ahead of its messages. */
void bench_connection_open(struct bench_connection *connection);

/* The socket is connected already. */
void bench_connection_adopt(struct bench_connection *connection, int fd);

/* Send as many messages as may be sent now; with --short connect for the next. */
void bench_connection_push(struct bench_connection *connection);

/* Fail it if what it waits for has been under way since before this time. */
void bench_connection_expire(struct bench_connection *connection, int64_t before_ns);

/* End what is under way and close: true once that is done; else ask again after a pass. */
bool bench_connection_stop(struct bench_connection *connection);

void bench_connection_free(struct bench_connection *connection);

#endif
